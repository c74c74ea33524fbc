"""A run whose tokens are patches, in a real browser: on Attention, in a file, on the first page."""

from collections.abc import Callable

import pytest
import torch
from playwright.sync_api import Page, expect

from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.model import Trace
from ultimus.places import SHIPPED
from ultimus.runs.run import Run

RUN = Run(SHIPPED / "patches-cifar10")

pytestmark = pytest.mark.usefixtures("one_thread")


def _trace(picture: int, step: int = RUN.snapshots[-1]) -> Trace:
    with torch.inference_mode():
        model = checkpoint.load(RUN.snapshot(step))
        return model.trace(preprocess(examples().images[picture : picture + 1]))


def _agrees(page: Page, trace: Trace, patch: int) -> None:
    """The heat maps of all passes are the network's row of a patch, and so is its answer."""
    expect(page.locator(".heat .selected")).to_have_count(4)
    for number, one in enumerate(trace.passes):
        cells = page.locator(".heat").nth(number).locator("[data-weight]")
        weights = cells.evaluate_all("all => all.map((each) => +each.dataset.weight)")
        assert weights == pytest.approx(one.weights[0, patch].tolist(), abs=1e-5)
    said = page.locator(".answered data").evaluate_all("all => all.map((each) => +each.value)")
    best = trace.logits[:, 0].softmax(-1).topk(3).values.flatten()
    assert said == pytest.approx(best.tolist(), abs=1e-4)


def _point_at(page: Page, patch: int) -> None:
    cell = page.locator(".heat").first.locator("[data-weight]").nth(patch)
    cell.hover()
    expect(cell).to_have_class("selected")


def test_pointing_at_a_patch_shows_where_it_looks_on_the_attention_page(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.goto(f"{server}/attention?run={RUN.id}")
    for patch in (0, 6):
        _point_at(page, patch)
        _agrees(page, _trace(0), patch)
    page.get_by_role("button", name="picture 5").click()
    _point_at(page, 9)
    _agrees(page, _trace(5), 9)


def test_a_page_of_patches_goes_through_training_and_keeps_its_link(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.goto(f"{server}/see?run={RUN.id}#picture=2&patch=3&step=0")
    _agrees(page, _trace(2, RUN.snapshots[0]), 3)
    page.get_by_role("slider").press("End")
    expect(page.locator("output")).to_contain_text(f"step {RUN.snapshots[-1]:,}")
    _agrees(page, _trace(2), 3)
    assert page.evaluate("location.hash").startswith("#picture=2&patch=3&pass=1&step=")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_first_page_shows_patches_further_down(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(server)
    page.locator("#patches").scroll_into_view_if_needed()
    _point_at(page, 5)
    _agrees(page, _trace(0), 5)
