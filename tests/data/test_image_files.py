"""Pictures of every kind become upright 32x32 RGB; what is no picture is refused."""

import re
import struct
import zlib
from importlib.util import find_spec
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from ultimus.data import image_files
from ultimus.data.limits import MAX_FILE_BYTES, MAX_PIXELS

WIDTH, HEIGHT = 47, 31


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def photograph(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Smooth colours with sharp edges, in which no two quarters look alike."""
    draw = np.random.default_rng(11)
    coarse = draw.integers(0, 256, (7, 9, len(mode)), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    picture.paste((230, 20, 60, 255)[: len(mode)], (width // 2, 0, width * 5 // 8, height // 3))
    return picture


def distance(image: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two images, in the 256 steps of a byte."""
    return float(np.abs(image.astype(float) - other).mean())


def noise(width: int = WIDTH, height: int = HEIGHT, channels: int = 3) -> np.ndarray:
    draw = np.random.default_rng(5)
    shape = (height, width, channels) if channels > 1 else (height, width)
    return draw.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("form", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_pixel(form):
    options = {"lossless": True} if form == "WEBP" else {}
    picture = image_files.read(encoded(Image.fromarray(noise()), form, **options))
    assert picture.mode == "RGB"
    assert np.array_equal(picture, noise())


@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_lossy_formats_come_close(form):
    smooth = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB")
    picture = image_files.read(encoded(smooth, form))
    assert picture.mode == "RGB" and picture.size == (WIDTH, HEIGHT)
    assert np.abs(np.asarray(picture, float) - np.asarray(smooth)).mean() < 5


def test_a_path_is_read_whatever_its_name(tmp_path):
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(Image.fromarray(noise())))
    assert np.array_equal(image_files.read(path), noise())


def test_grey_becomes_three_equal_channels():
    grey = noise(channels=1)
    picture = np.asarray(image_files.read(encoded(Image.fromarray(grey))))
    assert all(np.array_equal(picture[..., channel], grey) for channel in range(3))


def test_sixteen_bits_keep_their_range():
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    picture = np.asarray(image_files.read(encoded(Image.fromarray(ramp))))
    assert np.abs(picture[..., 0] - ramp / 257).max() <= 1
    assert picture.min() == 0 and picture.max() == 255


def test_sixteen_bits_of_which_twelve_are_used_are_said_to_be_dark():
    ramp = np.linspace(0, 4095, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    reading = image_files.reading(encoded(Image.fromarray(ramp)))
    assert reading.notes == ("its brightest value is 4,095 of 65,535, so it is nearly black",)
    assert not image_files.reading(encoded(Image.fromarray(ramp * 16))).notes


def test_a_palette_becomes_its_colours():
    picture = Image.fromarray(noise()).quantize(17)
    assert np.array_equal(image_files.read(encoded(picture)), picture.convert("RGB"))


def test_black_and_white_becomes_black_and_white():
    picture = Image.fromarray(noise(channels=1)).convert("1")
    assert set(np.unique(image_files.read(encoded(picture)))) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_becomes_white(mode):
    picture = Image.new("RGBA", (WIDTH, HEIGHT), (10, 10, 10, 255))
    picture.paste((200, 0, 0, 0), (0, 0, 11, HEIGHT))
    picture = picture.convert(mode)
    found = np.asarray(image_files.read(encoded(picture)))
    assert (found[:, :11] == 255).all()
    assert (np.abs(found[:, 11:].astype(int) - 10) <= 1).all()


def test_cmyk_becomes_rgb():
    picture = Image.new("CMYK", (WIDTH, HEIGHT), (255, 0, 0, 0))
    red, green, blue = image_files.read(encoded(picture, "JPEG")).getpixel((3, 3))
    assert red < 30 and green > 200 and blue > 200


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_does(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    stored = encoded(Image.fromarray(noise()), form, exif=exif, **options)
    with Image.open(BytesIO(stored)) as picture:
        expected = ImageOps.exif_transpose(picture).convert("RGB")
    assert np.array_equal(image_files.read(stored), expected)
    assert image_files.reading(stored).size == expected.size


def test_the_size_is_that_of_the_file_however_much_is_kept():
    stored = encoded(Image.new("RGB", (4000, 3000)), "JPEG")
    read = image_files.reading(stored)
    assert read.size == (4000, 3000) and read.picture.size < read.size


def test_a_quarter_clockwise_is_clockwise():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    stored = encoded(Image.fromarray(noise()), exif=exif)
    assert np.array_equal(image_files.read(stored), np.rot90(noise(), k=-1))


def test_grey_of_sixteen_bits_can_be_transparent():
    grey = Image.fromarray(np.full((HEIGHT, WIDTH), 30_000, np.uint16))
    grey.putpixel((3, 5), 7)
    picture = image_files.read(encoded(grey, transparency=7))
    assert picture.getpixel((3, 5)) == (255, 255, 255)
    assert picture.getpixel((5, 3)) == (30_000 // 257,) * 3


def test_a_jpeg_that_stores_rgb_keeps_its_colours():
    picture = photograph(WIDTH, HEIGHT)
    stored = encoded(picture, "JPEG", keep_rgb=True, quality=95)
    assert distance(np.asarray(image_files.read(stored)), np.asarray(picture)) < 3


# Large pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["crop", "pad", (0.1, 0.2, 0.6, 0.9)])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_large_picture_gives_what_it_gives_at_full_size(form, fit):
    whole = photograph(1607, 1201)
    read = image_files.read(encoded(whole, form))
    assert read.size != whole.size and 512 <= min(read.size) < 1024
    assert distance(image_files.shrink(read, fit), image_files.shrink(whole, fit)) < 1.5


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK", "I;16"])
def test_a_large_picture_of_any_mode_too(mode):
    whole = photograph(1301, 1123)
    if mode == "I;16":
        deep = np.asarray(whole.convert("L")).astype(np.uint16) * 257
        stored, whole = encoded(Image.fromarray(deep)), whole.convert("L").convert("RGB")
    else:
        whole = whole.convert(mode)
        stored = encoded(whole, "JPEG" if mode == "CMYK" else "PNG")
        whole = whole.convert("RGB")
    assert distance(image_files.shrink(image_files.read(stored)), image_files.shrink(whole)) < 2


def test_what_is_transparent_leaves_no_fringe_when_reduced():
    """Half of the pixels, one by one, are transparent black: with white behind, pink comes out."""
    pixels = np.zeros((1103, 1301, 4), np.uint8)
    pixels[::2, ::2] = pixels[1::2, 1::2] = (255, 0, 0, 255)
    small = image_files.shrink(image_files.read(encoded(Image.fromarray(pixels))))
    assert (np.abs(small.astype(int) - np.array([255, 127, 127])[:, None, None]) <= 2).all()


def test_a_photograph_of_a_phone():
    """12 megapixels, stored lying on its side."""
    upright, exif = photograph(3024, 4032), Image.Exif()
    exif[0x0112] = 6
    stored = encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    read = image_files.read(stored, "IMG_0001.jpg")
    assert read.width / read.height == pytest.approx(3 / 4, abs=0.002)
    assert distance(image_files.shrink(read), image_files.shrink(upright)) < 1.5


def test_a_jpeg_may_have_more_pixels_than_others(refused):
    size = (8192, MAX_PIXELS // 8192)
    grey = Image.new("L", size, 200)
    assert image_files.shrink(image_files.read(encoded(grey, "JPEG"))).mean() == pytest.approx(
        200, abs=1
    )
    with refused("grey.png has more than 24,000,000 pixels"):
        image_files.read(encoded(grey), "grey.png")


def test_a_file_that_is_too_large_is_refused_unread(refused, tmp_path):
    path = tmp_path / "long.bmp"
    with path.open("wb") as file:
        file.truncate(10**12)  # takes no room on the disk
    with refused("long.bmp is larger than 30 MB"):
        image_files.read(path)
    with refused("long.bmp is larger"):
        image_files.read(bytes(MAX_FILE_BYTES + 1), "long.bmp")


def test_metadata_is_not_carried_along():
    extra = {"exif": Image.Exif(), "icc_profile": b"profile", "comment": b"comment"}
    read = image_files.read(encoded(Image.fromarray(noise()), "JPEG", **extra))
    assert not {"exif", "icc_profile", "comment"} & read.info.keys()


def test_a_name_is_made_harmless(refused):
    with refused("a bgpj.exe is damaged"):
        image_files.read(encoded(Image.fromarray(noise()))[:70], "a\nb\u202egpj.exe\x1b")


# What does not decode -----------------------------------------------------------------------------


def test_of_an_animation_the_first_picture_counts():
    first, second = (Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue"))
    moving = encoded(first, "GIF", save_all=True, append_images=[second])
    assert image_files.read(moving).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF89a"])
def test_what_is_no_picture_is_refused(refused, content):
    with refused("note.png"):
        image_files.read(content, "note.png")


def test_other_formats_are_refused_by_content(refused, tmp_path):
    path = tmp_path / "really_ico.png"
    path.write_bytes(encoded(Image.fromarray(noise(32, 32)), "ICO"))
    with refused("really_ico.png is not a picture in one of the formats PNG, JPEG"):
        image_files.read(path)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\0\0\0\x18ftypjunk", "a film"),
        (b"\xff\x0a", "a JPEG XL picture"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF"),
        (b"\n<svg xmlns=''>", "a drawing (SVG)"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- by hand -->\n<svg>", "a drawing (SVG)"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (bytes(128) + b"DICM", "a medical picture (DICOM)"),
        (b"v/1\x01", "a picture of high dynamic range"),
    ],
)
def test_what_people_take_for_a_picture_is_named(refused, start, what):
    with refused(f"photo.jpg is {what}, which is not read here: save it as JPEG or PNG"):
        image_files.read(start + bytes(99), "photo.jpg")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"<!DOCTYPE html>", "a web page, as a download that failed leaves it: fetch it again"),
        (b"<?xml version='1.0'?><Error>", "a text (XML), as a download that failed leaves it"),
        (b"data:image/png;base64,iVBOR", "a picture written as text (base64): decode it first"),
        (b"<html>", "a web page, as a download that failed leaves it: fetch it again"),
        (b"PK\3\4", "an archive: unpack it and give the pictures in it"),
        (b"\x89PNG\r\r\n", "damaged or stored in an unusual way"),
        (b"\0\0\0\x20ftypavif", "damaged or stored in an unusual way"),
    ],
)
def test_what_can_be_put_right_is_said(refused, start, what):
    with refused(f"photo.jpg is {what}"):
        image_files.read(start + bytes(99), "photo.jpg")


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="pillow-heif is here: it is read")
def test_a_heic_picture_is_named_where_it_cannot_be_read(refused):
    with refused("IMG_1.HEIC is a HEIC picture"):
        image_files.read(b"\0\0\0\x18ftypheic" + bytes(99), "IMG_1.HEIC")


def test_a_heic_picture_is_read_where_its_package_is():
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    picture = photograph(320, 200)
    read = image_files.read(encoded(picture, "HEIF", quality=95))
    assert distance(np.asarray(read), np.asarray(picture)) < 3


# Formats that are read as their first picture -----------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("packing", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_tiff_is_read_as_a_png_is(mode, packing):
    picture = photograph(WIDTH, HEIGHT, "RGBA").convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    other = picture.convert("RGB") if mode == "CMYK" else picture
    read = image_files.read(encoded(picture, "TIFF", compression=packing))
    assert np.array_equal(read, image_files.read(encoded(other)))


def test_a_tiff_may_be_packed_as_jpeg():
    picture = photograph(WIDTH, HEIGHT)
    stored = encoded(picture, "TIFF", compression="jpeg", quality=97)
    assert distance(np.asarray(image_files.read(stored)), np.asarray(picture)) < 3


def test_of_a_tiff_the_first_page_counts():
    pages = {"save_all": True, "append_images": [Image.new("RGB", (9, 9), "blue")]}
    read = image_files.read(encoded(Image.new("RGB", (WIDTH, HEIGHT), "red"), "TIFF", **pages))
    assert read.size == (WIDTH, HEIGHT) and read.getpixel((5, 5)) == (255, 0, 0)


def test_a_tiff_in_lab_keeps_its_colours():
    picture, spaces = photograph(WIDTH, HEIGHT), map(ImageCms.createProfile, ("sRGB", "LAB"))
    stored = encoded(ImageCms.profileToProfile(picture, *spaces, outputMode="LAB"), "TIFF")
    read = image_files.reading(stored)
    assert distance(np.asarray(read.picture), np.asarray(picture)) < 4 and not read.notes


TIFF_HEAD = {256: WIDTH, 257: HEIGHT, 259: 1, 273: 8, 278: HEIGHT}


def tiff(values: np.ndarray, **tags: int) -> bytes:
    """A TIFF of values as they are, whose tags t258=16 and so on say what they mean."""
    content = values.tobytes()
    numbers = TIFF_HEAD | {279: len(content)} | {int(tag[1:]): tags[tag] for tag in tags}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, numbers[tag]) for tag in sorted(numbers))
    end = struct.pack("<H", len(numbers)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(content)) + content + end


def test_a_tiff_of_plain_values_is_read():
    read = image_files.read(tiff(noise(channels=1), t258=8, t262=1, t277=1, t339=1))
    assert np.array_equal(np.asarray(read)[..., 0], noise(channels=1))


@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        ("floating numbers", {"t258": 32, "t262": 1, "t277": 1, "t339": 3}),
        ("signed numbers", {"t258": 16, "t262": 1, "t277": 1, "t339": 2}),
        ("32 bits", {"t258": 32, "t262": 1, "t277": 1, "t339": 1}),
        ("thirteen bands", {"t258": 8, "t262": 1, "t277": 13, "t339": 1}),
        ("deep bands that lie apart", {"t258": 16, "t262": 2, "t277": 3, "t284": 2, "t339": 1}),
    ],
)
def test_a_tiff_that_holds_measurements_is_not_guessed_at(refused, kind, tags):
    values = np.zeros(WIDTH * HEIGHT * tags["t277"] * tags["t258"] // 8, np.uint8)
    with refused("scan.tif is damaged or stored in an unusual way"):
        image_files.read(tiff(values, **tags), "scan.tif")


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I"])
def test_a_netpbm_is_read_as_a_png_is(mode):
    picture = photograph(WIDTH, HEIGHT).convert("RGB" if mode == "RGB" else "L").convert(mode)
    if mode == "I":
        picture = picture.point(lambda value: value * 257)
    stored = encoded(picture, "PPM").replace(b"\n", b"\n# by hand\n", 1)
    other = Image.fromarray(np.asarray(picture).astype(np.uint16)) if mode == "I" else picture
    assert np.array_equal(image_files.read(stored), image_files.read(encoded(other)))


@pytest.mark.parametrize(
    "head", [b"P3 2 2 255 ", b"P6 2 2 99 ", b"P5 2 2 ", b"P5 #" + bytes(9999) + b"\n2 2 255 "]
)
def test_a_netpbm_that_takes_long_is_refused(refused, head):
    with refused("face.pgm is damaged or stored in an unusual way"):
        image_files.read(head + bytes(12), "face.pgm")


@pytest.mark.parametrize("form", ["AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_those_formats_are_turned_too(form, orientation):
    exif, picture = Image.Exif(), photograph(WIDTH, HEIGHT)
    exif[0x0112] = orientation
    options = {"quality": 95} if form == "AVIF" else {}
    upright = picture if orientation == 1 else picture.transpose(image_files.TURNS[orientation])
    read = image_files.read(encoded(picture, form, exif=exif, **options))
    assert read.size == upright.size
    assert distance(np.asarray(read), np.asarray(upright)) < 8


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_an_avif_is_read(mode):
    picture = photograph(WIDTH, HEIGHT, mode) if mode != "L" else photograph(47, 31).convert("L")
    read = image_files.read(encoded(picture, "AVIF", quality=97, subsampling="4:4:4"))
    assert distance(np.asarray(read), np.asarray(image_files.read(encoded(picture)))) < 4


# A JPEG whose end is missing ----------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("missing", [1, 2, 300])
def test_a_jpeg_whose_last_bytes_are_missing_is_read_and_noted(missing, mode, progressive):
    picture = photograph(480, 640).convert(mode)
    whole = encoded(picture, "JPEG", progressive=progressive, quality=90)
    read = image_files.reading(whole[:-missing])
    assert distance(np.asarray(read.picture), np.asarray(image_files.read(whole))) < 8
    assert any("its last bytes are missing" in note for note in read.notes)
    assert not any("missing" in note for note in image_files.reading(whole).notes)


def test_how_much_of_a_cut_jpeg_is_there_is_noted(refused):
    whole = encoded(Image.fromarray(noise(640, 640)), "JPEG")
    (note,) = image_files.reading(whole[: len(whole) * 9 // 10]).notes
    assert re.search(r"the lowest (9|10|11)% of it are grey", note)
    with refused("half.jpg is cut off, and most of it is missing"):
        image_files.read(whole[: len(whole) // 2], "half.jpg")


def test_a_missing_file_is_one_sentence(refused, tmp_path):
    with refused("gone.png"):
        image_files.read(tmp_path / "gone.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP", "GIF", "AVIF", "TIFF", "PPM"])
def test_truncated_anywhere_is_refused(refused, form):
    whole = encoded(Image.fromarray(noise()), form)
    most = 0.6 if form == "JPEG" else 0.9  # of which most of the rows can be there
    for length in range(1, int(len(whole) * most), len(whole) // 29):
        with refused("cut.dat"):
            image_files.read(whole[:length], "cut.dat")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP", "GIF", "AVIF", "TIFF", "PPM"])
def test_flipped_bytes_give_a_picture_or_a_sentence(form):
    whole = np.frombuffer(encoded(Image.fromarray(noise(13, 11)), form), np.uint8)
    draw = np.random.default_rng(7)
    for _ in range(97):
        broken = whole.copy()
        places = draw.integers(0, min(len(broken), 401), 3)
        broken[places] = draw.integers(0, 256, 3)
        try:
            assert image_files.shrink(image_files.read(broken.tobytes())).shape == (3, 32, 32)
        except image_files.UserError as error:
            assert "\n" not in str(error)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [4_903, 10_007, 20_011, 65_521])
def test_a_bomb_is_refused_before_it_is_decoded(refused, side):
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 31)), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    with refused("bomb.png has", "pixels"):
        image_files.read(bomb, "bomb.png")


# Into 32x32 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["crop", "pad", (0, 0, 1, 1)])
def test_a_cifar_image_is_unchanged(fit):
    image = noise(32, 32)
    small = image_files.shrink(Image.fromarray(image), fit)
    assert small.dtype == np.uint8
    assert np.array_equal(small, image.transpose(2, 0, 1))
    small[:] = 0  # its own memory, to be written to and shared with torch
    assert small.flags.c_contiguous


@pytest.mark.parametrize("fit", ["crop", "pad", (0.3, 0, 0.4, 1), (0, 0.999, 1e-9, 1)])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 997), (997, 1), (1, 20_000), (20_000, 1), (33, 31), (64, 64)]
)
def test_any_size_becomes_32_by_32(size, fit):
    small = image_files.shrink(Image.new("RGB", size, (7, 11, 13)), fit)
    assert small.shape == (3, 32, 32) and small.dtype == np.uint8
    assert (small == np.array([7, 11, 13])[:, None, None]).all()


def test_the_centre_of_a_wide_picture_is_kept():
    wide = Image.new("RGB", (192, 64), "red")
    wide.paste("blue", (64, 0, 128, 64))
    small = image_files.shrink(wide)
    assert (small[2, :, 2:-2] >= 250).all() and (small[0, :, 2:-2] <= 5).all()


def test_the_whole_picture_is_padded_with_the_colour_of_its_rim():
    wide = Image.new("RGB", (96, 48), (10, 200, 30))
    wide.paste((250, 0, 0), (24, 12, 72, 36))  # amid it
    small = image_files.shrink(wide, "pad")
    rim = np.array([10, 200, 30])[:, None, None]
    assert (small[:, :8] == rim).all() and (small[:, 24:] == rim).all()
    assert distance(small[:, 8:24], image_files.shrink(wide.resize((32, 16)), "pad")[:, 8:24]) < 8
    assert small[0, 16, 16] >= 245


def test_the_padding_is_a_mean():
    halves = Image.new("RGB", (40, 20), "black")
    halves.paste("white", (20, 0, 40, 20))
    assert (np.abs(image_files.shrink(halves, "pad")[:, 0].astype(int) - 127) <= 3).all()


def test_a_box_shows_what_is_in_it():
    picture = Image.new("RGB", (200, 100), "red")
    picture.paste("blue", (150, 50, 200, 100))
    small = image_files.shrink(picture, (0.75, 0.5, 1, 1))
    assert (small[2, 2:, 2:] >= 250).all() and (small[0, 2:, 2:] <= 5).all()


@pytest.mark.parametrize(
    ("size", "fit", "expected"),
    [
        ((200, 100), "crop", (50, 0, 150, 100)),
        ((200, 100), "pad", (0, 0, 200, 100)),
        ((200, 100), (0.1, 0.1, 0.3, 0.5), (20, 10, 60, 50)),  # is square
        ((200, 100), (0.4, 0.5, 0.6, 0.6), (80, 35, 120, 75)),  # grown around its centre
        ((200, 100), (0, 0, 0.2, 0.1), (0, 0, 40, 40)),  # moved into the picture
        ((200, 100), (0, 0, 1, 1), (50, 0, 150, 100)),  # cut to the shorter side
    ],
)
def test_what_is_shown_of_a_picture(size, fit, expected):
    assert image_files.frame(size, fit) == pytest.approx(expected)


SIDES = st.integers(1, 65_535)
SPANS = (
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).filter(lambda span: span[0] < span[1])
)


@settings(derandomize=True, database=None, deadline=None, max_examples=199)
@given(SIDES, SIDES, SPANS, SPANS)
def test_a_box_becomes_a_square_in_the_picture(width, height, across, down):
    box = (across[0], down[0], across[1], down[1])
    left, top, right, bottom = image_files.frame((width, height), box)
    assert 0 <= left < right <= width + 1e-6 and 0 <= top < bottom <= height + 1e-6
    assert right - left == pytest.approx(bottom - top) and right - left >= 1 - 1e-6
    longer = max((across[1] - across[0]) * width, (down[1] - down[0]) * height)
    if 1 <= longer <= min(width, height):  # then nothing of the box is left out
        assert left <= across[0] * width + 1e-6 and right >= across[1] * width - 1e-6
        assert top <= down[0] * height + 1e-6 and bottom >= down[1] * height - 1e-6


@pytest.mark.parametrize(
    "fit",
    ["", "stretch", "x" * 999, None, 5, (), (0, 0, 1), (0, 0, 1, 1, 1), (0, 0, 0, 1),
     (0.5, 0, 0.2, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (0, float("nan"), 1, 1), ("a", 0, 1, 1),
     ((0,), 0, 1, 1)],
)  # fmt: skip
def test_another_fit_is_refused(refused, fit):
    with refused():
        image_files.shrink(Image.fromarray(noise()), fit)


@pytest.mark.parametrize(
    ("size", "form", "expected"),
    [
        ((1301, 650), "JPEG", (640, 320)),
        ((47, 31), "PNG", (47, 31)),
        ((1, 20_000), "JPEG", (1, 640)),
        ((640, 640), "JPEG", (640, 640)),
    ],
)
def test_a_preview_is_of_modest_size(size, form, expected):
    picture = Image.new("RGB", size, (40, 50, 60))
    with Image.open(BytesIO(image_files.preview(picture))) as made:
        assert (made.format, made.size, made.mode) == (form, expected, "RGB")
    assert picture.size == size
