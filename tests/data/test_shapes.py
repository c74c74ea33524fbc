"""The generated pictures: repeatable, balanced, and not given away by their colour."""

import numpy as np
import pytest

from ultimus.data.shapes import CLASSES, draw

COUNT = 211  # prime: the classes cannot come out equal


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return draw(COUNT, seed=7)


def test_shapes_and_types(drawn):
    images, labels = drawn
    assert images.shape == (COUNT, 3, 32, 32) and images.dtype == np.uint8
    assert labels.shape == (COUNT,) and labels.dtype == np.uint8
    assert len(CLASSES) == len(set(CLASSES)) == 10


@pytest.mark.parametrize("count", [1, 7, 257])
def test_any_count_is_met(count):
    images, labels = draw(count, seed=0)
    assert len(images) == len(labels) == count


def test_same_seed_same_bytes(drawn):
    again = draw(COUNT, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, again, strict=True))


def test_other_seed_other_pictures(drawn):
    images, labels = draw(COUNT, seed=8)
    assert not np.array_equal(images, drawn[0])
    assert not np.array_equal(labels, drawn[1])


def test_chunks_do_not_repeat_each_other():
    images, _ = draw(521, seed=3)
    assert len(np.unique(images.reshape(521, -1), axis=0)) == 521


def test_classes_are_balanced_and_shuffled(drawn):
    sizes = np.bincount(drawn[1])
    assert len(sizes) == len(CLASSES)
    assert sizes.min() == 21 and sizes.max() == 22
    steps = np.diff(drawn[1].astype(int))
    assert (steps == 0).any() and len(set(steps % 10)) == 10  # neither sorted nor in turn


def test_pictures_of_a_class_vary(drawn):
    images, labels = drawn
    for label in range(len(CLASSES)):
        members = images[labels == label].astype(np.float32)
        assert members.std(axis=0).mean() > 25  # of 255: the same pixel in other pictures


def test_pictures_use_the_range_of_a_byte(drawn):
    images, _ = drawn
    assert images.max() > 240 and images.min() < 10
    assert (images.std(axis=(2, 3)).max(axis=1) > 5).all()  # no picture is blank


@pytest.mark.parametrize("count", [0, -13])
def test_a_count_below_one_is_refused(count):
    with pytest.raises(ValueError, match=rf"{count}$"):
        draw(count, seed=0)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match=r"-5$"):
        draw(11, seed=-5)


def test_mean_colour_does_not_give_the_class_away():
    (images, labels), (others, answers) = draw(2003, seed=0), draw(997, seed=1)
    means, queries = images.mean(axis=(2, 3)), others.mean(axis=(2, 3))  # (N, 3)
    centroids = np.stack([means[labels == label].mean(axis=0) for label in range(10)])
    distance = np.linalg.norm(queries[:, None] - centroids, axis=2)  # (N, 10)
    assert (distance.argmin(axis=1) == answers).mean() < 0.2  # chance is 0.1
