"""Writing files so that a reader never sees half of one, and reading them without ever waiting."""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import UserError, reason

# Windows has neither pipes among its files nor the first flag, and needs the second one
NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
PATIENCE = 1.0  # seconds to wait for those who have a file open that is to be replaced
LOOK_EVERY = 0.01


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content at once; a process killed meanwhile leaves the old one."""
    try:
        with replacing(path) as file:
            file.write(content)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise
        write_atomically(path, content)  # swept away with what a killed process left half written


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes another's place, at once, when it is closed."""
    scratch = scratch_of(path)
    try:
        with open(scratch, "xb") as file:  # not tempfile, whose files only their owner can read
            yield file
        move(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def scratch_of(path: Path) -> Path:
    """A place beside a file for its passing copy, which `sweep` finds if its process is killed."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def move(source: Path, target: Path) -> None:
    """Move a file to a place where there may be another.

    Windows refuses that while somebody has one of the two open: readers here are done soon.

    Raises:
        OSError: it cannot be moved.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(LOOK_EVERY)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a file; what is none, as a pipe that would wait for another process, is refused.

    Args:
        path: of the file.
        flags: as for `os.open`: to read it, or with O_RDWR and O_CREAT.

    Raises:
        OSError: it is missing, cannot be opened, or is no regular file.
    """
    try:
        handle = os.open(path, flags | NO_WAITING, 0o666)
    except ValueError as error:  # a NUL in the name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file")
    return os.fdopen(handle, "r+b" if flags & os.O_RDWR else "rb")


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a regular file that is not larger than it may be.

    Args:
        path: of the file.
        most: bytes that it may have.

    Raises:
        OSError: as for `open_regular`, or it is larger.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
        return file.read(most)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written; a living one writes it again."""
    for scratch in folder.rglob(".*." + "[0-9a-f]" * 8):
        scratch.unlink(missing_ok=True)


def storage_problem(error: OSError, folder: Path) -> UserError:
    """What a failed write means for the person, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"The disk that holds {folder} is full: free some space and try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(
            f"{folder} cannot be written to: choose another folder or change its permissions."
        )
    return UserError(f"{folder} cannot be used ({reason(error)}): check it and try again.")
