"""Data sets as people keep them, small."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from ultimus.data import sources

NAMES = ("ant", "bee", "cow")


def noise(count: int, seed: int = 0) -> np.ndarray:
    """(N, 32, 32, 3) uint8, as pictures lie in files."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def encoded(image: np.ndarray, form: str = "PNG") -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, form)
    return buffer.getvalue()


def read(folder: Path | str) -> sources.Arrays:
    return sources.read(str(folder), Path("nowhere"), lambda done: None)


def assert_holds(images: np.ndarray, pictures: np.ndarray) -> None:
    assert images.dtype == np.uint8
    assert np.array_equal(images, pictures.transpose(0, 3, 1, 2))


NO_NAMES = None


def write_parquet(
    path: Path,
    images: list[bytes | None],
    labels: list[int | None],
    names: tuple[str, ...] | None = NAMES,
    columns: tuple[str, str] = ("img", "label"),
    **options,
) -> Path:
    """A file as Hugging Face's `datasets` writes it."""
    image, label = columns
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [each if each is None else {"bytes": each, "path": "x.png"} for each in images]
    table = pa.table({image: pa.array(rows, kind), label: pa.array(labels, pa.int64())})
    if names is not None:
        features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def some_rows(count: int, seed: int = 0, form: str = "PNG") -> tuple[list[bytes], list[int]]:
    return [encoded(image, form) for image in noise(count, seed)], [i % 3 for i in range(count)]


def write_class_folders(root: Path, counts: dict[str, int], seed: int = 0) -> Path:
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number, image in enumerate(noise(count, seed + place)):
            Image.fromarray(image).save(root / name / f"{number:03}.png")
    return root
