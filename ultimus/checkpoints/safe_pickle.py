"""What a .pt file holds, whoever wrote it.

`torch.load(weights_only=True)` keeps a pickle from running code. It still lets one ask for memory
without end (a bytearray of 2**40), hang or end the process (by hashing a tuple in a tuple in a
tuple...), and an old kind of file can leave its tensors unfilled, with what memory held before. So
the pickle is gone through first, and memory is given out by a budget.
"""

import pickletools
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import torch

from ..data.limits import MAX_CHECKPOINT_BYTES, shown
from ..errors import UserError

MAX_PICKLE = (
    2**17
)  # bytes, gone through in half a second; the network's takes 2 kB, with an optimizer 6 kB
MAX_TUPLES = 4096  # how deeply they can be nested; each takes some of the C stack to hash
MAX_MEMBERS = 4096  # files in an archive; the network's has 20

ARCHIVE, PICKLE = b"PK\3\4", b"\x80"  # how files begin; the second until torch 1.5
PROTOCOL = 2  # of the pickles that torch.save writes
OLD_PICKLES = 5  # that such a file begins with; raw numbers follow

STORAGES = (
    "BFloat16", "Bool", "Byte", "Char", "ComplexDouble", "ComplexFloat", "Double", "Float", "Half",
    "Int", "Long", "Short",
)  # fmt: skip
PLAIN = {
    "collections OrderedDict",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in STORAGES),
}
"""All that a pickle of plain tensors calls."""

TEXTS = {"BINUNICODE", "SHORT_BINSTRING", "GLOBAL"}
TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
PUTS, GETS = {"BINPUT", "LONG_BINPUT"}, {"BINGET", "LONG_BINGET"}
NAMED, UNNAMED = {"GLOBAL", "INST"}, {"STACK_GLOBAL", "EXT1", "EXT2", "EXT4"}  # what is called
SPECIAL = ("torch._utils._rebuild", "torch._tensor._rebuild", "torch.serialization._get_layout")

REMEDY = "choose a file that holds nothing but model.state_dict()"


def is_pickled(content: bytes) -> bool:
    """Whether a file begins as torch.save's do."""
    return content.startswith((ARCHIVE, PICKLE))


def read(content: bytes, name: str) -> Any:
    """The object that a .pt file holds, if it is made of plain tensors, containers and numbers.

    Args:
        content: of the file, at most MAX_CHECKPOINT_BYTES.
        name: how an error calls it.

    Raises:
        UserError: it holds more, among it code, which is not run; or it is damaged or truncated,
            or would take too much memory.
    """
    try:
        if content.startswith(ARCHIVE):
            records = _records(content, name)
            _check(records["data.pkl"], 1, name)
            content = _archive(records)
        else:
            _check(content, OLD_PICKLES, name)
        budget = _Budget(name)
        return torch.load(BytesIO(content), map_location=budget, weights_only=True)
    except UserError:
        raise
    except Exception as error:  # damaged bytes are met with exceptions of many kinds
        raise UserError(
            f"{name} is damaged, cut off, or not what torch.save writes: fetch or save it again."
        ) from error


def _records(content: bytes, name: str) -> dict[str, bytes]:
    """Path inside the archive, in small letters as torch compares them -> bytes."""
    if content.count(b"PK\1\2") > MAX_MEMBERS:  # before a list of them is made
        raise _too_much(name)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_CHECKPOINT_BYTES:
            raise too_large(name)
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise UserError(f"{name} is compressed, as torch.save never does: save it again.")
        paths = [member.filename.partition("/")[2].lower() for member in members]
        if len(set(paths)) < len(paths):
            raise ValueError("two members of one name")
        return {path: archive.read(member) for path, member in zip(paths, members, strict=True)}


def _archive(records: dict[str, bytes]) -> bytes:
    """An archive of our own making, so that torch reads what was checked and nothing else."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in records.items():
            if path in ("data.pkl", "version", "byteorder") or path.startswith("data/"):
                archive.writestr(f"archive/{path}", content)
    return buffer.getvalue()


def _check(content: bytes, pickles: int, name: str) -> None:
    """Refuse pickles of more than plain tensors, or of which the reading might never end."""
    stream, tuples = BytesIO(content[: MAX_PICKLE + 1]), 0
    for _ in range(pickles):
        tuples += _checked_tuples(stream, name)
        if tuples > MAX_TUPLES or stream.tell() > MAX_PICKLE:
            raise _too_much(name)


def _checked_tuples(stream: BytesIO, name: str) -> int:
    """How many tuples a sound pickle makes.

    Only texts and names may be used twice: all else is then a tree, which takes no more time than
    it has bytes, whatever is done with it.
    """
    tuples, protocol = 0, 0
    reusable: set[int] = set()
    last = ""
    for opcode, argument, _ in pickletools.genops(stream):
        kind = opcode.name
        if kind in UNNAMED or (kind in NAMED and argument not in PLAIN):
            raise _refusal(argument if kind in NAMED else "", name)
        if kind in GETS and argument not in reusable:
            raise _too_much(name)
        if kind in PUTS:
            (reusable.add if last in TEXTS else reusable.discard)(argument)
        else:
            last = kind
        tuples += kind in TUPLES
        protocol = argument if kind == "PROTO" else protocol
    if protocol != PROTOCOL:
        raise ValueError(f"protocol {protocol}")
    return tuples


def _refusal(called: str, name: str) -> UserError:
    called = called.replace(" ", ".")
    note = f" ({shown(called)})" if called else ""
    if called.startswith(SPECIAL) or called.endswith("Storage"):
        return UserError(f"{name} holds more than plain tensors{note}: {REMEDY}.")
    return UserError(f"{name} holds code{note}, which was not run: {REMEDY}.")


def _too_much(name: str) -> UserError:
    return UserError(f"{name} holds far more than the weights of a network: {REMEDY}.")


def too_large(name: str) -> UserError:
    """That a file is beyond the limit."""
    return UserError(
        f"{name} takes more than {MAX_CHECKPOINT_BYTES:,} bytes, too large for an Ultimus network: "
        "choose another file."
    )


class _Budget:
    """Sees each storage as torch makes it, before it is filled or a tensor takes it.

    Called as torch.load calls its `map_location`.
    """

    def __init__(self, name: str):
        self._name, self._left = name, MAX_CHECKPOINT_BYTES

    def __call__(self, storage: torch.UntypedStorage, location: str) -> torch.UntypedStorage:
        size = storage.nbytes()
        self._left -= size
        if self._left < 0:
            raise too_large(self._name)
        if not storage.resizable():  # read from an archive, with as many bytes
            return storage
        # Of an old file: memory as it was found, to be filled only where the file says so, and to
        # be enlarged where a tensor wants more. This one is zero, and stays as large as it is.
        return torch.from_numpy(np.zeros(size, np.uint8)).untyped_storage()
