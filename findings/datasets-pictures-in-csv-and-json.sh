#!/usr/bin/env bash
# datasets 5.2.0: a column of pictures leaves `to_csv` as the text that Python prints for its
# dictionary of bytes, without a warning: read back, it is a column of words, and no picture can be
# had of it. `to_json` ends with OverflowError and a half-written file. `to_parquet` and
# `save_to_disk` keep the pictures.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0
cd "$place"
HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 HF_HOME="$place" venv/bin/python - <<'PYTHON'
import csv

import datasets
from datasets import ClassLabel, Dataset, Features, Image
from PIL import Image as Pillow

features = Features({"image": Image(), "label": ClassLabel(names=["cat", "dog"])})
pictures = [Pillow.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
data = Dataset.from_dict({"image": pictures, "label": [0, 1]}, features=features)
print(f"datasets {datasets.__version__}: a picture and a label, written and read again")
data.to_csv("x.csv")
with open("x.csv", newline="") as file:
    cell = next(csv.DictReader(file))["image"]
print("to_csv writes into the column of pictures:", cell[:60])
assert cell.startswith("{'bytes': b'"), "to_csv no longer writes what Python prints for a picture"
again = datasets.load_dataset("csv", data_files="x.csv", split="train", cache_dir="cache")
print("read back:", again.features["image"])
assert not isinstance(again.features["image"], Image), "a CSV now holds pictures"
try:
    data.to_json("x.jsonl")
except OverflowError as error:
    print("to_json: OverflowError:", error)
else:
    raise AssertionError("to_json now writes a column of pictures")
data.to_parquet("x.parquet")
again = datasets.load_dataset("parquet", data_files="x.parquet", split="train", cache_dir="cache")
assert again[1]["image"].getpixel((0, 0)) == (0, 0, 255), "to_parquet lost a picture"
print("to_parquet: read back as it was")
PYTHON
