"""A pickle is gone through before it is read; memory is given out by a budget."""

import pickle
from collections import Counter, OrderedDict
from io import BytesIO

import pytest
import torch
from support import handmade
from support.handmade import TENSOR, archive, number, persistent, rebuilt

from ultimus.checkpoints import safe_pickle
from ultimus.data.limits import MAX_CHECKPOINT_BYTES


def old(content) -> bytes:
    buffer = BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_plain_content_is_read_as_torch_reads_it():
    content = {"a": torch.arange(7.0), "b": [1, 2.5, None, True, "x", (3, 4)], "c": OrderedDict()}
    buffer = BytesIO()
    torch.save(content, buffer)
    for whole in (buffer.getvalue(), old(content)):
        read = safe_pickle.read(whole, "x")
        assert read.pop("a").equal(content["a"])
        assert read == {name: content[name] for name in "bc"}


def test_tensors_that_share_their_numbers_still_do():
    numbers = torch.arange(11.0)
    for whole in (old([numbers, numbers[2:5]]),):
        first, second = safe_pickle.read(whole, "x")
        assert second.equal(first[2:5])
        assert second.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()


@pytest.mark.parametrize("content", [Counter("aab"), {1, 2}, b"bytes", 1j, torch.Size([3])])
def test_other_things_are_refused_though_torch_would_read_them(refused, content):
    with refused("x holds code"):
        safe_pickle.read(old(content), "x")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_other_protocols_than_torchs_are_refused(refused, protocol):
    with refused("x "):
        safe_pickle.read(pickle.dumps({"a": [1, 2]}, protocol), "x")


def test_memory_that_an_old_file_does_not_fill_is_zero():
    unfilled = handmade.old(rebuilt(persistent(1013, b"0", is_old=True), (1013,), (1,)))
    assert not safe_pickle.read(unfilled, "x").any()


def test_a_tensor_of_an_old_file_takes_no_memory_of_its_own(refused):
    empty = handmade.old(rebuilt(persistent(0, b"0", is_old=True), (1013,), (1,)))
    with refused("x is damaged"):
        safe_pickle.read(empty, "x")


def test_an_empty_tensor_is_plain_content_too():
    content = {"a": torch.ones(3), "b": torch.ones(0)}
    assert safe_pickle.read(old(content), "x")["b"].shape == (0,)


def test_a_tensor_may_be_no_larger_than_its_numbers(refused):
    whole = archive(rebuilt(persistent(5, b"0"), size=(7,), stride=(1,)), {"0": bytes(20)})
    with refused("x is damaged"):
        safe_pickle.read(whole, "x")


def test_one_record_read_many_times_is_counted_each_time(refused):
    size = MAX_CHECKPOINT_BYTES // 4
    keys = [b"aaa", b"aaA", b"aAa", b"Aaa", b"AAA"]
    several = b"".join(rebuilt(persistent(size // 4, key), (1,), (1,)) for key in keys)
    whole = archive(b"](" + several + b"e", {"aaa": bytes(size)})
    with refused("x takes more than"):
        safe_pickle.read(whole, "x")


def test_a_memory_that_is_never_used_is_not_asked_for(refused):
    pickles = old({"a": torch.ones(5)})
    lying = pickles.replace(b"cpuq\x06K\x05", b"cpuq\x06" + number(2**50))
    assert lying != pickles
    with refused("x "):
        safe_pickle.read(lying, "x")


@pytest.mark.parametrize("kind", [b"]", b"}", b")\x85"])
def test_nothing_but_texts_is_used_twice(refused, kind):
    with refused("x holds far more than the weights"):
        safe_pickle.read(archive(b"](" + kind + b"q\0h\0e"), "x")


def test_a_text_that_becomes_a_list_is_none(refused):
    with refused("x holds far more"):
        safe_pickle.read(archive(b"](X\1\0\0\0aq\0]q\0h\0e"), "x")


def test_the_tensor_of_the_corpus_is_sound():
    assert safe_pickle.read(archive(TENSOR, {"0": bytes(20)}), "x").shape == (5,)
