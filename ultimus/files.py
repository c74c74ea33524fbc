"""Writing files so that a reader never sees half of one."""

import errno
import os
import tempfile
from pathlib import Path

from .errors import UserError


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content at once; a process killed meanwhile leaves the old one."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def storage_problem(error: OSError, folder: Path) -> UserError:
    """What a failed write means for the person, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"The disk that holds {folder} is full: free some space, then resume.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(
            f"{folder} cannot be written to: choose another folder or change its permissions."
        )
    return UserError(
        f"{folder} cannot be used ({error.strerror or error}): check it and try again."
    )
