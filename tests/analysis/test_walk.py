"""The walk through one cell against an independent computation in float64, numpy only."""

import numpy as np
import pytest
import torch
from support.networks import network

from ultimus.analysis.ablation import ablate
from ultimus.analysis.walk import Walk, walk
from ultimus.model import FEATURES, HEAD, PASSES, Trace, Transformer

B, C = 7, 5
CELLS = [(1, 3, 5), (2, 0, 6), (3, 6, 0), (4, 4, 4)]  # pass, i, j


@pytest.fixture(scope="module")
def model() -> Transformer:
    return network(C, seed=3, q=3, k=3)


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    return torch.randn(B, FEATURES, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def trace(model, features) -> Trace:
    return ablate(model, features)


def _reference(model: Transformer, features: torch.Tensor, number: int, i: int, j: int) -> dict:
    """The same numbers from the features and weights alone, all passes in float64."""
    weight = {name: each.detach().double().numpy()
              for name, each in model.ultimusBlock.state_dict().items()}  # fmt: skip
    x = features.double().numpy()
    for _ in range(number):
        before = x
        q, k, v = (x @ weight[f"{name}.weight"].T + weight[f"{name}.bias"] for name in "qkv")
        scores = np.einsum("ih,jh->ij", q, k) / np.sqrt(8)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        attention = powers / powers.sum(axis=1, keepdims=True)
        residual = attention @ v @ weight["out.weight"].T + weight["out.bias"]
        x = before + residual
    return {
        "before": before,
        "query": q[i],
        "keys": k,
        "key": k[j],
        "values": v,
        "products": [q[i, h] * k[j, h] for h in range(8)],
        "total": sum(q[i, h] * k[j, h] for h in range(8)),
        "score": scores[i, j],
        "scores": scores[i],
        "exponentials": powers[i],
        "normalizer": sum(powers[i]),
        "weights": attention[i],
        "contributions": [attention[i, each] * v[each] for each in range(len(x))],
        "mixed": attention[i] @ v,
        "out_weight": weight["out.weight"],
        "projected": weight["out.weight"] @ (attention[i] @ v),
        "bias": weight["out.bias"],
        "residual": residual[i],
        "after": x[i],
    }


@pytest.mark.parametrize(("number", "i", "j"), CELLS)
def test_every_step_is_the_independent_one(model, features, trace, number, i, j):
    made = walk(model, trace, number, i, j)
    expected = _reference(model, features, number, i, j)
    assert set(expected) | {"check"} == set(Walk._fields)
    for name, value in expected.items():
        ours = getattr(made, name)
        assert ours.dtype == torch.float64 and not ours.requires_grad, name
        assert ours.shape == np.shape(value), name
        np.testing.assert_allclose(ours.numpy(), value, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("number", "i", "j"), CELLS)
def test_what_the_network_computed_is_shown_as_it_is(model, trace, number, i, j):
    made, own = walk(model, trace, number, i, j), trace.passes[number - 1]
    before = trace.features if number == 1 else trace.passes[number - 2].state
    pairs = {
        "before": before,
        "query": own.q[i],
        "keys": own.k,
        "key": own.k[j],
        "values": own.v,
        "score": own.scores[i, j],
        "scores": own.scores[i],
        "weights": own.weights[i],
        "mixed": own.mixed[i],
        "residual": own.residual[i],
        "after": own.state[i],
    }
    for name, tensor in pairs.items():
        assert torch.equal(getattr(made, name), tensor.double()), name


@pytest.mark.parametrize(("number", "i", "j"), CELLS)
def test_each_number_follows_from_those_shown(model, trace, number, i, j):
    made = walk(model, trace, number, i, j)
    exact = {"rtol": 1e-15, "atol": 1e-15}
    torch.testing.assert_close(made.products, made.query * made.key, **exact)
    torch.testing.assert_close(made.total, made.products.sum(), **exact)
    torch.testing.assert_close(made.exponentials, (made.scores - made.scores.max()).exp(), **exact)
    torch.testing.assert_close(made.normalizer, made.exponentials.sum(), **exact)
    steps = {
        "score": made.total / 8**0.5,
        "weights": made.exponentials / made.normalizer,
        "mixed": made.contributions.sum(dim=0),
        "residual": made.projected + made.bias,
        "after": made.before[i] + made.residual,
    }
    for name, value in steps.items():
        gap = (getattr(made, name) - value).abs().max().item()
        assert made.check[name] == pytest.approx(gap, rel=1e-6, abs=1e-14), name
    assert max(made.check.values()) < 1e-5
    assert set(made.check) == {*steps, "query", "keys", "values", "scores"}


def test_the_check_finds_a_wrong_number(model, trace):
    """Whatever tensor of the trace is falsified, its own check says by how much."""
    own = trace.passes[1]
    names = {"query": "q", "keys": "k", "values": "v", "scores": "scores", "weights": "weights",
             "mixed": "mixed", "residual": "residual", "after": "state"}  # fmt: skip
    for name, field in names.items():
        false = own._replace(**{field: getattr(own, field) + 0.5})
        passes = (trace.passes[0], false, *trace.passes[2:])
        check = walk(model, trace._replace(passes=passes), 2, 3, 5).check
        assert check[name] == pytest.approx(0.5, abs=1e-5), name


def test_a_trace_of_the_model_with_gradients_is_walked_too(model):
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    made = walk(model, model.trace(x), PASSES, 2, 1)
    assert made.query.shape == (HEAD,) and not made.after.requires_grad
    assert max(made.check.values()) < 1e-5


def test_an_image_alone(model, features):
    made = walk(model, ablate(model, features[:1]), 1, 0, 0)
    assert made.weights.tolist() == made.exponentials.tolist() == [1.0]
    assert torch.equal(made.mixed, made.values[0])


def test_enormous_scores_do_not_overflow(model, features):
    made = walk(model, ablate(model, features * 1e3), 1, 3, 5)
    assert made.scores.abs().max() > 1e5
    assert all(getattr(made, name).isfinite().all() for name in Walk._fields[:-1])
    assert made.check["weights"] < 1e-6


def test_a_cell_that_does_not_exist_is_refused(model, trace, refused):
    for number in (0, 5, -1):
        with refused(f"pass {number}", "1 to 4"):
            walk(model, trace, number, 0, 0)
    for i, j, wrong in ((7, 0, 7), (0, 7, 7), (-1, 0, -1), (0, -1, -1)):
        with refused(f"image {wrong}", "0 to 6"):
            walk(model, trace, 1, i, j)
