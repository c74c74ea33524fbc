"""A pickle is told, not run: what it holds comes out as plain values and descriptions."""

import argparse
import pathlib
import pickle
from collections import Counter, OrderedDict, defaultdict
from io import BytesIO

import numpy as np
import pytest
import torch
from support import handmade
from support.handmade import START, STOP, TENSOR, archive, called, persistent, rebuilt, zipped

from ultimus.checkpoints import safe_pickle
from ultimus.checkpoints.pickle_reader import MAX_STEPS, Placeholder
from ultimus.checkpoints.safe_pickle import MAX_MEMBERS
from ultimus.data.limits import MAX_CHECKPOINT_BYTES


def saved(content, old: bool = False, protocol: int = 2) -> bytes:
    buffer = BytesIO()
    torch.save(content, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def value(content: bytes):
    return safe_pickle.read(content, "x").value


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("old", [False, True])
def test_plain_content_is_read_as_torch_reads_it(old, protocol):
    content = {"a": torch.arange(7.0), "b": [1, 2.5, None, True, "x", (3, 4)], "c": OrderedDict()}
    read = value(saved(content, old, protocol))
    assert read.pop("a").tensor().equal(content["a"])
    assert read == {name: content[name] for name in "bc"}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_a_tensor_has_its_own_numbers_and_look(old, dtype):
    whole = torch.arange(35).to(dtype).reshape(5, 7)
    read = value(saved([whole, whole[1:, ::2].T, torch.nn.Parameter(torch.ones(3))], old))
    assert read[0].tensor().equal(whole) and read[0].dtype == dtype
    assert read[1].tensor().equal(whole[1:, ::2].T)
    assert read[2].tensor().equal(torch.ones(3))


def test_numbers_of_the_other_byte_order_are_turned():
    members = handmade.unzipped(saved(torch.arange(5.0)))
    for name, content in members.items():
        if name.endswith("byteorder"):
            members[name] = b"big"
        if name.endswith("data/0"):
            members[name] = np.frombuffer(content, "<f4").astype(">f4").tobytes()
    assert value(zipped(members)).tensor().equal(torch.arange(5.0))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_trainings_keep_is_no_code(old, protocol):
    weight = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([weight])
    again = [1, 2]
    content = {
        "number": np.float64(61.2),
        "numbers": np.arange(7),
        "device": torch.device("cpu"),
        "kind": torch.float32,
        "size": torch.Size([3]),
        "counter": Counter("aab"),
        "default": defaultdict(list, a=[1]),
        "args": argparse.Namespace(lr=0.1),
        "path": pathlib.PurePosixPath("a/b"),
        "set": {1, 2},
        "bytes": b"bytes",
        "complex": 1j,
        "twice": [again, again],
        "milestones": torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5]).state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "loss": torch.nn.CrossEntropyLoss(),
    }
    read = value(saved(content, old, protocol))
    assert read.keys() == content.keys()
    assert read["counter"] == Counter("aab") and read["twice"] == [again, again]
    assert isinstance(read["args"], Placeholder) and read["args"].name == "argparse.Namespace"


class Config:
    """A class of a training's own, as its settings are kept in."""


def test_an_object_of_a_class_of_ones_own_is_not_made():
    read = value(saved({"config": Config(), "class": Config}))
    assert isinstance(read["config"], Placeholder)
    assert read["config"].name.endswith(".Config")


@pytest.mark.parametrize(
    "call",
    ["posix mkdir", "os system", "builtins eval", "torch.hub load", "subprocess Popen",
     "some.package function", "torch._utils _rebuild_device_tensor_from_numpy"],
)  # fmt: skip
def test_what_is_called_besides_is_code(refused, call):
    for content in (archive(called(call)), handmade.old(called(call))):
        with refused(f"x holds code ({call.replace(' ', '.')}), which was not run"):
            safe_pickle.read(content, "x")


def test_an_object_of_the_standard_library_is_code_unless_it_is_plain(refused):
    with refused("x holds code (subprocess.Popen)"):
        safe_pickle.read(archive(b"csubprocess\nPopen\n)\x81"), "x")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_what_pickle_alone_wrote_is_not_opened(refused, protocol):
    with refused("x was written by pickle or joblib"):
        safe_pickle.read(pickle.dumps({"a": [1, 2]}, protocol), "x")


# Lies ---------------------------------------------------------------------------------------------


def test_an_old_file_has_to_fill_its_storages(refused):
    unfilled = handmade.old(rebuilt(persistent(1013, b"0", is_old=True), (1013,), (1,)))
    with refused("x is damaged"):
        safe_pickle.read(unfilled, "x")


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((6,), (1,), 0), ((5,), (2,), 0), ((5,), (1,), 1), ((5,), (-1,), 4), ((2**40,), (0,), 0),
     ((-5,), (1,), 0), ((2**32, 2**32), (1, 1), 0)],
)  # fmt: skip
def test_a_tensor_reaches_no_further_than_its_numbers(size, stride, offset):
    tensor = value(archive(rebuilt(persistent(5, b"0"), size, stride, offset), {"0": bytes(20)}))
    with pytest.raises(ValueError, match="tensor"):
        tensor.tensor()


@pytest.mark.parametrize("count", [4, 6, 2**62, -1])
def test_a_storage_is_as_long_as_it_says(count):
    tensor = value(archive(rebuilt(persistent(count, b"0"), (1,), (1,)), {"0": bytes(20)}))
    with pytest.raises(ValueError):
        tensor.tensor()


@pytest.mark.parametrize("depth", [40_000])
def test_nothing_is_hashed_or_gone_into_because_a_file_says_so(depth):
    tuples = value(archive(b"})" + b"\x85" * depth + b"Ns"))
    assert [*tuples.values()] == [None]
    laughs = archive(b")q\0" + b"0h\0h\0\x86q\0" * 1000)
    assert len(value(laughs)) == 2


def test_the_tensor_of_the_corpus_is_sound():
    assert value(archive(TENSOR, {"0": bytes(20)})).shape == (5,)


# Limits, and what is harmless at both sides -------------------------------------------------------


def test_a_pickle_may_have_as_many_steps_as_are_gone_through_in_a_second(refused):
    around = 3  # start, stop, and the value
    fits = archive(b"N0" * ((MAX_STEPS - around) // 2) + b"N")
    assert value(fits) is None
    with refused("x holds far more than the weights"):
        safe_pickle.read(archive(b"N0" * (MAX_STEPS // 2) + b"N"), "x")


def test_an_archive_may_have_as_many_members_as_are_listed_quickly(refused):
    members = {"a/data.pkl": START + b"N" + STOP}
    fits = members | {f"a/data/{n}": b"" for n in range(MAX_MEMBERS - 1)}
    assert value(zipped(fits)) is None
    with refused("x holds far more"):
        safe_pickle.read(zipped(fits | {"a/one more": b""}), "x")


def test_an_archive_may_take_as_much_as_a_file(refused):
    pickled = START + b"N" + STOP
    fits = {"a/data.pkl": pickled, "a/data/0": bytes(MAX_CHECKPOINT_BYTES - len(pickled))}
    assert value(zipped(fits)) is None
    with refused("x takes more than"):
        safe_pickle.read(zipped(fits | {"a/data/1": b"x"}), "x")
