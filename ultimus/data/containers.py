"""Picture files without what decoding does not need, so that it can do no harm.

Metadata is the easiest place to hide a bomb: EXIF entries that all name the same megabytes,
compressed text and colour profiles, a million empty blocks. Nothing of it reaches the decoder; the
two things of use, which way up the picture is and what its colours mean, are read here.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from .colour_profiles import MAX_PROFILE, Meaning
from .limits import (
    MAX_PARTS,
    MAX_PIXELS,
    MAX_PIXELS_BOXED,
    MAX_PIXELS_RLE,
    MAX_PIXELS_WHOLE,
    MAX_SCANS,
)
from .tiff import first_page

UPRIGHT = 1
ORIENTATION = 0x0112  # EXIF tag

JPEG_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what browsers show too
JPEG_TABLES = {0xC4, 0xDB, 0xDD}
JPEG_COLOURS = {0xE0, 0xEE}  # JFIF and Adobe say what the numbers mean
JPEG_SCAN, JPEG_EXIF, JPEG_PROFILE = 0xDA, 0xE1, 0xE2
JPEG_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without content
JPEG_REFUSED = set(range(0xC0, 0xD0)) - JPEG_FRAMES - JPEG_TABLES | {0xD9, 0xDE, 0xDF}
_MARKER = re.compile(rb"\xff[^\x00\xff]")

PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
PNG_TOLD = {b"eXIf", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP"}
GIF_EXTENSION, GIF_IMAGE, GIF_END, GIF_CONTROL = 0x21, 0x2C, 0x3B, 0xF9


class Essence(NamedTuple):
    """What of a file its decoder needs.

    Attributes:
        content: the file, without metadata if its format is one where they can be a danger.
        exif: the EXIF block, empty if there is none.
        most: pixels that such a file may have, so that decoding it takes no more than a second.
        profile: the colour profile, where the decoder is not shown it; empty if there is none.
        meaning: what else is said about the colours.
        is_cut: whether its end is missing.
    """

    content: bytes
    exif: bytes = b""
    most: int = MAX_PIXELS_WHOLE
    profile: bytes = b""
    meaning: Meaning = Meaning()
    is_cut: bool = False


def essence(content: bytes) -> Essence:
    """Take a picture file apart as far as decoding it safely requires.

    Raises:
        ValueError, IndexError, struct.error: it is damaged, or its kind is not decoded here.
    """
    for start, reduce in READERS.items():
        if content.startswith(start):
            return reduce(content)
    return _boxed(content) if content[4:8] == b"ftyp" else Essence(content)


def orientation(exif: bytes) -> int:
    """How to turn a picture, 1 to 8 as in EXIF; 1, upright, where nothing sensible is said."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if not order:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, place)
            if tag == ORIENTATION:
                number = "H" if kind == 3 else "I"
                (value,) = struct.unpack_from(f"{order}{number}", exif, place + 8)
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT


def _jpeg(content: bytes) -> Essence:
    """The tables, the frame and the scans of the first picture in the file."""
    parts, exif, layers = {"start": content[:2]}, b"", 0
    profile: dict[int, bytes] = {}
    for number, (marker, place, segment) in enumerate(_segments(content)):
        if marker == JPEG_SCAN:
            whole = _jpeg_of(b"".join(parts.values()), content, place, exif, layers)
            return whole._replace(profile=b"".join(profile[number] for number in sorted(profile)))
        if marker in JPEG_FRAMES:
            if layers:
                raise ValueError("there is a second frame")
            layers = segment[9]
        if marker in JPEG_FRAMES | JPEG_TABLES:
            parts[f"part {number}"] = segment
        elif marker in JPEG_COLOURS:
            parts.setdefault(f"marker {marker}", segment)
        elif marker == JPEG_PROFILE and segment[4:].startswith(b"ICC_PROFILE\0"):
            profile.setdefault(segment[16], segment[18:])  # 255 parts at most, counted from 1
        elif marker == JPEG_EXIF and segment[4:].startswith(b"Exif\0\0"):
            exif = exif or segment[4:]
    raise ValueError("there are too many segments")


def _segments(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """What stands before the scans: each marker, its place, and the segment; of the first scan the
    marker alone."""
    place = 2
    for _ in range(MAX_PARTS):
        found = _MARKER.search(content, place)
        if not found:
            raise ValueError("there is no scan")
        place, marker = found.end(), content[found.end() - 1]
        if marker in JPEG_REFUSED:
            raise ValueError(f"the marker {marker:x} is not of a kind that is decoded here")
        if marker == JPEG_SCAN:
            yield marker, found.start(), b""
        elif marker not in JPEG_ALONE:
            (length,) = struct.unpack_from(">H", content, place)
            place += length
            yield marker, found.start(), content[found.start() : place]


def _jpeg_of(head: bytes, content: bytes, place: int, exif: bytes, layers: int) -> Essence:
    """A JPEG from its head and from its scans, which begin at a place of the file.

    Each scan goes over the whole picture, and where there are several, all their coefficients
    are held at once; so the more scans or colours, the smaller the picture has to be.
    """
    end = content.find(b"\xff\xd9", place) + 2
    data = content[place:end] if end > 1 else content[place:] + b"\xff\xd9"
    scans = data.count(b"\xff\xda")
    most = MAX_PIXELS if scans == 1 else MAX_PIXELS * 3 // max(layers, 3)
    most = min(most, MAX_PIXELS * MAX_SCANS // scans)
    return Essence(head + data, exif, most, is_cut=end <= 1)


def _png(content: bytes) -> Essence:
    """The picture itself: no text, no profile, no animation."""
    parts, chunks, place = [content[:8]], {}, 8
    for _ in range(MAX_PARTS):
        if place + 8 > len(content):
            break
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind in PNG_KEPT:
            parts.append(content[place : place + 12 + length])
        elif kind in PNG_TOLD:
            chunks.setdefault(kind, content[place + 8 : place + 8 + length])
        place += 12 + length
        if kind == b"IEND":
            break
    else:
        raise ValueError("there are too many chunks")
    deep = content[24] == 16  # bits: twice the bytes
    most = MAX_PIXELS_WHOLE // 2 if deep else MAX_PIXELS_WHOLE
    exif = chunks.get(b"eXIf", b"")
    return Essence(b"".join(parts), exif, most, _png_profile(chunks), _png_meaning(chunks))


def _png_profile(chunks: dict[bytes, bytes]) -> bytes:
    """The profile, unpacked as far as one is long; empty where there is none."""
    with suppress(zlib.error):
        packed = chunks.get(b"iCCP", b"").partition(b"\0")[2][1:]
        return zlib.decompressobj().decompress(packed, MAX_PROFILE + 1) if packed else b""
    return b"damaged"


def _png_meaning(chunks: dict[bytes, bytes]) -> Meaning:
    """What the chunk that counts most says about the colours."""
    with suppress(struct.error):
        if b"cICP" in chunks:
            primaries, transfer, _, _ = struct.unpack("4B", chunks[b"cICP"])
            return Meaning(primaries=primaries, transfer=transfer)
        if b"gAMA" in chunks and b"sRGB" not in chunks:
            (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
            where = struct.unpack(">8I", chunks[b"cHRM"]) if b"cHRM" in chunks else ()
            return Meaning(gamma / 1e5, tuple(coordinate / 1e5 for coordinate in where))
    return Meaning()


def _gif(content: bytes) -> Essence:
    """From the first image on, with what says which colour of it is transparent."""
    flags = content[10]
    start = place = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    head, control, begun = content[:place], b"", False
    for _ in range(MAX_PARTS):
        value = content[place]
        if begun:  # in an extension, at a block whose length this is; 0 is the end
            place += 1 + value
            begun = value > 0
            if not begun and content[start + 1] == GIF_CONTROL:
                control = content[start:place]
        elif value == GIF_IMAGE:
            return Essence(head + control + content[place:])
        elif value == GIF_END:
            raise ValueError("there is no image")
        else:
            begun = value == GIF_EXTENSION
            start, place = place, place + (2 if begun else 1)
    raise ValueError("there are too many blocks")


def _bmp(content: bytes) -> Essence:
    """As it is; one with run lengths has to be small."""
    header, coded = struct.unpack_from("<I", content, 14)[0], 0
    if header >= 40:
        (coded,) = struct.unpack_from("<I", content, 30)
    if coded not in (1, 2):
        return Essence(content)
    if len(content) > MAX_PIXELS_RLE:
        raise ValueError("there are too many runs")
    return Essence(content, most=MAX_PIXELS_RLE)


# Files of boxes: AVIF and HEIC --------------------------------------------------------------------

VIDEO_COLOURS, PROFILES = b"colrnclx", (b"colrprof", b"colrrICC")
BOX_PARTS = 64  # boxes that are gone through; the one that is looked for is among the first


def _boxed(content: bytes) -> Essence:
    """As it is, but for EXIF, whose name is taken away: the boxes say themselves how to turn it."""
    head, place = b"", 0
    for _ in range(BOX_PARTS):
        if place + 8 > len(content):
            break
        size, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"meta":
            head = content[place : place + size]
            break
        place += max(size, 8)
    plain = head.replace(b"Exif", b"none").replace(b"mime", b"none")
    found, meaning = head.find(VIDEO_COLOURS), Meaning()
    if found >= 0 and not any(kind in head for kind in PROFILES):  # which count more
        primaries, transfer = struct.unpack_from(">HH", head, found + len(VIDEO_COLOURS))
        meaning = Meaning(primaries=primaries, transfer=transfer)
    whole = content[:place] + plain + content[place + len(head) :]
    return Essence(whole, most=MAX_PIXELS_BOXED, meaning=meaning)


def _tiff(content: bytes) -> Essence:
    """Its first page, which Pillow turns itself."""
    page = first_page(content)
    most = MAX_PIXELS_WHOLE // 2 if page.is_deep else MAX_PIXELS_WHOLE
    return Essence(page.content, b"", most, page.profile)


NETPBM = re.compile(
    rb"P(?:4|(?P<bands>[56]))"
    + 2 * rb"(?:\s|#[^\n]*\n)+(\d{1,6})"
    + rb"(?(bands)(?:\s|#[^\n]*\n)+(\d{1,5}))\s"
)
NETPBM_HEAD = 2**10  # bytes
NETPBM_LARGEST = {b"4": (b"",), b"5": (b"255", b"65535"), b"6": (b"255",)}


def _netpbm(content: bytes) -> Essence:
    """PBM, PGM and PPM in their binary forms, whose largest value is a whole number of bytes.

    The others are decoded slowly. The head is written anew, since comments in it take long, too.
    """
    head = NETPBM.match(content[:NETPBM_HEAD])
    kind, largest = content[1:2], (head and head[4]) or b""
    if not head or largest not in NETPBM_LARGEST[kind]:
        raise ValueError("it is not in a binary form")
    plain = b" ".join(filter(None, (b"P" + kind, head[2], head[3], largest))) + b"\n"
    return Essence(plain + content[head.end() :])


READERS = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    **{b"P" + bytes([kind]): _netpbm for kind in b"0123456fy"},
}
