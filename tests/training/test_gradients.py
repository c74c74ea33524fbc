"""The fast step against autograd through the readable network, and against itself by differences.

Sizes are distinct primes, so that a transposed axis cannot pass.
"""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from ultimus.model import Transformer
from ultimus.training import gradients
from ultimus.training.gradients import loss_and_gradients
from ultimus.training.parameters import Flat, parts


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(11)


def _model(classes: int, dtype: torch.dtype = torch.float64, grid: int = 1) -> Transformer:
    """Larger queries and keys, so that the attention is far from uniform."""
    model = Transformer(classes, grid=grid).to(dtype)
    with torch.no_grad():
        for layer in (model.ultimusBlock.q, model.ultimusBlock.k):
            layer.weight.mul_(5)
    return model


def _batch(count: int, classes: int, dtype: torch.dtype = torch.float64):
    """Noise on a colour of each image's own, so that their features differ; drawn labels."""
    images = torch.randn(count, 3, 32, 32) / 3 + 2 * torch.randn(count, 3, 1, 1)
    return images.to(dtype), torch.randint(classes, (count,))


def _reference(model, inputs, labels, group):
    """What autograd finds; each parameter keeps its gradient."""
    model.zero_grad()
    logits = model(inputs, group)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    return logits.detach(), loss.detach()


def _near(ours, reference, tolerance, name=None):
    """Equal up to a share of the reference's largest number, or of 1 where that is small."""
    scale = max(reference.abs().max().item(), 1e-2)
    error = (ours - reference).abs().max().item()
    assert ours.shape == reference.shape, name
    assert error <= tolerance * scale, (name, error, scale)


def _compare(groups, group, classes, dtype, tolerance, whole=False, grid=1):
    model = _model(classes, dtype, grid)
    reference = copy.deepcopy(model).double()  # oneDNN's bias gradient is off by 1e-4 in float32
    inputs, labels = _batch(groups * group, classes, dtype)
    logits, loss = _reference(reference, inputs.double(), labels, None if whole else group)
    step = loss_and_gradients(model, inputs, labels, None if whole else group)
    _near(step.logits, logits, tolerance)
    _near(step.loss, loss, tolerance)
    expected = dict(reference.named_parameters())
    for name, gradient in _named(model, step.gradient).items():
        _near(gradient, expected[name].grad, tolerance, name)


def _named(model, gradient):
    """The gradient's parts by the names of their parameters."""
    names, weights = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, parts(gradient, weights), strict=True))


# Against autograd -------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("group", [1, 2, 7])
@pytest.mark.parametrize("groups", [1, 3, 5])
def test_it_is_autograd_in_float64(groups, group, classes):
    _compare(groups, group, classes, torch.float64, 1e-10)


@pytest.mark.parametrize(("groups", "group"), [(1, 1), (3, 7), (1, 16), (5, 13)])
def test_it_is_autograd_in_float32(groups, group):
    _compare(groups, group, 5, torch.float32, 1e-5)


def test_bfloat16_convolutions_keep_the_gradients_direction():
    """Rounded to 8 bits the maps are off by some thousandths, which average out."""
    model = _model(5, torch.float32)
    inputs, labels = _batch(91, 5, torch.float32)
    exact = loss_and_gradients(model, inputs, labels, 7)
    mixed = loss_and_gradients(model, inputs, labels, 7, torch.bfloat16)
    assert {each.dtype for each in mixed} == {torch.float32}
    assert not torch.equal(mixed.gradient, exact.gradient)
    assert mixed.loss.item() == pytest.approx(exact.loss.item(), rel=1e-2)
    assert F.cosine_similarity(mixed.gradient, exact.gradient, dim=0) > 0.999


@pytest.mark.parametrize("grid", range(2, 9))
def test_patches_are_autograds(grid):
    """The same tolerances as of images; grids of 3, 5, 6 and 7 do not divide a map."""
    _compare(1, 3, 5, torch.float64, 1e-10, grid=grid)
    _compare(1, 3, 5, torch.float32, 1e-5, grid=grid)


def test_patches_in_chunks(monkeypatch):
    monkeypatch.setattr(gradients, "CHUNK", 4)
    _compare(3, 3, 5, torch.float64, 1e-10, grid=3)


def test_a_batch_without_groups_is_one_group():
    _compare(1, 11, 5, torch.float64, 1e-10, whole=True)


@pytest.mark.parametrize("chunk", [1, 5, 16, 64])
def test_chunks_change_nothing(chunk, monkeypatch):
    monkeypatch.setattr(gradients, "CHUNK", 2 * chunk)
    _compare(3, 7, 5, torch.float64, 1e-10)


def test_inputs_in_any_memory_order():
    model = _model(5)
    inputs, labels = _batch(7, 5)
    straight = loss_and_gradients(model, inputs, labels, 7)
    scattered = torch.stack([inputs, inputs], dim=-1)[..., 0].transpose(2, 3).contiguous()
    for same in (scattered.transpose(2, 3), inputs.to(memory_format=torch.channels_last)):
        assert torch.equal(same, inputs)
        again = loss_and_gradients(model, same, labels, 7)
        for ours, reference in zip(again, straight, strict=True):
            _near(ours, reference, 1e-10)


def test_it_does_not_lean_on_autograd():
    model = _model(5).requires_grad_(False)
    inputs, labels = _batch(7, 5)
    step = loss_and_gradients(model, inputs, labels, 7)
    assert not any(each.requires_grad for each in step)


# By itself --------------------------------------------------------------------------------------


def test_the_gradient_is_the_slope_of_the_loss():
    model = _model(3)
    inputs, labels = _batch(5, 3)
    step = loss_and_gradients(model, inputs, labels, 5)
    start = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    direction = torch.randn_like(start)
    direction /= direction.norm()
    width, losses = 1e-6, []
    for sign in (1, -1):
        torch.nn.utils.vector_to_parameters(start + sign * width * direction, model.parameters())
        losses.append(loss_and_gradients(model, inputs, labels, 5).loss)
    slope = (losses[0] - losses[1]).item() / (2 * width)
    assert slope == pytest.approx((step.gradient @ direction).item(), rel=1e-4)  # some ReLUs switch


def test_parameters_are_left_alone_and_gradients_replaced():
    model = _model(5)
    before = copy.deepcopy(model.state_dict())
    inputs, labels = _batch(6, 5)
    first = loss_and_gradients(model, inputs, labels, 3).gradient
    place = torch.full_like(first, 7)
    second = loss_and_gradients(model, inputs, labels, 3, out=place).gradient
    assert second.data_ptr() == place.data_ptr()
    torch.testing.assert_close(place, first)  # not added to what was there
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]), name
    assert all(weight.grad is None for weight in model.parameters())


def test_the_buffer_holds_every_gradient():
    model = _model(5)
    step = loss_and_gradients(model, *_batch(6, 5), 3, out=Flat(model).gradient)
    parts = [weight.grad.flatten() for weight in model.parameters()]
    assert all(weight.grad.is_contiguous() for weight in model.parameters())
    assert torch.equal(step.gradient, torch.cat(parts))
    assert len(step.gradient) == sum(weight.numel() for weight in model.parameters())
    step.gradient.mul_(2)
    for weight, part in zip(model.parameters(), parts, strict=True):
        assert torch.equal(weight.grad.flatten(), part)  # both are views of the buffer


def test_a_batch_that_does_not_divide_names_both_numbers():
    with pytest.raises(ValueError, match=r"\b7\b.*\b3\b"):
        loss_and_gradients(_model(5), *_batch(7, 5), 3)


def test_no_group_at_all_is_refused():
    with pytest.raises(ValueError, match=r"\b7\b.*\b0\b"):
        loss_and_gradients(_model(5), *_batch(7, 5), 0)


# Training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_a_few_steps_are_autograds(kind):
    ours, reference = _model(5), _model(5)
    reference.load_state_dict(ours.state_dict())
    flat = Flat(ours)
    optimizers = [
        kind(parameters, lr=1e-2, weight_decay=1e-2, fused=True)
        for parameters in ([flat.stretch(flat.parameters)], reference.parameters())
    ]
    for _ in range(5):
        inputs, labels = _batch(6, 5)
        loss = loss_and_gradients(ours, inputs, labels, 3, out=flat.gradient).loss.item()
        assert loss == pytest.approx(_reference(reference, inputs, labels, 3)[1].item(), rel=1e-8)
        _quiet_keys(ours, reference)
        for optimizer in optimizers:
            optimizer.step()
    expected = dict(reference.named_parameters())
    for name, weight in ours.named_parameters():
        _near(weight, expected[name], 1e-8, name)


def _quiet_keys(*models):
    """The key's bias has no influence (softmax ignores what all keys share), so that its gradient
    is rounding noise, which Adam would scale up to whole steps."""
    for model in models:
        assert model.ultimusBlock.k.bias.grad.abs().max() < 1e-12
        model.ultimusBlock.k.bias.grad.zero_()


def test_clipping_the_buffer_is_clipping_the_parameters():
    model = _model(5)
    step = loss_and_gradients(model, *_batch(6, 5), 3, out=Flat(model).gradient)
    weights = list(model.parameters())
    norm = torch.nn.utils.get_total_norm([weight.grad for weight in weights])
    assert math.isclose(step.gradient.norm().item(), norm.item(), rel_tol=1e-12)
