"""Colours as their file means them: from any colour space into sRGB, relative colorimetric.

A profile may be anybody's: one that is large, of another kind, or made of a great many steps is not
followed. Then the picture is read as if its colours were sRGB, and that is said.
"""

import struct
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE = 4_000_000  # bytes; those for print have up to 3 MB
HEAD = 132  # bytes of a profile's head and of the number of its tags
MAX_TAGS = 100  # as many as the library takes
KINDS = (b"mntr", b"scnr", b"prtr", b"spac")  # of a display, a camera, a printer, a colour space
SPACES = {b"RGB ": "RGB", b"CMYK": "CMYK", b"GRAY": "L"}
STEPS = b"mpet"  # an element with any number of steps, in which one could be kept busy for hours
RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC
CMYK_ALONE = "it is in CMYK without a profile, so its colours are approximate"
UNREADABLE = "its colour profile cannot be used, so its colours are read as sRGB"
HDR = "it is in high dynamic range, and its colours are read as ordinary ones"

Convert = Callable[[Image.Image], Image.Image]


class Colours(NamedTuple):
    """How the colours of a picture become sRGB.

    Attributes:
        convert: from a picture in its own mode to RGB or RGBA.
        note: what has to be said about it; empty where all is as it should be.
    """

    convert: Convert
    note: str = ""


class Meaning(NamedTuple):
    """What a file says about its colours besides a profile.

    Attributes:
        gamma: the exponent that light was stored with, e.g. 1 / 2.2; 0 if not told.
        chromaticities: x and y of white, red, green, blue; none if not told.
        primaries: by number, as video standards count them (ITU-T H.273); 0 if not told.
        transfer: likewise.
    """

    gamma: float = 0.0
    chromaticities: tuple[float, ...] = ()
    primaries: int = 0
    transfer: int = 0


def colours(mode: str, profile: bytes, meaning: Meaning) -> Colours:
    """How a picture is brought to sRGB.

    Args:
        mode: Pillow's, of the picture as it was decoded.
        profile: that the file embeds; empty if none.
        meaning: what else the file says.
    """
    plain = Colours(lambda picture: picture.convert(_with_alpha(picture)))
    if meaning.transfer in (16, 18):
        return plain._replace(note=HDR)
    if mode == "LAB":  # such colours need no profile
        return plain
    try:
        profile = _of_numbers(meaning) if meaning.primaries else profile or _of_gamma(meaning)
        if not profile:
            return plain._replace(note=CMYK_ALONE) if mode == "CMYK" else plain
        return Colours(_by_profile(profile, mode))
    except Exception:  # a library meets damaged profiles with exceptions of many kinds
        return plain._replace(note=UNREADABLE)


def _with_alpha(picture: Image.Image) -> str:
    return "RGBA" if picture.has_transparency_data else "RGB"


# By a profile -------------------------------------------------------------------------------------


def _by_profile(profile: bytes, mode: str) -> Convert:
    """A conversion by a profile that was looked at.

    Raises:
        Exception: it is damaged, or not one for pictures of this mode.
    """
    space = _checked(profile)
    if (space == "CMYK" and mode != "CMYK") or (space == "L" and mode not in GREY):
        raise ValueError(f"a profile for {space} in a picture of the mode {mode}")
    if mode == "CMYK" and space != "CMYK":
        raise ValueError("no profile for CMYK")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    transforms = {
        form: ImageCms.buildTransform(source, _srgb(), form, to, RELATIVE)
        for form, to in ((space, "RGB"), *([("RGBA", "RGBA")] if space == "RGB" else []))
    }

    def convert(picture: Image.Image) -> Image.Image:
        alpha = _with_alpha(picture) == "RGBA"
        if space == "RGB":
            form = "RGBA" if alpha else "RGB"
            return transforms[form].apply(picture.convert(form))
        converted = transforms[space].apply(picture.convert(space))
        if alpha:  # grey with alpha, which the library would convert wrongly as a whole
            converted.putalpha(picture.convert("LA").getchannel("A"))
        return converted

    return convert


GREY = {"1", "L", "LA", "I", "I;16", "P"}


def _checked(profile: bytes) -> str:
    """The mode that a profile is for.

    Raises:
        ValueError: it is too large, too long to follow, or of another kind.
    """
    (tags,) = struct.unpack_from(">I", profile, HEAD - 4)
    sound = (
        HEAD < len(profile) <= MAX_PROFILE
        and profile[36:40] == b"acsp"
        and profile[12:16] in KINDS
        and profile[16:20] in SPACES
        and tags <= MAX_TAGS
        and STEPS not in profile
    )
    if not sound:
        raise ValueError("not a profile that is followed here")
    return SPACES[profile[16:20]]


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


# By numbers: such a profile is made here ----------------------------------------------------------

D65 = (0.3127, 0.3290)
D50 = np.array([0.9642, 1, 0.8249])  # XYZ, of profiles
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
SRGB = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
SRGB_GAMMA = 0.45455
PRIMARIES = {
    1: SRGB,
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),  # PAL
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),  # NTSC
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # cinema's P3
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
VIDEO = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)  # g, a, b, c, d of a curve
CURVES = {
    **dict.fromkeys((1, 6, 14, 15), VIDEO),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),  # sRGB
}


def _of_numbers(meaning: Meaning) -> bytes:
    """The profile of a colour space that is told by number; none for sRGB itself.

    Raises:
        KeyError: it is not known here.
    """
    if (meaning.primaries, meaning.transfer) in ((1, 13), (2, 2)):
        return b""
    return rgb_profile(PRIMARIES[meaning.primaries], CURVES[meaning.transfer])


def _of_gamma(meaning: Meaning) -> bytes:
    """The profile of a gamma and of chromaticities; none where they are those of sRGB.

    Raises:
        ValueError: they are not those of a picture.
    """
    if not meaning.gamma:
        return b""
    where = meaning.chromaticities or SRGB
    like_srgb = np.abs(np.subtract(where, SRGB)).max() < 0.005
    if like_srgb and abs(meaning.gamma - SRGB_GAMMA) < 0.005:
        return b""
    if not 0.1 <= meaning.gamma <= 10:
        raise ValueError(f"a gamma of {meaning.gamma}")
    return rgb_profile(where, (1 / meaning.gamma,))


def rgb_profile(chromaticities: tuple[float, ...], curve: tuple[float, ...]) -> bytes:
    """An ICC profile of a display.

    Args:
        chromaticities: x and y of white, red, green and blue.
        curve: g alone for x^g; or g, a, b, c, d for (a x + b)^g from d on, and c x below.

    Raises:
        ValueError: no colours are those of such a display.
    """
    white, *primaries = np.reshape(chromaticities, (4, 2))
    matrix = np.array(
        [_xyz(*primary) for primary in primaries]
    ).T  # (3, 3), a column for each primary
    light = matrix * np.linalg.solve(matrix, _xyz(*white))
    adapted = np.diag((BRADFORD @ D50) / (BRADFORD @ _xyz(*white)))
    columns = (np.linalg.inv(BRADFORD) @ adapted @ BRADFORD @ light).T
    if not (np.isfinite(columns).all() and np.abs(columns).max() < 10):
        raise ValueError("chromaticities of no display")
    shape = b"para\0\0\0\0" + struct.pack(">HH", 3 if len(curve) > 1 else 0, 0)
    response = shape + b"".join(map(_fixed, curve))
    tags = {b"wtpt": _xyz_tag(D50)}
    for letter, column in zip(b"rgb", columns, strict=True):
        tags |= {bytes([letter]) + b"XYZ": _xyz_tag(column), bytes([letter]) + b"TRC": response}
    return _profile_of(tags)


def _profile_of(tags: dict[bytes, bytes]) -> bytes:
    table, data, start = b"", b"", HEAD + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x0400_0000, b"mntr", b"RGB ", b"XYZ ")
    head = (head + bytes(12) + b"acsp" + bytes(28) + b"".join(map(_fixed, D50))).ljust(128, b"\0")
    return head + struct.pack(">I", len(tags)) + table + data


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x, y, 1 - x - y]) / y


def _xyz_tag(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(float(value) * 65536))
