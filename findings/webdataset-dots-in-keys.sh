#!/usr/bin/env bash
# webdataset 1.0.2: its writers take keys with a dot ("img.1"), its readers end a key at the first
# dot. So all samples whose keys are alike up to there come back as one, whose fields have the rest
# of the key in their names, and nothing is said while they are written. Keys without dots are fine.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet webdataset==1.0.2
cd "$place"
venv/bin/python - <<'PYTHON'
from importlib.metadata import version

import webdataset

def written_and_read(keys):
    with webdataset.TarWriter("x.tar") as writer:
        for number, key in enumerate(keys):
            writer.write({"__key__": key, "txt": f"picture {number}", "cls": number})
    samples = webdataset.WebDataset("x.tar", shardshuffle=False)
    return [sorted(field for field in sample if field[0] != "_") for sample in samples]

print(f"webdataset {version('webdataset')}: three samples with a text and a class each")
for keys in (["img-1", "img-2", "img-3"], ["img.1", "img.2", "img.3"]):
    found = written_and_read(keys)
    print(f"keys {keys}: {len(found)} read, the first with {found[0]}")
    if "." in keys[0]:
        assert len(found) == 1 and "1.txt" in found[0], "keys with dots are now kept apart or refused"
    else:
        assert found == [["cls", "txt"]] * 3
PYTHON
