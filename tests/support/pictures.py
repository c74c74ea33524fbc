"""Small data sets on disk."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

TRAIN, TEST = 97, 31


def write_pictures(folder: Path, seed: int = 0) -> None:
    """A small data set in three classes, as parquet."""
    folder.mkdir(exist_ok=True)
    draw = np.random.default_rng(seed)
    for part, count in (("train", TRAIN), ("test", TEST)):
        rows = []
        for number in range(count):
            pixels = draw.integers(0, 160, (32, 32, 3), dtype=np.uint8)
            pixels[..., number % 3] += 90
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            rows.append({"image": {"bytes": buffer.getvalue()}, "label": number % 3})
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{part}-0.parquet")
