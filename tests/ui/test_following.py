"""A run that trains is followed: its probe group, and the newest weights on the Attention page."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from support.boards import group
from support.explorers import content, opening, request, told
from support.pages import open_page

from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.evaluation import fixed_groups
from ultimus.links.pages import FOLLOW
from ultimus.model import Trace
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status
from ultimus.ui.server import scenes
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


def watched(run: Run) -> dict:
    """What a browser that watches the probe group is told of the newest weights."""
    return content(scenes.newest(request("images=probe", run=run.id)))


def test_the_probe_group_is_shown_by_the_newest_weights(run: Run):
    trained_to(run, EARLY)
    page = open_page("train", run=run.id)
    assert group(page)["live"]
    scene = opening(group(page)["scene"])
    assert tuple(scene["numbers"]) == probe()
    assert "these are examples" in scene["note"]
    for step in (EARLY, LAST):
        trained_to(run, step)
        told = watched(run)
        assert told["step"] == step
        features = np.frombuffer(base64.b64decode(told["features"]), "<f4").reshape(B, -1)
        assert features == pytest.approx(computed(step, probe()).features.numpy(), abs=1e-5)


def test_a_run_without_weights_has_no_probe_yet(run: Run):
    page = open_page("train", run=run.id)
    assert "as soon as the run has its first weights" in refusal(page)


def test_pictures_of_other_classes_are_no_probe(run: Run):
    run.ran_with(dataset={"name": "<b>pets", "fingerprint": "ab", "classes": ["cat", "dog"]})
    trained_to(run, LAST)
    page = open_page("train", run=run.id)
    assert "is not on this machine" in refusal(page)


def test_a_run_that_has_ended_is_no_longer_followed(run: Run):
    shutil.copy(WEIGHTS / "0.safetensors", run.snapshot(0))
    run.set_status(Status("stopped", step=13, total=13))
    page = open_page("train", run=run.id)
    assert not group(page)["live"]
    assert watched(run)["ended"]


def refusal(page: AppTest) -> str:
    """What a browser is told that cannot have the probe group."""
    assert not page.exception
    where = urlsplit(group(page)["scene"])
    answer = scenes.opening(request(where.query, run=where.path.rsplit("/", 1)[-1]))
    assert answer.status_code == 404
    return answer.body.decode()


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


def left() -> None:
    """Streamlit calls back for a slider that stood at the newest snapshot, step 11."""
    import streamlit as st

    from ultimus.links.pages import Shown
    from ultimus.ui.controls import snapshot
    from ultimus.ui.state import choices

    snapshot._leave("newest 11", 11)
    st.session_state.shown = choices.current(Shown).step


@pytest.mark.parametrize(("says", "step"), [(None, FOLLOW), (11, FOLLOW), (3, 3)])
def test_a_run_is_followed_until_its_slider_is_moved(says: int | None, step: int | str):
    page = AppTest.from_function(left, default_timeout=60)
    if says is not None:
        page.session_state["newest 11"] = says
    page.run()
    assert not page.exception and page.session_state.shown == step
