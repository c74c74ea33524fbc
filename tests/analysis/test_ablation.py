"""Ablations against hand-made cases, a float64 computation, and what was measured on real data."""

import math

import numpy as np
import pytest
import torch
from support.metrics import lines
from support.networks import network
from support.shipped import STEADY

from ultimus import Run, Transformer, attention, evaluate, load, open_dataset
from ultimus.analysis.ablation import (
    ABLATIONS,
    ablate,
    accuracies,
    accuracy,
    identity,
    none,
    uniform,
    unscaled,
)
from ultimus.data.dataset import Split
from ultimus.evaluation import features_of, fixed_groups, logits_after
from ultimus.model import FEATURES, HEAD, PASSES

N, G, B, C = 101, 3, 7, 5
FUNCTIONS = {"learned": attention, "uniform": uniform, "identity": identity,
             "unscaled": unscaled, "none": none}  # fmt: skip


pytestmark = pytest.mark.usefixtures("one_thread")


def _logits(model: Transformer, features: torch.Tensor, *choices, **more) -> torch.Tensor:
    return ablate(model, features, *choices, **more).logits


@pytest.fixture(scope="module")
def split() -> Split:
    draw = torch.Generator().manual_seed(7)
    images = torch.randint(256, (N, 3, 32, 32), generator=draw) // 4
    images += torch.randint(192, (N, 3, 1, 1), generator=draw)
    return Split(images.to(torch.uint8), torch.randint(C, (N,), generator=draw))


@pytest.fixture(scope="module")
def model(split) -> Transformer:
    return network(C, conv3=20, among=split.images, q=2, k=2, v=2)


def _random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _close(ours, reference, tolerance=1e-5):
    torch.testing.assert_close(ours, reference, rtol=tolerance, atol=tolerance)


# Attention, otherwise -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_and_mixtures(name):
    q, k, v = (_random(G, B, HEAD, seed=seed) for seed in range(3))
    made = FUNCTIONS[name](q, k, v)
    assert made.scores.shape == made.weights.shape == (G, B, B)
    _close(made.mixed, made.weights @ v)
    _close(made.weights.sum(-1), torch.full((G, B), 0.0 if name == "none" else 1.0))
    root = 1 if name == "unscaled" else HEAD**0.5
    _close(made.scores, torch.einsum("gih,gjh->gij", q, k) / root)


def test_by_hand():
    q, v = torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0], [5.0]])
    k = torch.tensor([[0.0], [math.log(3.0)]])  # weights 1 : 3, and 1 : 1/3
    assert uniform(q, k, v).mixed.tolist() == [[4.0], [4.0]]
    assert identity(q, k, v).mixed.tolist() == [[3.0], [5.0]]
    assert none(q, k, v).mixed.tolist() == [[0.0], [0.0]]
    _close(unscaled(q, k, v).mixed, torch.tensor([[4.5], [3.5]]))
    _close(attention(q, k, v).mixed, torch.tensor([[4.5], [3.5]]))  # √1


def test_where_all_values_are_alike_all_mixtures_are():
    q, k, v = _random(B, HEAD), _random(B, HEAD, seed=2), _random(1, HEAD, seed=3).expand(B, -1)
    for name in ("learned", "uniform", "identity", "unscaled"):
        _close(FUNCTIONS[name](q, k, v).mixed, v)


def test_without_the_root_scores_are_those_of_larger_queries():
    q, k, v = (_random(B, HEAD, seed=seed) for seed in range(3))
    _close(unscaled(q, k, v).mixed, attention(q * HEAD**0.5, k, v).mixed)
    assert unscaled(q, k, v).weights.max() > attention(q, k, v).weights.max()


# A group ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, B, 16])
def test_learned_with_four_passes_is_the_models_trace(model, split, count):
    with torch.inference_mode():
        trace = model.trace(split.images[:count] / 127.5 - 1)
    made = ablate(model, trace.features)
    for logits in (made.logits, logits_after(model, trace.features)):
        assert torch.equal(logits, trace.logits)
    for ours, reference in zip(made.passes, trace.passes, strict=True):
        for name in reference._fields:
            assert torch.equal(getattr(ours, name), getattr(reference, name)), name


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_is_the_independent_computation(model, name):
    features = _random(G, B, FEATURES)
    ours = _logits(model, features, name, passes=6)
    assert ours.shape == (7, G, B, C) and not ours.requires_grad
    for g in range(G):
        np.testing.assert_allclose(ours[:, g], _reference(model, features[g], name), 1e-4, 1e-4)


def _reference(model: Transformer, features: torch.Tensor, name: str) -> np.ndarray:
    """Logits after 0...6 passes of one group, in float64."""
    weight = {key: each.detach().double().numpy() for key, each in model.state_dict().items()}
    w, b = ({key: weight[f"ultimusBlock.{key}.{kind}"] for key in ("q", "k", "v", "out")}
            for kind in ("weight", "bias"))  # fmt: skip
    x, logits, count = features.double().numpy(), [], len(features)
    for _ in range(7):
        logits.append(x @ weight["cap.weight"].T + weight["cap.bias"])
        q, k, v = (x @ w[key].T + b[key] for key in "qkv")
        scores = q @ k.T / (1 if name == "unscaled" else np.sqrt(8))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        table = {
            "uniform": np.full((count, count), 1 / count),
            "identity": np.eye(count),
            "none": np.zeros((count, count)),
        }.get(name, powers / powers.sum(axis=1, keepdims=True))
        residual = table @ v @ w["out"].T + b["out"]
        x = residual if name == "no-residual" else x + residual
    return np.stack(logits)


def test_groups_do_not_see_each_other(model):
    features = _random(2, G, B, FEATURES)
    for name in ABLATIONS:
        together = _logits(model, features, name)
        assert together.shape == (PASSES + 1, 2, G, B, C)
        _close(together[:, 1, 2], _logits(model, features[1, 2], name), 1e-3)


def test_passes_come_one_after_another(model):
    features = _random(B, FEATURES)
    eight = ablate(model, features, passes=8)
    assert len(eight.passes) == 8
    for passes in (0, 1, 5):
        _close(_logits(model, features, passes=passes), eight.logits[: passes + 1])
    _close(_logits(model, features, passes=0)[0], model.cap(features).detach())
    _close(eight.logits[4:], _logits(model, eight.passes[3].state))


def test_alone_identity_and_uniform_are_as_learned(model):
    features = _random(1, FEATURES)
    for name in ("identity", "uniform", "unscaled"):
        _close(_logits(model, features, name), _logits(model, features))
    lonely = _logits(model, _random(B, FEATURES)[:, None])[:, :, 0]  # groups of one
    _close(_logits(model, _random(B, FEATURES), "identity"), lonely)


def test_without_attention_each_pass_adds_the_output_bias(model):
    features = _random(B, FEATURES)
    trace = ablate(model, features, "none", passes=3)
    _close(trace.passes[2].state, features + 3 * model.ultimusBlock.out.bias.detach())
    for name in ("none", "identity"):  # both ignore companions wholly
        changed = features.clone()
        changed[1:] = _random(B - 1, FEATURES, seed=9)
        assert torch.equal(_logits(model, changed, name)[:, 0],
                           _logits(model, features, name)[:, 0])  # fmt: skip


def test_without_the_residual_a_pass_replaces_the_features(model):
    for each in ablate(model, _random(B, FEATURES), "no-residual").passes:
        assert torch.equal(each.state, each.residual)


@torch.inference_mode()
def test_outputs_permute_with_the_batch(model):
    features, order = _random(B, FEATURES), [3, 0, 6, 2, 5, 1, 4]
    before = logits_after(model, features)  # (P + 1, B, C)
    _close(logits_after(model, features[order]), before[:, order])
    assert (before[:, order] - before).abs().max() > 1e-2  # the order is seen


def test_every_ablation_is_told_in_a_sentence():
    assert next(iter(ABLATIONS)) == "learned"
    assert len({each.title for each in ABLATIONS.values()}) == len(ABLATIONS) == 6
    for each in ABLATIONS.values():
        assert each.about.endswith(".") and each.about.count(".") == 1


def test_what_cannot_be_computed_is_refused(model, refused):
    features = _random(B, FEATURES)
    with refused("sideways", "learned, uniform"):
        _logits(model, features, "sideways")
    for passes in (-1, 9):
        with refused("0 to 8", str(passes)):
            _logits(model, features, passes=passes)
    with refused("groups of 0"):
        accuracy(model, features, torch.zeros(B, dtype=torch.long), group=0)


# A test set ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def features(model, split) -> torch.Tensor:
    return features_of(model, split.images)


@pytest.mark.parametrize("group", [1, 2, 16, 53, N, N + 53])
@pytest.mark.parametrize("chunk", [1, 37, 2048])
def test_as_learned_it_is_what_evaluate_measures(model, split, features, group, chunk, monkeypatch):
    monkeypatch.setattr("ultimus.evaluation.CHUNK", chunk)
    measured = accuracy(model, features, split.labels, group)
    assert measured.shape == (PASSES + 1,)
    assert measured[-1].item() == evaluate(model, split, group).accuracy


def test_a_group_larger_than_the_data_is_all_of_it(model):
    features = 3 * _random(N, FEATURES)  # attention so sharp that an image met twice would show
    answers = _logits(model, features)[-1].argmax(dim=1)
    assert accuracy(model, features, answers, group=N + 53)[-1] == 1


def test_each_image_counts_once_under_every_ablation(model, split, features):
    measured = accuracies(model, features, split.labels, group=B)
    assert list(measured) == list(ABLATIONS)
    groups = fixed_groups(N, B)
    for name, share in measured.items():
        guess = {}
        for chosen in groups.tolist():
            tops = _logits(model, features[chosen], name)[-1].argmax(dim=1).tolist()
            for image, top in zip(chosen, tops, strict=True):
                guess.setdefault(image, top)  # what fills up the last group comes last
        assert share == sum(guess[each] == split.labels[each] for each in guess) / N
    assert len(set(measured.values())) > 2
    assert accuracies(model, features, split.labels, B, ["none"]) == {"none": measured["none"]}


def test_after_each_pass(model, split, features):
    by_passes = accuracy(model, features, split.labels, B, passes=8)
    assert by_passes.shape == (9,)
    for passes in (0, 3, 8):
        fewer = accuracy(model, features, split.labels, B, passes=passes)
        assert torch.equal(fewer, by_passes[: passes + 1])


def test_a_group_of_one_looks_only_at_itself(model, split, features):
    alone = accuracy(model, features, split.labels, group=1)[-1]
    assert alone == accuracies(model, features, split.labels)["identity"]


def test_the_shipped_model_on_the_real_data(real_data, capsys):
    split, model = open_dataset(real_data).test, load(Run(STEADY).snapshot(9360))
    features, labels = features_of(model, split.images), split.labels
    by_name = accuracies(model, features, labels)
    by_passes = accuracy(model, features, labels, passes=8).tolist()
    by_group = {size: accuracy(model, features, labels, size)[-1].item() for size in (1, 16)}
    with capsys.disabled():
        print("\n" + "\n".join(f"{ABLATIONS[name].title:>14}: {share:.2%}"
                               for name, share in by_name.items()))  # fmt: skip
        print("  after 0...8 passes:", *(f"{share:.1%}" for share in by_passes))
        print("  in groups of:", *(f"{size}: {share:.2%}" for size, share in by_group.items()))
    assert by_name["learned"] == by_group[16] == by_passes[4]
    recorded = lines(Run(STEADY))[-1]["test_accuracy"]
    assert by_name["learned"] == pytest.approx(recorded, abs=1e-3)
    assert abs(by_name["learned"] - by_name["uniform"]) < 0.02
    assert abs(by_name["learned"] - by_name["none"]) < 0.03
    assert by_name["no-residual"] < 0.3
    assert by_passes[4] - by_passes[0] > 0.1
    assert max(by_passes) == by_passes[4]
    assert 0 < by_group[16] - by_group[1] < 0.05


def test_patches_have_the_same_ablations():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = Transformer(C, grid=3).requires_grad_(False)
    for layer in model.ultimusBlock.children():
        layer.weight.mul_(3)
    features = torch.randn(5, 9, 48, generator=torch.Generator().manual_seed(1))
    learned = ablate(model, features)
    assert learned.logits.shape == (5, 5, C)
    assert torch.equal(learned.logits, model.trace_features(features).logits)
    alone = ablate(model, features[:, :1], "identity").logits[-1]
    torch.testing.assert_close(alone, ablate(model, features[:, :1]).logits[-1])
    assert not torch.allclose(ablate(model, features, "uniform").logits, learned.logits, atol=1e-3)
    patches = [logits_after(model, rows) for rows in (features[0], features[0].flip(0))]
    torch.testing.assert_close(*patches)  # all have their logits together, in no order
    labels = learned.logits[-1].argmax(dim=-1)
    assert accuracy(model, features, labels)[-1] == 1
