"""Range tests: what is read from them, and their curve beside that of torch-lr-finder."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ultimus.analysis import range_test
from ultimus.data.augment import Epoch
from ultimus.data.dataset import open_dataset
from ultimus.recipe import Recipe
from ultimus.training.trainer import train
from ultimus.training.training import Training

RATES = np.geomspace(1e-5, 1, 200)


def bowl(best: float, depth: float = 1.0) -> np.ndarray:
    """A loss that falls to its lowest at a rate, and rises beyond it."""
    return 2.3 - depth * np.exp(-((np.log10(RATES / best) / 0.8) ** 2))


def test_the_steepest_fall_lies_before_the_lowest_loss_and_the_divergence_beyond_it():
    found = range_test.read(RATES, bowl(1e-2))
    lowest = RATES[np.nanargmin(found.mean)]
    assert 1e-4 < found.suggestion < lowest < found.diverging < 1
    assert found.mean[RATES.searchsorted(found.diverging)] > (found.mean[0] + found.mean.min()) / 2
    low, good, high = found.three
    assert low * 10 == pytest.approx(good) and good == pytest.approx(found.suggestion, rel=0.05)
    assert high == pytest.approx(found.diverging, rel=0.05)


def test_what_is_suggested_is_read_from_the_mean_and_each_seed_is_told():
    draw = np.random.default_rng(0)
    losses = [bowl(1e-2) + draw.normal(0, 0.3, 200) for _ in range(31)]
    found = range_test.read(RATES, losses)
    clean = range_test.read(RATES, bowl(1e-2))
    alone = np.abs(np.log(found.suggestions / clean.suggestion))
    assert abs(math.log(found.suggestion / clean.suggestion)) < np.median(alone)
    assert found.suggestions.shape == (31,)


def test_a_loss_that_blows_up_ends_what_is_looked_at():
    losses = bowl(1e-2)
    losses[150:] = 1e6
    found = range_test.read(RATES, losses)
    assert np.isfinite(found.mean).sum() == 150 and found.diverging == RATES[150]
    losses[150:] = np.nan  # a run that failed
    assert range_test.read(RATES, losses).diverging == RATES[150]


def test_a_loss_that_only_falls_does_not_diverge():
    found = range_test.read(RATES, np.linspace(2.3, 1, 200))
    assert found.diverging is None and found.three[2] == 1


@pytest.mark.parametrize("course", [np.zeros(200), np.linspace(0, 5, 200)], ids=["flat", "rising"])
def test_a_loss_that_never_falls_suggests_nothing(course):
    losses = 2.3 + course + np.random.default_rng(0).normal(0, 0.03, (3, 200))
    found = range_test.read(RATES, losses)
    assert not found.falls and found.suggestion is None and found.three is None


def test_what_falls_again_after_it_has_diverged_is_not_suggested():
    losses = bowl(1e-2, 0.3)
    losses[170:176] += 4
    found = range_test.read(RATES, losses)
    low, good, high = found.three
    assert low < good < 1e-2 < high == pytest.approx(found.diverging, rel=0.05)


def test_seeds_that_wait_or_go_on_are_no_divergence():
    losses = np.stack([bowl(1e-2), bowl(1e-2), np.full(200, np.nan)])
    losses[0, 120:] = np.nan
    going = range_test.read(RATES, losses, failed=[False] * 3)
    assert np.isfinite(going.mean).sum() == 120 and going.diverging is None
    assert range_test.read(RATES, losses, failed=[True, False, False]).diverging == RATES[120]
    assert (
        range_test.read(RATES, losses[1:]).suggestion
        == range_test.read(RATES, bowl(1e-2)).suggestion
    )


def test_too_few_steps_suggest_nothing():
    for count in (0, 1, range_test.LEAST_STEPS - 1):
        losses = np.full(200, np.nan)
        losses[:count] = 2.3
        found = range_test.read(RATES, losses)
        assert found.suggestion is None and found.three is None
        assert np.isnan(found.suggestions).all()


def test_the_rate_rises_by_one_factor_from_low_to_high():
    recipe = range_test.recipe_for(Recipe(warmup=0.5, beta1_at_peak=0.5), 1000, 1e-4, 0.5, 100)
    rates = [recipe.rate(step, recipe.total_steps(1000)) for step in range(100)]
    assert recipe.total_steps(1000) == 100
    assert rates == pytest.approx(np.geomspace(1e-4, 0.5, 100), rel=1e-9)
    assert {recipe.momentum(step, 100) for step in range(100)} == {recipe.beta1}


@pytest.mark.parametrize(
    ("low", "high", "steps", "words"),
    [
        (1, 1, 100, "rise"),
        (0.1, 0.01, 100, "rise"),
        (0, 1, 100, "rise"),
        (1e-9, 1, 100, "1,000,000 times the first"),
        (1, 20, 100, "rises to 10 at most"),
        (1e-3, 1, 5001, "choose up to 5,000"),
        (1e-3, 1, 5, "5 steps"),
        (float("nan"), 1, 100, "rise"),
    ],
)
def test_what_makes_no_range_test_is_refused(low, high, steps, words, refused):
    with refused(words):
        range_test.recipe_for(Recipe(), 1000, low, high, steps)


def test_its_steps_fit_the_epochs_that_a_run_may_have(refused):
    with refused("choose up to 1,000"):  # one step is one epoch
        range_test.recipe_for(Recipe(), 128, 1e-3, 1, 1200)


def test_what_it_chooses_itself_is_all_that_it_changes():
    chosen = Recipe(target=0.5, rate_changes="3:0.5", max_seconds=5)
    made = range_test.recipe_for(chosen, 1000, 1e-4, 0.5, 100)
    changed = {name for name, value in made if value != getattr(chosen, name)}
    assert changed <= set(range_test.CHOSEN) and made.target is None


def test_the_curve_is_that_of_torch_lr_finder_on_the_same_batches(capsys):
    finder = pytest.importorskip("torch_lr_finder", reason="needs torch-lr-finder")
    data, steps = open_dataset("shapes"), 60
    recipe = range_test.recipe_for(
        Recipe.of(preset="seed", precision="float32", flip=0, cutout=0),
        len(data.train),
        1e-5,
        1,
        steps,
    )
    ours = [progress.loss for progress in train(recipe, data)][1:]

    model = Training(recipe, data).model
    epoch = Epoch(recipe, data.train, 0)
    batches = [epoch.batch(step) for step in range(steps)]
    loader = DataLoader(
        TensorDataset(*(torch.cat(parts) for parts in zip(*batches, strict=True))), recipe.batch
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, betas=(recipe.beta1, recipe.beta2))
    found = finder.LRFinder(model, optimizer, F.cross_entropy)
    found.range_test(loader, end_lr=1, num_iter=steps)

    theirs = np.array(found.history["loss"])
    test = range_test.read([recipe.rate(step, steps) for step in range(steps)], ours)
    assert test.rates[: len(theirs)] == pytest.approx(found.history["lr"], rel=1e-9)
    calm = int((theirs > 1.02 * theirs[0]).argmax())  # beyond, the last digits of a step decide
    assert calm > 40
    assert test.smoothed[0, :calm] == pytest.approx(theirs[:calm], rel=1e-3)
    _, suggested = found.plot(suggest_lr=True, ax=_NoAxes())
    assert test.suggestions[0] == pytest.approx(suggested, rel=1e-9)


class _NoAxes:
    """Takes a plot and draws nothing."""

    def __getattr__(self, name: str):
        return lambda *_, **__: None
