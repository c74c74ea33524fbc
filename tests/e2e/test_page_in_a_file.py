"""The page in a file in a real browser, from file://, without a network."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from support.readings import matrix, numbers
from support.shipped import STEPS, part_of_it

from ultimus.analysis.companions import influence
from ultimus.analysis.prediction import examples
from ultimus.analysis.walk import walk
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.explorer.page import page as make_page
from ultimus.model import Trace
from ultimus.places import SHIPPED
from ultimus.runs.run import Run

WIDE = {"width": 1280, "height": 800}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return part_of_it(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def file(run: Run, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "lesson.html"
    path.write_bytes(make_page(run))
    return path


@pytest.fixture
def visit(browser: Browser, file: Path) -> Iterator[Callable[..., Page]]:
    """Opens the file where there is no network; no error and no request may come of it."""
    contexts, wrong = [], []

    def opened(link: str = "", size: dict[str, int] = WIDE, theme: str = "light") -> Page:
        contexts.append(
            browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
        )
        contexts[-1].set_offline(True)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: wrong.append(asked.url)
                if not asked.url.startswith(("file:", "data:", "blob:")) else None)  # fmt: skip
        page.goto(f"{file.as_uri()}#{link}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def traced(run: Run, step: int, images: torch.Tensor) -> Trace:
    with torch.inference_mode():
        return checkpoint.load(run.snapshot(step)).trace(preprocess(images))


def link_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).fragment).items()}


def test_its_matrix_and_its_walk_are_torchs(visit, run: Run):
    members = [3, 0, 6, 11, 19, 7, 2]
    link = f"step={STEPS[1]}&pass=3&images={','.join(map(str, members))}&cell=2-4"
    page = visit(link)
    images = examples().images[members]
    trace = traced(run, STEPS[1], images)
    assert matrix(page) == pytest.approx(trace.passes[2].weights.numpy(), abs=1e-5)
    own = walk(checkpoint.load(run.snapshot(STEPS[1])), trace, 3, 2, 4)
    strips = page.locator(".story .strip")
    for strip, expected in enumerate((own.query, own.key, own.products)):
        assert numbers(strips.nth(strip)) == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-4)
    for step in range(2, 8):
        page.get_by_role("button", name="Next step").click()
        expect(page.locator(".chapter h3")).to_contain_text(f"{step}.")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    answers = page.locator(".moves tr").all_inner_texts()
    before, after = (trace.logits[passes, 2].softmax(-1) for passes in (2, 3))
    told = {line.split()[0]: re.findall(r"(\d+) %", line) for line in answers}
    for name, shares in told.items():
        place = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
                 "truck"].index(name)  # fmt: skip
        assert [int(share) for share in shares] == pytest.approx(
            [100 * float(before[place]), 100 * float(after[place])], abs=0.51
        )


def test_by_keyboard_alone(visit, run: Run):
    page = visit("cell=0-1")
    grid = page.get_by_role("application")
    grid.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "3"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("pass=3.*cell=2-2"))
    trace = traced(run, STEPS[-1], examples().images[:16])
    (shown,) = numbers(page.locator(".readout"))
    assert shown == pytest.approx(float(trace.passes[2].weights[2, 2]), abs=1e-5)
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(f"step={STEPS[1]}&"))
    page.locator(".ring").focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"cell=3-\d"))


def test_by_mouse(visit, run: Run):
    page = visit()
    box = page.locator(".grid canvas").bounding_box()
    page.locator(".grid canvas").scroll_into_view_if_needed()
    box = page.locator(".grid canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 9.5 / 16, box["y"] + box["height"] * 4.5 / 16)
    expect(page).to_have_url(re.compile("cell=4-9"))
    page.locator(".ring [data-place='6']").hover()
    expect(page.locator(".card strong")).to_have_text(re.compile("#6$"))
    weights = traced(run, STEPS[-1], examples().images[:16]).passes[0].weights[6]
    shown = numbers(page.locator(".looked"))
    assert shown == pytest.approx(weights.topk(5).values.tolist(), abs=1e-5)


def test_colours_can_be_fitted_to_what_is_shown(visit, run: Run):
    page = visit("step=0&fit=0")
    lightness = """all => { const canvas = all[0];
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((_, n) => n % 4 === 0).reduce((sum, red) => sum + red, 0); }"""
    expect(page.locator(".legend .scale").first).to_contain_text("0.25")
    before = page.locator(".grid canvas").evaluate_all(lightness)
    page.get_by_role("button", name="Fit the colours").click()
    expect(page).to_have_url(re.compile("fit=1"))
    largest = float(traced(run, 0, examples().images[:16]).passes[0].weights.max())
    expect(page.locator(".legend .scale .ticks span").last).to_have_text(f"{largest:.2f}")
    assert page.locator(".grid canvas").evaluate_all(lightness) < before
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("fit=0"))


def test_full_screen_has_larger_type(visit):
    page = visit()
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    before = page.evaluate(size)
    page.get_by_role("button", name="Full screen").click()
    expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate(size) > 1.3 * before


def test_what_is_out_of_sight_follows_when_there_is_time(visit, run: Run):
    page = visit("cell=4-9")
    page.locator(".ring [data-place='6']").hover()
    expect(page.locator(".card strong")).to_have_text(re.compile("#6$"))
    expect(page.locator("[aria-busy]")).to_have_count(0)
    queries = traced(run, STEPS[-1], examples().images[:16]).passes[0].q[6]
    shown = numbers(page.locator(".story .strip").first)
    assert shown == pytest.approx(queries.tolist(), rel=1e-4, abs=1e-4)


def test_leaving_one_out_is_torchs(visit, run: Run):
    page = visit("cell=5-7")
    model = checkpoint.load(run.snapshot(STEPS[-1]))
    trace = traced(run, STEPS[-1], examples().images[:16])
    change = influence(model, trace.features, 5)[:, int(trace.logits[-1, 5].argmax())]
    order = change.abs().argsort(descending=True)[:5]
    assert numbers(page.locator(".influence")) == pytest.approx(change[order].tolist(), abs=1e-4)


def test_back_goes_to_what_was_chosen_before(visit):
    page = visit("cell=1-2&pass=2")
    page.locator("#look .choice [data-value='4']").click()
    expect(page).to_have_url(re.compile("pass=4"))
    page.go_back()
    expect(page.locator("#look .choice [data-value='2']")).to_have_attribute("aria-pressed", "true")
    page.go_forward()
    expect(page.locator("#look .choice [data-value='4']")).to_have_attribute("aria-pressed", "true")


def test_ones_own_picture_is_named_and_stays_here(visit, run: Run, tmp_path: Path):
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    page = visit()
    page.get_by_label("Your picture").set_input_files(tmp_path / "mine.png")
    expect(page.locator(".card strong")).to_have_text("mine.png")
    images = examples().images[:16].clone()
    own = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    trace = traced(run, STEPS[-1], torch.cat([own, images[:15]]))
    assert matrix(page) == pytest.approx(trace.passes[0].weights.numpy(), abs=1e-4)
    expect(page.get_by_role("slider", name="Training step")).to_be_disabled()
    page.get_by_role("button", name="Remove my pictures").click()
    expect(page.get_by_role("slider", name="Training step")).to_be_enabled()


def test_what_is_no_picture_is_one_sentence(visit, tmp_path: Path):
    (tmp_path / "notes.png").write_text("no picture")
    page = visit()
    page.get_by_label("Your picture").set_input_files(tmp_path / "notes.png")
    expect(page.get_by_role("alert")).to_contain_text("notes.png is no picture")
    assert "mine" not in page.locator(".card strong").inner_text()


def test_playing_goes_through_all_snapshots_and_stops(visit):
    page = visit("step=0")
    page.locator(".scrubber").get_by_role("button", name="Play").click()
    expect(page).to_have_url(re.compile(f"step={STEPS[-1]}"))
    expect(page.locator(".scrubber").get_by_role("button", name="Play")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_it_fits_its_width_in_both_themes(visit, width: int, theme: str):
    page = visit(size={"width": width, "height": 800}, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("html").get_attribute("data-theme") == theme
    page.get_by_role("button", name="Light or dark").click()
    assert page.locator("html").get_attribute("data-theme") != theme


def test_matrix_pair_and_walk_are_seen_at_once_on_a_laptop(visit):
    page = visit()
    page.get_by_role("link", name="Attention", exact=True).click()
    page.wait_for_function("document.querySelector('#look h2').getBoundingClientRect().top < 60")
    for part in (".grid", ".pair", ".chapter", ".scrubber input"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= WIDE["height"], part


@pytest.mark.parametrize("height", [600, 800, 1200])
def test_pictures_stand_beside_their_rows_and_above_their_columns(visit, height: int):
    page = visit(size={"width": 1280, "height": height})
    expect(page.locator("[aria-busy]")).to_have_count(0)  # nothing above moves it any more
    grid = page.locator(".grid canvas").bounding_box()
    cell = grid["width"] / 16
    for place in (0, 7, 15):
        row = page.locator(f".axes .rows [data-place='{place}'] img").bounding_box()
        column = page.locator(f".axes .columns [data-place='{place}'] img").bounding_box()
        middle = (place + 0.5) * cell
        assert abs(row["y"] + row["height"] / 2 - grid["y"] - middle) < cell / 4
        assert abs(column["x"] + column["width"] / 2 - grid["x"] - middle) < cell / 4


def test_the_drawing_is_of_the_networks_numbers(visit, run: Run):
    page = visit("cell=4-9&pass=2")
    trace = traced(run, STEPS[-1], examples().images[:16])
    parts = page.locator(".flow .part")
    assert numbers(parts.nth(3)) == pytest.approx(trace.features[4].tolist(), abs=1e-4)
    attended = numbers(parts.nth(4).locator(".attended.now"))
    assert attended == pytest.approx(trace.passes[1].weights[4].tolist(), abs=1e-5)
    page.get_by_role("slider", name="Training step").focus()
    page.keyboard.press("ArrowLeft")
    expect(parts.nth(1)).to_contain_text("only the last step's convolutions are here")


def test_served_it_is_the_same_page(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/see#cell=2-4&pass=3")
    expect(page.locator(".readout data")).to_be_visible()
    (shown,) = numbers(page.locator(".readout"))
    members = json.loads(page.locator("#scene").inner_text())["pictures"]["labels"]
    assert len(members) == len(examples().labels)
    model = checkpoint.load(SHIPPED / "best-cifar10" / "weights" / "39000.safetensors")
    with torch.inference_mode():
        trace = model.trace(preprocess(examples().images[:16]))
    assert shown == pytest.approx(float(trace.passes[2].weights[2, 4]), abs=1e-5)
