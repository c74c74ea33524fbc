"""A run whose tokens are patches, in a real browser: on Attention, in a file, on the first page."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from support.readings import matrix, numbers

from ultimus.analysis.ablation import ablate
from ultimus.analysis.prediction import examples
from ultimus.analysis.walk import walk
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.explorer.page import page as make_page
from ultimus.lessons import shelf
from ultimus.lessons.filled import filled
from ultimus.model import Trace, Transformer
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status

RUN = Run(SHIPPED / "patches-cifar10")
LAST = RUN.snapshots[-1]

pytestmark = pytest.mark.usefixtures("one_thread")


def _model(step: int = LAST) -> Transformer:
    return checkpoint.load(RUN.snapshot(step)).eval()


@torch.inference_mode()
def _trace(image: torch.Tensor, step: int = LAST) -> Trace:
    """What the network computes for the patches of an image (3, 32, 32)."""
    model = _model(step)
    return model.trace_features(model.features(preprocess(image[None]))[0])


def _example(image: int, step: int = LAST) -> Trace:
    return _trace(examples().images[image], step)


def _agrees(page: Page, trace: Trace, patch: int, part: str = ".answered") -> None:
    """The heat maps of all passes are the network's row of a patch, and so is its answer."""
    expect(page.locator(".heat .selected")).to_have_count(4)
    said = numbers(page.locator(part))
    best = trace.logits.softmax(-1).max(-1).values
    assert said == pytest.approx(best.tolist(), abs=1e-4)
    for number, one in enumerate(trace.passes):
        cells = page.locator(".heat").nth(number).locator("[data-weight]")
        weights = cells.evaluate_all("all => all.map((each) => +each.dataset.weight)")
        assert weights == pytest.approx(one.weights[patch].tolist(), abs=1e-5)


def _point_at(page: Page, patch: int) -> None:
    cell = page.locator(".heat").first.locator("[data-weight]").nth(patch)
    cell.hover()
    expect(cell).to_have_class(re.compile("selected"))


def _picture(path: Path) -> torch.Tensor:
    """Write a picture; returns what the network sees of it."""
    mirrored = examples().images[7].flip(-1)
    Image.fromarray(mirrored.permute(1, 2, 0).numpy()).save(path)
    return mirrored


def _without(model: Transformer, features: torch.Tensor, patch: int) -> torch.Tensor:
    """The answer (C) from all other patches."""
    others = [place for place in range(len(features)) if place != patch]
    return model.trace_features(features[others]).logits[-1].softmax(-1)


def _looks_into(page: Page, trace: Trace) -> None:
    """Walk, other attention and leaving one out are the network's, for patch 6 and pass 3."""
    model = _model()
    assert matrix(page) == pytest.approx(trace.passes[2].weights.numpy(), abs=1e-5)
    steps = walk(model, trace, 3, 6, 9)
    strips = page.locator(".story .strip")
    for strip, expected in enumerate((steps.query, steps.key, steps.products)):
        assert numbers(strips.nth(strip)) == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-4)
    for ablation, button in (
        ("uniform", "all alike"),
        ("unscaled", "without √8"),
        ("none", "only the bias"),
    ):
        page.locator(".change").get_by_role("button", name=button).click()
        expected = ablate(model, trace.features, ablation).logits.softmax(-1).max(-1).values
        assert numbers(page.locator(".change .answers")) == pytest.approx(
            expected.tolist(), abs=1e-4
        )
    with torch.inference_mode():
        answer = trace.logits[-1].softmax(-1)
        top = int(answer.argmax())
        changes = [float(_without(model, trace.features, n)[top] - answer[top]) for n in range(16)]
    largest = sorted(changes, key=abs, reverse=True)[:5]
    assert numbers(page.locator(".influence")) == pytest.approx(largest, abs=1e-4)


def test_the_attention_page_looks_into_one_picture_of_several(
    server: str, person: Callable[[], Page], tmp_path: Path
):
    page = person()
    page.goto(f"{server}/attention?run={RUN.id}&images=5,2,11&pass=3&cell=6-9&view=ablations")
    _agrees(page, _example(5), 6)
    page.get_by_role("button", name="picture 1").click()
    _agrees(page, _example(2), 6)
    _looks_into(page, _example(2))
    expect(page).to_have_url(re.compile("picture=1"))
    _point_at(page, 12)
    _agrees(page, _example(2), 12)
    expect(page).to_have_url(re.compile("cell=12-"))
    page.get_by_role("slider", name="Training step").press("Home")
    expect(page).to_have_url(re.compile("step=0"))  # once its numbers are here
    _agrees(page, _example(2, RUN.snapshots[0]), 12)
    own = _picture(tmp_path / "mine.png")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(tmp_path / "mine.png")
    expect(page.locator(".album [aria-pressed=true]")).to_have_attribute(
        "aria-label", "picture 0: mine.png"
    )
    patch = int(page.locator(".heat").first.locator("button").evaluate_all(
        "all => all.findIndex((each) => each.classList.contains('selected'))"
    ))  # fmt: skip
    _agrees(page, _trace(own, RUN.snapshots[0]), patch)


def test_a_run_of_patches_that_trains_is_followed(
    server: str, person: Callable[[], Page], runs: Path
):
    run = Run.create(runs, Recipe.of(preset="patches"), dataset={"name": "elsewhere"})
    shutil.copy(RUN.snapshot(0), run.snapshot(0))
    with run.hold():  # as its worker would
        shutil.copy(RUN.snapshot(RUN.snapshots[-2]), run.live_weights)
        run.set_status(Status("running", step=RUN.snapshots[-2], total=LAST, epoch=20))
        page = person()
        page.goto(f"{server}/attention?run={run.id}&images=4,1&cell=3-5")
        _agrees(page, _example(4, RUN.snapshots[-2]), 3)
        shutil.copy(RUN.snapshot(LAST), run.live_weights)  # the worker goes on
        expect(page.locator(".scrubber .step data")).to_have_attribute("value", str(LAST))
        _agrees(page, _example(4), 3)
        run.set_status(Status("done", step=LAST, total=LAST, epoch=30))
    expect(page.get_by_role("button", name="Follow")).to_be_hidden()


def test_a_page_in_a_file_looks_into_patches_and_holds_a_lesson(browser: Browser, tmp_path: Path):
    name = "when-do-others-help"
    file = tmp_path / "patches.html"
    file.write_bytes(make_page(RUN, filled(name, shelf.find(name))))
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri())
    page.get_by_role("button", name="Card 3").click()
    expect(page.locator(".lesson h2")).to_have_text("The patches of one picture")
    page.get_by_role("button", name="Close the lesson").click()
    page.evaluate("location.hash = 'picture=2&patch=6&pass=3&step=0'")  # as links once said it
    _agrees(page, _example(2, RUN.snapshots[0]), 6)
    page.evaluate("location.hash = 'picture=2&cell=6-9&pass=3'")
    _agrees(page, _example(2), 6)
    _looks_into(page, _example(2))
    own = _picture(tmp_path / "mine.png")
    page.get_by_label("Your picture").set_input_files(tmp_path / "mine.png")
    expect(page.locator(".album [aria-pressed=true]")).to_have_attribute(
        "aria-label", "picture 0: mine.png"
    )
    _agrees(page, _trace(own), 6)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()
    assert not wrong


def test_the_first_page_shows_patches_further_down(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(server)
    page.locator("#patches").scroll_into_view_if_needed()
    _point_at(page, 5)
    _agrees(page, _example(0), 5, "#patches .answered")
