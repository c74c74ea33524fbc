"""What a .pt file holds, whoever wrote it, told without running anything of it."""

import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from ..data.limits import MAX_CHECKPOINT_BYTES
from ..errors import UserError
from .pickle_reader import Reader, Storage, too_much

MAX_MEMBERS = 2**14  # files in an archive; the network's has 20, each tensor beside it has one

ARCHIVE, PICKLE = b"PK\3\4", b"\x80"  # how files begin; the second until torch 1.5
MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # what torch.save began with until then


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        value: the object, of plain values, `StoredTensor` and `Placeholder`.
        modules: whether there is a whole model of torch among the objects.
    """

    value: Any
    modules: bool = False


def is_pickled(content: bytes) -> bool:
    """Whether a file begins as torch.save's do."""
    return content.startswith((ARCHIVE, PICKLE))


def read(content: bytes, name: str) -> Content:
    """What a .pt file holds, in little time and memory.

    Args:
        content: of the file, at most MAX_CHECKPOINT_BYTES.
        name: how an error calls it.

    Raises:
        UserError: it holds code, which is not run; or it is damaged or truncated, or would take
            too much time or memory.
    """
    try:
        if content.startswith(ARCHIVE):
            return _archived(content, name)
        return _old(content, name)
    except UserError:
        raise
    except Exception as error:  # damaged bytes are met with exceptions of many kinds
        raise damaged(name) from error


def damaged(name: str) -> UserError:
    """That a file is not whole."""
    return UserError(
        f"{name} is damaged, cut off, or not what torch.save writes: fetch or save it again."
    )


def too_large(name: str) -> UserError:
    """That a file is beyond the limit."""
    return UserError(
        f"{name} takes more than {MAX_CHECKPOINT_BYTES:,} bytes, too large for an Ultimus network: "
        "choose another file."
    )


# The two kinds of files ---------------------------------------------------------------------------


def _archived(content: bytes, name: str) -> Content:
    """An archive: a pickle, and the numbers of each storage as a file of its own."""
    members = _members(content, name)
    swapped = "byteorder" in members and members["byteorder"]().strip() == b"big"

    def numbers(storage: Storage) -> bytes:
        return _numbers(members[f"data/{storage.key.lower()}"](), storage, swapped)

    reader = Reader(name, numbers)
    return Content(reader.read(BytesIO(members["data.pkl"]())), reader.modules)


def _members(content: bytes, name: str) -> dict[str, Callable[[], bytes]]:
    """Path below the archive's one folder, in small letters as torch compares them -> its bytes."""
    if content.count(b"PK\1\2") > MAX_MEMBERS:  # before a list of them is made
        raise too_much(name)
    archive = zipfile.ZipFile(BytesIO(content))
    members = archive.infolist()
    if sum(member.file_size for member in members) > MAX_CHECKPOINT_BYTES:
        raise too_large(name)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UserError(f"{name} is compressed, as torch.save never does: save it again.")
    paths = [member.filename.partition("/")[2].lower() for member in members]
    if len(set(paths)) < len(paths):
        raise ValueError("two members of one name")
    return {
        path: partial(archive.read, member) for path, member in zip(paths, members, strict=True)
    }


def _old(content: bytes, name: str) -> Content:
    """Five pickles, and then the numbers: of each storage how many, and its bytes."""
    if MAGIC not in content[:32]:
        raise UserError(
            f"{name} was written by pickle or joblib, not by torch.save, and is not opened: save "
            'the weights with torch.save(model.state_dict(), "weights.pt").'
        )
    stream, found = BytesIO(content), {}
    reader = Reader(name, lambda storage: _numbers(found[storage.key], storage))
    _, _, _, value, keys = (reader.read(stream) for _ in range(5))
    for key in keys:
        storage = reader.storages[key]
        size = storage.dtype.itemsize
        start, count = stream.tell() + 8, int.from_bytes(stream.read(8), "little", signed=True)
        if count != storage.count or start + count * size > len(content):
            raise ValueError("a storage is not as long as the file says")
        found[key] = stream.read(count * size)
    if found.keys() != reader.storages.keys():
        raise ValueError("a storage is not there")
    return Content(value, reader.modules)


def _numbers(content: bytes, storage: Storage, swapped: bool = False) -> bytes:
    size = storage.dtype.itemsize
    if len(content) != storage.count * size:
        raise ValueError("a storage is not as long as the file says")
    return np.frombuffer(content, f"u{size}").byteswap().tobytes() if swapped else content
