#!/usr/bin/env bash
# datasets 5.2.0: `map` with a function that only looks at a picture stores every JPEG again, at
# Pillow's quality of 75, without a warning: pixels change each time. Hand `map` the picture
# undecoded (cast the column to Image(decode=False)) to keep its bytes.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0
cd "$place"
HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 HF_HOME="$place" venv/bin/python - <<'PYTHON'
import io

import datasets
import numpy as np
from datasets import Dataset, Features, Image
from PIL import Image as Pillow

pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
jpeg = io.BytesIO()
Pillow.fromarray(pixels).save(jpeg, "JPEG", quality=95)
rows = {"image": [{"bytes": jpeg.getvalue(), "path": None}]}
data = Dataset.from_dict(rows, features=Features({"image": Image()}))

def look(row):
    return {"width": row["image"].width}

def stored(data):
    return data.cast_column("image", Image(decode=False))[0]["image"]["bytes"]

print(f"datasets {datasets.__version__}: bytes of a JPEG of quality 95 after a look at its width")
assert stored(data) == jpeg.getvalue()
once = stored(data.map(look))
before, after = (np.asarray(Pillow.open(io.BytesIO(content))).astype(int)
                 for content in (jpeg.getvalue(), once))
print(f"before {len(jpeg.getvalue())}, after map {len(once)}; a pixel is off by up to "
      f"{abs(before - after).max()} of 255")
assert once != jpeg.getvalue(), "map no longer stores a picture again that it was shown"

def count(row):
    return {"size": len(row["image"]["bytes"])}

kept = stored(data.cast_column("image", Image(decode=False)).map(count))
print("undecoded:", len(kept))
assert kept == jpeg.getvalue(), "map also changes pictures that are not decoded"
PYTHON
