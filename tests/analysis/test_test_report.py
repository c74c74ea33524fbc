"""What a test set says, against `train.evaluate`, hand-made cases and published numbers."""

import math

import numpy as np
import pytest
import torch
from support.networks import network
from support.shipped import STEADY

from ultimus import Transformer, evaluate, load, open_dataset
from ultimus.analysis.ablation import accuracy
from ultimus.analysis.test_report import (
    Verdict,
    by_size,
    calibration,
    companions,
    dependence,
    measure,
    select,
    wilson,
)
from ultimus.data.augment import preprocess
from ultimus.data.dataset import Split
from ultimus.data.groups import SORTED
from ultimus.evaluation import features_of, fixed_groups

N, B, C = 101, 7, 5

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def split() -> Split:
    draw = torch.Generator().manual_seed(7)
    images = torch.randint(256, (N, 3, 32, 32), generator=draw) // 4
    images += torch.randint(192, (N, 3, 1, 1), generator=draw)
    return Split(images.to(torch.uint8), torch.randint(C, (N,), generator=draw))


@pytest.fixture(scope="module")
def model(split: Split) -> Transformer:
    return network(C, conv3=20, among=split.images, v=2)


@pytest.fixture(scope="module")
def features(model: Transformer, split: Split) -> torch.Tensor:
    return features_of(model, split.images)


@pytest.fixture(scope="module")
def verdict(model: Transformer, features: torch.Tensor, split: Split) -> Verdict:
    return measure(model, features, split.labels, B)


def told(probabilities: list[list[float]], labels: list[int]) -> Verdict:
    """The verdict of a model that gives these probabilities."""
    return Verdict(torch.tensor(probabilities, dtype=torch.float64).log(), torch.tensor(labels), 1)


# The answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [1, 2, B, N, 10 * N])
def test_it_agrees_with_the_evaluation_of_training(model, features, split, group):
    ours, theirs = measure(model, features, split.labels, group), evaluate(model, split, group)
    assert (ours.accuracy, ours.group) == (theirs.accuracy, theirs.group)
    assert ours.accuracy == accuracy(model, features, split.labels, group)[-1]
    assert ours.loss == pytest.approx(theirs.loss, abs=1e-5)


def test_answers_are_in_the_order_of_the_images(model, split, verdict):
    """Each as in its own group, computed by the whole network."""
    for members in fixed_groups(N, B)[:3]:
        with torch.inference_mode():
            group = model(preprocess(split.images[torch.from_numpy(members)]))
        torch.testing.assert_close(verdict.logits[members], group, rtol=1e-4, atol=1e-4)


def test_alone_is_a_group_of_one(model, features, split):
    alone = measure(model, features, split.labels, 1)
    with torch.inference_mode():
        own = model(preprocess(split.images[:11]), 1)
    torch.testing.assert_close(alone.logits[:11], own, rtol=1e-4, atol=1e-4)


def test_accuracy_by_size_is_that_of_each_size_in_both_orders(model, features, split):
    found = list(by_size(model, features, split.labels, most=9))
    assert [each.size for each in found] == [1, 2, 4, 8]
    for size, shuffled, by_class in found:
        assert shuffled == evaluate(model, split, size).accuracy
        assert by_class == evaluate(model, split, size, SORTED).accuracy
    assert found[0].shuffled == found[0].sorted_by_class
    assert any(each.shuffled != each.sorted_by_class for each in found)


def test_dependence_is_the_variance_over_groups_beside_that_of_independent_answers():
    labels = torch.zeros(64, dtype=torch.int64)
    groups = torch.from_numpy(fixed_groups(64, 4))
    right = torch.zeros(64, dtype=torch.bool)
    right[groups[:4].flatten()] = True  # four groups wholly, the other twelve not at all
    together = Verdict(torch.where(right[:, None], torch.tensor([1.0, 0]), torch.tensor([0, 1.0])),
                       labels, 4)  # fmt: skip
    assert dependence(together) == pytest.approx(4.0)  # as if a group were one answer
    right = torch.zeros(64, dtype=torch.bool)
    right[groups[:, 0]] = True  # one of each
    apart = Verdict(torch.where(right[:, None], torch.tensor([1.0, 0]), torch.tensor([0, 1.0])),
                    labels, 4)  # fmt: skip
    assert dependence(apart) == pytest.approx(0.0)


@pytest.mark.parametrize("image", [0, 13, N - 1])
def test_companions_give_the_very_answer(model, split, verdict, image):
    members = companions(N, B, image)
    assert members[0] == image
    assert len(set(members)) == B
    with torch.inference_mode():
        own = model(preprocess(split.images[list(members)]))[0]
    torch.testing.assert_close(verdict.logits[image], own, rtol=1e-4, atol=1e-4)


def test_companions_where_all_sit_together():
    assert sorted(companions(5, 16, 3)) == [0, 1, 2, 3, 4]
    assert companions(5, 1, 3) == (3,)


@pytest.mark.parametrize(("count", "group"), [(0, 16), (N, 0), (N, -1)])
def test_nothing_to_measure_gets_a_sentence(model, features, split, refused, count, group):
    with refused(str(count), str(group)):
        measure(model, features[:count], split.labels[:count], group)


def test_probabilities_and_what_follows_from_them(verdict):
    torch.testing.assert_close(verdict.probabilities.sum(dim=1), torch.ones(N))
    assert torch.equal(verdict.probabilities.argmax(dim=1), verdict.guesses)
    assert torch.equal(verdict.confidence, verdict.probabilities.max(dim=1).values)
    assert 0 < verdict.accuracy < 1  # the cases below have both


# Where it errs ------------------------------------------------------------------------------------


def test_confusion_counts_every_image_once(verdict, split):
    matrix = verdict.confusion
    assert matrix.shape == (C, C)
    assert matrix.sum() == N
    assert torch.equal(matrix.sum(dim=1), split.labels.bincount(minlength=C))
    assert torch.equal(matrix.sum(dim=0), verdict.guesses.bincount(minlength=C))
    assert matrix.trace() / N == pytest.approx(verdict.accuracy)


def test_confusion_rows_are_true_and_columns_are_called():
    made = told([[0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.1, 0.2, 0.7]], [0, 0, 2])
    assert made.confusion.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_cells_share_out_all_images(verdict):
    cells = [select(verdict, i, j) for i in range(C) for j in range(C)]
    assert sorted(torch.cat(cells).tolist()) == list(range(N))
    assert [len(cell) for cell in cells] == verdict.confusion.flatten().tolist()


def test_mistakes_are_chosen_by_either_class_or_none(verdict):
    wrong = ~verdict.correct
    assert set(select(verdict).tolist()) == set(wrong.nonzero().flatten().tolist())
    for each in range(C):
        mistaken = select(verdict, true=each)
        assert (verdict.labels[mistaken] == each).all() and wrong[mistaken].all()
        assert len(mistaken) == (wrong & (verdict.labels == each)).sum()
        mistaken = select(verdict, called=each)
        assert (verdict.guesses[mistaken] == each).all() and wrong[mistaken].all()
        assert len(mistaken) == (wrong & (verdict.guesses == each)).sum()


def test_the_surest_come_first(verdict):
    sure = verdict.confidence[select(verdict)]
    assert (sure.diff() <= 0).all()
    even = told([[0.2, 0.8]] * 7, [0] * 7)
    assert select(even).tolist() == list(range(7))  # and the same ones for everybody


# Intervals and calibration ------------------------------------------------------------------------


def test_wilson_against_published_intervals():
    """Newcombe 1998, Statistics in Medicine 17, table I, method 3."""
    right, count = [81, 15, 0, 1], [263, 148, 20, 29]
    low, high = wilson(right, count)
    assert low.round(4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert high.round(4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


@pytest.mark.parametrize("count", [1, 20, 10_007])
def test_wilson_is_where_the_score_test_turns(count):
    """At its ends the distance from the share is z standard errors, as they would be there."""
    right = np.arange(count + 1)[:: max(1, count // 7)]
    for end in wilson(right, np.full_like(right, count), z=1.7):
        distance = np.abs(right / count - end)
        assert distance == pytest.approx(1.7 * np.sqrt(end * (1 - end) / count), abs=1e-7)


def test_wilson_of_nothing_says_nothing():
    low, high = wilson([0, 3], [0, 3])
    assert (low[0], high[0]) == (0, 1)
    assert low[1] > 0.4 and high[1] == 1


def test_calibration_of_a_hand_made_case():
    """Two answers of 0.9, one right; one of 0.6 that is right: (2 · 0.4 + 1 · 0.4) / 3."""
    made = calibration(told([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], [0, 1, 1]), bins=5)
    assert made.count.tolist() == [0, 0, 1, 0, 2]  # 0.6 is in (0.4, 0.6]
    assert made.right.tolist() == [0, 0, 1, 0, 1]
    assert made.confidence[[2, 4]] == pytest.approx([0.6, 0.9])
    assert np.isnan(made.confidence[[0, 1, 3]]).all()
    assert made.error == pytest.approx((2 * 0.4 + 0.4) / 3)


def test_calibration_counts_every_answer_once(verdict):
    made = calibration(verdict, bins=7)
    assert made.count.sum() == N
    assert made.right.sum() == verdict.correct.sum()
    inside = made.count > 0
    upper = np.arange(1, 8) / 7
    assert (made.confidence[inside] <= upper[inside] + 1e-9).all()
    assert (made.confidence[inside] > upper[inside] - 1 / 7 - 1e-9).all()
    shares = made.right[inside] / made.count[inside]
    gaps = np.abs(shares - made.confidence[inside])
    assert made.error == pytest.approx((gaps * made.count[inside]).sum() / N)


def test_one_that_is_always_sure_and_right_is_perfectly_calibrated():
    made = calibration(told([[1, 0], [0, 1]], [0, 1]))
    assert (made.error, made.count[-1]) == (0, 2)


# Real data ----------------------------------------------------------------------------------------


def test_the_shipped_run_on_real_images(real_data):
    """On the first thousand test images; the accuracy of all of them is in the README."""
    test = open_dataset(real_data).test
    some = Split(test.images[:1000], test.labels[:1000])
    model = load(STEADY / "weights" / "9360.safetensors").eval()
    found = measure(model, features_of(model, some.images), some.labels)
    expected = evaluate(model, some)
    assert found.accuracy == expected.accuracy
    assert found.loss == pytest.approx(expected.loss, abs=1e-5)
    low, high = wilson(found.correct.sum(), len(some))
    assert low < 0.6224 < high
    assert found.loss < math.log(10)
