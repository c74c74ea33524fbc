#!/usr/bin/env bash
# Pillow 13.0.0: ImageCms converts grey with alpha (LA) by a grey profile into a wrong picture,
# without an error. A mode that a profile does not fit is refused elsewhere (PyCMSError).
# Split it: convert L, then put the alpha back.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet pillow==13.0.0
"$place/venv/bin/python" - <<'PYTHON'
import struct
from io import BytesIO

from PIL import Image, ImageCms, __version__

def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

d50 = (0.9642, 1.0, 0.8249)
curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(*d50), b"kTRC": curve}
table, data, start = b"", b"", 132 + 12 * len(tags)
for name, content in tags.items():
    table += struct.pack(">4sII", name, start + len(data), len(content))
    data += content
head = struct.pack(">I4sI4s4s4s", start + len(data), bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
head = (head + bytes(12) + b"acsp" + bytes(28) + fixed(*d50)).ljust(128, b"\0")
profile = ImageCms.ImageCmsProfile(BytesIO(head + struct.pack(">I", len(tags)) + table + data))

ramp = Image.linear_gradient("L").rotate(90)  # from left to right
srgb = ImageCms.createProfile("sRGB")
alone = ImageCms.profileToProfile(ramp, profile, srgb, outputMode="RGB")
with_alpha = ramp.convert("LA")  # opaque everywhere
found = ImageCms.profileToProfile(with_alpha, profile, srgb, outputMode="RGB")
columns = range(0, 256, 51)
print(f"Pillow {__version__}; grey, the same by its profile, and the same with opaque alpha")
for column in columns:
    print(ramp.getpixel((column, 9)), alone.getpixel((column, 9)), found.getpixel((column, 9)))
off = max(abs(alone.getpixel((column, 9))[0] - found.getpixel((column, 9))[0]) for column in range(256))
print(f"no error was raised; the largest difference is {off} of 255")
assert off > 50, "Pillow now converts grey with alpha rightly, or refuses it"
PYTHON
