"""Attention to the own class over a split, against a plain loop over its groups."""

import pytest
import torch

from ultimus.analysis.own_class import own_class
from ultimus.data.groups import same_class_mass
from ultimus.evaluation import fixed_groups
from ultimus.model import Transformer

N, B, C = 43, 6, 3


def _network(grid: int = 1) -> Transformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = Transformer(C, grid=grid).requires_grad_(False)
    for layer in (model.ultimusBlock.q, model.ultimusBlock.k):
        layer.weight.mul_(5)
    return model


def test_it_is_the_mean_over_all_images_of_all_groups():
    draw = torch.Generator().manual_seed(1)
    features, labels = torch.randn(N, 48, generator=draw), torch.randint(C, (N,), generator=draw)
    model = _network()
    found = {name: own_class(model, features, labels, B, name) for name in ("random", "pairs")}
    for name, own in found.items():
        masses, shares = [], []
        for group in fixed_groups(N, B, labels, name):
            kinds = labels[group]
            passes = model.trace_features(features[group]).passes
            masses.append([same_class_mass(one.weights, kinds).mean() for one in passes])
            shares.append((kinds[:, None] == kinds).double().mean())
        torch.testing.assert_close(own.attention.float(), torch.tensor(masses).mean(0))
        assert own.chance == pytest.approx(torch.stack(shares).mean().item())
    assert found["pairs"].chance > found["random"].chance


def test_patches_have_no_class_to_look_at(refused):
    with refused("patches", "no companions"):
        own_class(_network(grid=2), torch.randn(N, 4, 48), torch.zeros(N, dtype=torch.int64))
