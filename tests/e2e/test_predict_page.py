"""The Predict page in a real browser: uploads, and the command line's numbers."""

import csv
import io
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from support.hands import start_training
from support.shipped import BEST

import ultimus

ROOT = Path(ultimus.__file__).parents[1]
EXAMPLE = ROOT / "assets" / "examples" / "cifar10_13_7.png"
SLOW = 60_000  # milliseconds


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """Twelve million pixels, held upright, stored on its side as phones do."""
    content = Image.open(EXAMPLE).resize((4000, 3000), Image.Resampling.BICUBIC)
    sideways = Image.Exif()
    sideways[0x0112] = 6  # to be turned by 90 degrees
    path = tmp_path / "a photograph.jpg"
    content.rotate(90, expand=True).save(path, exif=sideways, quality=90)
    return path


def visit(page: Page, server: str, link: str = "") -> Page:
    page.goto(f"{server}/predict?{link}")
    expect(page.get_by_text("classified correctly")).to_be_visible(timeout=SLOW)
    return page


def upload(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(list(files))


def table(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as CSV").click()
    return list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))


def _as_if_computed(page: Page) -> dict[str, float]:
    """Where Streamlit's sign stands that something is computed, before the table, for a moment."""
    page.evaluate("""() => {
        const sign = Object.assign(document.createElement("div"), { className: "stCacheSpinner" });
        document.querySelector(".stDataFrame").parentElement.before(sign);
        sign.textContent = "The companions pass …";
    }""")
    sign = page.locator(".stCacheSpinner", has_text="The companions pass …")
    place = sign.bounding_box()
    sign.evaluate("sign => sign.remove()")
    return place


def test_the_pages_numbers_are_the_command_lines(
    server: str, person: Callable[[], Page], photograph: Path
):
    page = visit(person(), server)
    expect(page.locator(".stDataFrame")).to_be_visible()
    computing = _as_if_computed(page)
    board = page.locator(".stDataFrame").bounding_box()
    assert computing["y"] > board["y"] + board["height"]  # it lies on nothing that is there
    upload(page, photograph, EXAMPLE)
    expect(page.get_by_text("2 of your own pictures")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("heading", name="a photograph.jpg")).to_be_visible()
    shown = table(page)
    command = [sys.executable, "-m", "ultimus", "predict", "--json", str(BEST)]
    made = subprocess.run(
        [*command, str(photograph), str(EXAMPLE)],
        cwd=ROOT, capture_output=True, text=True, check=True, env=_without_data(),
    )  # fmt: skip
    for row, told in zip(shown, json.loads(made.stdout), strict=True):
        assert row["file"] == Path(told["file"]).name
        assert row["class"] == told["class"]
        assert float(row["change_rate"]) == pytest.approx(told["change_rate"])
        for kind, name in (("company", "probabilities"), ("alone", "alone")):
            numbers = [float(row[f"{kind} {each}"]) for each in told[name]]
            assert numbers == pytest.approx(list(told[name].values()), abs=1e-6)


def _without_data() -> dict[str, str]:
    """As the server is started: without any data, so that the examples are the companions."""
    surroundings = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
    return surroundings | {"ULTIMUS_HOME": str(Path("no such home").absolute())}


def test_what_is_brought_later_comes_into_view(
    server: str, person: Callable[[], Page], photograph: Path
):
    page = person()
    page.set_viewport_size({"width": 390, "height": 800})
    visit(page, server)
    upload(page, EXAMPLE)
    expect(page.get_by_role("heading", name=EXAMPLE.name)).to_be_in_viewport(timeout=SLOW)
    upload(page, photograph)
    expect(page.get_by_role("heading", name=photograph.name)).to_be_in_viewport(timeout=SLOW)
    expect(page.get_by_text("4,000 × 3,000 pixels")).to_be_visible()


def test_pictures_go_with_a_person_to_the_attention_page(server: str, person: Callable[[], Page]):
    page = visit(person(), server)
    upload(page, EXAMPLE)
    expect(page.get_by_text("1 of your own pictures")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Attention").click()
    expect(page.locator(f".axes .rows [title='{EXAMPLE.name}']")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Predict").click()
    expect(page.get_by_text("1 of your own pictures")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_text("classified correctly")).to_be_visible()


def test_what_is_no_picture_gets_a_sentence(
    server: str, person: Callable[[], Page], tmp_path: Path
):
    page = visit(person(), server)
    bad = tmp_path / "bad.png"
    bad.write_bytes(EXAMPLE.read_bytes()[:200])
    upload(page, bad)
    expect(page.get_by_text("bad.png is damaged")).to_be_visible(timeout=SLOW)


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
def test_how_fast_it_answers_while_a_run_trains(
    server: str, person: Callable[[], Page], tmp_path: Path, capsys: pytest.CaptureFixture
):
    start_training(person, server).goto("about:blank")
    page = visit(person(), server)
    rng = np.random.default_rng(0)

    def made(name: str) -> Path:
        pixels = np.repeat(np.repeat(rng.integers(0, 256, (15, 20, 3), np.uint8), 40, 0), 40, 1)
        Image.fromarray(pixels).save(tmp_path / name)
        return tmp_path / name

    one = [_timed(page, [made(f"{n}.jpg")], n + 1) for n in range(20)]
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_text("classified correctly")).to_be_visible()
    fifty = _timed(page, [made(f"many {n}.jpg") for n in range(50)], 50)
    with capsys.disabled():
        print(
            f"\nms from an upload to its answers, while a run trains: one picture median "
            f"{statistics.median(one):.0f}, p95 {sorted(one)[18]:.0f}, the first {one[0]:.0f}; "
            f"50 pictures {fifty:.0f}"
        )


def _timed(page: Page, files: list[Path], count: int) -> float:
    """Milliseconds from the choice of files until the page shows answers for all of them."""
    begin = page.evaluate("performance.now()")
    upload(page, *files)
    page.wait_for_function(
        f"""document.body.innerText.includes("{count} of your own pictures")
        && !document.querySelector('[data-stale=true]')""",
        timeout=SLOW,
    )
    return page.evaluate("performance.now()") - begin
