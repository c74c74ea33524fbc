"""Zip and tar archives: their files, each with a way to read it; nothing is written anywhere."""

import bz2
import gzip
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from ...errors import UserError, reason
from ..limits import MAX_IMAGES, MAX_UNPACKED_BYTES, one_line

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
FAULTS = (
    OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error, struct.error,
    lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""What damaged files and archives are met with."""

DECOMPRESSORS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
UTF8 = 0x800  # mark of a zip's entry
PIECE = 2**20  # bytes

Member = tuple[tuple[str, ...], int, Callable[[], BinaryIO]]


def is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def members(place: str, passed: Counter[str]) -> Iterator[Member]:
    """Path, size and way to open each file of an archive.

    Args:
        place: the archive.
        passed: counts what is passed over, by what it is.

    Raises:
        UserError: it is damaged, protected by a password, or holds too much.
    """
    try:
        inside = _zip if zipfile.is_zipfile(place) else _tar
        total = 0
        for name, size, opened in inside(place, passed):
            total += size
            if total > MAX_UNPACKED_BYTES:
                raise _too_much(place)
            parts = _safe(name)
            if parts is None:
                passed["files whose names lead out of the archive"] += 1
            else:
                yield parts, size, opened
    except UserError:
        raise
    except FAULTS as error:
        raise UserError(
            f"{_name(place)} is not a whole zip or tar archive ({reason(error)}): pack or "
            "download it again."
        ) from error


def _safe(name: str) -> tuple[str, ...] | None:
    """The parts of a name; None if it would lead out of its folder."""
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    return parts if parts and ".." not in parts and "\0" not in name else None


def _zip(place: str, passed: Counter[str]) -> Iterator[tuple[str, int, Callable]]:
    archive = zipfile.ZipFile(place)  # stays open as long as its files may be asked for
    written = _written(archive.infolist())
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise UserError(f"{_name(place)} is protected by a password: pack it without one.")
        kind = info.external_attr >> 28
        if kind == 0o12:
            passed["links in the archive"] += 1
        elif not info.is_dir():
            name = written.get(info.filename, info.filename)
            yield name, info.file_size, partial(archive.open, info)


def _written(infos: list[zipfile.ZipInfo]) -> dict[str, str]:
    """Names as they were meant: macOS writes UTF-8 without the mark that says so."""
    unmarked = (info.filename for info in infos if not info.flag_bits & UTF8)
    try:
        return {name: name.encode("cp437").decode() for name in unmarked if not name.isascii()}
    except UnicodeError:
        return {}


def _tar(place: str, passed: Counter[str]) -> Iterator[tuple[str, int, Callable]]:
    archive = tarfile.open(fileobj=_plain(place))  # noqa: SIM115 (as above)
    for count, info in enumerate(archive):
        if count > 2 * MAX_IMAGES:
            raise _too_much(place)
        if info.isreg() and not info.issparse():
            yield info.name, info.size, partial(archive.extractfile, info)
        elif not info.isdir():
            passed["links in the archive"] += 1


def _plain(place: str) -> BinaryIO:
    """A tar without its compression, which allows no reading out of order."""
    file = open(place, "rb")  # noqa: SIM115
    opener = DECOMPRESSORS.get(file.read(2))
    file.seek(0)
    if opener is None:
        return file
    whole, size = tempfile.TemporaryFile(), 0  # noqa: SIM115
    with file, opener(file) as packed:
        while piece := packed.read(PIECE):
            size += len(piece)
            if size > MAX_UNPACKED_BYTES:
                raise _too_much(place)
            whole.write(piece)
    whole.seek(0)
    return whole


def _too_much(place: str) -> UserError:
    return UserError(
        f"{_name(place)} holds more than {MAX_UNPACKED_BYTES // 1_000_000_000} GB or too many "
        "files: unpack it and give the folder of one data set."
    )


def _name(place: str) -> str:
    return one_line(place.rpartition("/")[2], 120)
