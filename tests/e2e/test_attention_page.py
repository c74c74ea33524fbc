"""The Attention page in a real browser: clicks, keys, playing, its link, how fast it answers."""

import os
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from support.hands import press_cell, rest, start_training
from support.waiting import until

import ultimus
from ultimus.analysis.walk import walk
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.model import Trace, Transformer
from ultimus.runs.run import Run
from ultimus.ui.state import pool

SHIPPED = Path(ultimus.__file__).parents[1] / "assets" / "runs" / "best-cifar10"
STEPS = Run(SHIPPED).snapshots
EARLY, LAST = 6089, 39000

pytestmark = pytest.mark.usefixtures("one_thread")  # as the app computes: the last bits differ

MAP = "^(Attention weights|Scores|Products)"

# Notes when something is pressed, and when a figure has been drawn.
STOPWATCH = """() => {
    Object.assign(window, { drawn: [], pressed: 0 });
    for (const name of ["pointerdown", "keydown"])
        window.addEventListener(name, () => (window.pressed = performance.now()), true);
    const react = Plotly.react;
    Plotly.react = async (plot, ...rest) => {
        const made = await react(plot, ...rest);
        const name = plot.parentElement.getAttribute("aria-label");
        window.drawn.push([name, performance.now()]);
        return made;
    };
}"""
CLOSE = {"rel": 2e-6, "abs": 1e-6}  # float32 sums, added in another order by other threads


def figure(page: Page, title: str) -> Locator:
    return page.get_by_role("img", name=re.compile(title))


def drawn(page: Page, title: str, part: str = "_fullData[0].z") -> list:
    """A part of what the browser has drawn, as soon as it has."""
    look = f"""(box) => {{
        const plot = box.querySelector(".ultimus-plot");
        const plain = (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
        return plot._fullData ? JSON.parse(JSON.stringify(plot.{part}, plain)) : null;
    }}"""
    plot = figure(page, title).first
    until(lambda: plot.evaluate(look) is not None)
    return plot.evaluate(look)


def shown_map(page: Page) -> np.ndarray:
    return np.array(drawn(page, MAP))


def wait_for_another_map(page: Page, former: np.ndarray) -> None:
    until(lambda: not np.array_equal(shown_map(page), former))


def visit(page: Page, server: str, link: str = "") -> Page:
    page.goto(f"{server}/attention?{link}")
    shown_map(page)
    return page


def link_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def click_cell(page: Page, i: int, j: int, count: int) -> None:
    press_cell(figure(page, MAP).first, i, j, count)


def choose_pass(page: Page, number: int) -> None:
    """Choose a pass, and wait until the page is drawn with it."""
    page.locator(".st-key-pass").get_by_text(str(number), exact=True).click()
    expect(page).to_have_url(re.compile(f"pass={number}"))
    rest(page)


def step_shown(page: Page) -> int:
    return int(link_of(page).get("step", -1))


def wait_for_step(page: Page, step: int) -> None:
    expect(page).to_have_url(re.compile(rf"[?&]step={step}(&|$)"))


def model_at(step: int) -> Transformer:
    return checkpoint.load(SHIPPED / "weights" / f"{step}.safetensors").eval()


def traced(step: int, members: list[int]) -> Trace:
    with torch.inference_mode():
        return model_at(step).trace(preprocess(pool.examples().images[members]))


def test_a_clicked_cell_is_walked_with_the_cores_numbers(server: str, person: Callable[[], Page]):
    members = [3, 0, 6, 11, 19]
    images = ",".join(map(str, members))
    page = visit(person(), server, f"images={images}&step={EARLY}&pass=3")
    click_cell(page, 2, 4, count=5)
    expect(page).to_have_url(re.compile("cell=2-4"))
    page.get_by_role("button", name="Next").last.click()
    products = figure(page, "^Query times key")
    products.scroll_into_view_if_needed()
    steps = walk(model_at(EARLY), traced(EARLY, members), 3, 2, 4)
    bars = [drawn(page, "^Query times key", f"_fullData[{n}].y") for n in range(3)]
    assert bars[0] == pytest.approx(steps.query.tolist(), **CLOSE)
    assert bars[1] == pytest.approx(steps.key.tolist(), **CLOSE)
    assert bars[2] == pytest.approx([*steps.products.tolist(), float(steps.total)], **CLOSE)
    weights = traced(EARLY, members).passes[2].weights
    assert shown_map(page) == pytest.approx(weights.numpy(), **CLOSE)


def test_the_scrubber_and_the_link(server: str, person: Callable[[], Page]):
    page = visit(person(), server, "size=7")
    before = shown_map(page)
    page.keyboard.press("ArrowLeft")
    wait_for_step(page, STEPS[-2])
    wait_for_another_map(page, before)
    rest(page)
    marker = drawn(page, "^Loss", "_fullLayout.shapes")
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")  # the slider's own, not the shortcut too
    wait_for_step(page, STEPS[-3])
    until(lambda: drawn(page, "^Loss", "_fullLayout.shapes") != marker)
    choose_pass(page, 3)  # what the key asked for besides would have come before it
    assert step_shown(page) == STEPS[-3]
    click_cell(page, 5, 2, count=7)
    expect(page).to_have_url(re.compile("cell=5-2"))
    page.get_by_role("tab", name="Ablations").click()
    expect(page).to_have_url(re.compile("view=ablations"))
    expect(figure(page, "as learned").first).to_be_visible()
    link, now = link_of(page), shown_map(page)
    page.reload()
    assert np.array_equal(shown_map(page), now)
    assert link_of(page) == link
    expect(figure(page, "as learned").first).to_be_visible()


def test_keys_typed_into_a_field_do_not_move_the_scrubber(server: str, person: Callable[[], Page]):
    page = visit(person(), server, "size=7")
    field = page.get_by_label("Picked by hand", exact=True)
    field.click()
    field.press_sequentially("p 1")
    field.press("ArrowLeft")
    field.fill("")
    choose_pass(page, 3)  # what the keys asked for would have come before it
    assert step_shown(page) == STEPS[-1]
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_playing_goes_on_and_stops(server: str, person: Callable[[], Page]):
    page = visit(person(), server, "size=7")
    page.get_by_role("button", name="Play").click()
    later = "|".join(map(str, STEPS[2:8]))  # a frame may have passed while the test looks
    expect(page).to_have_url(re.compile(rf"[?&]step=({later})(&|$)"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    rest(page)
    stopped = step_shown(page)
    for number in (2, 3, 4):  # while it played, each drawing of the page brought another step
        choose_pass(page, number)
    assert step_shown(page) == stopped < LAST


def test_an_image_is_swapped(server: str, person: Callable[[], Page]):
    page = visit(person(), server, "images=3,0,6,11,19&cell=2-4")
    before = shown_map(page)
    page.get_by_role("button", name="Swap it").click()
    expect(page).to_have_url(re.compile(r"images=3%2C\+0%2C\+(?!6)\d+%2C\+11%2C\+19"))
    wait_for_another_map(page, before)


def test_look_closer_leads_to_the_same_numbers(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/train")
    button = page.get_by_role("link", name="Look closer")
    button.scroll_into_view_if_needed()
    first = shown_map(page)
    page.locator(".st-key-probe_pass").get_by_text("3", exact=True).click()
    expect(button).to_have_attribute("href", re.compile("pass=3"))
    wait_for_another_map(page, first)
    before = shown_map(page)
    button.click()
    expect(page).to_have_url(re.compile("attention.*pass=3"))
    expect(page.get_by_text("Images in the group", exact=True)).to_be_visible()
    rest(page)
    link = link_of(page)
    assert (link["pass"], link["step"]) == ("3", str(LAST))
    assert link["run"] == "best-cifar10"
    assert np.array_equal(shown_map(page), before)


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.parametrize("size", [16, 64])
def test_how_fast_it_answers_while_a_run_trains(
    server: str, person: Callable[[], Page], size: int, capsys: pytest.CaptureFixture
):
    trainer = start_training(person, server)
    run = link_of(trainer)["run"]
    expect(trainer.get_by_role("link", name="Look closer")).to_be_visible()
    page = visit(person(), server, f"run={run}&size={size}")
    page.get_by_role("button", name="Follow").click()  # no longer: only what is asked for is drawn
    rest(page)
    assert shown_map(page).shape == (size, size)
    page.evaluate(STOPWATCH)
    taken = {name: [timed(page, act, n, size) for n in range(times)] for name, act, times in ACTS}
    trainer.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
    expect(trainer.get_by_text("Stopped")).to_be_visible()
    every = [milliseconds for times in taken.values() for milliseconds in times]
    with capsys.disabled():
        print(f"\ngroup of {size}, ms from the press to the drawn figure, while a run trains:")
        for name, times in {**taken, "all": every}.items():
            high = sorted(times)[int(0.95 * len(times))]
            print(f"  {name:5} median {statistics.median(times):4.0f}  p95 {high:4.0f}")


def another_cell(page: Page, n: int, size: int) -> None:
    click_cell(page, (3 * n + 1) % size, (5 * n + 2) % size, size)


def another_pass(page: Page, n: int, size: int) -> None:
    page.locator(".st-key-pass").get_by_text(str((n + 1) % 4 + 1), exact=True).click()


def another_step(page: Page, n: int, size: int) -> None:
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft" if n % 2 == 0 else "ArrowRight")


def another_image(page: Page, n: int, size: int) -> None:
    page.get_by_role("button", name="Swap it").click()


ACTS = (
    ("cell", another_cell, 6),
    ("pass", another_pass, 6),
    ("step", another_step, 6),
    ("image", another_image, 4),
)


def timed(page: Page, act: Callable[[Page, int, int], None], n: int, size: int) -> float:
    """Milliseconds from a press until the matrix has been drawn anew."""
    page.evaluate("window.drawn = []")
    act(page, n, size)
    page.wait_for_function(
        "window.drawn.some(([name, at]) => at > window.pressed && /^Attention w/.test(name))"
    )
    taken = page.evaluate(
        """window.drawn.find(([name, at]) => at > window.pressed && /^Attention w/.test(name))[1]
           - window.pressed"""
    )
    rest(page)  # once the rest of the page has followed
    return taken
