"""A run's curves as a table and as TensorBoard's event files."""

import csv
import io
from pathlib import Path

import pytest
from support.metrics import lines

from ultimus.cli import main
from ultimus.places import SHIPPED
from ultimus.recipe import PRESETS
from ultimus.runs import curve_files, metrics
from ultimus.runs.run import Run

STEPS = 7


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "runs", PRESETS["demo"])
    for step in range(1, STEPS + 1):
        line = {"step": step, "loss": 2.3 / step, "lr": 0.1 + 0.2, "seconds": step / 3}
        tested = {"test_accuracy": 0.1 * step, "test_group": 16} if step % 3 == 0 else {}
        metrics.report(run.folder, line | tested)
    return run


def test_the_table_has_every_number_of_every_report():
    (shipped,) = (run for run in Run.all(SHIPPED) if run.id == "best-cifar10")
    rows = list(csv.DictReader(io.StringIO(curve_files.to_csv(shipped).decode())))
    reported = lines(shipped)
    assert len(rows) == len(reported)
    for row, line in zip(rows[-200:], reported[-200:], strict=True):
        assert {name: float(text) for name, text in row.items() if text} == {
            name: line[name] for name in row if line.get(name) is not None
        }


def test_tensorboard_reads_what_its_own_writer_wrote(run, tmp_path, capsys):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    folder = tmp_path / "events"
    command = ["export", run.id, "--runs", str(run.folder.parent), "--form", "tensorboard"]
    for _ in range(2):  # of which the second takes the place of the first
        assert main([*command, "--out", str(folder)]) == 0
    events = reader.EventAccumulator(str(folder)).Reload()
    losses, tests = events.Scalars("loss/train"), events.Scalars("accuracy/test")
    assert [event.step for event in losses] == list(range(1, STEPS + 1))
    assert [event.value for event in losses] == pytest.approx([2.3 / n for n in range(1, 8)])
    assert [(event.step, event.value) for event in tests] == [
        (3, pytest.approx(0.3)), (6, pytest.approx(0.6)),
    ]  # fmt: skip
    assert losses[-1].wall_time - losses[0].wall_time == pytest.approx(2, abs=0.01)


def test_without_tensorboard_or_without_curves_it_is_told(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(curve_files, "has_tensorboard", lambda: False)
    place = ["--runs", str(run.folder.parent)]
    assert main(["export", run.id, *place, "--form", "tensorboard"]) == 2
    assert "pip install tensorboard" in capsys.readouterr().err
    empty = Run.create(run.folder.parent, PRESETS["demo"])
    assert main(["export", empty.id, *place, "--form", "csv"]) == 2
    assert "no curves" in capsys.readouterr().err
    assert main(["export", run.id, *place, "--form", "csv", "--step", "3"]) == 2
    assert "--step" in capsys.readouterr().err
