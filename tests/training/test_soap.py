"""SOAP: Adam where there are no directions, the same whatever the axes, resumable to the bit."""

import copy

import pytest
import torch

from ultimus.training.soap import EARLY, REFRESH, Soap

ROWS, COLUMNS = 5, 7
STEPS = REFRESH + 3  # more than the first correction of the directions


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(13)


def _gradients(count: int, *shape: int) -> torch.Tensor:
    """Gradients that vary far more in some directions than in others."""
    spread = torch.logspace(0, -2, shape[-1], dtype=torch.float64)
    return torch.randn(count, *shape, dtype=torch.float64) * spread


def _walk(optimizer: torch.optim.Optimizer, weight: torch.Tensor, gradients) -> torch.Tensor:
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach().clone()


def _start(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape, dtype=torch.float64, requires_grad=True)


def test_a_bias_gets_adamw():
    gradients = _gradients(STEPS, COLUMNS)
    ours, reference = torch.ones(2, COLUMNS, dtype=torch.float64).requires_grad_().unbind()
    ours, reference = (each.detach().clone().requires_grad_() for each in (ours, reference))
    options = {"lr": 0.03, "betas": (0.8, 0.9), "weight_decay": 0.1}
    walked = _walk(Soap([ours], **options), ours, gradients)
    expected = _walk(torch.optim.AdamW([reference], **options), reference, gradients)
    torch.testing.assert_close(walked, expected, rtol=1e-12, atol=0)


def test_turning_the_axes_turns_the_walk():
    """Adam's walk depends on the axes that weights are written in; this one does not."""
    left, right = (torch.linalg.qr(each).Q for each in torch.randn(2, ROWS, ROWS).double())
    gradients = _gradients(STEPS, ROWS, ROWS)  # square, so that the first one has all directions
    straight, turned = _start(ROWS, ROWS), _start(ROWS, ROWS)
    walked = _walk(Soap([straight], 0.03), straight, gradients)
    again = _walk(Soap([turned], 0.03), turned, left @ gradients @ right.T)
    torch.testing.assert_close(again, left @ walked @ right.T, rtol=1e-6, atol=1e-6)


def test_a_convolution_is_a_matrix_of_outputs():
    gradients = _gradients(STEPS, ROWS, 2, 3, 3)
    whole, flat = _start(ROWS, 2, 3, 3), _start(ROWS, 18)
    walked = _walk(Soap([whole], 0.03), whole, gradients)
    expected = _walk(Soap([flat], 0.03), flat, gradients.flatten(2))
    assert torch.equal(walked.flatten(1), expected)


def test_a_matrix_waits_for_its_second_gradient():
    weight = _start(ROWS, COLUMNS)
    first, second = _gradients(2, ROWS, COLUMNS)
    optimizer = Soap([weight], 0.03)
    assert not _walk(optimizer, weight, [first]).any()
    moved = _walk(optimizer, weight, [second])
    # Adam makes each number of a first gradient ±1; in other directions these are as long together
    assert moved.norm().item() == pytest.approx(0.03 * (ROWS * COLUMNS) ** 0.5, rel=1e-3)


def test_directions_stay_at_right_angles():
    weight = _start(ROWS, COLUMNS)
    optimizer = Soap([weight], 0.03)
    _walk(optimizer, weight, _gradients(5 * REFRESH, ROWS, COLUMNS))
    for side, size in (("left", ROWS), ("right", COLUMNS)):
        directions = optimizer.state[weight][f"{side}_directions"]
        unit = torch.eye(size, dtype=torch.float64)
        torch.testing.assert_close(directions.T @ directions, unit, rtol=0, atol=1e-12)


def test_directions_are_found():
    """Where gradients vary along the axes, the directions become the axes, widest first."""
    weight = _start(ROWS, COLUMNS)
    optimizer = Soap([weight], 0.03, betas=(0.9, 0.99))
    _walk(optimizer, weight, _gradients(50 * REFRESH, ROWS, COLUMNS))
    found = optimizer.state[weight]["right_directions"].abs()
    assert found.argmax(dim=0).tolist() == list(range(COLUMNS))
    assert found.amax(dim=0).min() > 0.9


def test_it_gets_further_than_adam_where_weights_only_matter_together():
    """A linear map learned from few noisy examples at a time; what is known of them is mixed."""
    mixing = torch.linalg.qr(torch.randn(COLUMNS, COLUMNS, dtype=torch.float64)).Q
    scales = torch.logspace(0, -2, COLUMNS, dtype=torch.float64)
    inputs = torch.randn(1009, COLUMNS, dtype=torch.float64) * scales @ mixing
    truth = mixing.T / scales @ torch.randn(COLUMNS, ROWS, dtype=torch.float64)
    target = inputs @ truth + torch.randn(1009, ROWS, dtype=torch.float64)

    def distance_after(kind: type[torch.optim.Optimizer]) -> float:
        weight = _start(ROWS, COLUMNS)
        optimizer = kind([weight], lr=0.3, betas=(0.9, 0.95))
        for chosen in torch.randint(1009, (499, 31), generator=torch.Generator().manual_seed(5)):
            error = inputs[chosen] @ weight.detach().T - target[chosen]
            weight.grad = error.T @ inputs[chosen] / 31
            optimizer.step()
        return (inputs @ (weight.detach().T - truth)).square().mean().item()

    assert distance_after(Soap) < distance_after(torch.optim.Adam) / 2


@pytest.mark.parametrize("at", [1, EARLY[-1], REFRESH + 1])
def test_a_saved_state_goes_on_to_the_bit(at):
    gradients = _gradients(STEPS, ROWS, COLUMNS)
    weight = _start(ROWS, COLUMNS)
    first = Soap([weight], 0.03)
    _walk(first, weight, gradients[:at])
    saved = copy.deepcopy(first.state_dict())
    other = weight.detach().clone().requires_grad_()
    second = Soap([other], 0.5)
    second.load_state_dict(saved)
    expected, again = _walk(first, weight, gradients[at:]), _walk(second, other, gradients[at:])
    assert torch.equal(again, expected)


def test_a_gradient_of_zero_moves_nothing():
    weight = _start(ROWS, COLUMNS)
    walked = _walk(Soap([weight], 0.03), weight, torch.zeros(3, ROWS, COLUMNS, dtype=torch.float64))
    assert not walked.any()
