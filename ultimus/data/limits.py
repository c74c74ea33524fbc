"""What an upload may be: all limits in one place, and the sentences about what is beyond them.

They hold in Python, on the server; what a page or a browser checks before is a courtesy.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UserError

MAX_FILE_BYTES = 30_000_000  # a picture; a detailed 50-megapixel photograph of a phone has 10 to 25
MIN_CLASSES, MAX_CLASSES = 2, 10  # of a data set, and so of a network
MAX_FILES = 50  # pictures of one upload, which a page answers in a few seconds
MAX_SESSION_BYTES = 200_000_000  # pictures that a session keeps; 16 GB of memory serve a class
MAX_SESSION_PICTURES = 200  # of which each is computed at each change of a page
MAX_CHECKPOINT_BYTES = 2**24  # the network takes 84 kB; beside it a .pt may hold an optimizer

# Pixels a file may claim to have, checked before any is decoded. At each of these the worst file
# that could be made takes about a second and 450 MB; see tests/hostile/pictures.py.
MAX_PIXELS = 2**26  # of a JPEG, which is decoded at a reduced scale; phones make 50 and 64 million
MAX_PIXELS_WHOLE = 24_000_000  # of all others, which are not; cameras' 6000x4000
MAX_PIXELS_BOXED = 16_000_000  # of AVIF and HEIC; phones make 12 million
MAX_PIXELS_RLE = 2**21  # of a run-length coded BMP, which Pillow decodes in Python
MAX_SIDE = 65_535  # pixels; the most that a JPEG can have
MAX_SCANS = 10  # of a JPEG of MAX_PIXELS, as encoders make them; a smaller one may have more
MAX_PARTS = 2**16  # segments, chunks or blocks of a file, which are gone through in Python

# A data set, wherever it lies
MAX_IMAGES = 200_000  # 600 MB decoded; also a guard against being pointed at a whole disk
MAX_UNPACKED_BYTES = 4_000_000_000  # of an archive, all its files together
MAX_MEMBER_BYTES = 500_000_000  # of one table in an archive, which is read into memory
MAX_BROKEN_SHARE = 0.01  # of the pictures may be unreadable; they are left out, and named

# A data set that is uploaded
MAX_DATA_BYTES = 200_000_000  # of one upload
MAX_KEPT_BYTES = 2_000_000_000  # of all uploads; the ones that were used least lately go first
MAX_DECODING_SECONDS = 600  # of one upload; pictures may be made to take long

MAX_NAME = 60  # characters of an uploaded file's name that are shown

_JOINERS = "\u200c\u200d"  # within emoji, and within words of Persian and of India's languages
_PLAIN = str.maketrans("<>[]`$", "‹›()'＄")  # what HTML, Markdown and formulas are made with


class Admitted(NamedTuple):
    """What of an upload is taken.

    Attributes:
        accepted: (name, content) of each file that is taken, in order, its name made safe.
        refusals: one sentence for each reason why a file, or several, are left out.
    """

    accepted: list[tuple[str, bytes]]
    refusals: list[UserError]


def admitted(files: Sequence[tuple[str, bytes]], used: int = 0, pictures: int = 0) -> Admitted:
    """Take what the limits allow of an upload; what is beyond them does not stop the others.

    Args:
        files: name and content of each.
        used: bytes that the session keeps already.
        pictures: how many it keeps already.
    """
    accepted: list[tuple[str, bytes]] = []
    refusals: list[UserError] = []
    crowded = too_many = 0
    for name, content in files[:MAX_FILES]:
        try:
            check_file(shown(name), len(content))
        except UserError as error:
            refusals.append(error)
            continue
        if used + len(content) > MAX_SESSION_BYTES:
            crowded += 1
            continue
        if pictures + len(accepted) >= MAX_SESSION_PICTURES:
            too_many += 1
            continue
        used += len(content)
        accepted.append((shown(name), content))
    if crowded:
        refusals.append(_left_out(crowded, f"a session keeps {_mb(MAX_SESSION_BYTES)} of pictures"))
    if too_many:
        refusals.append(_left_out(too_many, f"a session keeps {MAX_SESSION_PICTURES} pictures"))
    if len(files) > MAX_FILES:
        refusals.append(_left_out(len(files) - MAX_FILES, f"an upload takes {MAX_FILES} pictures"))
    return Admitted(accepted, refusals)


def _left_out(count: int, rule: str) -> UserError:
    pictures = "1 picture is" if count == 1 else f"{count} pictures are"
    return UserError(f"{pictures} left out, since {rule}: remove some, then add the others.")


def check_file(name: str, size: int) -> None:
    """Refuse a file of no bytes or of too many.

    Args:
        name: how an error calls it.
        size: in bytes.

    Raises:
        UserError: it is empty or too large.
    """
    if not size:
        raise UserError(f"{name} is empty: choose another file.")
    if size > MAX_FILE_BYTES:
        raise UserError(f"{name} is larger than {_mb(MAX_FILE_BYTES)}: use a smaller picture.")


def check_pixels(name: str, width: int, height: int, most: int = MAX_PIXELS_WHOLE) -> None:
    """Refuse a picture by the size that it claims to have, before it is decoded.

    Args:
        name: how an error calls it.
        width: in pixels.
        height: in pixels.
        most: pixels that a file of its kind may have.

    Raises:
        UserError: it has too many, or a side is too long.
    """
    if width * height > most:
        raise UserError(
            f"{name} has more than {most:,} pixels, too many for a file of its kind: use a smaller "
            "picture."
        )
    if max(width, height) > MAX_SIDE:
        raise UserError(
            f"{name} is more than {MAX_SIDE:,} pixels wide or tall: use a smaller picture."
        )


def shown(name: str) -> str:
    """An uploaded file's name as a page may show it; it is never a path.

    One line without control characters and overrides of the writing direction, at most MAX_NAME
    characters, and plain text also where Markdown or HTML is understood.
    """
    return one_line(name.translate(_PLAIN), MAX_NAME) or "A file without a name"


def one_line(text: str, most: int) -> str:
    """Text without what breaks a line, moves a cursor or turns the writing direction.

    Characters that join two others are kept between these.

    Args:
        text: anything, also undecodable bytes as Python stands them in for.
        most: characters; of a longer text the middle is left out, as a name's end tells its kind.
    """
    text = " ".join(text.split())
    if not text.isprintable():  # else there is nothing to look for, which is the usual case
        text = "".join(filter(_is_visible, text)).strip()
        text = re.sub(
            rf"(?<![^\s{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\s{_JOINERS}])", "", text
        )
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[-end:]}"


def _is_visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character)[0] != "C"


def _mb(size: int) -> str:
    return f"{size // 1_000_000} MB"
