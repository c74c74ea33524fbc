"""Parameters and gradients as parts of two buffers, in sizes that are distinct primes."""

import pytest
import torch
from torch import nn

from ultimus.training.parameters import Flat, parts

SIZES = (3 * 5, 3, 7 * 3, 7, 2 * 7, 2)  # of the parameters of three layers


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 7), nn.Linear(7, 2))


def test_parameters_keep_their_values_in_their_order(model):
    before = [each.detach().clone() for each in model.parameters()]
    flat = Flat(model)
    assert torch.equal(flat.weights, torch.cat([each.flatten() for each in before]))
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value) and parameter.is_contiguous()
        assert not parameter.grad.any()


def test_what_is_done_to_the_buffers_is_done_to_all(model):
    flat = Flat(model)
    flat.weights.fill_(2)
    flat.gradient.fill_(3)
    for parameter in model.parameters():
        assert (parameter == 2).all() and (parameter.grad == 3).all()


def test_a_stretch_is_the_parameters_it_covers(model):
    flat = Flat(model)
    flat.gradient.copy_(torch.arange(sum(SIZES)))
    stretch = flat.stretch(flat.parameters[2:5])
    begin, end = sum(SIZES[:2]), sum(SIZES[:5])
    assert torch.equal(stretch, flat.weights[begin:end])
    assert stretch.grad.tolist() == [*range(begin, end)]
    torch.optim.SGD([stretch], lr=1).step()
    second, last = model[1], model[2]
    assert torch.equal(stretch[: 7 * 3], second.weight.flatten())
    assert torch.equal(stretch[-2 * 7 :], last.weight.flatten())


def test_autograd_adds_to_the_buffer(model):
    flat = Flat(model)
    model(torch.randn(11, 5)).sum().backward()
    assert torch.equal(flat.gradient[-2:], torch.full((2,), 11.0))  # the last layer's bias
    assert torch.equal(model[2].bias.grad, flat.gradient[-2:])


def test_the_whole_gradients_length_is_that_of_all(model):
    flat = Flat(model)
    model(torch.randn(11, 5)).square().sum().backward()
    norm = torch.nn.utils.get_total_norm([each.grad for each in model.parameters()])
    assert flat.gradient.norm().item() == pytest.approx(norm.item(), rel=1e-6)


def test_parts_are_views():
    buffer = torch.arange(11.0)
    first, second = parts(buffer, [torch.empty(2, 3), torch.empty(5)])
    assert first.shape == (2, 3) and second.tolist() == [6, 7, 8, 9, 10]
    first.zero_()
    assert buffer[:6].sum() == 0
