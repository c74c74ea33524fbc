"""Measures how fast the page in a file answers, beside another build of Ultimus."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).parents[2]
WIDE = {"width": 1280, "height": 800}
TIMES = 40

# Presses what `press` names, n times in turn: milliseconds of JavaScript, and until it is painted.
STOPWATCH = """
async ([press, times]) => {
  const find = (what) => document.querySelector(what);
  const click = (element) => element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const size = document.querySelectorAll(".axes .rows [data-place]").length;
  const presses = {
    cell(n) {
      const { left, top, width } = find(".grid canvas").getBoundingClientRect();
      const at = (place) => ((place % size) + 0.5) * (width / size);
      const clientX = left + at(5 * n + 2), clientY = top + at(3 * n + 1);
      find(".grid canvas").dispatchEvent(
        new PointerEvent("pointerdown", { bubbles: true, clientX, clientY }));
    },
    pass: (n) => click(find(`#look [aria-label="Pass"] [data-value="${(n + 1) % 4 + 1}"]`)),
    picture: (n) => click(find(`.axes .rows [data-place="${(7 * n + 3) % size}"]`)),
    ring: (n) => click(find(`.ring [data-place="${(7 * n + 3) % size}"]`)),
  };
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  }));
  const rest = (time) => new Promise((resolve) => setTimeout(resolve, time));
  for (let n = 0; n < times; n++) {
    await rest(250);
    const mark = performance.mark("pressed");
    presses[press](n);
    performance.measure("script", "pressed");
    await painted();
    performance.measure("stands", "pressed");
  }
  const taken = (name) => performance.getEntriesByName(name).map((each) => each.duration);
  const made = { script: taken("script"), stands: taken("stands") };
  performance.clearMarks();
  performance.clearMeasures();
  return made;
}
"""


@pytest.fixture(scope="module")
def builds(tmp_path_factory) -> dict[str, Path]:
    """The same run's page in a file, by this build and by the one that ULTIMUS_OTHER names."""
    if "ULTIMUS_BENCH" not in os.environ:
        pytest.skip("measures: set ULTIMUS_BENCH=1, and ULTIMUS_OTHER to another build's checkout")
    checkouts = {"this build": ROOT}
    if other := os.environ.get("ULTIMUS_OTHER"):
        checkouts["the other"] = Path(other)
    folder = tmp_path_factory.mktemp("pages")
    return {name: _made(checkout, folder / f"{name}.html") for name, checkout in checkouts.items()}


def _made(checkout: Path, file: Path) -> Path:
    command = [sys.executable, "-m", "ultimus", "export", "assets/runs/best-cifar10"]
    subprocess.run([*command, "--form", "page", "--out", str(file)], cwd=checkout, check=True)
    return file


@pytest.mark.parametrize("size", [16, 64])
def test_how_fast_a_press_is_answered(builds, browser: Browser, size: int, capsys):
    figures = {name: _answers(browser, file, size) for name, file in builds.items()}
    _say(capsys, {"group": size, "milliseconds": figures})


def _answers(browser: Browser, file: Path, size: int) -> dict[str, dict[str, dict[str, float]]]:
    members = ",".join(map(str, range(min(size, 60))))
    page = browser.new_page(viewport=WIDE)
    page.goto(f"{file.as_uri()}#images={members}")
    expect(page.locator(".card strong")).to_be_visible()
    page.mouse.click(2, 2)  # so that nothing moves by itself
    found = {}
    for press in ("cell", "pass", "picture", "ring"):
        place = ".hero .ring" if press == "ring" else "#look"
        page.locator(place).evaluate("each => each.scrollIntoView()")
        taken = page.evaluate(STOPWATCH, [press, TIMES])
        found[press] = {what: _spread(times) for what, times in taken.items()}
    page.close()
    return found


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    high = ordered[int(0.95 * len(ordered))]
    return {"median": round(statistics.median(ordered), 1), "p95": round(high, 1)}


def test_how_soon_a_cold_browser_shows_pictures(builds, browser: Browser, capsys):
    figures = {
        name: _spread([_cold(browser, file) for _ in range(7)]) for name, file in builds.items()
    }
    _say(capsys, {"first picture painted, milliseconds": figures})


def _cold(browser: Browser, file: Path) -> float:
    """Milliseconds from opening the file in a new context until its ring has been painted."""
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.add_init_script(
        """new MutationObserver((_, watch) => {
             if (!document.querySelector('.ring image')) return;
             watch.disconnect();
             requestAnimationFrame(() => setTimeout(() => (window.pictured = performance.now())));
           }).observe(document, { childList: true, subtree: true });"""
    )
    page.goto(file.as_uri())
    page.wait_for_function("window.pictured")
    taken = page.evaluate("window.pictured")
    context.close()
    return taken


def _say(capsys: pytest.CaptureFixture, figures: dict) -> None:
    with capsys.disabled():
        print(f"\n{json.dumps(figures, indent=1)}")
