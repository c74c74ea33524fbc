"""A pickle gone through without making anything of it.

A pickle is a program that builds objects. This reader builds lists, dictionaries, texts and
numbers, and for everything else a placeholder that only carries a name: nothing is imported, called
or allocated because a file says so, and no tuple is hashed. A tensor stays a description until its
numbers are asked for.
"""

import math
import pickletools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

import torch

from ..data.limits import MAX_CHECKPOINT_BYTES, shown
from ..errors import UserError

MAX_STEPS = 2**18  # of a pickle, gone through in a second; three losses a step of 75,000 fit

DTYPES = {
    "BFloat16": torch.bfloat16, "Bool": torch.bool, "Byte": torch.uint8, "Char": torch.int8,
    "ComplexDouble": torch.complex128, "ComplexFloat": torch.complex64, "Double": torch.float64,
    "Float": torch.float32, "Half": torch.float16, "Int": torch.int32, "Long": torch.int64,
    "Short": torch.int16, "Untyped": torch.uint8,
}  # fmt: skip
OTHER = re.compile(r"torch\.(storage\.|cuda\.)?Q?\w*Storage")  # kinds of storage that are not read

PLAIN_CALLS = re.compile(
    r"collections\.(OrderedDict|Counter|defaultdict|deque)"
    r"|(__builtin__|builtins)\.(set|frozenset|complex|slice|range|bytearray|bytes|dict|list|object)"
    r"|(copy_reg|copyreg)\._reconstructor|_codecs\.encode|functools\.partial"
    r"|(datetime|uuid|decimal|fractions|pathlib|pathlib\._local)\.\w+"
    r"|argparse\.Namespace|types\.SimpleNamespace"
    r"|numpy\.(dtype|ndarray|_?core\.multiarray\.(scalar|_reconstruct)|_?core\.numeric\._frombuffer"
    r"|random\._pickle\.\w+|dtypes\.\w+)"
    r"|torch\.(device|Size|Generator)|torch\.optim(\.\w+)+|torch\.nn(\.\w+)+"
    r"|torch\._tensor\._rebuild_from_type_v2|torch\.serialization\._get_layout"
    r"|torch\._utils\._rebuild_(parameter|parameter_with_state|tensor|tensor_v2|tensor_v3"
    r"|sparse_tensor|sparse_csr_tensor|nested_tensor|qtensor|meta_tensor_no_storage"
    r"|wrapper_subclass)"
    r"|(lightning|pytorch_lightning|lightning_fabric|lightning_utilities|omegaconf|transformers"
    r"|accelerate|fastai|fastcore|timm|skorch|ignite|pandas)(\.\w+)+"
)
"""What usual training code leaves beside weights. Anything else that is called is called code."""

REMEDY = "choose a file that holds nothing but model.state_dict()"


class Named(NamedTuple):
    """A class or function that a file mentions, as module.name."""

    name: str


@dataclass(eq=False)
class Placeholder:
    """An object that is not made: the name of its class, and the plain values it would hold."""

    name: str
    held: list[Any] = field(default_factory=list)
    entries: dict[Any, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Storage:
    """Numbers of one kind somewhere in the file."""

    key: str
    dtype: torch.dtype
    count: int


@dataclass(eq=False)
class StoredTensor:
    """A tensor that is not made yet: what it is, and how to get its numbers.

    Attributes:
        shape: as the file tells it, which need not be possible.
        dtype: of its numbers.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    _storage: Storage
    _offset: int
    _strides: tuple[int, ...]
    _bytes_of: Callable[[Storage], bytes]

    def tensor(self) -> torch.Tensor:
        """The tensor itself, a copy.

        Raises:
            ValueError: its numbers are not in the file.
        """
        reach = sum((n - 1) * step for n, step in zip(self.shape, self._strides, strict=True))
        sound = min((self._offset, *self.shape, *self._strides)) >= 0
        if not sound or math.prod(self.shape) > MAX_CHECKPOINT_BYTES:
            raise ValueError("a tensor of an impossible shape")
        if self._offset + reach >= self._storage.count:
            raise ValueError("a tensor beyond its numbers")
        whole = torch.frombuffer(bytearray(self._bytes_of(self._storage)), dtype=self.dtype)
        return whole.as_strided(self.shape, self._strides, self._offset).clone()


def too_much(name: str) -> UserError:
    """That going through a file would take too long."""
    return UserError(f"{name} holds far more than the weights of a network: {REMEDY}.")


_MARK = object()
_LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_FRESH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_DICT": dict,
    "MARK": lambda: _MARK,
}  # fmt: skip
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}
_IGNORED = {"PROTO", "FRAME", "STOP"}


class Reader:
    """Goes through pickles; remembers the storages that they name and the code that they call."""

    def __init__(self, name: str, numbers: Callable[[Storage], bytes]):
        self.storages: dict[str, Storage] = {}
        self.modules = False
        self._name, self._numbers, self._steps = name, numbers, 0

    def read(self, stream: BytesIO) -> Any:
        """The next pickle's object."""
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        for opcode, argument, _ in pickletools.genops(stream):
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise too_much(self._name)
            self._step(opcode.name, argument)
        (value,) = self._stack
        return value

    def _step(self, kind: str, argument: Any) -> None:
        if kind in _LITERALS:
            self._stack.append(argument)
        elif kind in _FRESH:
            self._stack.append(_FRESH[kind]())
        elif kind in _PUT:
            self._memo[argument] = self._stack[-1]
        elif kind in _GET:
            self._stack.append(self._memo[argument])
        elif kind not in _IGNORED:
            try:
                act = getattr(self, f"_on_{kind.lower()}")
            except AttributeError:
                raise self._code("") from None
            act(argument)

    def _taken(self) -> Any:
        if (value := self._stack.pop()) is _MARK:
            raise ValueError("a mark in place of a value")
        return value

    def _marked(self) -> list[Any]:
        """What is above the last mark, which goes too."""
        values = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    # Containers

    def _on_pop(self, _: Any) -> None:
        self._stack.pop()

    def _on_pop_mark(self, _: Any) -> None:
        self._marked()

    def _on_dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _on_memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _on_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._marked()))

    def _on_tuple1(self, _: Any) -> None:
        self._stack[-1:] = [(self._stack[-1],)]

    def _on_tuple2(self, _: Any) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _on_tuple3(self, _: Any) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _on_list(self, _: Any) -> None:
        self._stack.append(self._marked())

    _on_frozenset = _on_list

    def _on_dict(self, _: Any) -> None:
        values = self._marked()
        self._stack.append({})
        self._set(zip(values[::2], values[1::2], strict=True))

    def _on_append(self, _: Any) -> None:
        self._extend([self._taken()])

    def _on_appends(self, _: Any) -> None:
        self._extend(self._marked())

    _on_additems = _on_appends

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        (target.held if isinstance(target, Placeholder) else target).extend(values)

    def _on_setitem(self, _: Any) -> None:
        value, key = self._taken(), self._taken()
        self._set([(key, value)])

    def _on_setitems(self, _: Any) -> None:
        values = self._marked()
        self._set(zip(values[::2], values[1::2], strict=True))

    def _set(self, pairs: Any) -> None:
        """Entries by texts and numbers; one by anything else is not hashed, as that might hang."""
        target = self._stack[-1]
        entries = target.entries if isinstance(target, Placeholder) else target
        if not isinstance(entries, dict):
            raise ValueError("entries of something that has none")
        for key, value in pairs:
            entries[key if isinstance(key, str | int | float) else f"{type(key).__name__}"] = value

    # Objects

    def _on_global(self, argument: str) -> None:
        self._stack.append(Named(argument.replace(" ", ".")))

    def _on_stack_global(self, _: Any) -> None:
        name, module = self._taken(), self._taken()
        self._on_global(f"{module} {name}")

    def _on_inst(self, argument: str) -> None:
        self._call(Named(argument.replace(" ", ".")), self._marked())

    def _on_obj(self, _: Any) -> None:
        function, *arguments = self._marked()
        self._call(function, arguments)

    def _on_reduce(self, _: Any) -> None:
        arguments, function = self._taken(), self._taken()
        self._call(function, arguments)

    def _on_newobj(self, _: Any) -> None:
        arguments, cls = self._taken(), self._taken()
        self._object(cls, [arguments])

    def _on_newobj_ex(self, _: Any) -> None:
        more, arguments, cls = self._taken(), self._taken(), self._taken()
        self._object(cls, [arguments, more])

    def _on_build(self, _: Any) -> None:
        state = self._taken()
        if isinstance(self._stack[-1], Placeholder):
            self._stack[-1].held.append(state)

    def _on_binpersid(self, _: Any) -> None:
        what, kind, key, _, *more = self._taken()
        if what == "module":  # of an old file: a class, its file and its source
            self._stack.append(kind)
            return
        count, *view = more
        name = kind.name if isinstance(kind, Named) else ""
        kind = name.removeprefix("torch.").removeprefix("storage.").removesuffix("Storage")
        if kind not in DTYPES and not OTHER.fullmatch(name):
            raise self._code(name)
        if not isinstance(key, str) or type(count) is not int or any(view):
            raise ValueError("a storage of another kind")
        if kind not in DTYPES:
            self._stack.append(Placeholder(name))
            return
        storage = Storage(key, DTYPES[kind], count)
        self.storages.setdefault(key, storage)
        self._stack.append(storage)

    def _object(self, cls: Any, held: list[Any]) -> None:
        """An object of a class; one of the standard library that is not plain is refused."""
        name = cls.name if isinstance(cls, Named) else ""
        third_party = (
            re.fullmatch(r"[\w.]+", name) and name.split(".")[0] not in sys.stdlib_module_names
        )
        if not third_party and not PLAIN_CALLS.fullmatch(name):
            raise self._code(name)
        self.modules |= name.startswith("torch.nn.modules.")
        self._stack.append(Placeholder(name, held))

    def _call(self, function: Any, arguments: Any) -> None:
        name = function.name if isinstance(function, Named) else ""
        if not PLAIN_CALLS.fullmatch(name):
            raise self._code(name)
        self._stack.append(self._result(name, list(arguments)))

    def _result(self, name: str, arguments: list[Any]) -> Any:
        """What a call gives: a dictionary, a tensor, or a placeholder."""
        kind = name.rpartition(".")[2]
        if name.startswith("collections.") and kind != "deque":
            return arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        if kind in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
            return arguments[0]
        if kind == "_rebuild_from_type_v2":
            function, _, inner, _ = arguments
            return self._result(function.name, list(inner))
        if kind in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            return self._tensor(name, arguments)
        self.modules |= name.startswith("torch.nn.modules.")
        return Placeholder(name, arguments)

    def _tensor(self, name: str, arguments: list[Any]) -> Any:
        storage, offset, shape, strides, *more = arguments
        is_other = name.endswith("_v3") or any(more[2:]) or not isinstance(storage, Storage)
        if is_other:
            return Placeholder(name, arguments)
        if not all(type(number) is int for number in (offset, *shape, *strides)):
            raise ValueError("a tensor of no shape")
        shape, strides = tuple(shape), tuple(strides)
        if len(shape) != len(strides):
            raise ValueError("a tensor of no shape")
        return StoredTensor(shape, storage.dtype, storage, offset, strides, self._numbers)

    def _code(self, called: str) -> UserError:
        note = f" ({shown(called)})" if called else ""
        return UserError(f"{self._name} holds code{note}, which was not run: {REMEDY}.")
