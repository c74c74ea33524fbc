"""What differs between runs, what they are called, and their spread where only the seed differs."""

from pathlib import Path

import pytest

from ultimus.errors import UserError
from ultimus.recipe import Recipe
from ultimus.runs import comparison, housekeeping, metrics
from ultimus.runs.run import Run, Status


def member(folder: Path, accuracy: float | None = None, step: int = 9, **choices):
    run = Run.create(folder, Recipe.of(preset="steady", data="shapes", **choices))
    if accuracy is not None:
        row = {"step": 9, "epoch": 1.0, "loss": 1.0, "test_accuracy": accuracy, "test_group": 16}
        metrics.report(run.folder, row)
    run.set_status(Status("done", step=step, total=9))
    return comparison.member(run)


def test_only_what_differs_is_told(tmp_path):
    members = [member(tmp_path, lr=0.01), member(tmp_path, lr=0.03, clip=None)]
    assert comparison.differences(members) == {"lr": [0.01, 0.03], "clip": [1.0, None]}
    assert comparison.names(members) == ["lr 0.01, clip 1", "lr 0.03, clip none"]


def test_runs_alike_are_told_apart_and_named_ones_keep_their_names(tmp_path):
    members = [member(tmp_path), member(tmp_path), member(tmp_path)]
    housekeeping.rename(members[2].run, "mine")
    first, second, third = comparison.names(members)
    assert first != second and third == "mine" and comparison.differences(members) == {}


def test_accuracies_are_spread_over_the_seeds_alone(tmp_path):
    members = [
        member(tmp_path, 0.50, seed=0), member(tmp_path, 0.60, seed=1),
        member(tmp_path, 0.90, seed=2, lr=0.03), member(tmp_path, seed=3),
        member(tmp_path, 0.10, step=5, seed=4), member(tmp_path, 0.50, seed=0),
    ]  # fmt: skip
    (family,) = comparison.families(members)
    assert family.places == [0, 1, 5]
    assert family.mean == pytest.approx(1.6 / 3)
    assert family.spread == pytest.approx(0.05774, abs=1e-5)
    assert comparison.families(members[2:5]) == []


def test_runs_that_began_with_others_weights_are_no_family_of_new_ones(tmp_path):
    new = [member(tmp_path, 0.50, seed=0), member(tmp_path, 0.60, seed=1)]
    run = Run.create(
        tmp_path, Recipe.of(preset="steady", data="shapes", seed=2),
        parent={"run": "20261128-101112-demo-ab12cd", "step": 1200},
    )  # fmt: skip
    row = {"step": 9, "epoch": 1.0, "loss": 1.0, "test_accuracy": 0.9, "test_group": 16}
    metrics.report(run.folder, row)
    run.set_status(Status("done", step=9, total=9))
    members = [*new, comparison.member(run)]
    assert [family.places for family in comparison.families(members)] == [[0, 1]]
    began = comparison.differences(members)["trained on from"]
    assert began == [None, None, "step 1,200 of demo-ab12cd"]
    assert comparison.names(members)[2].endswith("trained on from step 1,200 of demo-ab12cd")


@pytest.mark.parametrize(
    ("choices", "classes", "why"),
    [
        ({"model": "patches"}, ("cat", "dog"), "the 4 × 4 patches of one picture"),
        ({}, ("dog", "cat"), "their classes are not the same"),
        ({}, ("cat", "dog", "owl"), "their classes are not the same"),
    ],
)
def test_runs_that_cannot_see_the_same_pictures_are_told_apart(tmp_path, choices, classes, why):
    def run(classes: tuple[str, ...], **choices) -> Run:
        recipe = Recipe.of(preset="steady", data="shapes", **choices)
        return Run.create(tmp_path, recipe, dataset={"classes": classes})

    comparison.check_fit(run(classes, **choices), run(classes, **choices))
    with pytest.raises(UserError, match=why):
        comparison.check_fit(run(("cat", "dog")), run(classes, **choices))
