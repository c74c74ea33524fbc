"""The bench of a card, on a processor where a tape stands in for its recording."""

import json
from collections.abc import Callable

import pytest
import torch
from support.tape import record

from ultimus.analysis.measured import Measured
from ultimus.bench import gpu
from ultimus.cli import main
from ultimus.data.dataset import open_dataset
from ultimus.recipe import PRESETS
from ultimus.training import cuda_graph

pytestmark = pytest.mark.usefixtures("one_thread")
WITHOUT_A_CARD = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")


@pytest.fixture
def taped(monkeypatch):
    monkeypatch.setattr(cuda_graph, "record", record)
    monkeypatch.setattr(gpu, "CHECKED", 5)


def test_it_checks_measures_and_says_on_what(taped):
    seconds = {"seed": 0.02, "patches": 0.02}
    doing = []
    measured, runs = gpu.bench(open_dataset("shapes"), doing.append, "cpu", seconds)
    assert doing == ["checking seed", "checking patches", "training seed", "training patches"]
    assert Measured.model_validate_json(measured.model_dump_json()) == measured
    assert gpu.card("cpu") in measured.machine and torch.__version__ in measured.machine
    for run in runs:
        name = run.recipe.preset
        assert measured.values[f"{name}: difference"][0] <= gpu.TOLERANCE
        assert measured.values[f"{name}: steps"] == (run.steps,)
        assert 0 < run.steps < run.total and run.recipe.max_seconds is None
        assert run.whole == pytest.approx(run.seconds / run.steps * run.total)
        assert run.seconds <= run.seconds_in_all and 0 <= run.accuracy <= 1
    text = gpu.as_text(measured, runs)
    assert f"| `seed` | 24 | {runs[0].steps} of {runs[0].total:,} | " in text
    assert "if all were made |" in text


def test_a_recording_that_freezes_what_changes_is_found(taped, monkeypatch, refused):
    def frozen(step: Callable[[], None], before: Callable[[], object]) -> Callable[[], None]:
        replay = record(step, before)

        def again() -> None:  # always the epoch's first step
            before()
            replay()

        return again

    monkeypatch.setattr(cuda_graph, "record", frozen)
    assert gpu.difference(PRESETS["seed"], open_dataset("shapes"), "cpu") > gpu.TOLERANCE
    with refused("recorded steps of seed are not the eager ones"):
        gpu.bench(open_dataset("shapes"), device="cpu", seconds={"seed": 0.02})


@WITHOUT_A_CARD
def test_without_a_card_it_says_so_in_a_sentence(tmp_path, capsys):
    assert main(["bench", "--gpu", "--out", str(tmp_path / "gpu.json")]) == 2
    assert "no NVIDIA card" in capsys.readouterr().err and not [*tmp_path.iterdir()]


def test_a_file_for_the_card_needs_the_card(tmp_path, capsys):
    assert main(["bench", "--out", str(tmp_path / "gpu.json")]) == 2
    assert "--out belongs to --gpu" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_card_it_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "SECONDS", {"seed": 1.0})
    assert main(["bench", "--gpu", "--out", str(tmp_path / "gpu.json")]) == 0
    answer = json.loads((tmp_path / "gpu.json").read_text())
    assert answer["machine"].startswith(torch.cuda.get_device_name())
