"""Pictures of every kind become upright 32x32 RGB; what is no picture is refused."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ultimus import pictures

WIDTH, HEIGHT = 47, 31


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def noise(width: int = WIDTH, height: int = HEIGHT, channels: int = 3) -> np.ndarray:
    draw = np.random.default_rng(5)
    shape = (height, width, channels) if channels > 1 else (height, width)
    return draw.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("form", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_pixel(form):
    options = {"lossless": True} if form == "WEBP" else {}
    picture = pictures.read(encoded(Image.fromarray(noise()), form, **options))
    assert picture.mode == "RGB"
    assert np.array_equal(picture, noise())


@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_lossy_formats_come_close(form):
    smooth = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB")
    picture = pictures.read(encoded(smooth, form))
    assert picture.mode == "RGB" and picture.size == (WIDTH, HEIGHT)
    assert np.abs(np.asarray(picture, float) - np.asarray(smooth)).mean() < 5


def test_a_path_is_read_whatever_its_name(tmp_path):
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(Image.fromarray(noise())))
    assert np.array_equal(pictures.read(path), noise())


def test_grey_becomes_three_equal_channels():
    grey = noise(channels=1)
    picture = np.asarray(pictures.read(encoded(Image.fromarray(grey))))
    assert all(np.array_equal(picture[..., channel], grey) for channel in range(3))


def test_sixteen_bits_keep_their_range():
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    picture = np.asarray(pictures.read(encoded(Image.fromarray(ramp))))
    assert np.abs(picture[..., 0] - ramp / 257).max() <= 1
    assert picture.min() == 0 and picture.max() == 255


def test_a_palette_becomes_its_colours():
    picture = Image.fromarray(noise()).quantize(17)
    assert np.array_equal(pictures.read(encoded(picture)), picture.convert("RGB"))


def test_black_and_white_becomes_black_and_white():
    picture = Image.fromarray(noise(channels=1)).convert("1")
    assert set(np.unique(pictures.read(encoded(picture)))) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_becomes_white(mode):
    picture = Image.new("RGBA", (WIDTH, HEIGHT), (10, 10, 10, 255))
    picture.paste((200, 0, 0, 0), (0, 0, 11, HEIGHT))
    picture = picture.convert(mode)
    found = np.asarray(pictures.read(encoded(picture)))
    assert (found[:, :11] == 255).all()
    assert (np.abs(found[:, 11:].astype(int) - 10) <= 1).all()


def test_cmyk_becomes_rgb():
    picture = Image.new("CMYK", (WIDTH, HEIGHT), (255, 0, 0, 0))
    red, green, blue = pictures.read(encoded(picture, "JPEG")).getpixel((3, 3))
    assert red < 30 and green > 200 and blue > 200


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    stored = encoded(Image.fromarray(noise()), exif=exif)
    assert np.array_equal(pictures.read(stored), np.rot90(noise(), k=-1))


def test_of_an_animation_the_first_picture_counts():
    first, second = (Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue"))
    moving = encoded(first, "GIF", save_all=True, append_images=[second])
    assert pictures.read(moving).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF89a"])
def test_what_is_no_picture_is_refused(refused, content):
    with refused("note.png"):
        pictures.read(content, "note.png")


def test_other_formats_are_refused_by_content(refused, tmp_path):
    path = tmp_path / "really_tiff.png"
    path.write_bytes(encoded(Image.fromarray(noise()), "TIFF"))
    with refused("really_tiff.png is not a picture in one of the formats PNG, JPEG"):
        pictures.read(path)


def test_a_missing_file_is_one_sentence(refused, tmp_path):
    with refused("gone.png"):
        pictures.read(tmp_path / "gone.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP", "GIF"])
def test_truncated_anywhere_is_refused(refused, form):
    whole = encoded(Image.fromarray(noise()), form)
    for length in range(1, int(len(whole) * 0.9), len(whole) // 29):
        with refused("cut.dat"):
            pictures.read(whole[:length], "cut.dat")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP", "GIF"])
def test_flipped_bytes_give_a_picture_or_a_sentence(form):
    whole = np.frombuffer(encoded(Image.fromarray(noise(13, 11)), form), np.uint8)
    draw = np.random.default_rng(7)
    for _ in range(97):
        broken = whole.copy()
        places = draw.integers(0, min(len(broken), 401), 3)
        broken[places] = draw.integers(0, 256, 3)
        try:
            assert pictures.shrink(pictures.read(broken.tobytes())).shape == (3, 32, 32)
        except pictures.UserError as error:
            assert "\n" not in str(error)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [7_079, 20_011, 65_521])
def test_a_bomb_is_refused_before_it_is_decoded(refused, side):
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 31)), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    with refused("bomb.png has more than 50,000,000 pixels"):
        pictures.read(bomb, "bomb.png")


def test_a_cifar_image_is_unchanged():
    image = noise(32, 32)
    small = pictures.shrink(Image.fromarray(image))
    assert small.dtype == np.uint8
    assert np.array_equal(small, image.transpose(2, 0, 1))
    small[:] = 0  # its own memory, to be written to and shared with torch
    assert small.flags.c_contiguous


@pytest.mark.parametrize("size", [(1, 1), (1, 997), (997, 1), (33, 31), (64, 64)])
def test_any_size_becomes_32_by_32(size):
    assert pictures.shrink(Image.new("RGB", size, (7, 11, 13))).shape == (3, 32, 32)
    assert (
        pictures.shrink(Image.new("RGB", size, (7, 11, 13))).max(axis=(1, 2)) == (7, 11, 13)
    ).all()


def test_the_centre_of_a_wide_picture_is_kept():
    wide = Image.new("RGB", (192, 64), "red")
    wide.paste("blue", (64, 0, 128, 64))
    small = pictures.shrink(wide)
    assert (small[2, :, 2:-2] >= 250).all() and (small[0, :, 2:-2] <= 5).all()
