"""Pictures of any kind -> the 32x32 RGB images that the network takes.

Whatever a file holds, reading it takes about a second and less than 512 MB at most.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import UserError, reason
from .colour_profiles import Convert, colours
from .containers import essence, orientation
from .limits import MAX_FILE_BYTES, check_file, check_pixels, one_line

SIDE = 32
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF", "TIFF", "PPM")
HEIC = "HEIF"  # what Pillow calls it
FITS = ("crop", "pad")

KEPT_SIDE = 512  # pixels of the shorter side that a large picture keeps at least, for a crop box
KEPT_PIXELS = 2**22  # unless it is so long and thin that it has more than these
BAND = 2**20  # pixels converted at once
NAME = 120  # characters of a name that an error repeats
BEGINNING = 1024  # bytes of a file that tell what it is
PREVIEW = 640  # pixels

Fit = Literal["crop", "pad"] | Sequence[float]
Box = tuple[float, float, float, float]

MOST_OF_IT = 0.75  # of the rows of a picture whose end is missing have to be there
DARK = 2**13  # of 16 bits
UNFILLED = 128  # what a decoder leaves where a JPEG has no data

DAMAGED = (
    "is damaged or stored in an unusual way, and cannot be decoded: save it anew as PNG or JPEG, "
    "or remove it"
)
OTHERS = (
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF....WEBP|....ftypavi[fs]", DAMAGED),
    (rb"....ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", "a HEIC picture"),
    (rb"(\x00\x00\x00\x0cJXL |\xff\x0a)", "a JPEG XL picture"),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (rb"v/1\x01|#\?RADIANCE", "a picture of high dynamic range"),
    (rb"....ftypcrx", "a camera's raw file"),
    (rb".{128}DICM", "a medical picture (DICOM)"),
    (rb"8BPS", "a Photoshop file"),
    (rb"%PDF", "a PDF"),
    (rb"version https://git-lfs", "is a pointer of Git LFS: fetch the file with git lfs pull"),
    (
        rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf",
        "is an archive: unpack it and give the pictures in it",
    ),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html)",
        "is a web page, as a download that failed leaves it: fetch it again",
    ),
    (rb"(\xef\xbb\xbf)?\s*<([^\0]{0,900}<)?svg", "a drawing (SVG)"),
    (
        rb"(\xef\xbb\xbf)?\s*<\?xml",
        "is a text (XML), as a download that failed leaves it: fetch it again",
    ),
    (rb"data:image/|iVBORw0KGgo|/9j/4", "is a picture written as text (base64): decode it first"),
    (rb"....ftyp|\x1aE\xdf\xa3", "a film"),
    (rb"(II|MM)(\+\x00|\x00\+)", "a TIFF for very large pictures"),
)
"""How files begin that people take for pictures, and what they are, or all that is said of them."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = {turn for place, turn in TURNS.items() if place >= 5}


class Reading(NamedTuple):
    """A picture, and what has to be said about how it was read.

    Attributes:
        picture: upright, in RGB.
        size: width and height of the file, upright; the picture may have been made smaller.
        notes: halves of sentences that go on after its name; none where all is as it should be.
    """

    picture: Image.Image
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


def read(file: Path | bytes, name: str = "") -> Image.Image:
    """Open a picture as upright RGB, see `reading`.

    Raises:
        UserError: as for `reading`.
    """
    return reading(file, name).picture


def reading(file: Path | bytes, name: str = "") -> Reading:
    """Open a picture as upright sRGB; its content decides the format, never its name.

    A large one is made smaller by a whole factor; its shorter side keeps KEPT_SIDE pixels.

    Args:
        file: a path or the file's bytes.
        name: how an error calls it; the file's name by default.

    Raises:
        UserError: it is no picture of a known format, is damaged, or is beyond a limit.
    """
    name = one_line(name or getattr(file, "name", ""), NAME) or "The picture"
    content = file if isinstance(file, bytes) else _content(file, name)
    check_file(name, len(content))
    try:
        return _decoded(content, name)
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{name} {_account(content)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"{name} has far too many pixels: use a smaller picture.") from error
    except Exception as error:  # decoders meet damaged bytes with exceptions of many kinds
        raise UserError(f"{name} {DAMAGED}.") from error


def _content(path: Path, name: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UserError(f"{name} cannot be read ({reason(error)}): check it.") from error


def _account(content: bytes) -> str:
    """Why a file is not read, and what to do."""
    for start, what in OTHERS:
        if re.match(start, content[:BEGINNING], re.DOTALL):
            is_all = what.startswith("is ")
            return what if is_all else f"is {what}, which is not read here: save it as JPEG or PNG"
    return f"is not a picture in one of the formats {', '.join(FORMATS)}: convert or remove it"


def _decoded(content: bytes, name: str) -> Reading:
    content, exif, most, profile, meaning, is_cut = essence(content)
    with Image.open(BytesIO(content), formats=_formats()) as im:
        check_pixels(name, *im.size, most)
        factor, (width, height) = _factor(*im.size), im.size
        im.draft(None, (width // factor, height // factor))  # JPEG alone can do that
        im.load()
        if im.mode == "F":
            raise ValueError("numbers without a range")
        turn = TURNS.get(orientation(exif or im.info.get("exif") or b""))
        profile = profile or im.info.get("icc_profile") or b""
        meant = colours(im.mode, profile, meaning)
        notes = (*_missing(im, name, is_cut), *filter(None, [meant.note]), *_dark(im))
        small = _small_rgb(im, meant.convert)
    picture = small if turn is None else small.transpose(turn)
    return Reading(picture, (height, width) if turn in ON_ITS_SIDE else (width, height), notes)


@cache
def _formats() -> tuple[str, ...]:
    """What can be read on this machine: HEIC needs a package that is not everywhere."""
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
        return *FORMATS, HEIC
    return FORMATS


def _missing(picture: Image.Image, name: str, is_cut: bool) -> Iterator[str]:
    """What of a picture without an end is not there.

    Raises:
        UserError: it is more than a browser's user would call a picture.
    """
    if not is_cut:
        return
    rows = (np.asarray(picture.convert("RGB")) == UNFILLED).all(axis=(1, 2))  # (height,)
    there = picture.height - int(np.argmin(rows[::-1])) if not rows.all() else 0
    if there < MOST_OF_IT * picture.height:
        raise UserError(f"{name} is cut off, and most of it is missing: fetch it again.")
    below = f", and the lowest {1 - there / picture.height:.0%} of it are grey"
    yield f"its last bytes are missing{below if there < picture.height else ''}"


def _dark(picture: Image.Image) -> Iterator[str]:
    """That cameras and microscopes often fill 12 of 16 bits."""
    if picture.mode.startswith("I"):
        _, brightest = picture.getextrema()
        if brightest < DARK:
            yield f"its brightest value is {brightest:,} of 65,535, so it is nearly black"


def _factor(width: int, height: int) -> int:
    """By what a picture can be made smaller and still have enough pixels."""
    thin = math.isqrt(max(width * height // KEPT_PIXELS, 1))
    return max(min(width, height) // KEPT_SIDE, thin)


def _small_rgb(picture: Image.Image, convert: Convert) -> Image.Image:
    """RGB, reduced if large; converted by bands, since whole it could take a lot of memory."""
    factor, (width, height) = _factor(*picture.size), picture.size
    if factor == 1:
        return _rgb(picture, convert)
    small = Image.new("RGB", (math.ceil(width / factor), math.ceil(height / factor)))
    rows = max(1, BAND // (width * factor)) * factor
    for top in range(0, height, rows):
        band = picture.crop((0, top, width, min(top + rows, height)))
        small.paste(_rgb(band, convert).reduce(factor), (0, top // factor))
    return small


def _rgb(picture: Image.Image, convert: Convert) -> Image.Image:
    """RGB of 8 bits; what is transparent becomes white, as most viewers show it."""
    if picture.mode.startswith("I"):
        picture = _eight_bits(picture)
    picture = convert(picture)
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit grey, which Pillow's convert would clip at 255, as 8-bit grey."""
    values = np.asarray(picture)
    grey = Image.fromarray((values // 257).clip(0, 255).astype(np.uint8))
    if (clear := picture.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray((values != clear).astype(np.uint8) * 255))
    return grey


def shrink(picture: Image.Image, fit: Fit = "crop") -> np.ndarray:
    """RGB picture to uint8 (3, 32, 32), as training sees it; a 32x32 one is unchanged.

    Args:
        picture: as `read` makes it.
        fit: "crop" for the centre square; "pad" for the whole picture, with the mean colour of its
            rim beside it; or a box, see `frame`.

    Raises:
        UserError: there is no such fit.
    """
    seen, size = frame(picture.size, fit), (SIDE, SIDE)
    if isinstance(fit, str) and fit == "pad":
        size = tuple(max(1, round(SIDE * side / max(picture.size))) for side in picture.size)
    small = picture.resize(size, Image.Resampling.LANCZOS, box=seen)
    return np.array(np.asarray(_padded(small)).transpose(2, 0, 1), order="C")  # (3, 32, 32)


def _padded(picture: Image.Image) -> Image.Image:
    """A picture in the middle of a square, with the mean colour of its own rim beside it.

    That adds the least contrast which is not there. Of 3,200 CIFAR-10 test images cut to 32x24,
    the shipped network names 53 % rightly so; 47 % with the grey of cutout, 34 % with black, and
    50 % as their centre squares, enlarged.
    """
    if picture.size == (SIDE, SIDE):
        return picture
    pixels = np.asarray(picture)  # (height, width, 3)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).mean(axis=0)
    padded = Image.new("RGB", (SIDE, SIDE), tuple(rim.round().astype(int).tolist()))
    padded.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    return padded


def frame(size: tuple[int, int], fit: Fit = "crop") -> Box:
    """What the network is shown of a picture: (left, top, right, bottom) in pixels.

    Args:
        size: width and height of the picture.
        fit: "crop" or "pad"; or a box (left, top, right, bottom) as fractions of width and height,
            0...1 from the upper left corner. A box that is not square is grown to a square around
            its centre, and moved or cut where the picture ends.

    Raises:
        UserError: there is no such fit.
    """
    width, height = size
    if isinstance(fit, str):
        if fit not in FITS:
            raise UserError(
                f"{one_line(fit, 20)!r} is no way to fit a picture: choose crop, pad or a box."
            )
        left, top, right, bottom = 0, 0, width, height
        if fit == "pad":
            return left, top, right, bottom
        side = min(width, height)
    else:
        left, top, right, bottom = _checked(fit) * (width, height, width, height)
        side = max(1, min(width, height, max(right - left, bottom - top)))
    left = _moved((left + right - side) / 2, width - side)
    top = _moved((top + bottom - side) / 2, height - side)
    return left, top, left + side, top + side


def _moved(start: float, room: float) -> float:
    return float(min(max(start, 0), room))


def _checked(box: Sequence[float]) -> np.ndarray:
    """A box of fractions as an array (4,)."""
    try:
        left, top, right, bottom = values = np.array(box, dtype=float)
        sound = 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise UserError(
            "A crop box is left, top, right and bottom as fractions from 0 to 1, with left below "
            "right and top below bottom: correct it."
        )
    return values


def preview(picture: Image.Image) -> bytes:
    """A picture at a modest size, encoded for a page: JPEG, or PNG if it has few pixels anyway.

    Args:
        picture: as `read` makes it.
    """
    picture = picture.copy()
    picture.thumbnail((PREVIEW, PREVIEW), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    if max(picture.size) <= 4 * SIDE:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
