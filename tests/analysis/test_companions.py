"""Companions, where the answer can be worked out by hand."""

import numpy as np
import pytest
import torch
from support.networks import network
from support.shipped import STEADY

from ultimus import Run, Transformer, load, open_dataset
from ultimus.analysis.companions import Company, influence, redraw
from ultimus.evaluation import features_of, logits_after
from ultimus.model import FEATURES, PASSES

N, B, C, K = 101, 7, 5, 11


@pytest.fixture(scope="module")
def model() -> Transformer:
    return network(C, q=2, k=2, v=2, out=2)


@pytest.fixture(scope="module")
def pool() -> torch.Tensor:
    return torch.randn(N, FEATURES, generator=torch.Generator().manual_seed(1))


def _close(ours, reference, tolerance=1e-5):
    torch.testing.assert_close(ours, reference, rtol=tolerance, atol=tolerance)


def _averaging(threshold: float) -> Transformer:
    """Attention is uniform; class 0 has the logit 4 × the group's mean of feature 0, less the
    threshold, and class 1 has 0."""
    model = Transformer(2).requires_grad_(False)
    for each in [*model.ultimusBlock.parameters(), *model.cap.parameters()]:
        each.zero_()
    model.ultimusBlock.v.weight[3, 0] = 1  # feature 0 into value 3 ...
    model.ultimusBlock.out.weight[1, 3] = 1  # ... which is added to feature 1
    model.cap.weight[0, 1] = 1
    model.cap.bias[0] = -threshold
    return model


def _with_first(*values: float) -> torch.Tensor:
    """Images whose feature 0 is given, and whose others are 0."""
    features = torch.zeros(len(values), FEATURES)
    features[:, 0] = torch.tensor(values)
    return features


def _answer(mean: float, threshold: float = 0.0) -> list[float]:
    """What the averaging model says: (C,)."""
    first = 1 / (1 + np.exp(threshold - PASSES * mean))
    return [first, 1 - first]


# Random companions --------------------------------------------------------------------------------


def test_the_answers_are_those_of_the_groups(model, pool):
    company = redraw(model, 13, pool, K, B)
    assert company.companions.shape == (K, B - 1) and company.probabilities.shape == (K, C)
    for others, answer in zip(company.companions, company.probabilities, strict=True):
        group = torch.cat([pool[13:14], pool[others]])
        _close(answer, logits_after(model, group)[-1, 0].softmax(dim=-1))
    _close(company.alone, logits_after(model, pool[13:14])[-1, 0].softmax(dim=-1))
    assert company.std.max() > 1e-3  # company does matter


@pytest.mark.parametrize("size", [2, B, 20])
def test_companions_are_others_and_none_comes_twice(model, pool, size):
    for image in (0, 12, 19):
        for others in redraw(model, image, pool[:20], K, size).companions.tolist():
            assert len(set(others)) == size - 1
            assert set(others) <= set(range(20)) - {image}


def test_draws_are_the_seeds_own(model, pool):
    first, again, other = (redraw(model, 3, pool, K, B, seed) for seed in (5, 5, 6))
    assert torch.equal(first.companions, again.companions)
    assert torch.equal(first.probabilities, again.probabilities)
    assert not torch.equal(first.companions, other.companions)
    assert len({tuple(each) for each in first.companions.tolist()}) == K


def test_in_a_group_of_one_it_is_alone(model, pool):
    company = redraw(model, 3, pool, K, size=1)
    assert company.companions.shape == (K, 0)
    _close(company.probabilities, company.alone.expand(K, -1))
    assert company.change_rate == 0


@pytest.mark.parametrize("ablation", ["none", "identity"])
def test_who_looks_at_nobody_has_no_company(model, pool, ablation):
    company = redraw(model, 3, pool, K, B, ablation=ablation)
    _close(company.probabilities, company.alone.expand(K, -1), 1e-6)


def test_the_spread_by_hand():
    rows = torch.tensor([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    company = Company(torch.zeros(3, 0), rows, rows[1])
    _close(company.mean, torch.tensor([0.6, 0.4]))
    _close(company.std, torch.tensor([0.06, 0.06]).sqrt())
    assert company.low.tolist() == rows[1, :1].tolist() + rows[2, 1:].tolist()
    assert company.high.tolist() == rows[2, :1].tolist() + rows[1, 1:].tolist()
    assert company.change_rate == pytest.approx(1 / 3)


def test_answers_flip_where_one_image_is_in_the_group():
    model = _averaging(threshold=1)
    pool = _with_first(*[0.0] * 5, 7.0, *[0.0] * 23)
    company = redraw(model, 2, pool, draws=53, size=B, seed=1)
    met = (company.companions == 5).any(dim=1)
    expected = [_answer(1.0 if each else 0.0, 1) for each in met]  # a mean of 7 / 7, or of 0
    _close(company.probabilities, torch.tensor(expected, dtype=torch.float32))
    assert 0 < met.sum() < 27  # in fewer than half, or the others would flip
    assert company.change_rate == pytest.approx(met.double().mean().item())


def test_what_cannot_be_drawn_is_refused(model, pool, refused):
    for image in (-1, N):
        with refused(f"image {image}", "0 to 100"):
            redraw(model, image, pool)
    with refused("16 companions", "only 10"):
        redraw(model, 0, pool[:11], size=17)
    for draws, size in ((0, B), (K, 0)):
        with refused(f"{draws} groups of {size}"):
            redraw(model, 0, pool, draws, size)
    with refused("-3"):
        redraw(model, 0, pool, seed=-3)


# Without one companion ----------------------------------------------------------------------------


def _without(model: Transformer, features: torch.Tensor, image: int, j: int) -> torch.Tensor:
    """The answer to one image, its group computed anew without another."""
    rest = [each for each in range(len(features)) if each != j]
    return logits_after(model, features[rest])[-1, rest.index(image)].softmax(dim=-1)


@pytest.mark.parametrize("image", [0, 3, B - 1])
def test_influence_is_leaving_out_one_by_one(model, pool, image):
    features = pool[:B]
    made = influence(model, features, image)
    complete = logits_after(model, features)[-1, image].softmax(dim=-1)
    for j in range(B):
        if j != image:
            _close(made[j], _without(model, features, image, j) - complete)
    assert made[image].tolist() == [0.0] * C
    assert made.abs().amax(dim=1).max() > 1e-3
    _close(made.sum(dim=1), torch.zeros(B))  # probabilities sum to one, so changes to nothing


def test_one_decisive_companion_by_hand():
    model, features = _averaging(threshold=0), _with_first(0, 0, 3.0, 0, 0)
    made = influence(model, features, image=1)
    usual, decisive = _answer(3 / 4)[0] - _answer(3 / 5)[0], 0.5 - _answer(3 / 5)[0]
    expected = torch.tensor([usual, 0, decisive, usual, usual]).float()
    _close(made[:, 0], expected, 1e-6)
    _close(made[:, 1], -expected, 1e-6)


def test_of_two_identical_companions_either_can_go():
    model, features = _averaging(threshold=0), _with_first(0, 2.0, 2.0, -1.0)
    made = influence(model, features, image=0)
    _close(made[1], made[2], 1e-7)
    assert made[1, 0].item() == pytest.approx(_answer(1 / 3)[0] - _answer(3 / 4)[0], abs=1e-6)


@pytest.mark.parametrize("ablation", ["none", "identity"])
def test_who_looks_at_nobody_is_not_influenced(model, pool, ablation):
    made = influence(model, pool[:B], 3, ablation)
    _close(made, torch.zeros(B, C), 1e-6)


def test_small_groups(model, pool, refused):
    assert influence(model, pool[:1], 0).tolist() == [[0.0] * C]
    alone = logits_after(model, pool[1:2])[-1, 0].softmax(dim=-1)
    together = logits_after(model, pool[:2])[-1, 1].softmax(dim=-1)
    _close(influence(model, pool[:2], 1)[0], alone - together, 1e-6)
    with refused("image 7", "0 to 6"):
        influence(model, pool[:B], B)


# Real data ----------------------------------------------------------------------------------------


def test_the_shipped_model_on_the_real_data(real_data, capsys):
    split, model = open_dataset(real_data).test, load(Run(STEADY).snapshot(9360))
    count = 1009
    pool, labels = features_of(model, split.images[:count]), split.labels[:count]
    images = range(53)
    companies = [redraw(model, image, pool) for image in images]
    flips = np.mean([each.change_rate for each in companies])
    spread = np.mean([each.std.max().item() for each in companies])
    right = sum(
        int(company.mean.argmax() == labels[image])
        for image, company in zip(images, companies, strict=True)
    )
    with capsys.disabled():
        print(
            f"\n  {len(images)} images in 32 companies: {flips:.1%} of answers flip, "
            f"mean spread {spread:.3f}; right in random company {right / len(images):.1%}"
        )
    assert 0 < flips < 0.2
    assert 0.4 < right / len(images) < 0.8
