"""The network against a plain copy of the seed's, and the invariants of what it computes.

Sizes are distinct primes, so that a transposed axis cannot pass.
"""

import math

import pytest
import torch
from support.seed_notebook import SeedTransformer
from torch import nn
from torch.nn import functional as F

from ultimus.model import (
    FEATURES,
    HEAD,
    PASSES,
    Transformer,
    Ultimus,
    attention,
    conv_average,
    entropy,
)

B, G, C = 7, 3, 5  # images in a group, groups, classes


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(11)


def _images(count: int) -> torch.Tensor:
    """Noise on a colour of each image's own, so that their features differ."""
    return torch.randn(count, 3, 32, 32) / 3 + 2 * torch.randn(count, 3, 1, 1)


def _sharp(model: nn.Module) -> nn.Module:
    """Larger queries and keys, so that the attention is far from uniform."""
    with torch.no_grad():
        for layer in (model.ultimusBlock.q, model.ultimusBlock.k):
            layer.weight.mul_(5)
    return model


def _close(ours, reference, tolerance=1e-5):
    torch.testing.assert_close(ours, reference, rtol=tolerance, atol=tolerance)


# The seed -------------------------------------------------------------------------------------


def test_weights_load_strictly_both_ways():
    ours, seed = Transformer(), SeedTransformer()
    ours.load_state_dict(seed.state_dict(), strict=True)
    seed.load_state_dict(Transformer().state_dict(), strict=True)


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("count", [1, 2, 13])
def test_logits_are_the_seeds(count, folded):
    seed = _sharp(SeedTransformer())
    ours = Transformer(folded=folded)
    ours.load_state_dict(seed.state_dict())
    x = _images(count)
    _close(ours(x), seed(x))


def test_gradients_are_the_seeds():
    seed = _sharp(SeedTransformer())
    ours = Transformer()
    ours.load_state_dict(seed.state_dict())
    x, labels = _images(B), torch.arange(B)
    F.cross_entropy(seed(x), labels).backward()
    F.cross_entropy(ours(x), labels).backward()
    expected = dict(seed.named_parameters())
    for name, weight in ours.named_parameters():
        _close(weight.grad, expected[name].grad)


def test_parameters_are_counted():
    model = Transformer()
    assert sum(each.numel() for each in model.parameters()) == 21_058
    assert sum(each.numel() for each in Ultimus().parameters()) == 1_608


@pytest.mark.parametrize("classes", range(2, 11))
def test_two_to_ten_classes(classes):
    model = Transformer(classes)
    assert model(_images(3)).shape == (3, classes)
    assert model.classes == classes


# Groups ---------------------------------------------------------------------------------------


def test_groups_do_not_see_each_other():
    model = _sharp(Transformer(C))
    x = _images(G * 16)
    alone = torch.cat([model(part) for part in x.split(16)])
    _close(model(x, group=16), alone)
    assert not torch.allclose(model(x), alone, atol=1e-3)  # companions do matter


def test_one_group_is_the_whole_batch():
    model, x = _sharp(Transformer(C)), _images(B)
    _close(model(x, group=B), model(x))


@pytest.mark.parametrize(("count", "group"), [(37, 16), (7, 11), (13, 0), (13, -13)])
def test_a_batch_that_does_not_divide_names_both_numbers(count, group):
    with pytest.raises(ValueError, match=rf"\b{count}\b.*{group}\b"):
        Transformer()(_images(count), group=group)


# conv3 and the average, folded ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=str
)
@pytest.mark.parametrize("size", [2, 3, 5, 31, 32])
def test_conv_average_is_convolution_and_mean(size, dtype, tolerance):
    sizes = [(B, 11, size, size), (13, 11, 3, 3), (13,), (B, 13)]  # maps, kernel, bias, goal
    drawn = [torch.randn(each, dtype=torch.float64) for each in sizes]
    results = []
    for function, kind in ((conv_average, dtype), (_plain_average, torch.float64)):
        *given, goal = (each.to(kind, copy=True).requires_grad_() for each in drawn)
        result = function(*given)
        results.append([result, *torch.autograd.grad((result * goal).sum(), given)])
    for ours, reference in zip(*results, strict=True):  # the plain form in float32 is less exact
        _close(ours.double(), reference, tolerance)


def _plain_average(x, weight, bias):
    return F.conv2d(x, weight, bias, padding=1).mean((2, 3))


def test_folded_and_plain_agree_in_outputs_and_gradients():
    folded, plain = _sharp(Transformer(C)), Transformer(C, folded=False)
    plain.load_state_dict(folded.state_dict())
    x, labels = _images(G * B), torch.arange(G * B) % C
    for model in (folded, plain):
        F.cross_entropy(model(x, group=B), labels).backward()
    _close(folded(x, group=B), plain(x, group=B))
    for (name, ours), reference in zip(folded.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, reference.grad, rtol=1e-5, atol=1e-5), name


# Patches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", range(2, 9))
def test_patches_are_a_convolution_and_an_average_over_each(grid):
    folded, plain = (_sharp(Transformer(C, way, grid)).double() for way in (True, False))
    plain.load_state_dict(folded.state_dict())
    x, labels = _images(B).double(), torch.arange(B) % C
    assert folded.features(x).shape == (B, grid**2, FEATURES)
    _close(folded.features(x), plain.features(x), 1e-12)
    for model in (folded, plain):
        F.cross_entropy(model(x), labels).backward()
    for ours, reference in zip(folded.parameters(), plain.parameters(), strict=True):
        _close(ours.grad, reference.grad, 1e-12)


def test_a_patch_is_where_it_is_in_the_picture():
    """Rows from above, columns from the left: what changes in one corner changes few patches."""
    model = Transformer(C, grid=4)
    x = _images(1)
    changed = x.clone()
    changed[..., 20, 4] += 3  # in the third row, the first column; 7 x 7 pixels see it
    moved = (model.features(changed) - model.features(x)).abs().amax(-1)[0].view(4, 4)
    assert (moved > 0).nonzero().tolist() == [[2, 0]]


def test_patches_have_the_weights_of_images_and_other_answers():
    images, patches = _sharp(Transformer(C)), Transformer(C, grid=4)
    patches.load_state_dict(images.state_dict(), strict=True)
    assert (images.kind, patches.kind) == ("images", "patches")
    assert sum(each.numel() for each in Transformer(grid=4).parameters()) == 21_058
    x = _images(B)
    assert not torch.allclose(images(x), patches(x), atol=1e-3)
    assert torch.allclose(images.features(x), patches.features(x).mean(1), atol=1e-5)


def test_an_images_patches_see_no_other_image():
    model, x = _sharp(Transformer(C, grid=3)), _images(B)
    alone = torch.cat([model(one[None]) for one in x])
    _close(model(x), alone)
    _close(model(x, group=B), alone)


def test_a_trace_of_patches_is_the_networks():
    model, x = _sharp(Transformer(C, grid=3)), _images(B)
    trace = model.trace(x)
    assert trace.passes[0].weights.shape == (B, 9, 9)
    _close(trace.logits[-1], model(x))
    _close(trace.logits[-1], model.cap(trace.passes[-1].state).mean(-2))  # what each patch says
    assert trace.logits.shape == (PASSES + 1, B, C)


@pytest.mark.parametrize("grid", [0, -1, 9])
def test_an_impossible_grid_is_refused(grid):
    with pytest.raises(ValueError, match=rf"{grid} patches.*2 to 8"):
        Transformer(grid=grid)


# Attention ------------------------------------------------------------------------------------


def test_attention_is_torchs():
    q, k, v = (torch.randn(G, B, HEAD) for _ in range(3))
    _close(attention(q, k, v).mixed, F.scaled_dot_product_attention(q, k, v))


def test_attention_with_other_numbers_of_queries_and_keys():
    q, k, v = torch.randn(B, HEAD), torch.randn(11, HEAD), torch.randn(11, 13)
    result = attention(q, k, v)
    assert result.weights.shape == (B, 11) and result.mixed.shape == (B, 13)
    _close(result.mixed, F.scaled_dot_product_attention(q, k, v))


def test_entropy_lies_between_nothing_and_all():
    weights = torch.randn(G, B, B).mul(7).softmax(-1)
    assert ((entropy(weights) >= 0) & (entropy(weights) <= math.log(B) + 1e-6)).all()
    _close(entropy(torch.full((B, B), 1 / B)), torch.full((B,), math.log(B)))
    _close(entropy(torch.eye(B)), torch.zeros(B))


# The trace ------------------------------------------------------------------------------------


@pytest.fixture
def model():
    return _sharp(Transformer(C)).requires_grad_(False)


def test_trace_shapes(model):
    trace = model.trace(_images(B))
    assert trace.features.shape == (B, FEATURES)
    assert trace.logits.shape == (PASSES + 1, B, C)
    assert len(trace.passes) == PASSES == 4
    for each in trace.passes:
        assert each.q.shape == each.k.shape == each.v.shape == each.mixed.shape == (B, HEAD)
        assert each.scores.shape == each.weights.shape == (B, B)
        assert each.residual.shape == each.state.shape == (B, FEATURES)


def test_trace_is_what_the_model_computes(model):
    x = _images(B)
    trace = model.trace(x)
    _close(trace.logits[-1], model(x))
    _close(trace.features, model.features(x))


def test_a_pass_begins_where_the_last_ended(model):
    trace = model.trace(_images(B))
    state = trace.features
    for each, logits in zip(trace.passes, trace.logits[:-1], strict=True):
        _close(logits, model.cap(state))
        _close(each.q, model.ultimusBlock.q(state))
        _close(each.k, model.ultimusBlock.k(state))
        _close(each.v, model.ultimusBlock.v(state))
        _close(each.scores, each.q @ each.k.T / math.sqrt(HEAD))
        _close(each.mixed, each.weights @ each.v)
        _close(each.residual, model.ultimusBlock.out(each.mixed))
        _close(each.state, state + each.residual)
        state = each.state


def test_rows_of_attention_sum_to_one(model):
    for each in model.trace(_images(B)).passes:
        _close(each.weights.sum(dim=1), torch.ones(B))
        assert (each.weights >= 0).all()
        assert each.weights.std() > 0.003  # far enough from uniform to tell rows from columns


def test_a_lone_image_attends_to_itself(model):
    for each in model.trace(_images(1)).passes:
        assert torch.equal(each.weights, torch.ones(1, 1))


def test_permuting_the_batch_permutes_everything(model):
    x, order = _images(B), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    straight, permuted = model.trace(x), model.trace(x[order])
    _close(permuted.logits, straight.logits[:, order])
    for ours, reference in zip(permuted.passes, straight.passes, strict=True):
        _close(ours.weights, reference.weights[order][:, order])
        _close(ours.state, reference.state[order])
