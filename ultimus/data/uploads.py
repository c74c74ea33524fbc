"""Data sets that people upload: kept as one file each, under a name that its content gives.

No uploaded name ever becomes the name of a file; what an archive holds is read where it lies.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..files import storage_problem, write_atomically
from .limits import MAX_DATA_BYTES, MAX_IMAGES, MAX_KEPT_BYTES, shown
from .sources import UPLOAD, archives, upload_path

SINGLE = (".parquet", ".npz", ".npy", ".mat", *archives.SUFFIXES)
TYPES = ["zip", "tar", "gz", "tgz", "parquet", "npz"]  # that a page offers
_ENTRY = b"PK\x01\x02"  # begins each file's entry in the list at the end of a zip


def keep(files: Sequence[tuple[str, bytes]]) -> str:
    """Keep a data set; returns the source that stands for it.

    Args:
        files: name and content of each: one archive or table, or the files of a folder, whose
            names then are paths.

    Raises:
        UserError: it is beyond a limit, of another kind, or cannot be kept.
    """
    if not files:
        raise UserError("Nothing was uploaded: choose a zip of class folders, or a folder.")
    _check_size(sum(len(content) for _, content in files))
    name, content = files[0]
    suffix = next((end for end in SINGLE if name.lower().endswith(end)), "")
    if len(files) > 1 or not suffix:
        name, suffix, content = _folder_name(files), ".zip", _packed(files)
    if content.count(_ENTRY) > MAX_IMAGES:
        raise UserError(f"{shown(name)} has more than {MAX_IMAGES:,} files: upload a smaller one.")
    key = hashlib.blake2b(content, digest_size=16).hexdigest() + suffix
    path = upload_path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_room(path.parent, len(content))
            write_atomically(path, content)
        write_atomically(path.with_name(f"{key}.name"), shown(name).encode())
        os.utime(path)
    except OSError as error:
        raise storage_problem(error, path.parent) from error
    return UPLOAD + key


def _check_size(size: int) -> None:
    if size > MAX_DATA_BYTES:
        raise UserError(
            f"The data set has {size / 1e6:,.0f} MB, more than the {MAX_DATA_BYTES // 1_000_000} "
            "MB of an upload: make its pictures smaller, 64 pixels are plenty, or leave some out."
        )


def _folder_name(files: Sequence[tuple[str, bytes]]) -> str:
    """What the folder was called that was uploaded."""
    first = files[0][0].replace("\\", "/").strip("/")
    return first.partition("/")[0] if "/" in first else "Uploaded pictures"


def _packed(files: Sequence[tuple[str, bytes]]) -> bytes:
    """The files of a folder as one zip, the same for the same files."""
    if len(files) > MAX_IMAGES:
        raise UserError(f"A data set has at most {MAX_IMAGES:,} files: leave some out.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(files):
            inside = name.replace("\\", "/").lstrip("/") or "file"
            archive.writestr(zipfile.ZipInfo(inside), content)
    return buffer.getvalue()


def _make_room(folder: Path, size: int) -> None:
    """Remove the uploads that were used least lately, so that all stay within the limit."""
    uploads = [path for path in folder.iterdir() if path.suffix != ".name"]
    uploads.sort(key=lambda path: path.stat().st_mtime)
    total = size + sum(path.stat().st_size for path in uploads)
    for path in uploads:
        if total <= MAX_KEPT_BYTES:
            break
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.name").unlink(missing_ok=True)
