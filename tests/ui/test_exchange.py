"""Saving and loading weights through Streamlit's AppTest."""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import ultimus
from ultimus.checkpoints import checkpoint
from ultimus.model import Transformer
from ultimus.runs.exchange import export
from ultimus.runs.run import Run
from ultimus.ui.state import session

SHIPPED = Run(Path(ultimus.__file__).parents[1] / "assets" / "runs" / "best-cifar10")
LAST = SHIPPED.snapshots[-1]


def script():
    import streamlit as st

    from ultimus.ui.pages import predict

    st.session_state.pages = {}
    predict.page()


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def visit(run: Run = SHIPPED) -> AppTest:
    """The page of a run, the menu of its weights open."""
    page = AppTest.from_function(script, default_timeout=60)
    page.query_params["run"] = run.id
    page.session_state[f"weights {run.id}"] = True
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def load(page: AppTest, name: str, content: bytes) -> AppTest:
    file = name, content, "application/octet-stream"
    return checked(page.file_uploader[0].set_value(file).run())


def captions(page: AppTest) -> str:
    return " ".join(each.value for each in page.caption)


def test_all_forms_of_any_step_can_be_saved():
    page = visit()
    labels = [each.label for each in page.get("download_button")]
    assert labels[:3] == [".safetensors", ".pt", "HF folder"]
    assert (".onnx" in labels) == (find_spec("onnxscript") is not None)
    step = next(each for each in page.selectbox if each.label == "Step")
    assert tuple(map(int, step.options)) == SHIPPED.snapshots
    checked(step.select(SHIPPED.snapshots[3]).run())
    assert str(SHIPPED.snapshot(SHIPPED.snapshots[3])) in [each.value for each in page.code]


def test_what_is_loaded_becomes_the_run_on_show(runs):
    name, content = export(SHIPPED, LAST)
    page = load(visit(), name, content)
    (run,) = Run.all(runs)
    assert page.query_params["run"] == run.id
    assert f"Loaded from {name}" in captions(page) and "68.99%" in captions(page)
    assert not page.error


def test_the_seeds_own_file_loads_too(runs):
    page = load(visit(), "seed.pt", checkpoint.to_seed_bytes(Transformer()))
    assert len(Run.all(runs)) == 1
    assert "how it was trained is not known" in captions(page)


def test_what_is_refused_gets_its_sentence_and_leaves_nothing(runs):
    page = load(visit(), "<b>cut</b>.pt", checkpoint.to_seed_bytes(Transformer())[:-99])
    assert any("damaged, cut off" in each.value for each in page.error)
    assert not any("<b>" in each.value for each in page.error)
    assert not runs.exists() or not list(runs.iterdir())
    page = load(page, "good.pt", checkpoint.to_seed_bytes(Transformer()))
    assert not page.error


def test_of_two_sets_of_weights_one_is_chosen(runs):
    state, buffer = Transformer().state_dict(), BytesIO()
    other = {name: each + 1 for name, each in state.items()}
    torch.save({"model": state, "model_ema": other}, buffer)
    page = load(visit(), "two.pt", buffer.getvalue())
    assert not runs.exists() and not page.error
    choice = next(each for each in page.radio if each.label == "Which of them?")
    assert choice.options == ["model", "model\\_ema"]
    choice.set_value("model_ema")
    checked(next(each for each in page.button if each.label == "Load these").click().run())
    (run,) = Run.all(runs)
    model = checkpoint.load(run.snapshot(run.snapshots[-1]))
    assert model.cap.bias.equal(other["cap.bias"])
    assert "left aside\\: model" in captions(page)


def test_weights_that_are_damaged_are_said_to_be(runs):
    run = Run.find(ultimus.adopt(export(SHIPPED, LAST)[1], "x.safetensors", runs).id, runs)
    run.snapshot(LAST).write_bytes(b"nothing")
    page = visit(run)
    assert any("is not a checkpoint" in each.value for each in page.error)


def test_what_a_deployment_ships_is_there_for_all(runs, tmp_path, monkeypatch):
    (tmp_path / "good.pt").write_bytes(checkpoint.to_seed_bytes(Transformer(7)))
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    monkeypatch.setattr(session, "WEIGHTS", tmp_path)
    visit()
    (run,) = Run.all(runs)
    assert run.info().loaded.file == "good.pt"
    visit(run)


def test_strangers_are_not_told_folders(monkeypatch):
    monkeypatch.setenv("ULTIMUS_PUBLIC", "1")
    assert not any(str(SHIPPED.folder) in each.value for each in visit().code)
