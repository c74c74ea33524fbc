"""Classes are matched by their names: the same pictures in another order give the same answer."""

import pytest
import torch

from ultimus.data.classes import matched
from ultimus.data.dataset import Dataset, Split


def a_dataset(*classes: str) -> Dataset:
    labels = torch.arange(11) % len(classes)
    split = Split(torch.zeros(11, 3, 32, 32, dtype=torch.uint8), labels)
    return Dataset("Own", "own", classes, split, split, "")


def test_another_order_is_put_right():
    found, note = matched(a_dataset("dog", "cat", "bird"), ("bird", "cat", "dog"), 3)
    assert found.classes == ("bird", "cat", "dog") and not note
    for split in (found.train, found.test):
        assert split.labels.tolist() == [(2, 1, 0)[n % 3] for n in range(11)]


def test_the_same_order_is_left_alone():
    data = a_dataset("cat", "dog")
    assert matched(data, ("cat", "dog"), 2) == (data, "")


@pytest.mark.parametrize("name", ["Fire Engine", "fire_engine", "FIRE-ENGINE", "fireengine"])
def test_capitals_and_spaces_make_no_other_class(name):
    found, _ = matched(a_dataset("tree", name), ("fire engine", "tree"), 2)
    assert found.test.labels.tolist() == [1 - n % 2 for n in range(11)]


def test_classes_that_differ_in_capitals_alone_stay_apart():
    found, _ = matched(a_dataset("a", "A"), ("A", "a"), 2)
    assert found.test.labels.tolist() == [1 - n % 2 for n in range(11)]


def test_some_of_the_classes_can_be_measured():
    found, _ = matched(a_dataset("dog", "cat"), ("bird", "cat", "dog"), 3)
    assert found.test.labels.tolist() == [2 - n % 2 for n in range(11)]


def test_other_classes_are_refused_and_both_are_named(refused):
    with refused("cat, dog", "cat, wolf", "trained on"):
        matched(a_dataset("cat", "wolf"), ("cat", "dog"), 2)


def test_another_number_of_unknown_classes_is_refused(refused):
    with refused("tells 3 classes apart, but Own has 2"):
        matched(a_dataset("x", "y"), (), 3)


@pytest.mark.parametrize(
    ("data", "network"),
    [(("cat", "dog"), ()), (("0", "1"), ("cat", "dog")), (("cat", "dog"), "01")],
)
def test_numbers_are_matched_by_their_order_and_that_is_said(data, network):
    found, note = matched(a_dataset(*data), tuple(network), 2)
    assert found.test.labels.tolist() == [n % 2 for n in range(11)]
    assert "by their order" in note
