"""Writing files so that a reader never sees half of one."""

import errno
import os
import secrets
from pathlib import Path

from .errors import UserError, reason


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content at once; a process killed meanwhile leaves the old one."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(scratch, "xb") as file:  # not tempfile, whose files only their owner can read
            file.write(content)
        try:
            os.replace(scratch, path)
        except FileNotFoundError:  # swept away with what a killed process left half written
            write_atomically(path, content)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


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
