"""A rate that is changed while a run trains: from the next step on, and for good."""

from pathlib import Path

import pytest
import torch
from support.metrics import lines

from ultimus.checkpoints import checkpoint
from ultimus.cli import main
from ultimus.recipe import Recipe
from ultimus.runs.control import ask_for_rate
from ultimus.runs.run import Run, Status
from ultimus.runs.worker import work

pytestmark = pytest.mark.usefixtures("one_thread")

TOTAL = 12  # steps


@pytest.fixture
def recipe(data: Path) -> Recipe:
    return Recipe.of(data=str(data), group=7, groups=2, snapshots=3, epochs=2)


def _weights(run: Run, step: int = TOTAL) -> torch.Tensor:
    weights = checkpoint.load(run.snapshot(step)).state_dict()
    return torch.cat([weights[name].flatten() for name in sorted(weights)])


def _planned(runs: Path, recipe: Recipe, changes: str) -> torch.Tensor:
    """The last weights of a run whose recipe has the changes from the beginning."""
    run = Run.create(runs, Recipe.parse(recipe.model_dump() | {"rate_changes": changes}))
    assert work(run).state == "done"
    return _weights(run)


def _asking(run: Run, *asked: tuple[int, str]):
    requests = dict(asked)
    return lambda progress: progress.step in requests and run.ask(requests[progress.step])


def test_it_is_multiplied_from_the_next_step_on_and_kept_with_the_recipe(recipe, tmp_path):
    run, plain = Run.create(tmp_path, recipe), Run.create(tmp_path, recipe)
    assert work(run, _asking(run, (3, "rate 0.1"), (8, "rate 1"))).state == "done"
    assert work(plain).state == "done"
    assert run.info().recipe.rate_changes == "3:0.1 8:1"
    rates = {row["step"]: row["lr"] for row in lines(run) if row["step"]}
    assert rates and all(
        rate == pytest.approx((0.1 if 3 < step <= 8 else 1) * recipe.rate(step - 1, TOTAL))
        for step, rate in rates.items()
    )
    assert torch.equal(_weights(run), _planned(tmp_path, recipe, "3:0.1 8:1"))
    assert not torch.equal(_weights(run), _weights(plain))
    origin = checkpoint.read(run.snapshot(TOTAL)).origin
    assert origin.recipe.rate_changes == "3:0.1 8:1"


def test_a_run_that_was_killed_makes_the_same_steps_again(recipe, tmp_path):
    run, saved = Run.create(tmp_path, recipe), {}

    def watch(progress) -> None:
        if progress.step == 3:
            saved.update(progress.training.state())
        _asking(run, (4, "rate 0.2"))(progress)
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(run, watch)
    torch.save(saved, run.resume_file)  # older than the change
    assert work(run).state == "done"
    assert torch.equal(_weights(run), _planned(tmp_path, recipe, "4:0.2"))


@pytest.mark.parametrize("request_", ["rate", "rate x", "rate nan", "rate 1e9", "rate 1 2"])
def test_what_is_no_rate_changes_nothing(recipe, tmp_path, request_):
    run = Run.create(tmp_path, recipe)
    assert work(run, _asking(run, (3, request_))).state == "done"
    assert run.info().recipe == recipe


def test_only_a_run_that_trains_just_now_is_asked(recipe, tmp_path, refused):
    run = Run.create(tmp_path, recipe)
    with refused("not trained just now"):
        ask_for_rate(run, 0.1)
    with run.hold():
        for factor in (0, -1, float("nan"), 1e9):
            with refused("factor", "0.001 to 1,000", f"{factor:g}"):
                ask_for_rate(run, factor)
        run.ask("stop")
        with refused("something else"):
            ask_for_rate(run, 0.1)
        assert run.take_request() == "stop"
        ask_for_rate(run, 0.1)
        assert run.take_request() == "rate 0.1"


def test_runs_whose_recipe_is_compared_or_full_keep_their_rates(recipe, tmp_path, refused):
    swept = Run.create(tmp_path, recipe, sweep="lr-0123456789")
    changes = " ".join(f"{step}:0.{step}" for step in range(100, 160))  # 599 of 600 characters
    full = Run.create(tmp_path, Recipe.parse(recipe.model_dump() | {"rate_changes": changes}))
    full.set_status(Status("running", step=1000, total=2000))
    for run, why in ((swept, "part of a sweep"), (full, "so often")):
        with run.hold(), refused(why):
            ask_for_rate(run, 0.1)
        assert not run.has_request()


def test_the_command_line_asks_for_it(recipe, tmp_path, capsys):
    run = Run.create(tmp_path, recipe)
    run.set_status(Status("running", step=1, total=TOTAL))
    command = ["rate", run.id, "0.25", "--runs", str(tmp_path)]
    assert main(command) == 2
    assert "not trained just now" in capsys.readouterr().err
    with run.hold():
        assert main(command) == 0
        assert run.take_request() == "rate 0.25"
