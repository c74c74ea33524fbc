"""Hostile .safetensors files, whose headers lie; see checkpoints.py."""

import json
import struct
from collections.abc import Iterator
from typing import Any

from support.harm import File

Header = dict[str, Any]


def safetensors(header: Any, data: bytes, length: int | None = None) -> bytes:
    """A file of a header, as an object or as bytes, that may lie about its own length."""
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(told) if length is None else length) + told + data


def parts(content: bytes) -> tuple[Header, bytes]:
    """A sound file's header without its metadata, and its data."""
    end = 8 + struct.unpack_from("<Q", content)[0]
    header = json.loads(content[8:end])
    header.pop("__metadata__", None)
    return header, content[end:]


def files(content: bytes) -> Iterator[File]:
    """All of them; the content is a sound one."""
    header, data = parts(content)
    for maker in (_lengths, _entries, _offsets, _json, _metadata):
        yield from maker(header, data)


def _lengths(header: Header, data: bytes) -> Iterator[File]:
    size = len(json.dumps(header))
    for length in (0, 1, size - 1, size + 1, size + len(data), size + len(data) + 1, 2**20, 2**24,
                   2**31, 2**32 + size, 2**63 - 1, 2**63, 2**64 - 9, 2**64 - 1):  # fmt: skip
        yield File(f"header of {length}.safetensors", safetensors(header, data, length), False)
    told = json.dumps(header).encode()
    yield File("spaces behind.safetensors", safetensors(told + b" " * 997, data), True)
    yield File("zeros behind.safetensors", safetensors(told + bytes(8), data), False)
    yield File("spaces before.safetensors", safetensors(b" " + told, data), False)
    yield File("large header.safetensors", safetensors(told + b" " * 2**20, data), False)
    yield File("more data.safetensors", safetensors(told, data + bytes(4)), False)
    yield File("less data.safetensors", safetensors(told, data[:-4]), False)
    yield File("no data.safetensors", safetensors(told, b""), False)


def _entries(header: Header, data: bytes) -> Iterator[File]:
    """One entry that is not as it should be."""
    sound = header["cap.bias"]
    values = {
        "dtype": ("F16", "F64", "I32", "BOOL", "F8_E4M3", "C64", "F4", "f32", "", "X" * 9999, None,
                  7),
        "shape": ([], [8], [-7], [7, 1], [2**32, 2**32], [2**64], [0], [7.0], ["7"], "7", None,
                  [1] * 9999, [2**63, 2]),
        "data_offsets": ([0, 0], [0, 2**64], [-4, 24], [2**63, 2**63 + 28], [28, 0], [0],
                         [0, 28, 56], "x", None, [0.0, 28.0], [[0], [28]]),
    }  # fmt: skip
    for entry, wrong in values.items():
        for place, value in enumerate(wrong):
            lying = header | {"cap.bias": sound | {entry: value}}
            yield File(f"{entry} {place}.safetensors", safetensors(lying, data), False)
        less = header | {"cap.bias": {k: v for k, v in sound.items() if k != entry}}
        yield File(f"no {entry}.safetensors", safetensors(less, data), False)
    for place, value in enumerate((None, 7, "x", [], {}, sound | {"more": 1})):
        lying = header | {"cap.bias": value}
        yield File(f"entry {place}.safetensors", safetensors(lying, data), None)


def _offsets(header: Header, data: bytes) -> Iterator[File]:
    first = min(header, key=lambda name: header[name]["data_offsets"])
    size = header[first]["data_offsets"][1]
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    same = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    yield File("overlap.safetensors", safetensors(header | {"again": same}, data), False)
    yield File("empty tensor.safetensors", safetensors(header | {"again": empty}, data), False)
    many = {f"{n}": empty for n in range(15_000)}
    yield File("empty tensors.safetensors", safetensors(header | many, data), False)
    moved = {
        name: each | {"data_offsets": [place + 4 for place in each["data_offsets"]]}
        for name, each in header.items()
    }
    yield File("gap.safetensors", safetensors(moved, bytes(4) + data), False)
    swapped = dict(header)
    swapped["conv1.bias"], swapped["ultimusBlock.q.bias"] = header["conv2.bias"], header["cap.bias"]
    yield File("swapped.safetensors", safetensors(swapped, data), False)
    told = json.dumps(header)
    twice = told[:-1] + f', "cap.bias": {json.dumps(header["cap.bias"])}}}'
    yield File("same entry twice.safetensors", safetensors(twice.encode(), data), False)
    twice = told.replace('"dtype": "F32"', '"dtype": "F32", "dtype": "I32"', 1)
    yield File("same key twice.safetensors", safetensors(twice.encode(), data), False)


def _json(header: Header, data: bytes) -> Iterator[File]:
    """Headers that are no JSON, or more of it than anybody needs."""
    told, deep = json.dumps(header).encode(), 200_000
    for name, content in {
        "empty": b"{}",
        "unfinished": told[:-1],
        "twice": told + told,
        "array": b"[" + told + b"]",
        "deep arrays": b'{"a":' + b"[" * deep + b"]" * deep + b"}",
        "deep objects": b'{"a":' * deep + b"1" + b"}" * deep,
        "open arrays": b'{"a":' + b"[" * deep,
        "digits": b'{"a":' + b"9" * deep + b"}",
        "decimals": b'{"a":0.' + b"9" * deep + b"}",
        "exponent": b'{"a":1e999999999}',
        "nan": b'{"a":NaN}',
        "infinity": told.replace(b"[0, ", b"[-Infinity, ", 1),
        "comment": b"{/**/" + told[1:],
        "comma": told[:-1] + b",}",
        "wide": told.decode().encode("utf-16"),
        "mark": b"{\xef\xbb\xbf" + told[1:],
        "lone": told[:-1] + b', "\\ud800": {}}',
        "bytes": told[:-1] + b', "\xff\xfe": {}}',
        "zero name": told[:-1] + b', "\\u0000": {}}',
        "long name": told[:-1] + b', "' + b"x" * 900_000 + b'": {}}',
        "proto": told[:-1] + b', "__proto__": {"polluted": true}}',
        "escapes": told[:-1] + b', "' + b"\\u0041" * 99_999 + b'": {}}',
        "many": json.dumps(header | {str(n): n for n in range(60_000)}).encode(),
    }.items():
        yield File(f"json {name}.safetensors", safetensors(content, data), False)


def _metadata(header: Header, data: bytes) -> Iterator[File]:
    for place, told in enumerate((
        None, 7, "x", [], {}, {"a": 1}, {"a": None}, {"a": ["x"]}, {"step": "-3"},
        {"step": "9" * 4000}, {"step": 9}, {"accuracy": "nan"}, {"accuracy": "7"},
        {"epoch": "1e999"}, {"recipe": "[" * 9999},
        {"recipe": '{"data": "/etc", "lr": 1e999}'}, {"recipe": '{"epochs": 99999999999}'},
        {"classes": "\n" * 9999}, {"classes": "<script>\n\u202e\n" * 5},
        {"classes": "a\nb\nc\nd\ne\nf\ng"},
        {"data": "<img src=x onerror=alert(1)>"}, {"run": "../../etc"}, {"fingerprint": "../x"},
        {"version": "\x1b[2J"}, {"group": "1e9"}, {"train": "\u0663"}, {"x" * 9999: "y" * 9999},
        {"a": "x" * 900_000}, {str(n): "x" for n in range(60_000)}, {"\x00": "\x00"},
        {"__metadata__": {"__metadata__": "x"}},
    )):  # fmt: skip
        whole = safetensors({"__metadata__": told} | header, data)
        yield File(f"metadata {place}.safetensors", whole, True)
    deep = b'{"__metadata__":' + b'{"a":' * 900 + b"1" + b"}" * 901
    behind = b"," + json.dumps(header).encode()[1:]
    yield File("deep metadata.safetensors", safetensors(deep[:-1] + behind, data), True)
    twice = b'{"__metadata__":{"a":"1","a":"2"}' + behind
    yield File("metadata twice.safetensors", safetensors(twice, data), False)
