"""Checkpoint files written by hand, byte by byte, as no honest program would write them."""

import pickle
import struct
import zipfile
from io import BytesIO
from typing import Any

import torch

from ultimus.model import Transformer

Records = dict[str, bytes]


def network(classes: int = 10) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Transformer(classes)


def saved(content: Any, old: bool = False) -> bytes:
    """As torch.save writes it, now or until torch 1.5."""
    buffer = BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


# Pickles, opcode by opcode ------------------------------------------------------------------------

START, STOP = b"\x80\x02", b"."


def number(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def text(value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value


def sizes(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def called(name: str, *arguments: bytes) -> bytes:
    """A call of a function, e.g. "posix mkdir", with arguments that are pickled already."""
    return b"c" + name.replace(" ", "\n").encode() + b"\n(" + b"".join(arguments) + b"tR"


def persistent(count: int, key: bytes, kind: str = "Float", is_old: bool = False) -> bytes:
    """A storage of so many numbers, whose bytes are elsewhere in the file under a key."""
    name = f"ctorch\n{kind}Storage\n".encode()
    whole = b"N" if is_old else b""  # no part of another storage
    return b"(" + text(b"storage") + name + text(key) + text(b"cpu") + number(count) + whole + b"tQ"


def rebuilt(
    storage: bytes, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0
) -> bytes:
    """A tensor that looks at a storage."""
    hooks = called("collections OrderedDict")
    look = number(offset), sizes(size), sizes(stride), b"\x89", hooks
    return called("torch._utils _rebuild_tensor_v2", storage, *look)


def archive(body: bytes, records: Records | None = None, start: bytes = START) -> bytes:
    """A .pt file of a pickle without its start and its end, and of the bytes of storages."""
    data = {f"archive/data/{key}": content for key, content in (records or {}).items()}
    return zipped({"archive/data.pkl": start + body + STOP, "archive/version": b"3\n", **data})


def zipped(members: Records, coding: int = zipfile.ZIP_STORED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", coding) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def unzipped(content: bytes) -> Records:
    with zipfile.ZipFile(BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def mapping(**entries: bytes) -> bytes:
    pairs = (text(name.encode()) + value for name, value in entries.items())
    return b"}(" + b"".join(pairs) + b"u"


TENSOR = rebuilt(persistent(5, b"0"), (5,), (1,))
FIVE = {"0": bytes(20)}


def old(content: bytes, records: bytes = b"", **pickles: bytes) -> bytes:
    """A file as torch.save wrote it until 1.5, of pickles without start and end.

    Args:
        content: the fourth pickle; a name such as `at3` gives another one.
        records: what follows the pickles.
        pickles: others to be there instead.
    """
    system = mapping(protocol_version=number(1001), little_endian=b"\x88", type_sizes=b"}")
    bodies = [number(0x1950A86A20F9469CFC6C), number(1001), system, content, b"]"]
    bodies = [pickles.get(f"at{place}", body) for place, body in enumerate(bodies)]
    return b"".join(START + body + STOP for body in bodies) + records


def by_hand(is_old: bool, bias: bytes = b"", spare: bytes = b"", is_filled: bool = True) -> bytes:
    """The network as a .pt file.

    Args:
        is_old: as it was written until torch 1.5.
        bias: a pickle that stands for the bias of the answer, if any.
        spare: the bytes of a storage of that name, which that bias may use.
        is_filled: whether an old file says that these bytes are there.
    """
    state = network().state_dict()
    records = {name: each.numpy().tobytes() for name, each in state.items()}
    tensors = {
        name: rebuilt(
            persistent(each.numel(), name.encode(), is_old=is_old), each.shape, each.stride()
        )
        for name, each in state.items()
    }
    if bias:
        tensors["cap.bias"], records["spare"] = bias, spare
        del records["cap.bias"]
    if not is_filled:
        del records["spare"]
    body = mapping(**tensors)
    if not is_old:
        return archive(body, records)
    keys = b"](" + b"".join(text(name.encode()) for name in records) + b"e"
    numbers = (struct.pack("<q", len(each) // 4) + each for each in records.values())
    return old(body, b"".join(numbers), at4=keys)
