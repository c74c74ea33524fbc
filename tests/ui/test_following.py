"""A run that trains is followed: its probe group, and the newest weights on the Attention page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from support.boards import figures, numbers, words
from support.explorers import told
from support.pages import open_page

from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.evaluation import fixed_groups
from ultimus.model import Trace
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status
from ultimus.ui.state import pool

WEIGHTS = SHIPPED / "best-cifar10" / "weights"
B, EARLY, LAST = 7, 6089, 39000

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """One that trains: this process holds it, as its worker would."""
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    run = Run.create(tmp_path, Recipe(group=B, groups=2), dataset={"name": "elsewhere"})
    with run.hold():
        run.set_status(Status("running", step=11, total=13))
        yield run


def trained_to(run: Run, step: int) -> None:
    """The worker replaces the newest weights."""
    shutil.copy(WEIGHTS / f"{step}.safetensors", run.live_weights)


def probe() -> tuple[int, ...]:
    return tuple(fixed_groups(len(pool.examples()), B)[0].tolist())


def computed(step: int, members: tuple[int, ...]) -> Trace:
    """What the network itself computes for some of the example pictures."""
    model = checkpoint.load(WEIGHTS / f"{step}.safetensors").eval()
    with torch.inference_mode():
        return model.trace(preprocess(pool.examples().images[list(members)]))


def shown(page: AppTest, name: str) -> np.ndarray:
    assert not page.exception
    return numbers(figures(page)[name]["data"][0]["z"])


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def test_the_probe_group_is_shown_by_the_newest_weights(run: Run):
    trained_to(run, EARLY)
    page = open_page("train", run=run.id)
    for step in (EARLY, LAST):
        trained_to(run, step)
        page.run()
        expected = computed(step, probe())
        assert shown(page, "probe-attention") == pytest.approx(
            expected.passes[0].weights.numpy(), abs=1e-6
        )
        assert f"Step {step:,}." in captions(page)
        right = expected.logits[-1].argmax(dim=-1) == pool.examples().labels[list(probe())]
        assert f"{int(right.sum())} of {B}" in " ".join(words(page).split())


def test_a_pass_of_the_probe_group_is_chosen(run: Run):
    trained_to(run, LAST)
    page = open_page("train", run=run.id)
    page.button_group(key="probe_pass").set_value(3).run()
    expected = computed(LAST, probe()).passes[2].weights.numpy()
    assert shown(page, "probe-attention") == pytest.approx(expected, abs=1e-6)


def test_a_run_without_weights_has_no_probe_yet(run: Run):
    page = open_page("train", run=run.id)
    assert not page.exception
    assert "as soon as the run has its first weights" in words(page)


def test_pictures_of_other_classes_are_no_probe(run: Run):
    run.ran_with(dataset={"name": "<b>pets", "fingerprint": "ab", "classes": ["cat", "dog"]})
    trained_to(run, LAST)
    page = open_page("train", run=run.id)
    assert not page.exception
    assert "probe-attention" not in figures(page)
    assert "is not on this machine" in words(page)


def test_the_attention_page_is_told_to_follow_a_run_until_a_step_is_chosen(run: Run):
    shutil.copy(WEIGHTS / "0.safetensors", run.snapshot(0))
    trained_to(run, EARLY)
    page = open_page("attention", run=run.id)
    assert told(page)["live"] and told(page)["chosen"]["step"] == "follow"
    page = open_page("attention", run=run.id, step="0")
    assert told(page)["live"] and told(page)["chosen"]["step"] == "0"
    run.set_status(Status("stopped", step=13, total=13))
    page.run()
    assert not told(page)["live"] and told(page)["chosen"]["step"] == "0"
