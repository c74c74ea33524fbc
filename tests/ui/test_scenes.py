"""What the explorer fetches of a run: the network's numbers, or a sentence."""

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.responses import Response
from support.explorers import content, opening, request

from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.explorer.scene import packed
from ultimus.model import Transformer
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status
from ultimus.ui.beat import HEADER
from ultimus.ui.server import scenes
from ultimus.ui.server.audience import LOOKS, Audience
from ultimus.ui.state.browser import NAME

WEIGHTS = SHIPPED / "best-cifar10" / "weights"
EARLY, LAST = 6089, 39000
MEMBERS = [3, 0, 6, 11, 19]
IMAGES = "images=3,0,6,11,19"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """One that trains: this process holds it, as its worker would."""
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    run = Run.create(tmp_path, Recipe(), dataset={"name": "elsewhere"})
    shutil.copy(WEIGHTS / "0.safetensors", run.snapshot(0))
    with run.hold():
        run.set_status(Status("running", step=11, total=13, epoch=1.1))
        yield run


def step(run: str, step: int, query: str = IMAGES) -> Response:
    return scenes.step(request(query, run=run, step=str(step)))


def newest(run: Run, query: str = IMAGES, browser: str = "") -> Response:
    """What whoever follows a run is told of its newest weights.

    Args:
        run: which trains.
        query: of the address.
        browser: secret that the cookie of the one who asks holds.
    """
    asked = request(query, run=run.id)
    asked.cookies[NAME] = browser
    return scenes.newest(asked)


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def model_at(step: int) -> Transformer:
    return checkpoint.load(WEIGHTS / f"{step}.safetensors").eval()


def features(step: int, members: list[int]) -> np.ndarray:
    with torch.inference_mode():
        return model_at(step).features(preprocess(examples().images[members])).numpy()


def test_an_address_leads_to_the_pictures_of_a_group_and_the_steps_of_the_run():
    run = Run(SHIPPED / "best-cifar10")
    told = opening(scenes.address(run, MEMBERS))
    assert told["numbers"] == MEMBERS
    assert told["pictures"]["pixels"] == packed(examples().images[MEMBERS].numpy())
    assert told["pictures"]["labels"] == examples().labels[MEMBERS].tolist()
    assert told["snapshots"]["steps"] == list(run.snapshots)
    assert told["snapshots"]["epochs"][-1] == 100 and len(told["curves"]["loss"]) > 100


@pytest.mark.parametrize("number", [EARLY, LAST])
def test_a_step_has_the_networks_features_and_small_weights(number: int):
    told = content(step("best-cifar10", number))
    expected = features(number, MEMBERS)
    assert floats(told["features"]).reshape(expected.shape) == pytest.approx(expected, abs=1e-5)
    weights = dict(model_at(number).named_parameters())
    flat = [weights[f"ultimusBlock.{name}"] if not name.startswith("cap") else weights[name]
            for name, _ in told["parts"]]  # fmt: skip
    assert np.array_equal(
        floats(told["weights"]), torch.cat([each.detach().flatten() for each in flat]).numpy()
    )


def test_all_weights_of_a_step_are_there_for_readers_own_pictures():
    told = content(scenes.network(request(run="best-cifar10", step=str(EARLY))))
    whole = torch.cat([each.detach().flatten() for each in model_at(EARLY).parameters()])
    assert np.array_equal(floats(told["numbers"]), whole.numpy())


def test_companions_are_drawn_from_the_first_test_pictures():
    told = content(scenes.companions(request(run="best-cifar10", step=str(LAST))))
    expected = features(LAST, list(range(20)))
    assert told["numbers"] == list(range(20))
    assert floats(told["features"]).reshape(expected.shape) == pytest.approx(expected, abs=1e-5)


def test_the_newest_weights_are_sent_once_and_computed_once_for_all_who_watch(run: Run):
    shutil.copy(WEIGHTS / f"{EARLY}.safetensors", run.live_weights)
    first = newest(run)
    told = content(first)
    assert floats(told["features"]) == pytest.approx(features(EARLY, MEMBERS).ravel(), abs=1e-5)
    assert told["steps"] == [0] and told["epochs"] == [0.0]
    assert newest(run).body is first.body
    assert newest(run, f"{IMAGES}&after={told['stamp']}").status_code == 204
    shutil.copy(WEIGHTS / f"{LAST}.safetensors", run.live_weights)
    later = content(newest(run, f"{IMAGES}&after={told['stamp']}"))
    assert floats(later["features"]) == pytest.approx(features(LAST, MEMBERS).ravel(), abs=1e-5)


def test_many_who_watch_look_less_often_and_share_what_one_has_looked_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scenes, "_audience", Audience(scenes.FOLLOWED))
    shutil.copy(WEIGHTS / f"{EARLY}.safetensors", run.live_weights)
    people = [f"{number:020}" for number in range(30 * LOOKS)]
    told = [newest(run, browser=secret) for secret in people]
    shutil.copy(WEIGHTS / f"{LAST}.safetensors", run.live_weights)
    assert scenes.FOLLOWED / 2 <= float(told[0].headers[HEADER]) <= 3 * scenes.FOLLOWED / 2
    assert float(told[-1].headers[HEADER]) > 10
    assert newest(run, browser=people[0]).body is told[-1].body  # it is as new as they look often


def test_whoever_watches_is_told_that_a_run_has_ended(run: Run):
    shutil.copy(WEIGHTS / f"{EARLY}.safetensors", run.live_weights)
    run.set_status(Status("stopped", step=13, total=13))
    shutil.copy(WEIGHTS / f"{LAST}.safetensors", run.snapshot(13))
    told = content(newest(run))
    assert told["ended"] and told["steps"] == [0, 13] and len(told["epochs"]) == 2


def test_weights_that_are_replaced_are_read_anew(run: Run):
    before = content(step(run.id, 0))
    shutil.copy(WEIGHTS / f"{LAST}.safetensors", run.snapshot(0))
    assert content(step(run.id, 0))["features"] != before["features"]


@pytest.mark.parametrize(
    ("answer", "path", "query"),
    [
        (scenes.opening, {"run": "no-such-run"}, IMAGES),
        (scenes.opening, {"run": "../../etc"}, IMAGES),
        (scenes.opening, {"run": "best-cifar10"}, "images=20"),
        (scenes.opening, {"run": "best-cifar10"}, ""),
        (scenes.opening, {"run": "best-cifar10"}, "images=1,,2"),
        (scenes.opening, {"run": "best-cifar10"}, "images=-1"),
        (scenes.opening, {"run": "best-cifar10"}, f"images={'1,' * 64}1"),
        (scenes.step, {"run": "best-cifar10", "step": "7"}, IMAGES),
        (scenes.step, {"run": "best-cifar10", "step": "²"}, IMAGES),
        (scenes.step, {"run": "best-cifar10", "step": "9" * 5000}, IMAGES),
        (scenes.network, {"run": "best-cifar10", "step": "../0"}, ""),
        (scenes.companions, {"run": "best-cifar10", "step": ""}, ""),
    ],
)
def test_an_address_that_leads_nowhere_gets_a_sentence(
    answer: Callable, path: dict[str, str], query: str
):
    answered = answer(request(query, **path))
    assert answered.status_code == 404
    assert answered.body.decode().endswith(".") and len(answered.body) < 300


def test_damaged_weights_get_a_sentence(run: Run):
    run.snapshot(0).write_bytes(b"nothing")
    assert step(run.id, 0).status_code == 404


def test_a_network_of_other_classes_gets_a_sentence(run: Run):
    checkpoint.save(run.snapshot(0), Transformer(7))
    assert b"7 classes" in step(run.id, 0).body
