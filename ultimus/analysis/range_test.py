"""A range test: which learning rates suit a network (Smith 2017, arXiv:1506.01186).

The rate rises by the same factor with each of some hundred steps, and the loss tells: first it
hardly moves, then it falls, then it blows up. Smoothing and the steepest point are those of the
package torch-lr-finder 0.2. One seed's steepest point says little: the mean of several is read.

S: seeds, N: steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UserError
from ..recipe import Recipe
from .measured import measured

SMOOTHING = 0.05  # weight of the newest loss in the smoothed one
SKIPPED = (10, 5)  # steps at the beginning and at the end where nothing is suggested
BLOWN_UP = 5  # times the lowest smoothed loss: what follows is not looked at
LEAST_STEPS = sum(SKIPPED) + 2
MOST_STEPS, MOST_EPOCHS = 5000, 1000
LOW, HIGH, STEPS = 1e-5, 1.0, 200
SHIPPED = "range-test-seed-shapes"  # of the measured figures
HIGHEST, MOST_RISE = 10, 1e6  # as a recipe has them
CHOSEN = (
    "schedule", "rate_changes", "lr", "start_divisor", "epochs", "max_steps", "max_seconds",
    "target", "snapshots",
)  # fmt: skip
"""Choices of a recipe that a range test makes itself."""
NOTHING = (
    "No rate is suggested, since the loss does not fall by more than it scatters: take more seeds "
    "or steps, begin at a lower rate if it only rises, or end at a higher one if it hardly moves."
)


@dataclass(frozen=True)
class RangeTest:
    """What a range test tells.

    Attributes:
        rates: (N,) of the steps.
        losses: (S, N) of each seed, each before its step; NaN where there is none.
        smoothed: (S, N) the same, smoothed.
        mean: (N,) of the smoothed losses of the seeds that have begun, up to where it has blown up.
        falls: whether the mean falls by more than single losses scatter about it; if not, nothing
            is suggested.
        suggestion: the rate at which the mean falls most steeply on its way to the lowest; None
            where it does not fall, or is too short.
        suggestions: (S,) the same for each seed alone; NaN where that is too short.
        diverging: the rate beyond the lowest mean loss at which half of its fall is lost again;
            None if that does not happen.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    mean: np.ndarray
    falls: bool
    suggestion: float | None
    suggestions: np.ndarray
    diverging: float | None

    @property
    def three(self) -> tuple[float, float, float] | None:
        """A low, a good and a diverging rate, to be compared; None if the test does not tell."""
        if self.suggestion is None:
            return None
        high = self.diverging or float(self.rates[-1])
        return tuple(_rounded(rate) for rate in (self.suggestion / 10, self.suggestion, high))


def recipe_for(recipe: Recipe, images: int, low: float, high: float, steps: int) -> Recipe:
    """The same recipe while its rate rises from low to high.

    Args:
        recipe: what is to be trained.
        images: to train on.
        low: the first rate.
        high: the last rate.
        steps: how many.

    Raises:
        UserError: the rates or the steps make no range test.
    """
    if not 0 < low < high < math.inf:
        raise UserError(f"The rate has to rise, not from {low:g} to {high:g}: choose a higher end.")
    if high > HIGHEST or high / low > MOST_RISE:
        raise UserError(
            f"The rate rises to {HIGHEST:g} at most, and to {MOST_RISE:,.0f} times the first one, "
            f"not from {low:g} to {high:g}: choose other ends."
        )
    if steps < LEAST_STEPS:
        raise UserError(f"{steps} steps tell nothing: choose {LEAST_STEPS} or more.")
    epochs = math.ceil(steps / recipe.steps_per_epoch(images))
    if steps > MOST_STEPS or epochs > MOST_EPOCHS:
        raise UserError(
            f"{steps:,} steps are more than a range test makes: choose up to "
            f"{min(MOST_STEPS, MOST_EPOCHS * recipe.steps_per_epoch(images)):,}."
        )
    own = {
        "schedule": "geometric", "rate_changes": "", "lr": high, "start_divisor": high / low,
        "epochs": epochs, "max_steps": steps, "max_seconds": None, "target": None, "snapshots": 2,
    }  # fmt: skip
    return Recipe.parse(recipe.model_dump() | own)


def read(rates: ArrayLike, losses: ArrayLike, failed: ArrayLike = True) -> RangeTest:
    """Read a range test.

    Args:
        rates: (N,) rising.
        losses: (S, N); NaN where a seed has none.
        failed: (S,) whether a seed that ends early has diverged; else it was stopped, or goes on.
    """
    rates, losses = np.asarray(rates, float), np.atleast_2d(np.asarray(losses, float))
    smoothed = np.stack([smooth(seed) for seed in losses]) if len(losses) else losses
    begun = np.isfinite(losses).any(axis=1)
    whole = _mean(smoothed[begun])
    mean = _looked_at(whole)
    lowest = _lowest(_mean(losses[begun]), mean)
    alone = [suggestion(rates, _looked_at(seed)) for seed in smoothed]
    ends = np.isfinite(smoothed[begun]).sum(axis=1)[np.broadcast_to(failed, begun.shape)[begun]]
    return RangeTest(
        rates, losses, smoothed, mean, lowest is not None, suggestion(rates, mean, lowest),
        np.array([math.nan if rate is None else rate for rate in alone]),
        _diverging(rates, whole, mean, lowest, ends),
    )  # fmt: skip


def shipped() -> tuple[RangeTest, str]:
    """A test that comes with Ultimus, and what it is of."""
    kept = measured(SHIPPED)
    curves = [kept.curves[f"seed {seed}"] for seed in kept.seeds]
    rates = max((curve["rate"] for curve in curves), key=len)
    gone = [math.nan] * len(rates)  # where a loss is no number any more
    losses = [[*curve["loss"], *gone[len(curve["loss"]) :]] for curve in curves]
    return read(rates, losses), f"the preset seed on shapes, {len(curves)} seeds"


def _mean(losses: np.ndarray) -> np.ndarray:
    """(S, N) to (N,): over the seeds, as far as all of them go."""
    known = np.isfinite(losses).all(axis=0) & bool(len(losses))
    return np.where(known, losses.sum(axis=0) / max(len(losses), 1), np.nan)


def _lowest(losses: np.ndarray, mean: np.ndarray) -> int | None:
    """The step of the lowest mean loss; None where it falls no further than losses scatter."""
    begin = SKIPPED[0]
    if np.isfinite(mean).sum() <= begin:
        return None
    lowest = int(np.nanargmin(mean))
    scatter = np.std((losses - mean)[: lowest + 1])
    return lowest if lowest > begin and losses[:begin].mean() - mean[lowest] > scatter else None


def smooth(losses: ArrayLike) -> np.ndarray:
    """s_0 = l_0, then s_t = 0.05 l_t + 0.95 s_{t-1}: (N,) to (N,), as torch-lr-finder has it."""
    smoothed = np.array(losses, float)
    for step in range(1, len(smoothed)):
        smoothed[step] = SMOOTHING * smoothed[step] + (1 - SMOOTHING) * smoothed[step - 1]
    return smoothed


def suggestion(rates: np.ndarray, smoothed: np.ndarray, last: int | None = -1) -> float | None:
    """The rate at which a smoothed loss falls most steeply from step to step, its ends left out.

    Args:
        rates: (N,) rising.
        smoothed: (N,) losses.
        last: the last step that counts; -1 for any, None for none.
    """
    length = int(np.isfinite(smoothed).sum())
    begin, end = SKIPPED
    if length < LEAST_STEPS or last is None:
        return None
    slopes = np.gradient(smoothed[begin : length - end])
    return float(rates[begin + slopes[: last - begin + 1 if last >= 0 else None].argmin()])


def _looked_at(smoothed: np.ndarray) -> np.ndarray:
    """The same up to where it has blown up, then NaN."""
    finite = np.isfinite(smoothed)
    lowest = np.fmin.accumulate(np.where(finite, smoothed, np.inf))
    gone = np.logical_or.accumulate(~finite | (smoothed > BLOWN_UP * lowest))
    return np.where(gone, np.nan, smoothed)


def _diverging(
    rates: np.ndarray, whole: np.ndarray, mean: np.ndarray, lowest: int | None, ends: np.ndarray
) -> float | None:
    length = int(np.isfinite(mean).sum())
    if lowest is not None:
        lost = mean[lowest:length] > (mean[0] + mean[lowest]) / 2
        if lost.any():
            return float(rates[lowest + lost.argmax()])
    if length and length < len(rates) and (np.isfinite(whole[length]) or (ends <= length).any()):
        return float(rates[length])
    return None


def _rounded(rate: float) -> float:
    """Two digits, which a person can type."""
    return float(f"{rate:.2g}")
