#!/usr/bin/env bash
# tifffile 2026.3.3: an array of truth values is written with zero as white, without a word. tifffile
# reads it back as it was; whatever else follows the file shows True as black and False as white.
# Pass photometric="minisblack", or write bytes of 0 and 255.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tifffile==2026.3.3 pillow==13.0.0
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys

import numpy as np
import tifffile
from PIL import Image, __version__

mask = np.zeros((8, 8), bool)
mask[2:6, 2:6] = True
found = {}
for name, options in (("as it comes", {}), ("minisblack", {"photometric": "minisblack"})):
    path = f"{sys.argv[1]}/mask.tif"
    tifffile.imwrite(path, mask, **options)
    with Image.open(path) as picture:
        found[name] = np.asarray(picture.convert("L"))[3, 3]
    same = np.array_equal(tifffile.imread(path), mask)
    print(f"{name}: tifffile reads {'the same' if same else 'another'} mask; "
          f"True is {found[name]} of 255 in Pillow {__version__}")
assert found == {"as it comes": 0, "minisblack": 255}, "masks are written otherwise now"
PYTHON
