"""Hostile .pt files: code, bombs, storages that lie, damaged archives; see checkpoints.py.

The code, if it ran, would make a folder called MARK.
"""

import pickletools
import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO

from support.handmade import (
    FIVE,
    START,
    STOP,
    TENSOR,
    Records,
    archive,
    by_hand,
    called,
    mapping,
    number,
    old,
    persistent,
    rebuilt,
    sizes,
    text,
    unzipped,
    zipped,
)
from support.harm import File

from ultimus.data.limits import MAX_CHECKPOINT_BYTES

MARK = "ran"
PLAIN = ("numpy", "codecs", "module")  # what trainings keep beside weights too; it is not called


def files(new: bytes) -> Iterator[File]:
    """All of them; `new` is a sound one, as torch.save writes it now."""
    weights = _weights(new)
    yield from _code(*weights)
    yield from _bombs()
    yield from _memory()
    yield from _rebuilding(*weights)
    yield from _opcodes()
    yield from _archives(new)
    yield from _members(new)


def _weights(new: bytes) -> tuple[bytes, Records]:
    """The pickle without start and end, and the bytes of the storages."""
    members = unzipped(new)
    body = next(each for name, each in members.items() if name.endswith("data.pkl"))
    data = {name.rpartition("/")[2]: each for name, each in members.items() if "/data/" in name}
    return body.removeprefix(START).removesuffix(STOP), data


# Code ---------------------------------------------------------------------------------------------


def _calls() -> dict[str, bytes]:
    """Pickles, without start and end, that call something."""
    mark, command = text(MARK.encode()), text(f"mkdir {MARK}".encode())
    python = text(f"__import__('os').mkdir('{MARK}')".encode())
    mkdir = b"cposix\nmkdir\n"
    return {
        "mkdir": called("posix mkdir", mark),
        "system": called("os system", command),
        "nt system": called("nt system", command),
        "eval": called("builtins eval", python),
        "old eval": called("__builtin__ eval", python),
        "exec": called("builtins exec", python),
        "import": called("builtins __import__", text(b"antigravity")),
        "getattr": called("builtins getattr", called("builtins __import__", text(b"os")), mark),
        "popen": called("subprocess Popen", text(b"mkdir")),
        "runpy": called("runpy _run_code", python),
        "inst": b"(" + mark + b"iposix\nmkdir\n",
        "obj": b"(" + mkdir + mark + b"o",
        "newobj": mkdir + b"(" + mark + b"t\x81",
        "newobj ex": mkdir + b"(" + mark + b"t}\x92",
        "build": called("collections OrderedDict") + called("posix mkdir", mark) + b"b",
        "stack global": text(b"posix") + text(b"mkdir") + b"\x93(" + mark + b"tR",
        "short stack global": b"\x8c\5posix\x8c\5mkdir\x93(" + mark + b"tR",
        "ext1": b"\x82\1(" + mark + b"tR",
        "ext2": b"\x83\1\1(" + mark + b"tR",
        "ext4": b"\x84\1\0\0\0(" + mark + b"tR",
        "persid": b"Pmkdir\n",
        "binpersid": mark + b"Q",
        "other storage": b"(" + text(b"storage") + mkdir + text(b"0") + text(b"cpu") + b"K\5tQ",
        "load": called("torch.serialization load", mark),
        "hub": called("torch.hub load", mark, mark),
        "inner pickle": called("torch.storage _load_from_bytes", b"U\1."),
        "from file": called("torch FloatStorage.from_file", mark),
        "attribute": called("torch._utils _rebuild_tensor_v2.__globals__", mark),
        "numpy": called("numpy.core.multiarray _reconstruct", mark),
        "codecs": called("_codecs encode", mark, text(b"latin1")),
        "device": called("torch._utils _rebuild_device_tensor_from_numpy", mark),
        "module": b"ctorch.nn.modules.linear\nLinear\n)\x81}b",
        "own": called("ultimus.files write_atomically", mark, mark),
        "strange name": called("pos\xedx mk$dir<b>", mark),
        "long name": called("x" * 9999 + " y", mark),
        "no name": called(" ", mark),
    }  # fmt: skip


def _code(state: bytes, data: Records) -> Iterator[File]:
    for name, call in _calls().items():
        yield File(f"{name}.pt", archive(call), False)
        yield File(f"{name} old.pt", old(call), False)
        beside = b"(" + state + call + b"l"
        yield File(f"{name} beside.pt", archive(beside, data), name in PLAIN)
    mkdir = _calls()["mkdir"]
    yield File("behind the end.pt", archive(state + STOP + mkdir, data), True)
    yield File("popped.pt", archive(mkdir + b"0" + state, data), False)
    for place in range(5):
        yield File(f"pickle {place}.pt", old(b"}", **{f"at{place}": mkdir}), False)
    yield File("pickle alone.pt", START + mkdir + STOP, False)


# Memory and time ----------------------------------------------------------------------------------


def _bombs() -> Iterator[File]:
    deep = 40_000
    bodies = {
        "tuples": b")" + b"\x85" * deep,
        "tuples as key": b"})" + b"\x85" * deep + b"Ns",
        "fewer tuples as key": b"})" + b"\x85" * 4000 + b"Ns",
        "marked tuples as key": b"}" + b"(" * deep + b"t" * deep + b"Ns",
        "tuples in two": b"})" + b"\x85" * 3000 + b"Ns)" + b"\x85" * 3000,
        "lists": b"]" * deep + b"a" * (deep - 1),
        "fewer lists": b"]" * 3000 + b"a" * 2999,
        "mappings": b"}" + b"N}" * deep + b"s" * deep,
        "ordered": b"ccollections\nOrderedDict\n)R" * 5000 + b"\x86" * 2000,
        "doubled": b")" + b"2\x86" * 1000,
        "doubled as key": b"})" + b"2\x86" * 40 + b"Ns",
        "laughs": b")q\0" + b"h\0h\0\x86q\0" * 1000,
        "laughs as key": b"})q\0" + b"h\0h\0\x86q\0" * 60 + b"Ns",
        "laughing lists": b"]q\0" + b"".join(b"](h\0h\0h\0eq\0" for _ in range(60)),
        "recursive": b"]q\0h\0a",
        "recursive tuple": b"](q\0h\0te",
        "marks": b"(" * 120_000,
        "nothing": b"N" * 120_000,
        "long": b"N0" * 60_000,
        "texts": b"](" + text(b"x" * 120_000) + b"q\0" + b"h\0" * 1000 + b"e",
        "joined": b"](" + (text(b"x" * 99) + b"q\0h\0") * 900 + b"e",
        "bytearray": called("builtins bytearray", number(2**40)),
        "bytes": called("builtins bytes", number(2**40)),
        "range": called("builtins list", called("builtins range", number(2**40))),
        "digits": b"I" + b"9" * 100_000 + b"\n",
        "long digits": b"L" + b"9" * 100_000 + b"L\n",
        "decimals": b"F" + b"9" * 100_000 + b"\n",
        "large number": b"\x8b" + struct.pack("<I", 100_000) + b"\x7f" * 100_000,
        "claimed number": b"\x8b" + struct.pack("<I", 2**31 - 1),
        "negative number": b"\x8b" + struct.pack("<i", -1),
        "claimed text": b"X" + struct.pack("<I", 2**32 - 1),
        "claimed long text": b"\x8d" + struct.pack("<Q", 2**62),
        "claimed bytes": b"\x8e" + struct.pack("<Q", 2**62),
        "claimed bytearray": b"\x96" + struct.pack("<Q", 2**62),
        "claimed frame": b"\x95" + struct.pack("<Q", 2**62),
        "claimed string": b"T" + struct.pack("<i", -1),
        "far memory": b"Nr\xff\xff\xff\xff",
        "far fetch": b"j\xff\xff\xff\xff",
    }
    for name, body in bodies.items():
        yield File(f"{name}.pt", archive(body), False)
        yield File(f"{name} old.pt", old(body), False)
    yield File("long pickle.pt", archive(b"N0" * 4_000_000 + b"}"), False)


def _memory() -> Iterator[File]:
    """Storages that are not what they claim, in a network that is sound otherwise."""
    for is_old in (False, True):
        form = "old.pt" if is_old else "new.pt"

        def file(name: str, bias: bytes, sound: bool, is_old=is_old, form=form, **how) -> File:
            return File(f"{name} {form}", by_hand(is_old, bias, **how), sound)

        for count in (10, 11, 9, 0, -1, 2**28, 2**31, 2**40, 2**62, 2**63, 2**70):
            bias = rebuilt(persistent(count, b"spare", is_old=is_old), (10,), (1,))
            yield file(f"{count} numbers", bias, count == 10, spare=bytes(40))
            yield file(f"{count} unfilled numbers", bias, False, is_filled=False)
        for count in (10, 0):
            storage, spare = persistent(count, b"spare", is_old=is_old), bytes(4 * count)
            for name, look in LOOKS.items():
                sound = bool(count) and name == "repeated"
                yield file(f"{name} of {count}", rebuilt(storage, *look), sound, spare=spare)
        double = persistent(10, b"spare", "Double", is_old)
        yield file("few doubles", rebuilt(double, (10,), (1,)), False, spare=bytes(40))
    size = MAX_CHECKPOINT_BYTES // 2
    keys = (b"aa", b"aA", b"Aa", b"AA") * 250
    tensors = b"".join(rebuilt(persistent(size // 4, key), (1,), (1,)) for key in keys)
    yield File("many storages.pt", archive(b"](" + tensors + b"e", {"aa": bytes(size)}), False)
    for name, keys in (("unknown", text(b"x")), ("many", text(b"0") * 30_000), ("other", b"N]K\1")):
        yield File(f"{name} keys.pt", old(b"}", at4=b"](" + keys + b"e"), False)


LOOKS = {
    "wide": ((2**40,), (1,)),
    "repeated": ((10,), (0,)),
    "repeated without end": ((2**40,), (0,)),
    "far": ((10,), (1,), 2**40),
    "before": ((10,), (1,), -3),
    "negative": ((-10,), (1,)),
    "backwards": ((10,), (-1,), 9),
    "overflow": ((2**32, 2**32, 2**32), (1, 1, 1)),
    "stepping": ((10,), (2**62,)),
    "unlike": ((10,), (1, 1)),
    "deep": ((1,) * 5000, (1,) * 5000),
}
"""Sizes, strides and offsets of a tensor that should have ten numbers."""


def _rebuilding(state: bytes, data: Records) -> Iterator[File]:
    """Plain names that are called or filled in strange ways."""
    storage, ordered = persistent(5, b"0"), b"ccollections\nOrderedDict\n"
    look = number(0), sizes((5,)), sizes((1,)), b"\x89"
    rebuild, mark = "torch._utils _rebuild_tensor_v2", text(b"x")
    parameter = "torch._utils _rebuild_parameter"
    for name, body in {
        "no arguments": called(rebuild),
        "no storage": called(rebuild, b"N", *look, b"}"),
        "text as storage": called(rebuild, mark, *look, b"}"),
        "tensor as storage": called(rebuild, TENSOR, *look, b"}"),
        "texts as sizes": called(rebuild, storage, number(0), mark, mark, b"\x89", b"}"),
        "hooks": called(rebuild, storage, *look, b"](K\1K\2e"),
        "metadata": called(rebuild, storage, *look, b"}", mapping(neg=b"\x88", conj=b"\x88")),
        "strange metadata": called(rebuild, storage, *look, b"}", mapping(x=number(1))),
        "parameter of text": called(parameter, mark, b"\x88", b"}"),
        "parameter with hooks": called(parameter, TENSOR, b"\x88", b"](K\1e"),
        "storage called": called("torch FloatStorage", number(2**40)),
        "storage of list": called("torch FloatStorage", b"](K\1e"),
        "name alone": b"ctorch\nFloatStorage\n",
        "set": TENSOR + b"(" + storage + number(0) + sizes((2**40,)) + sizes((1,)) + b"tb",
        "set to nothing": TENSOR + b"Nb",
        "ordered from number": called("collections OrderedDict", number(7)),
        "ordered from text": called("collections OrderedDict", text(b"ab")),
        "ordered with state": ordered + b")R" + mapping(a=number(1)) + b"b",
        "ordered with text": ordered + b")R" + text(b"x") + b"b",
        "storage in state": mapping(a=storage),
        "class as weight": mapping(a=ordered),
        "quantized": mapping(a=rebuilt(persistent(5, b"0", "QInt8"), (5,), (1,))),
        "untyped": mapping(a=rebuilt(persistent(5, b"0", "Untyped"), (5,), (1,))),
    }.items():  # fmt: skip
        yield File(f"{name}.pt", archive(body, FIVE), False)
        yield File(f"{name} old.pt", old(body), False)
    for name in ("keys", "items", "values", "get", "update", "__iter__", "__class__", "_metadata"):
        masked = state + mapping(**{name: number(7)}) + b"b"
        yield File(f"masked {name}.pt", archive(masked, data), True)
        inner = mapping(state_dict=masked)
        yield File(f"inner masked {name}.pt", archive(inner, data), True)
    for kind in ("Double", "Half", "Byte", "Bool", "ComplexFloat"):
        other = state.replace(b"FloatStorage", f"{kind}Storage".encode())
        yield File(f"other {kind}.pt", archive(other, data), False)
    yield File("elsewhere.pt", archive(state.replace(b"cpu", b"xpu"), data), True)
    yield File("nowhere.pt", archive(state.replace(b"cpu", b"$^2"), data), True)


def _opcodes() -> Iterator[File]:
    """Each opcode by itself, and on a stack that has something."""
    for opcode in pickletools.opcodes:
        code = opcode.code.encode("latin1")
        for stack in (b"", b"}(NN"):
            yield File(
                f"{opcode.name} on {len(stack)}.pt", archive(stack + code + b"\1\0\0\0a\n"), False
            )


# Archives -----------------------------------------------------------------------------------------


def _archives(new: bytes) -> Iterator[File]:
    members = unzipped(new)
    root = next(iter(members)).partition("/")[0]
    data = f"{root}/data.pkl"
    yield File("compressed.pt", zipped(members, zipfile.ZIP_DEFLATED), False)
    yield File("lzma.pt", zipped(members, zipfile.ZIP_LZMA), False)
    bomb = members | {f"{root}/data/99": bytes(2**27)}
    yield File("bomb.pt", zipped(bomb, zipfile.ZIP_DEFLATED), False)
    yield File("no pickle.pt", zipped({k: v for k, v in members.items() if k != data}), False)
    yield File("no data.pt", zipped({data: members[data]}), False)
    yield File("no root.pt", zipped({k.partition("/")[2]: v for k, v in members.items()}), False)
    yield File("empty pickle.pt", zipped(members | {data: b""}), False)
    yield File("no members.pt", zipped({}), False)
    yield File("in an archive.pt", zipped({"archive/data.pkl": new}), False)
    extra = {
        "../../evil.py": b"print()",
        "/etc/passwd": b"",
        "c:\\x": b"",
        f"{root}/code/x.py": b"x",
    }
    yield File("more members.pt", zipped(members | extra), True)
    yield File("folders.pt", zipped(members | {f"{root}/data/": b"", f"{root}/": b""}))
    for name, content in (
        ("version", b"999999\n"), ("version", b"-1"), ("version", b"x" * 9999),
        ("byteorder", b"big"), ("byteorder", b"mixed"), ("byteorder", b""),
        (".format_version", b"7"), (".data/serialization_id", b"\xff" * 99),
        ("data/0", b""), ("data/0", bytes(99_999)),
    ):  # fmt: skip
        yield File(f"{name} of {len(content)}.pt", zipped(members | {f"{root}/{name}": content}))
    script = members | {
        f"{root}/code/__torch__.py": b"def forward(self): pass",
        f"{root}/constants.pkl": START + _calls()["mkdir"] + STOP,
    }
    yield File("script.pt", zipped(script), True)  # of a program, only its weights are read


def _members(new: bytes) -> Iterator[File]:
    """Archives whose lists of members lie."""
    members = unzipped(new)
    data = next(name for name in members if name.endswith("data.pkl"))
    twice = BytesIO(new)
    with zipfile.ZipFile(twice, "a") as file:
        file.writestr(data.upper(), b"")
    yield File("twice but for case.pt", twice.getvalue(), False)
    twin = zipped(members | {f"{data[:-1]}X": members[data]}).replace(b"data.pkX", b"data.pkl")
    yield File("twice.pt", twin, False)
    yield File("many members.pt", zipped({f"a/{n}": b"" for n in range(5000)}), False)
    yield File("members in words.pt", new[:-22] + b"PK\1\2" * 9999 + new[-22:], False)
    yield File("comment.pt", new[:-2] + b"\xff\xff" + bytes(65_535))
    for name, place, value in (
        ("encrypted", 8, b"\1\0"), ("method", 10, b"\x63\0"), ("sizes", 20, b"\xff" * 8),
        ("no size", 20, bytes(8)), ("offset", 42, b"\xf0\xff\xff\x7f"),
        ("checksum", 16, b"\1\2\3\4"), ("name length", 28, b"\xff\xff"),
        ("extra length", 30, b"\xff\xff"),
    ):  # fmt: skip
        start = new.index(b"PK\1\2") + place
        yield File(f"lying {name}.pt", new[:start] + value + new[start + len(value) :], False)
    end = new.rindex(b"PK\5\6")
    for name, place, value in (
        ("entries", 8, b"\xff\xff\xff\xff"), ("directory size", 12, b"\xff\xff\xff\x7f"),
        ("directory offset", 16, b"\xff\xff\xff\x7f"), ("disks", 4, b"\1\0\1\0"),
    ):  # fmt: skip
        start = end + place
        yield File(f"lying {name}.pt", new[:start] + value + new[start + len(value) :])
