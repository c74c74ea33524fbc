"""The inference core against plain loops."""

import pytest
import torch
from torch.nn import functional as F

from ultimus.data.augment import preprocess
from ultimus.data.dataset import Split
from ultimus.data.groups import SORTED
from ultimus.evaluation import (
    evaluate,
    features_of,
    fixed_groups,
    in_groups,
    logits_after,
    repeatable_features,
)
from ultimus.model import Transformer

N, CLASSES = 43, 3

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def split() -> Split:
    draw = torch.Generator().manual_seed(2)
    images = torch.randint(256, (N, 3, 32, 32), generator=draw, dtype=torch.uint8)
    return Split(images, torch.randint(CLASSES, (N,), generator=draw))


@pytest.fixture(scope="module")
def model() -> Transformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Transformer(CLASSES)


@pytest.mark.parametrize("batch", [17, 43, 100])
def test_features_are_the_models_and_progress_is_reported(model, split, batch):
    fractions = []
    features = features_of(model, split.images, fractions.append, batch)
    with torch.inference_mode():
        expected = model.features(split.images / 127.5 - 1)
    torch.testing.assert_close(features, expected)
    assert fractions == [min(1.0, end / N) for end in range(batch, N + batch, batch)]


def test_of_no_images_there_are_no_features(model, split):
    assert features_of(model, split.images[:0]).shape == (0, 48)
    assert repeatable_features(model, split.images[:0], 8).shape == (0, 48)


def test_repeatable_features_are_the_same_in_any_company(model, split):
    together = repeatable_features(model, split.images, 8)
    for place in (0, 7, 20, N - 1):
        alone = repeatable_features(model, split.images[place : place + 1], 8)
        assert torch.equal(alone[0], together[place])


@pytest.mark.parametrize("group", [1, 7, 16, N, 100])
@pytest.mark.parametrize("chunk", [1, 20, 2048])
def test_answers_in_groups_come_in_the_order_of_the_images(model, split, group, chunk, monkeypatch):
    monkeypatch.setattr("ultimus.evaluation.CHUNK", chunk)
    features = features_of(model, split.images)
    answers = in_groups(lambda x: logits_after(model, x, passes=2), features, group)
    assert answers.shape == (3, N, CLASSES)
    first = {}
    for chosen in fixed_groups(N, group).tolist():
        for image, answer in zip(
            chosen, logits_after(model, features[chosen], 2).unbind(1), strict=True
        ):
            first.setdefault(image, answer)  # what fills up the last group comes last
    expected = torch.stack([first[image] for image in range(N)], dim=1)
    torch.testing.assert_close(answers, expected)


def test_what_cannot_be_measured_is_refused(model, split, refused):
    with refused("43 images in groups of 0"):
        evaluate(model, split, 0)
    with refused("0 images in groups of 16"):
        evaluate(model, Split(split.images[:0], split.labels[:0]))


@pytest.mark.parametrize("group", [1, 2, 7, 16, 43, 1000])
def test_evaluate_is_a_plain_loop_over_the_fixed_groups(model, split, group):
    size = min(group, N)
    right, loss, seen = 0, 0.0, []
    for indices in fixed_groups(N, size):
        logits = model(preprocess(split.images[indices])).detach()
        for index, row in zip(indices.tolist(), logits, strict=True):
            if index not in seen:
                seen.append(index)
                label = split.labels[index]
                right += int(row.argmax() == label)
                loss += F.cross_entropy(row, label).item()
    result = evaluate(model, split, group)
    assert sorted(seen) == list(range(N)) and result.images == N
    assert result.accuracy == right / N
    assert result.loss == pytest.approx(loss / N, abs=1e-5)
    assert result.group == size


def test_the_fixed_groups_are_fixed_shuffled_and_full():
    groups = fixed_groups(43, 5)
    assert groups.shape == (9, 5)
    assert (groups == fixed_groups(43, 5)).all()
    assert set(groups.flatten()) == set(range(43))
    assert groups.flatten().tolist() != sorted(groups.flatten().tolist())
    assert (groups.flatten()[43:] == groups.flatten()[:2]).all()


# Patches ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patches() -> Transformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Transformer(CLASSES, grid=3)


def test_a_network_of_patches_is_measured_each_image_alone(patches, split):
    with torch.inference_mode():
        expected = patches(preprocess(split.images))
    for group in (1, 16):
        found = evaluate(patches, split, group)
        assert (found.group, found.images) == (1, N)
        assert found.conditions == "each alone"
        assert found.loss == pytest.approx(F.cross_entropy(expected, split.labels).item(), abs=1e-5)
    features = features_of(patches, split.images)
    assert features.shape == (N, 9, 48)
    assert features_of(patches, split.images[:0]).shape == (0, 9, 48)
    assert repeatable_features(patches, split.images[:5], 8).shape == (5, 9, 48)
    grouped = in_groups(lambda x: logits_after(patches, x)[-1], features, 7)
    torch.testing.assert_close(grouped, expected, atol=1e-5, rtol=1e-5)


# Composed groups ----------------------------------------------------------------------------------


def test_composed_groups_change_who_meets_and_are_said(model, split):
    features = features_of(model, split.images)
    groups = torch.from_numpy(fixed_groups(N, 4, split.labels, "pairs"))
    found = evaluate(model, split, 4, "pairs")
    assert found.conditions == "in groups of 4 made of pairs of one class"
    with torch.inference_mode():
        logits = torch.stack([logits_after(model, features[group])[-1] for group in groups])
    expected = torch.empty(N, CLASSES)
    order = groups.flatten()[:N]
    expected[order] = logits.flatten(0, 1)[:N]
    assert found.loss == pytest.approx(F.cross_entropy(expected, split.labels).item(), abs=1e-5)
    assert found.loss != evaluate(model, split, 4).loss
    assert sorted(order.tolist()) == list(range(N))


def test_a_split_of_a_single_group_is_not_composed(split):
    assert (fixed_groups(N, 100, split.labels, "fours") == fixed_groups(N, 100)).all()


def test_sorted_groups_hold_one_class_after_another_in_the_order_of_the_data(model, split):
    groups = fixed_groups(N, 5, split.labels, SORTED)
    classes = split.labels[groups.flatten()[:N]].tolist()
    assert classes == sorted(classes) and set(groups.flatten()) == set(range(N))
    first = [place for place, label in enumerate(split.labels.tolist()) if label == 0]
    assert groups.flatten()[: len(first)].tolist() == first
    result = evaluate(model, split, 5, SORTED)
    features = features_of(model, split.images)
    logits = [logits_after(model, features[chosen])[-1] for chosen in torch.from_numpy(groups)]
    right = torch.cat(logits)[:N].argmax(dim=1) == split.labels[groups.flatten()[:N]]
    assert result.accuracy == right.double().mean().item()
    assert result.conditions == "in groups of 5, sorted by class"


def test_another_seed_shuffles_otherwise():
    assert (fixed_groups(N, 5, seed=1) == fixed_groups(N, 5, seed=1)).all()
    assert (fixed_groups(N, 5, seed=1) != fixed_groups(N, 5)).any()


@pytest.mark.parametrize("grid", [1, 3])
def test_answers_are_averaged_over_an_image_and_its_mirror_image(split, grid):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Transformer(CLASSES, grid=grid)
    found = evaluate(model, split, group=N, tta="mirror")
    with torch.inference_mode():
        sides = [model(preprocess(images)) for images in (split.images, split.images.flip(-1))]
    chances = sum(side.softmax(dim=-1) for side in sides) / 2
    right = (chances.argmax(dim=-1) == split.labels).double().mean().item()
    loss = F.nll_loss(chances.log(), split.labels).item()
    assert (found.accuracy, found.loss) == (right, pytest.approx(loss, abs=1e-5))
    mirrored = Split(split.images.flip(-1), split.labels)
    assert evaluate(model, mirrored, N, tta="mirror").loss == pytest.approx(found.loss, abs=1e-5)
    assert "test-time augmentation" in found.conditions
    assert found.loss != pytest.approx(evaluate(model, split, N).loss, abs=1e-5)
