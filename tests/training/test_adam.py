"""Adam in one operation: torch's numbers, and torch's saved state."""

import copy

import pytest
import torch

from ultimus.training.adam import Adam

SIZES = (5, 211)
STEPS = 13
KINDS = {False: torch.optim.Adam, True: torch.optim.AdamW}


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(7)


def _weights() -> list[torch.Tensor]:
    return [torch.linspace(-1, 1, size).requires_grad_() for size in SIZES]


def _adam(weights: list[torch.Tensor], decoupled: bool = False, weight_decay: float = 0) -> Adam:
    options = {"weight_decay": weight_decay, "decoupled_weight_decay": decoupled, "fused": True}
    return Adam(_groups(weights), lr=1.0, **options)


def _groups(weights: list[torch.Tensor]) -> list[dict]:
    """Two groups, whose rates differ."""
    return [
        {"params": [weight], "lr": lr} for weight, lr in zip(weights, (0.02, 0.06), strict=True)
    ]


def _walk(optimizers: list[torch.optim.Optimizer], steps: int) -> None:
    """Steps with the same gradients and with momenta that change."""
    for step in range(steps):
        gradients = [torch.randn(size) * 10.0 ** -(step % 3) for size in SIZES]
        for optimizer in optimizers:
            for group, gradient in zip(optimizer.param_groups, gradients, strict=True):
                group["betas"] = (0.8 + 0.01 * step, 0.97)
                group["params"][0].grad = gradient.clone()
            optimizer.step()


@pytest.mark.parametrize("decoupled", KINDS)
def test_its_walk_is_torchs(decoupled):
    ours, theirs = _weights(), _weights()
    plain = {"lr": 1.0, "weight_decay": 0.07, "foreach": False, "fused": False}
    reference = KINDS[decoupled](_groups(theirs), **plain)
    _walk([_adam(ours, decoupled, 0.07), reference], STEPS)
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-6)


@pytest.mark.parametrize("decoupled", KINDS)
def test_the_two_kinds_differ(decoupled):
    ours, theirs = _weights(), _weights()
    _walk([_adam(ours, decoupled, 0.07), _adam(theirs, not decoupled, 0.07)], STEPS)
    assert (ours[1] - theirs[1]).abs().max() > 1e-3


@pytest.mark.parametrize("decoupled", KINDS)
def test_it_goes_on_from_its_own_state_to_the_bit(decoupled):
    first, second = _weights(), _weights()
    one, other = (_adam(each, decoupled) for each in (first, second))
    _walk([one], 5)
    saved = copy.deepcopy(one.state_dict())
    with torch.no_grad():
        for mine, its in zip(second, first, strict=True):
            mine.copy_(its)
    other.load_state_dict(saved)
    _walk([one, other], STEPS)
    for mine, its in zip(second, first, strict=True):
        assert torch.equal(mine, its)


def test_it_goes_on_from_torchs_state():
    """A run that an earlier version left is not lost."""
    ours, theirs = _weights(), _weights()
    reference = torch.optim.Adam(_groups(theirs), lr=1.0, fused=True)
    _walk([reference], 5)
    optimizer = _adam(ours)
    optimizer.load_state_dict(copy.deepcopy(reference.state_dict()))
    with torch.no_grad():
        for mine, its in zip(ours, theirs, strict=True):
            mine.copy_(its)
    _walk([optimizer, reference], STEPS)
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=1e-6)
