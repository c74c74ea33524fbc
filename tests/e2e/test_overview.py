"""All passes side by side on the Attention page, in a real browser."""

import re
from collections.abc import Callable

import pytest
import torch
from playwright.sync_api import Page, expect

from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.places import SHIPPED
from ultimus.runs.run import Run
from ultimus.ui.state import pool

MEMBERS = [3, 0, 6, 11, 19]
DARKEST = """(canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const light = Array.from({ length: width * height }, (_, n) =>
        data[4 * n + 3] ? data[4 * n] + data[4 * n + 1] + data[4 * n + 2] : 765);
    return light.indexOf(Math.min(...light));
}"""

pytestmark = pytest.mark.usefixtures("one_thread")


def test_all_passes_stand_side_by_side_and_a_press_chooses_one(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.emulate_media(color_scheme="light")
    page.goto(f"{server}/attention?images={','.join(map(str, MEMBERS))}&pass=2")
    small = page.locator(".overview canvas")
    expect(small).to_have_count(4)
    expect(page.locator(".explorer [aria-busy]")).to_have_count(0)
    run = Run(SHIPPED / "best-cifar10")
    with torch.inference_mode():
        model = checkpoint.load(run.snapshot(run.snapshots[-1])).eval()
        trace = model.trace(preprocess(pool.examples().images[MEMBERS]))
    for number, step in enumerate(trace.passes):
        assert small.nth(number).evaluate(DARKEST) == int(step.weights.argmax())
    page.get_by_role("button", name="Look at pass 4").press("Enter")
    expect(page).to_have_url(re.compile("pass=4"))
    expect(page.locator(".overview [aria-pressed='true']")).to_have_text("pass 4")
    expect(page.locator("[aria-label='Pass'] [data-value='4']")).to_have_attribute(
        "aria-pressed", "true"
    )
