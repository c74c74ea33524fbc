"""Files lose what decoding does not need, and no pixel."""

import struct
from io import BytesIO

import numpy as np
import pytest
from hostile.pictures import chunk, encoded, exif, png, seeds, segment
from PIL import Image

from ultimus.data.containers import essence, orientation
from ultimus.data.limits import MAX_PIXELS, MAX_PIXELS_RLE, MAX_PIXELS_WHOLE

METADATA = b"to be left out"


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)).convert("RGBA"))


@pytest.mark.parametrize("form", seeds())
def test_the_pixels_stay_as_they_are(form):
    content = seeds()[form]
    assert np.array_equal(pixels(essence(content).content), pixels(content))


@pytest.mark.parametrize(
    ("form", "place", "extra"),
    [
        ("rgb.png", 33, chunk(b"tEXt", b"x\0" + METADATA)),
        ("rgb.png", -12, chunk(b"prVt", METADATA)),
        ("plain.jpg", 2, segment(0xFE, METADATA)),
        ("plain.jpg", 2, segment(0xE2, b"ICC_PROFILE\0\1\1" + METADATA)),
        ("plain.jpg", 2, segment(0xE1, b"Exif\0\0" + METADATA)),
        ("progressive.jpg", 2, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + METADATA)),
    ],
)
def test_metadata_is_left_out(form, place, extra):
    content = seeds()[form]
    content = content[:place] + extra + content[place:]
    assert METADATA not in essence(content).content
    assert np.array_equal(pixels(essence(content).content), pixels(content))


def test_metadata_of_an_avif_is_not_shown_to_its_decoder():
    block = exif((0x10F, 2, len(METADATA), 26), size=0) + METADATA
    content = encoded(Image.new("RGB", (31, 23)), "AVIF", exif=block)
    kept = essence(content).content
    assert "exif" in Image.open(BytesIO(content)).info
    assert "exif" not in Image.open(BytesIO(kept)).info
    assert np.array_equal(pixels(kept), pixels(content))


def test_comments_of_a_gif_are_left_out_and_its_transparency_is_not():
    still = seeds()["still.gif"]
    place = still.index(b"!\xf9")
    content = still[:place] + b"!\xfe\x0e" + METADATA + b"\0" + still[place:]
    assert METADATA in content and METADATA not in essence(content).content
    assert (pixels(essence(content).content)[..., 3] == 0).any()


@pytest.mark.parametrize("form", ["several.mpo", "plain.jpg"])
def test_of_a_jpeg_the_first_picture_stays(form):
    content = seeds()[form]
    kept = essence(content + b"what comes behind").content
    assert kept.endswith(b"\xff\xd9") and len(kept) <= len(content)
    assert Image.open(BytesIO(kept)).format == "JPEG"


def test_how_many_pixels_a_file_may_have():
    forms = seeds()
    assert essence(forms["plain.jpg"]).most == MAX_PIXELS
    assert essence(forms["progressive.jpg"]).most == MAX_PIXELS  # of ten scans
    assert essence(forms["cmyk.jpg"]).most == MAX_PIXELS
    cmyk = Image.new("CMYK", (7, 5))
    assert essence(encoded(cmyk, "JPEG", progressive=True)).most < MAX_PIXELS * 3 / 4
    assert essence(forms["rgb.png"]).most == MAX_PIXELS_WHOLE
    assert essence(png(7, 5, 16)).most == MAX_PIXELS_WHOLE // 2
    assert essence(forms["runs.bmp"]).most == MAX_PIXELS_RLE
    assert essence(forms["rgb.bmp"]).most == MAX_PIXELS_WHOLE


# Which way up -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_the_orientation_is_found_among_other_entries(order, value):
    block = exif((0x100, 3, 1, 7), (0x112, 3, 1, value), (0x131, 2, 9, 3), order=order)
    assert orientation(block) == orientation(b"Exif\0\0" + block) == value


def test_the_orientation_may_be_a_long_number():
    assert orientation(exif((0x112, 4, 1, 6))) == 6


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"XX*\0\x08\0\0\0",
        exif(),
        exif((0x112, 3, 1, 0)),
        exif((0x112, 3, 1, 9)),
        exif((0x112, 3, 1, 65_535)),
        exif((0x112, 3, 1, 6))[:-9],
        b"II*\0" + struct.pack("<I", 2**32 - 1),
        b"II*\0" + struct.pack("<IH", 8, 65_535),
    ],
)
def test_without_a_sensible_orientation_it_is_upright(block):
    assert orientation(block) == 1
