"""Training on from a snapshot, and stopping at a target."""

from pathlib import Path

import pytest
import torch
from support.metrics import lines

from ultimus.checkpoints import checkpoint
from ultimus.cli import main
from ultimus.recipe import Recipe
from ultimus.runs import continuation
from ultimus.runs.exchange import provenance
from ultimus.runs.run import Run, Status
from ultimus.runs.worker import work

pytestmark = pytest.mark.usefixtures("one_thread")


def _recipe(data: Path, **choices) -> Recipe:
    return Recipe.of(**{"data": str(data), "group": 7, "groups": 2, "snapshots": 3, **choices})


@pytest.fixture(scope="module")
def parent(data, tmp_path_factory) -> Run:
    """A run of one epoch, 6 steps."""
    run = Run.create(tmp_path_factory.mktemp("parents"), _recipe(data, epochs=1))
    assert work(run).state == "done"
    return run


def _weights(path: Path) -> torch.Tensor:
    weights = checkpoint.load(path).state_dict()
    return torch.cat([weights[name].flatten() for name in sorted(weights)])


def _child(runs: Path, recipe: Recipe, start: continuation.Start) -> Run:
    def fill(run: Run) -> None:
        start.keep(run)
        run.set_status(Status("queued"))

    return Run.create(runs, recipe, fill, **start.about)


def test_a_run_trains_on_from_another_which_stays_as_it_is(parent, data, tmp_path):
    before = {file: file.read_bytes() for file in parent.folder.rglob("*") if file.is_file()}
    start = continuation.from_snapshot(parent, 6)
    child = _child(tmp_path, _recipe(data, epochs=1, optimizer="sgd", lr=0.1, seed=5), start)
    assert work(child).state == "done"
    assert torch.equal(_weights(child.snapshot(0)), _weights(parent.snapshot(6)))
    assert not torch.equal(_weights(child.snapshot(6)), _weights(parent.snapshot(6)))
    assert child.info().parent.run == parent.id and child.info().parent.step == 6
    assert f"step 6 of the run {parent.id}" in provenance(child)
    assert {file: file.read_bytes() for file in before} == before


def test_it_is_interrupted_and_rewound_like_any_other_without_its_parent(parent, data, tmp_path):
    recipe, start = _recipe(data, epochs=2, seed=3), continuation.from_snapshot(parent, 6)
    whole, parts = _child(tmp_path, recipe, start), _child(tmp_path, recipe, start)
    assert work(whole).state == "done"
    stop = work(parts, lambda progress: progress.step == 5 and parts.ask("stop"))
    assert stop.step == 5
    again = _child(tmp_path, recipe, continuation.again(parts))
    for run in (parts, again):
        assert work(run).state == "done"
        assert torch.equal(_weights(run.snapshot(12)), _weights(whole.snapshot(12)))


def test_weights_that_do_not_fit_are_refused(parent, data, tmp_path, refused):
    with refused("no snapshot 5"):
        continuation.from_snapshot(parent, 5)
    start = continuation.from_snapshot(parent, 6)
    other = _child(tmp_path, _recipe(data, model="patches"), start)
    failed = work(other)
    assert failed.state == "failed" and "4 × 4 patches" in failed.reason
    ten = _child(tmp_path, _recipe("shapes", epochs=1), start)
    assert "3 classes" in work(ten).reason
    start.keep(ten)
    ten.start_weights.write_bytes(b"no weights")
    assert work(ten).state == "failed"


def test_the_command_line_trains_on_from_a_run_and_from_a_file(parent, data, tmp_path, capsys):
    common = ["--data", str(data), "--group", "7", "--groups", "2", "--epochs", "1"]
    runs = ["--runs", str(tmp_path)]
    assert main(["train", *runs, "--from", str(parent.folder), "--from-step", "0", *common]) == 0
    (child,) = Run.all(tmp_path)
    assert child.info().parent.step == 0
    file = tmp_path / "mine.safetensors"
    file.write_bytes(parent.snapshot(6).read_bytes())
    assert main(["train", *runs, "--from", str(file), *common]) == 0
    parents = {run.info().parent.run for run in Run.all(tmp_path) if run.info().parent}
    loaded = [run.id for run in Run.all(tmp_path) if run.info().loaded]
    assert parents == {parent.id, *loaded} and len(loaded) == 1
    for wrong, words in (
        (["--from", str(parent.folder), "--from-step", "5"], "no snapshot 5"),
        (["--from", str(parent.folder), "--model", "patches"], "patches"),
        (["--from", "nowhere"], "nowhere"),
        (["--from-step", "3"], "--from"),
    ):
        assert main(["train", *runs, *wrong, *common]) == 2
        assert words in capsys.readouterr().err
    assert len(Run.all(tmp_path)) == 3


def test_a_run_stops_after_the_epoch_that_reaches_its_target(data, tmp_path):
    far = Run.create(tmp_path, _recipe(data, epochs=40, target=0.9))
    assert work(far).state == "done"
    tests = [row["test_accuracy"] for row in lines(far) if "test_accuracy" in row]
    assert tests[-1] >= 0.9 and max(tests[:-1], default=0) < 0.9 and len(tests) < 40
    assert far.snapshots[-1] == far.status().step == 6 * len(tests) < far.status().total
    never = Run.create(tmp_path, _recipe(data, epochs=1, target=1.0, lr=1e-6))
    assert work(never).step == 6
