"""Hostile picture files, made from a seed; run as a program it reads them all, see harm.py."""

import re
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image
from support import profiles
from support.harm import HOSTILE_NAMES, File, flipped, measure, truncated

from ultimus.data import image_files
from ultimus.data.colour_profiles import MAX_PROFILE
from ultimus.data.limits import (
    MAX_FILE_BYTES,
    MAX_PARTS,
    MAX_PIXELS,
    MAX_PIXELS_BOXED,
    MAX_PIXELS_RLE,
    MAX_PIXELS_WHOLE,
    shown,
)

SIZE = (23, 17)
BIG = MAX_FILE_BYTES - 1_000_000  # bytes of junk in a file that is to stay within the limit
FITS = ("crop", "pad", (0.1, 0.2, 0.9, 0.7))


def corpus(seed: int = 0) -> Iterator[File]:
    """All files, the small ones first; those that are large are made when they are asked for."""
    draw = np.random.default_rng(seed)
    forms = seeds()
    for form, content in forms.items():
        yield File(f"whole {form}", content, True)
        yield from truncated(form, content)
        yield from flipped(form, content, draw)
    for maker in (_tiny, _refused_formats, _polyglots, _names, _metadata, _malformed):
        yield from maker(forms)
    for maker in (_png_bombs, _jpeg_bombs, _gif_bombs, _webp_bombs, _bmp_bombs, _avif_bombs,
                  _tiff_bombs, _profile_bombs):  # fmt: skip
        yield from maker(forms)


# Sound files --------------------------------------------------------------------------------------


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """A small sound picture of each kind that is read."""
    pixels = np.random.default_rng(3).integers(0, 256, (*SIZE[::-1], 4), dtype=np.uint8)
    rgba, rgb = Image.fromarray(pixels), Image.fromarray(pixels[..., :3])
    grey, palette = rgb.convert("L"), rgb.quantize(13)
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    moving = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    return {
        "rgb.png": encoded(rgb, "PNG"),
        "rgba.png": encoded(rgba, "PNG"),
        "palette.png": encoded(palette, "PNG", transparency=3),
        "deep.png": encoded(deep, "PNG"),
        "moving.png": encoded(rgb, "PNG", **moving),
        "interlaced.png": png(*SIZE, 8, 6, interlaced=True),
        "plain.jpg": encoded(rgb, "JPEG", quality=90),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "grey.jpg": encoded(grey, "JPEG"),
        "several.mpo": encoded(rgb, "MPO", **moving),
        "still.gif": encoded(palette, "GIF", transparency=2),
        "moving.gif": encoded(rgb, "GIF", **moving),
        "lossy.webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(rgba, "WEBP", lossless=True),
        "moving.webp": encoded(rgb, "WEBP", **moving),
        "rgb.bmp": encoded(rgb, "BMP"),
        "palette.bmp": encoded(palette, "BMP"),
        "still.avif": encoded(rgba, "AVIF"),
        "plain.tif": encoded(rgb, "TIFF"),
        "packed.tif": encoded(rgba, "TIFF", compression="tiff_lzw"),
        "runs.bmp": bmp(7, 3, b"\x07\x01\0\0\x03\x02\x04\x01\0\0\0\x03\1\2\3\0\x04\x05\0\1", 1),
    }


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = 2,
    interlaced: bool = False,
    before: bytes = b"",
    data: bytes | None = None,
) -> bytes:
    """A PNG of zeros, every row under the slowest filter; or with any other data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = _png_rows(width, height, depth, colour, interlaced) if data is None else data
    parts = chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip


def _png_rows(width: int, height: int, depth: int, colour: int, interlaced: bool) -> bytes:
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in ADAM7]
    packer, rows = zlib.compressobj(1), []
    for columns, lines in passes if interlaced else [(width, height)]:
        row = b"\4" + bytes((columns * bits + 7) // 8)
        rows += [packer.compress(row) for _ in range(lines)]
    return b"".join(rows) + packer.flush()


def bmp(width: int, height: int, data: bytes, coding: int, bits: int = 8) -> bytes:
    """A BMP with a palette, as it is or with run lengths (coding 1 of 8 bits, 2 of 4)."""
    palette = bytes(range(256)) * 4 if bits <= 8 else b""
    start = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, coding, len(data), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + palette + data


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def exif(*entries: tuple[int, int, int, int], size: int = 0, order: str = "<") -> bytes:
    """An EXIF block of (tag, kind, count, value or place) and of as many more bytes."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    values = b"".join(
        struct.pack(f"{order}HHI", *each[:3])
        + (struct.pack(f"{order}HH", each[3], 0) if each[1] == 3 else struct.pack("<I", each[3]))
        for each in entries
    )
    count = struct.pack(f"{order}H", len(entries))
    return start + struct.pack(f"{order}I", 8) + count + values + bytes(4 + size)


# Damaged and foreign files ------------------------------------------------------------------------


def _tiny(forms: dict[str, bytes]) -> Iterator[File]:
    yield File("empty.png", b"", False)
    for start in (b"\0", b"\xff", b"GIF89a", b"BM", b"\xff\xd8\xff", b"RIFF", b"\x89PNG\r\n\x1a\n"):
        yield File(f"only {start!r}.png", start, False)
    yield File("zeros.bmp", bytes(4099), False)
    yield File("no data.png", png(*SIZE, data=b""), False)
    yield File("no pixels.png", png(0, 0, data=b""), False)
    yield File("one row.png", png(*SIZE, data=zlib.compress(bytes(3 * 23 + 1))))


def _refused_formats(forms: dict[str, bytes]) -> Iterator[File]:
    picture = Image.open(BytesIO(forms["rgb.png"])).convert("RGB").resize((32, 32))
    for form in ("ICO", "EPS", "TGA", "PCX", "SGI", "ICNS", "DDS", "PDF", "IM",
                 "JPEG2000"):  # fmt: skip
        with suppress(KeyError, OSError):  # Pillow can be built without some
            yield File(f"really {form}.png", encoded(picture, form), False)
    yield File("really PPM.png", encoded(picture, "PPM"))
    xml = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    yield File("picture.svg", xml, False)
    yield File("page.jpg", b"<html><script>alert(1)</script></html>", False)
    yield File("program.png", b"\x7fELF" + bytes(997), False)
    yield File("script.gif", b"#!/bin/sh\nrm -rf /\n", False)
    yield File(
        "bitmap.xbm", b"#define x_width 9\n#define x_height 9\nstatic char x[] = {0};", False
    )


def _polyglots(forms: dict[str, bytes]) -> Iterator[File]:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../evil.py", "print()")
    for form in ("rgb.png", "plain.jpg", "still.gif", "rgb.bmp"):
        yield File(f"zip behind {form}", forms[form] + archive.getvalue(), True)
    yield File("zip before.png", archive.getvalue() + forms["rgb.png"], False)
    yield File("php.jpg", forms["plain.jpg"][:2] + segment(0xFE, b"<?php system($_GET[0]); ?>")
               + forms["plain.jpg"][2:], True)  # fmt: skip
    script = forms["still.gif"][:-1] + b"!\xfe\x08alert(1)\0;"
    yield File("script behind.gif", script, True)
    yield File("pdf behind.jpg", forms["plain.jpg"] + b"%PDF-1.7\n1 0 obj", True)
    yield File("png in jpeg.jpg", forms["plain.jpg"][:2] + forms["rgb.png"], False)
    for form, other in (("rgb.png", "jpg"), ("plain.jpg", "png"), ("still.gif", "exe"),
                        ("lossy.webp", "html"), ("rgb.bmp", "safetensors")):  # fmt: skip
        yield File(f"wrongly named.{other}", forms[form], True)


def _names(forms: dict[str, bytes]) -> Iterator[File]:
    for name in HOSTILE_NAMES:
        yield File(name, forms["rgb.png"], True)
        yield File(name, forms["rgb.png"][:55], False)


def _malformed(forms: dict[str, bytes]) -> Iterator[File]:
    """Files against the rules, and such as have a great many parts."""
    jpg, still = forms["plain.jpg"], forms["still.gif"]
    frame = jpg.index(b"\xff\xc0")
    for marker in (0xC3, 0xC5, 0xC9, 0xCA, 0xDE, 0xF7):  # lossless, hierarchical, arithmetic ...
        kind = jpg[: frame + 1] + bytes([marker]) + jpg[frame + 2 :]
        yield File(f"frame {marker:x}.jpg", kind, False)
    length = 2 + struct.unpack_from(">H", jpg, frame + 2)[0]
    other = bytearray(jpg[frame : frame + length])
    other[5:9] = struct.pack(">HH", 60000, 60000)
    yield File("two frames.jpg", jpg[:frame] + other + jpg[frame:], False)
    yield File("twelve bits.jpg", jpg[: frame + 4] + b"\x0c" + jpg[frame + 5 :], False)
    yield File("no scan.jpg", jpg[: jpg.index(b"\xff\xda")] + b"\xff\xd9", False)
    yield File("filled.jpg", jpg[:2] + b"\xff" * BIG + jpg[2:], True)
    yield File("junk.jpg", jpg[:2] + segment(0xFE, b"") + b"\0" * BIG + jpg[2:], True)
    yield File("fills.jpg", jpg[:2] + b"\xff" * BIG + b"\0", False)
    yield File("comments.jpg", jpg[:2] + segment(0xFE, b"") * (BIG // 4) + jpg[2:], False)
    yield File("tables.jpg", jpg[:2] + segment(0xDB, bytes(65)) * 60_000 + jpg[2:])
    whole = forms["rgb.png"]
    for kind in (b"IDAT", b"tEXt", b"abCd", b"PLTE"):
        many = whole[:33] + chunk(kind, b"") * (BIG // 12) + whole[33:]
        yield File(f"empty {kind.decode()}.png", many, False)
    yield File(
        "frames.png", whole[:-12] + chunk(b"fcTL", bytes(26)) * (MAX_PARTS - 9) + whole[-12:]
    )
    yield File("long chunk.png", whole[:33] + b"\xff\xff\xff\xffIDAT" + whole[33:], False)
    yield File("zeros.gif", still[:13] + b"\0" * BIG + still[13:], False)
    yield File("comment.gif", still[:13] + b"!\xfe" + b"\1x" * (BIG // 2), False)
    yield File("extensions.gif", still[:13] + b"!\xf9\0" * (BIG // 3), False)
    yield File("endless.gif", still[:6] + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"," + bytes(4)
               + struct.pack("<HHBB", 9, 9, 0, 8) + _clear_codes(BIG))  # fmt: skip


def _clear_codes(size: int) -> bytes:
    """GIF data that only ever starts anew."""
    codes = sum(256 << 9 * place for place in range(8)).to_bytes(9, "little") * 28  # 252 bytes
    return (bytes([len(codes)]) + codes) * (size // 253)


# Metadata -----------------------------------------------------------------------------------------


def _metadata(forms: dict[str, bytes]) -> Iterator[File]:
    picture = Image.open(BytesIO(forms["rgb.png"])).convert("RGB")
    for value in (0, 9, 65535):
        for order in "<>":
            turned = exif((0x112, 3, 1, value), order=order)
            yield File(f"turned {value} {order}.png", encoded(picture, "PNG", exif=turned), True)
            yield File(f"turned {value} {order}.webp", encoded(picture, "WEBP", exif=turned), True)
            yield File(f"turned {value} {order}.jpg", encoded(picture, "JPEG", exif=turned), True)
    for name, block in {
        "words": exif((0x112, 2, 40, 8), size=40),
        "cut": exif((0x112, 3, 1, 6))[:-9],
        "far": exif((0x112, 5, 2**32 - 1, 2**32 - 1)),
        "loop": b"II*\0" + struct.pack("<IHI", 8, 0, 8),
        "no": b"Exif",
        "all": exif(*((tag, 7, 40_000, 8) for tag in range(2000)), size=40_000),
    }.items():
        yield File(f"{name} exif.jpg", _with_exif(forms["plain.jpg"], block), True)
    everything = exif(*((tag, 7, BIG // 2, 8) for tag in range(65_535)), size=BIG // 2)
    yield File("exif bomb.png", encoded(picture, "PNG", exif=everything), True)
    yield File("exif bomb.webp", encoded(picture, "WEBP", exif=everything), True)
    jpg = forms["plain.jpg"]
    split = b"".join(segment(0xE1, b"Exif\0\0" + everything[i : i + 60_000])
                     for i in range(0, len(everything), 60_000))  # fmt: skip
    yield File("exif bomb.jpg", jpg[:2] + split + jpg[2:], True)
    many = segment(0xE1, b"Exif\0\0" + bytes(10)) * (BIG // 20)
    yield File("exif pieces.jpg", jpg[:2] + many + jpg[2:], False)
    pieces = b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes([i, 255]) + bytes(65_000))
                      for i in range(1, 256))  # fmt: skip
    yield File("profile.jpg", jpg[:2] + pieces + jpg[2:], True)
    photoshop = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5000) * 400
    yield File("photoshop.jpg", jpg[:2] + photoshop + jpg[2:], True)
    bomb = zlib.compress(bytes(50_000_000))
    texts = {
        "profile": chunk(b"iCCP", b"x\0\0" + bomb),
        "text": chunk(b"zTXt", b"x\0\0" + bomb),
        "texts": chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1_000_000))) * 300,
        "wide texts": chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(
            ("x" * 900_000 + "\N{SNAKE}").encode())) * 300,
        "long text": chunk(b"tEXt", b"x\0" + b"y" * BIG),
        "bad text": chunk(b"iTXt", b"\xff\0\1\0\0\0" + b"\xff" * 999),
        "exif in text": chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb),
        "physical": chunk(b"pHYs", b"") + chunk(b"gAMA", b"") + chunk(b"cHRM", b"1"),
    }  # fmt: skip
    for name, extra in texts.items():
        whole = forms["rgb.png"]
        yield File(f"{name} before.png", whole[:33] + extra + whole[33:], True)
        yield File(f"{name} behind.png", whole[:-12] + extra + whole[-12:], True)
    clear = chunk(b"tRNS", struct.pack(">3H", 65535, 0, 7))
    yield File("clear colour.png", png(*SIZE, 16, 2, before=clear), True)
    yield File("clear grey.png", png(*SIZE, 16, 0, before=clear), True)
    yield File("short clear.png", png(*SIZE, 8, 2, before=chunk(b"tRNS", b"\0")), False)
    yield File("no palette.png", png(*SIZE, 8, 3))
    yield File("long palette.png", png(*SIZE, 8, 3, before=chunk(b"PLTE", bytes(9999))))


def _with_exif(jpg: bytes, block: bytes) -> bytes:
    return jpg[:2] + segment(0xE1, (b"Exif\0\0" + block)[:65_533]) + jpg[2:]


# Bombs: small files, or files within the limit, of as many pixels as can be -----------------------


def _png_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    yield File("30000 declared.png", png(30_000, 30_000, data=zlib.compress(bytes(99))), False)
    yield File("30000 real.png", png(30_000, 30_000, 1, 0), False)
    yield File("2**31.png", png(2**31 - 1, 2**31 - 1, data=b"x"), False)
    yield File("too wide.png", png(65_537, 1), False)
    for width, height in ((1, 65_535), (65_535, 1), (65_535, 300), (300, 65_535)):
        yield File(f"{width} by {height}.png", png(width, height), True)
    side = int(MAX_PIXELS_WHOLE**0.5)
    for depth, colour in ((8, 6), (8, 2), (8, 4), (1, 0)):
        yield File(f"largest {depth} {colour}.png", png(side, side, depth, colour), True)
    clear = chunk(b"PLTE", bytes(range(99))) + chunk(b"tRNS", bytes(range(33)))
    yield File("largest palette.png", png(side, side, 8, 3, before=clear), True)
    half = int((MAX_PIXELS_WHOLE / 2) ** 0.5)
    yield File("largest deep.png", png(half, half, 16, 6, interlaced=True), True)
    deep = png(half, half, 16, 0, before=chunk(b"tRNS", b"\0\0"))
    yield File("largest deep grey.png", deep, True)
    yield File("too large deep.png", png(side, side, 16, 6, data=b""), False)
    yield File("missing.png", png(side, side, data=zlib.compress(bytes(99))), False)


def _jpeg_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    for form in ("plain.jpg", "progressive.jpg", "cmyk.jpg"):
        for side in (8192, 65_500):
            yield File(f"{side} claimed {form}", _resized(forms[form], side, side),
                       None if side == 8192 else False)  # fmt: skip
    yield File("strip claimed.jpg", _resized(forms["plain.jpg"], 65_500, 1020))
    side = int(MAX_PIXELS**0.5)
    yield File("largest.jpg", encoded(Image.new("RGB", (side, side)), "JPEG"), True)
    largest = encoded(Image.new("RGB", (side, side)), "JPEG", progressive=True, subsampling=0)
    yield File("largest progressive.jpg", largest, True)
    last = largest[largest.rindex(b"\xff\xda") : -2]
    yield File("more scans.jpg", largest[:-2] + last * 3 + largest[-2:], False)
    yield File("thousands of scans.jpg", largest[:-2] + last * 3000 + largest[-2:], False)
    for side, scans in ((250, 9000), (500, 2500), (2500, 90)):
        small = encoded(Image.new("RGB", (side, side)), "JPEG", progressive=True)
        last = small[small.rindex(b"\xff\xda") : -2]
        yield File(f"{scans} scans.jpg", small[:-2] + last * scans + small[-2:], True)


def _resized(jpg: bytes, width: int, height: int) -> bytes:
    place = re.search(rb"\xff[\xc0\xc2]", jpg).end() + 3
    return jpg[:place] + struct.pack(">HH", height, width) + jpg[place + 4 :]


def _gif_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    still = forms["still.gif"]
    yield File("huge screen.gif", still[:6] + b"\xff" * 4 + still[10:], False)
    place = still.index(b",", 13 + 3 * 2 ** ((still[10] & 7) + 1))
    yield File("huge frame.gif", still[: place + 5] + b"\xff" * 4 + still[place + 9 :], False)
    side = int(MAX_PIXELS_WHOLE**0.5)
    whole = Image.new("P", (side, side), 1)
    whole.putpalette(bytes(range(48)))
    yield File("largest.gif", encoded(whole, "GIF", transparency=1), True)
    moving = forms["moving.gif"]
    yield File("large and empty.gif", moving[:6] + struct.pack("<HH", side, side) + moving[10:])


def _webp_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    moving, lossy = forms["moving.webp"], forms["lossy.webp"]
    yield File("huge canvas.webp", moving[:24] + b"\xfe\x3f\0" * 2 + moving[30:], False)
    yield File("huge claim.webp", lossy[:26] + b"\xff\x3f" * 2 + lossy[30:], False)
    large = moving[:24] + (4000).to_bytes(3, "little") * 2 + moving[30:]
    yield File("large canvas.webp", large)
    side = int(MAX_PIXELS_WHOLE**0.5)
    largest = Image.new("RGBA", (side, side), (1, 2, 3, 4))
    yield File("largest.webp", encoded(largest, "WEBP", lossless=True, method=0), True)
    yield File("largest lossy.webp", encoded(largest.convert("RGB"), "WEBP", method=0), True)
    dot = encoded(Image.new("RGB", (1, 1)), "WEBP", save_all=True,
                  append_images=[Image.new("RGB", (1, 1), "red")])  # fmt: skip
    last = dot.rindex(b"ANMF")
    many = dot[:last] + dot[last:] * ((MAX_FILE_BYTES - last) // len(dot[last:]))
    yield File("frames.webp", many[:4] + struct.pack("<I", len(many) - 8) + many[8:], True)


def _bmp_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    yield File("2**31.bmp", bmp(2**31 - 1, 2**31 - 1, b"", 0), False)
    yield File("negative.bmp", bmp(-9, -9, bytes(999), 0), False)
    yield File("30000.bmp", bmp(30_000, 30_000, bytes(99), 0), False)
    yield File("largest.bmp", bmp(4800, 4800, bytes(4800 * 4800), 0), True)
    yield File("largest 1 bit.bmp", bmp(4800, 4800, bytes(4800 * 600), 0, bits=1), True)
    side = int(MAX_PIXELS_RLE**0.5)
    room = MAX_PIXELS_RLE - 1078
    yield File("30000 runs.bmp", bmp(30_000, 30_000, b"\0\1", 1), False)
    yield File("lines.bmp", bmp(side, side, b"\0\0" * (room // 2), 1))
    yield File("leaps.bmp", bmp(side, side, b"\0\2\0\0" * (room // 4), 1))
    yield File("single runs.bmp", bmp(side, side, b"\1\7" * (room // 2), 1))
    yield File("half runs.bmp", bmp(side, side, b"\xff\7" * 9000, 2, bits=4))
    yield File("long runs.bmp", bmp(side, side, b"\1\7" * (BIG // 2), 1), False)
    yield File("empty runs.bmp", bmp(1, side, b"\xff\7" * (room // 2), 1))


def _avif_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    side = int(MAX_PIXELS_BOXED**0.5)
    noisy = np.random.default_rng(1).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    largest = Image.fromarray(noisy).resize((side, side))
    options = {"speed": 10, "quality": 40}
    yield File("largest.avif", encoded(largest, "AVIF", **options), True)
    yield File(
        "largest clear.avif", encoded(Image.new("RGBA", (side, side)), "AVIF", speed=10), True
    )
    above = Image.new("RGB", (side + 99, side))
    yield File("too large.avif", encoded(above, "AVIF", speed=10), False)
    small = Image.open(BytesIO(forms["rgb.png"])).convert("RGB")
    everything = exif(*((tag, 7, BIG // 2, 8) for tag in range(65_535)), size=BIG // 2)
    with warnings.catch_warnings(action="ignore"):  # as it is written
        whole = encoded(small, "AVIF", exif=everything)
    yield File("exif bomb.avif", whole, True)
    still = forms["still.avif"]
    yield File("boxes.avif", still[:4] + still[4:8] + bytes(BIG), False)
    place = still.index(b"ispe") + 8
    yield File("claims.avif", still[:place] + b"\0\0\x7f\xff" * 2 + still[place + 8 :], False)


def tiff(*entries: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    """A TIFF of (tag, kind, count, value or place); what data there is lies at 8."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    page = struct.pack("<H", len(entries)) + packed + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + page


def _tiff_page(width: int, height: int, packing: int = 1, **more: int) -> list[tuple]:
    plain = {256: width, 257: height, 258: 8, 259: packing, 262: 1, 273: 8, 277: 1, 278: height}
    plain |= {int(tag[1:]): value for tag, value in more.items()}
    return [(tag, 4, 1, value) for tag, value in plain.items()]


def _tiff_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    side = int(MAX_PIXELS_WHOLE**0.5)
    picture = Image.new("RGBA", (side, side), (1, 2, 3, 4))
    for packing in ("tiff_lzw", "tiff_adobe_deflate"):
        yield File(f"largest {packing}.tif", encoded(picture, "TIFF", compression=packing), True)
    deep = Image.fromarray(np.zeros((side // 2, side), np.uint16))
    yield File("largest deep.tif", encoded(deep, "TIFF", compression="tiff_lzw"), True)
    packed = encoded(picture.convert("RGB"), "TIFF", compression="jpeg")
    yield File("largest jpeg.tif", packed, True)
    yield File("30000.tif", tiff(*_tiff_page(30_000, 30_000, t279=9), data=bytes(9)), False)
    yield File("tile.tif", tiff(*_tiff_page(99, 99, 5, t322=60_000, t323=60_000, t324=8, t325=9),
                                data=bytes(9)), False)  # fmt: skip
    strips = 60_000
    many = struct.pack("<I", 8) * strips + struct.pack("<I", BIG // 2) * strips
    page = [each for each in _tiff_page(8, strips, 8) if each[0] not in (273, 278)]
    page += [(278, 4, 1, 1), (273, 4, strips, 8), (279, 4, strips, 8 + 4 * strips)]
    yield File("strips.tif", tiff(*page, data=many + bytes(BIG // 2)), False)
    tags = [(tag, 7, BIG // 2, 8) for tag in range(40_000, 65_000)]
    whole = tiff(*_tiff_page(9, 9, t279=81), *tags, data=bytes(BIG // 2))
    yield File("tags.tif", whole, True)
    yield File("profile.tif", tiff(*_tiff_page(9, 9, t279=81), (34675, 7, BIG, 8),
                                   data=bytes(BIG)), True)  # fmt: skip
    loop = bytearray(tiff(*_tiff_page(9, 9, t279=81), data=bytes(81)))
    loop[-4:] = struct.pack("<I", 8 + 81)
    yield File("loop.tif", bytes(loop), True)
    yield File("far.tif", b"II*\0\xff\xff\xff\xff", False)
    yield File("lzma.tif", tiff(*_tiff_page(9, 9, 34925, t279=9), data=bytes(81)), False)
    yield File("big.tif", b"II+\0\x08\0\0\0" + bytes(99), False)


def _profile_bombs(forms: dict[str, bytes]) -> Iterator[File]:
    """Profiles that would take a library long, or a lot of memory."""
    picture = Image.open(BytesIO(forms["rgb.png"])).convert("RGB")
    side = int(MAX_PIXELS_WHOLE**0.5)
    steps = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, 2**18) + struct.pack(">II", 16, 60) * 2**18
    grid = b"mft2\0\0\0\0" + bytes([4, 3, 255, 0]) + bytes(36) + struct.pack(">HH", 2, 2)
    for name, made in {
        "steps": profiles.profile(b"RGB ", b"XYZ ", b"mntr", D2B1=steps, A2B1=steps),
        "grid": profiles.profile(b"CMYK", b"Lab ", b"prtr", A2B0=grid + bytes(99)),
        "many tags": profiles.display_p3()[:128] + struct.pack(">I", 2**32 - 1) + bytes(9999),
        "lying": profiles.display_p3()[:-400] + b"\xff" * 400,
        "long": profiles.display_p3() + bytes(MAX_PROFILE),
    }.items():
        yield File(f"{name} profile.png", encoded(picture, "PNG", icc_profile=made), True)
        cmyk = picture.convert("CMYK")
        yield File(f"{name} profile.jpg", encoded(cmyk, "JPEG", icc_profile=made), True)
    largest = Image.new("RGBA", (side, side), (1, 2, 3, 4))
    yield File(
        "largest profile.png", encoded(largest, "PNG", icc_profile=profiles.prophoto()), True
    )
    ink = Image.new("CMYK", (8192, 8192))
    yield File("largest ink.jpg", encoded(ink, "JPEG", icc_profile=profiles.cmyk()), True)
    ink = Image.new("CMYK", (side, side))
    packed = encoded(ink, "TIFF", icc_profile=profiles.cmyk(), compression="tiff_lzw")
    yield File("largest ink.tif", packed, True)
    numbers = chunk(b"gAMA", b"\0\0\0\1") + chunk(b"cHRM", b"\xff" * 32)
    yield File("numbers.png", png(*SIZE, before=numbers), True)
    yield File("cicp.png", png(*SIZE, before=chunk(b"cICP", b"\xff" * 4)), True)


def read(file: File) -> list[str]:
    """Read a picture in every way that a page does; says what comes out."""
    picture = image_files.read(file.content, shown(file.name))
    made = [image_files.shrink(picture, fit) for fit in FITS]
    image_files.preview(picture)
    return sorted({f"{image.dtype} {image.shape}" for image in made})


if __name__ == "__main__":
    sys.exit(measure(corpus(), read))
