"""The first page of a TIFF, without all that its entries could lead a decoder to."""

import struct
from typing import NamedTuple

from .colour_profiles import MAX_PROFILE

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}  # bytes of a value of each kind
KEPT = {256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293, 317, 320, 322,
             323, 324, 325, 332, 338, 339, 347, 530, 531, 532}  # fmt: skip
BITS, PACKING, MEANING, BANDS, LAYOUT, KIND = 258, 259, 262, 277, 284, 339
LENGTHS, TILE, PROFILE = (279, 325), 322, 34675
GREY, PLANES = (0, 1), 2  # meanings of values, and bands that lie one after the other
WHOLE_NUMBERS, UNDEFINED = 1, 4  # kinds of values; signed and floating ones have no range
PACKINGS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # none, fax, LZW, JPEG, deflate, runs
SINGLE = (256, 257, 259, 262, 266, 274, 277, 278, 284, 317, 322, 323)
MAX_VALUES = 2**18  # bytes of one entry
MAX_TILE = 2**13  # pixels of a tile's side


class FirstPage(NamedTuple):
    """A TIFF of one page.

    Attributes:
        content: the file.
        profile: its colour profile, which is not shown to the decoder; empty if there is none.
        is_deep: whether it has more than eight bits a value.
    """

    content: bytes
    profile: bytes
    is_deep: bool


def first_page(content: bytes) -> FirstPage:
    """The first page of a TIFF, with what says how it is stored and nothing else.

    Raises:
        ValueError, struct.error: it is damaged, or stored in a way that is not decoded here.
    """
    order = "<" if content[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    entries: dict[int, bytes] = {}
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, many = struct.unpack_from(f"{order}HHI", content, place)
        size = SIZES.get(kind, 1) * many
        if tag == PROFILE or (tag in KEPT and size <= MAX_VALUES):
            entries.setdefault(tag, content[place : place + 12])
    profile = _stored(content, order, entries.pop(PROFILE, b""))[: MAX_PROFILE + 1]
    values = {tag: _values(content, order, entry) for tag, entry in entries.items()}
    _check(values, len(content))
    _check_values(values)
    page = b"".join(entries[tag] for tag in sorted(entries))
    even = content + bytes(len(content) % 2)
    start = struct.pack(f"{order}IH", len(even), len(entries))
    whole = even[:4] + start[:4] + even[8:] + start[4:] + page + bytes(4)
    return FirstPage(whole, profile, max(values.get(BITS) or (1,)) > 8)


def _check(values: dict[int, tuple[int, ...]], size: int) -> None:
    """Refuse what would keep the decoder busy.

    Raises:
        ValueError: it is packed in an unusual way, or its parts are larger than the file.
    """
    if any(len(values.get(tag, (1,))) != 1 for tag in SINGLE):
        raise ValueError("there are too many values")
    packing = (values.get(PACKING) or (1,))[0]
    tiles = (*values.get(TILE, ()), *values.get(TILE + 1, ()))
    lengths = sum(sum(values.get(tag, ())) for tag in LENGTHS)
    if packing not in PACKINGS or max(tiles, default=0) > MAX_TILE or lengths > 2 * size:
        raise ValueError("it is not packed as usual")


def _check_values(values: dict[int, tuple[int, ...]]) -> None:
    """Refuse what is no picture without being told more, or what the decoder mistakes.

    Raises:
        ValueError: the values have no range, the bands no colours, or deep bands lie apart.
    """
    bits = max(values.get(BITS) or (1,))
    (bands,), (layout,) = values.get(BANDS) or (1,), values.get(LAYOUT) or (1,)
    has_range = bits <= 16 and {*values.get(KIND, ())} <= {WHOLE_NUMBERS, UNDEFINED}
    are_measured = bands > 2 and (values.get(MEANING) or (1,))[0] in GREY
    if not has_range or are_measured or (bits > 8 and bands > 1 and layout == PLANES):
        raise ValueError("its values are no colours that are decoded here")


def _stored(content: bytes, order: str, entry: bytes) -> bytes:
    """What an entry names, empty where there is none."""
    if not entry:
        return b""
    _, kind, many, start = struct.unpack(f"{order}HHII", entry)
    size = SIZES.get(kind, 1) * many
    return entry[8 : 8 + size] if size <= 4 else content[start : start + size]


def _values(content: bytes, order: str, entry: bytes) -> tuple[int, ...]:
    """The whole numbers of an entry."""
    _, kind, many = struct.unpack_from(f"{order}HHI", entry)
    letter = {1: "B", 3: "H", 4: "I"}.get(kind)
    stored = _stored(content, order, entry)
    return struct.unpack_from(f"{order}{many}{letter}", stored) if letter else ()
