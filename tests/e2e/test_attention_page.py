"""The Attention page in a real browser: clicks, keys, playing, links, own pictures, live runs."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from support.hands import rest
from support.readings import matrix, numbers
from support.shipped import BEST

from ultimus.analysis.companions import influence
from ultimus.analysis.walk import walk
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.model import Trace, Transformer
from ultimus.recipe import Recipe
from ultimus.runs.metrics import report
from ultimus.runs.run import Run, Status
from ultimus.ui.state import pool

STEPS = Run(BEST).snapshots
EARLY, LAST = 6089, 39000
MEMBERS = [3, 0, 6, 11, 19]
GROUP = f"images={','.join(map(str, MEMBERS))}"
LAPTOP = {"width": 1280, "height": 800}

pytestmark = pytest.mark.usefixtures("one_thread")


COUNT_RUNS = """() => {
    const app = document.querySelector("[data-testid=stApp]");
    window.scriptRuns = 0;
    const count = (changes) => { // begin and end may come together
        window.scriptRuns += changes.filter(({ oldValue }) => oldValue === "running").length;
    };
    const options = { attributeFilter: ["data-test-script-state"], attributeOldValue: true };
    new MutationObserver(count).observe(app, options);
}"""


def visit(page: Page, server: str, link: str = "") -> Page:
    page.goto(f"{server}/attention?{link}")
    expect(page.locator(".readout data")).to_be_visible()
    rest(page)
    return page


def link_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def press(page: Page | Locator, i: int, j: int, count: int) -> None:
    """Press a cell of the matrix."""
    box = page.locator(".grid canvas").bounding_box()
    at = {"x": box["width"] * (j + 0.5) / count, "y": box["height"] * (i + 0.5) / count}
    page.locator(".grid canvas").click(position=at)


def choose_pass(page: Page, number: int) -> None:
    page.locator(f".look [aria-label='Pass'] [data-value='{number}']").click()


def model_at(step: int) -> Transformer:
    return checkpoint.load(BEST / "weights" / f"{step}.safetensors").eval()


def traced(step: int, images: torch.Tensor) -> Trace:
    with torch.inference_mode():
        return model_at(step).trace(preprocess(images))


def examples(members: list[int]) -> torch.Tensor:
    return pool.examples().images[members]


def test_clicks_are_answered_with_the_cores_numbers_and_without_the_server(
    server: str, person: Callable[[], Page]
):
    page = person()
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append("")))
    visit(page, server, f"{GROUP}&step={EARLY}&pass=3")
    before = len(sent)
    press(page, 2, 4, count=5)
    expect(page).to_have_url(re.compile("cell=2-4"))
    trace = traced(EARLY, examples(MEMBERS))
    steps = walk(model_at(EARLY), trace, 3, 2, 4)
    strips = page.locator(".story .strip")
    for strip, expected in enumerate((steps.query, steps.key, steps.products)):
        assert numbers(strips.nth(strip)) == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-4)
    assert matrix(page) == pytest.approx(trace.passes[2].weights.numpy(), abs=1e-5)
    choose_pass(page, 2)
    page.locator(".look [aria-label='Show'] [data-value='scores']").click()
    expect(page).to_have_url(re.compile("show=scores"))
    assert matrix(page) == pytest.approx(trace.passes[1].scores.numpy(), abs=1e-4)
    page.get_by_role("button", name="Other companions").click()
    change = influence(model_at(EARLY), trace.features, 2)[:, int(trace.logits[-1, 2].argmax())]
    expect(page.locator(".influence data")).to_have_count(4)
    assert sorted(numbers(page.locator(".influence"))) == pytest.approx(
        sorted(change[[0, 1, 3, 4]].tolist()), abs=1e-4
    )
    most, complete = change[abs(change).argmax()], trace.logits[-1, 2].softmax(-1).max()
    without = numbers(page.locator("article.left p"))  # "Without … it is … instead of …"
    assert without == pytest.approx([float(complete + most), float(complete)], abs=1e-4)
    expect(page.locator(".spread data")).to_have_count(4)
    page.get_by_role("button", name="Other attention").click()
    page.get_by_role("button", name="only itself").click()
    expect(page).to_have_url(re.compile("ablation=identity"))
    assert len(sent) == before


def test_two_runs_side_by_side_share_what_is_chosen_and_need_no_server_for_it(
    server: str, person: Callable[[], Page]
):
    page = person()
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append("")))
    page.goto(f"{server}/lab?tool=compare&runs=best-cifar10&runs=steady-cifar10")
    page.get_by_role("link", name="side by side").click()
    sections = page.locator(".both > section")
    expect(sections).to_have_count(2)
    expect(page).to_have_url(re.compile("with_step=9360"))
    page.goto(f"{page.url}&{GROUP}")
    expect(sections.nth(1).locator(".readout data")).to_be_visible()
    rest(page)
    before = len(sent)
    sections.nth(1).locator(".figures summary").click()
    steady = checkpoint.load(BEST.parent / "steady-cifar10" / "weights" / "9360.safetensors")
    with torch.inference_mode():
        trace = steady.eval().trace(preprocess(examples(MEMBERS)))
    choose_pass(page, 2)
    press(sections.nth(1), 2, 4, count=5)
    for section in (sections.nth(0), sections.nth(1)):
        expect(section.locator(".readout")).to_contain_text(re.compile("#2 → .* #4"))
    shown = np.array(sections.nth(1).locator(".figures td").all_inner_texts(), dtype=float)
    assert shown.reshape(5, 5) == pytest.approx(trace.passes[1].weights.numpy(), abs=1e-5)
    assert 0 < before == len(sent)
    page.go_back()  # from the cell
    page.go_back()  # from the pass
    expect(page.locator(".look [aria-label='Pass'] [data-value='1']")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(sections).to_have_count(2)


def test_the_link_carries_everything_and_back_goes_through_what_was_chosen(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.goto(f"{server}/attention")
    expect(page.locator(".readout data")).to_be_visible()
    rest(page)
    length = page.evaluate("history.length")
    choose_pass(page, 3)
    press(page, 5, 2, count=16)
    page.get_by_role("button", name="Other attention").click()
    page.get_by_role("button", name="all alike").click()
    expect(page).to_have_url(re.compile("ablation=uniform"))
    assert page.evaluate("history.length") == length + 4  # nothing but what was pressed
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_test_id("stCode")).to_contain_text("ablation=uniform")
    handed_out = urlsplit(page.get_by_test_id("stCode").inner_text())
    page.reload()
    expect(page.get_by_role("button", name="all alike")).to_have_attribute("aria-pressed", "true")
    chosen = {"pass": "3", "cell": "5-2", "view": "ablations", "ablation": "uniform"}
    assert link_of(page).items() >= chosen.items()
    assert {name: values[0] for name, values in parse_qs(handed_out.query).items()} == {
        "run": "best-cifar10", **link_of(page)
    }  # fmt: skip
    for _ in range(4):
        page.go_back()
    expect(page.locator("[aria-label='Pass'] [data-value='1']")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.go_forward()
    expect(page.locator("[aria-label='Pass'] [data-value='3']")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_back_leaves_the_page_at_the_first_press(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(server)
    page.get_by_role("button", name="See it").click()
    expect(page.locator(".readout data")).to_be_visible()
    rest(page)
    page.go_back()
    expect(page.get_by_role("button", name="See it")).to_be_visible()


def test_back_brings_another_group_again(server: str, person: Callable[[], Page]):
    page = visit(person(), server, GROUP)
    choose_pass(page, 2)
    page.get_by_role("button", name="Sort by class").click()
    expect(page).to_have_url(re.compile("images=3%2C\\+6%2C\\+0"))
    expect(page.locator(".axes .rows button").nth(1)).to_have_attribute("title", "automobile #1")
    choose_pass(page, 4)
    page.go_back()
    expect(page).to_have_url(re.compile("pass=2"))
    rest(page)
    page.go_back()
    field = page.get_by_label("Picked by hand", exact=True).first  # the former one leaves later
    expect(field).to_have_value("3,0,6,11,19")
    weights = traced(LAST, examples(MEMBERS)).passes[0].weights
    expect(page.locator(".axes .rows button").nth(1)).to_have_attribute("title", "cat #1")
    assert matrix(page) == pytest.approx(weights.numpy(), abs=1e-5)


def test_by_keyboard_alone(server: str, person: Callable[[], Page]):
    page = visit(person(), server, f"{GROUP}&cell=0-1")
    page.get_by_role("application").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "3"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("pass=3"))
    assert link_of(page)["cell"] == "2-2"
    weight = float(traced(LAST, examples(MEMBERS)).passes[2].weights[2, 2])
    assert numbers(page.locator(".readout")) == pytest.approx([weight], abs=1e-5)
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(rf"step={STEPS[-2]}(&|$)"))
    page.get_by_role("button", name="Step 2: ").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".chapter h3")).to_contain_text("3.")


def test_playing_goes_through_all_steps(server: str, person: Callable[[], Page]):
    page = visit(person(), server, f"{GROUP}&step={STEPS[-9]}")
    play = page.locator(".scrubber .play")
    play.click()
    expect(page).to_have_url(re.compile(rf"step={LAST}(&|$)"))
    expect(play).to_have_text("Play")
    assert matrix(page) == pytest.approx(
        traced(LAST, examples(MEMBERS)).passes[0].weights.numpy(), abs=1e-5
    )
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(rf"step={STEPS[-2]}(&|$)"))


def test_another_picture_takes_the_place_of_one(server: str, person: Callable[[], Page]):
    page = visit(person(), server, f"{GROUP}&cell=2-4")
    page.get_by_role("button", name="Put another picture").click()
    expect(page).to_have_url(re.compile(r"images=3%2C\+0%2C\+(?!6)\d+%2C\+11%2C\+19"))
    members = [int(part) for part in link_of(page)["images"].split(",")]
    weights = traced(LAST, examples(members)).passes[0].weights
    expect(page.locator(".axes .rows button").nth(2)).not_to_have_attribute("title", "automobile")
    assert link_of(page)["cell"] == "2-4"
    assert matrix(page) == pytest.approx(weights.numpy(), abs=1e-5)


def test_own_pictures_are_seen_by_every_step(
    server: str, person: Callable[[], Page], tmp_path: Path
):
    pixels = np.random.default_rng(2).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    page = visit(person(), server, "size=4")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(tmp_path / "mine.png")
    row = page.locator(".axes .rows button").first
    expect(row).to_have_attribute("title", re.compile("^mine.png"))
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(rf"step={STEPS[-2]}(&|$)"))
    own = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    titles = page.locator(".axes .rows img").evaluate_all("all => all.map((each) => each.src)")
    assert len(titles) == 4
    shown = matrix(page)
    alone = traced(STEPS[-2], own).passes[0]
    assert shown.shape == (4, 4) and shown.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    page.locator(".story").scroll_into_view_if_needed()
    rest(page)  # the matrix moves no more
    press(page, 0, 0, count=4)
    query = numbers(page.locator(".story .strip").first)
    assert query == pytest.approx(alone.q[0].tolist(), rel=1e-4, abs=1e-4)


def test_what_is_chosen_stays_when_the_script_hears_of_another_step(
    server: str, person: Callable[[], Page]
):
    page = visit(person(), server, "size=4")
    rest(page)
    choose_pass(page, 3)
    press(page, 3, 1, count=4)
    page.evaluate(COUNT_RUNS)
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("window.scriptRuns > 0")
    rest(page)
    press(page, 2, 0, count=4)
    page.get_by_role("slider", name="Training step").press("ArrowLeft")
    page.wait_for_function("window.scriptRuns > 1")
    rest(page)
    link = link_of(page)
    assert (link["step"], link["cell"], link["pass"]) == (str(STEPS[-3]), "2-0", "3")


def test_a_run_that_trains_is_followed_until_a_step_is_chosen(
    server: str, person: Callable[[], Page], runs: Path
):
    run = Run.create(runs, Recipe(), dataset={"name": "elsewhere"})
    for step in (0, EARLY):
        shutil.copy(BEST / "weights" / f"{step}.safetensors", run.snapshot(step))
    newest = {step: BEST / "weights" / f"{step}.safetensors" for step in STEPS}
    with run.hold():  # as its worker would
        shutil.copy(newest[STEPS[-3]], run.live_weights)
        report(run.folder, {"step": STEPS[-4], "loss": 1.5})
        report(run.folder, {"step": STEPS[-3], "loss": 1.25})
        run.set_status(Status("running", step=STEPS[-3], total=LAST, epoch=80))
        page = visit(person(), server, f"run={run.id}&{GROUP}")
        follow = page.get_by_role("button", name="Follow")
        expect(follow).to_have_attribute("aria-pressed", "true")
        step = page.locator(".scrubber .step data")
        expect(step).to_have_attribute("value", str(STEPS[-3]))
        expect(page.locator(".scrubber .loss")).to_have_attribute("aria-label", re.compile("1.5"))
        report(run.folder, {"step": STEPS[-2], "loss": 0.5})
        shutil.copy(newest[STEPS[-2]], run.live_weights)  # the worker goes on
        expect(step).to_have_attribute("value", str(STEPS[-2]))
        weights = traced(STEPS[-2], examples(MEMBERS)).passes[0].weights
        assert matrix(page) == pytest.approx(weights.numpy(), abs=1e-5)
        strip = page.locator(".scrubber .loss polyline").get_attribute("points").split()
        assert len(strip) == 3 and strip[-1].startswith("992.0,")  # up to the slider's end
        page.get_by_role("slider", name="Training step").focus()
        page.keyboard.press("Home")
        expect(follow).to_have_attribute("aria-pressed", "false")
        expect(step).to_have_attribute("value", "0")
        page.keyboard.press("End")
        expect(follow).to_have_attribute("aria-pressed", "true")
        run.set_status(Status("done", step=LAST, total=LAST, epoch=100))
    expect(follow).to_be_hidden()


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        (LAPTOP, "light"),
        ({"width": 390, "height": 844}, "dark"),
        ({"width": 960, "height": 1080}, "light"),  # half a screen, beside the sidebar
    ],
)
def test_it_fits_its_window(
    server: str, person: Callable[[], Page], size: dict[str, int], theme: str
):
    page = person()
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=theme)
    visit(page, server, "size=20")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    cut = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth).length"
    assert page.locator(".strip > data").evaluate_all(cut) == 0
    table, legend = (
        page.locator(part).bounding_box() for part in (".x .cells", ".vectors .legend")
    )
    assert table["y"] + table["height"] <= legend["y"]
    expect(page.locator(".explorer")).to_have_attribute("data-theme", theme)
    grid = page.locator(".grid").bounding_box()
    assert grid["width"] >= 300
    if size == LAPTOP:
        for part in (".grid", ".pair", ".chapter", ".scrubber input", ".scrubber .loss"):
            box = page.locator(part).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"], part
        page.get_by_role("button", name="Full screen").click()
        expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
        assert page.locator(".grid").bounding_box()["width"] > grid["width"]
