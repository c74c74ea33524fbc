"""Two builds of Ultimus whose pages are timed side by side, and how a hand uses each.

The former build draws its Attention page with plotly, from what the server computes at each press;
this one draws it in the browser. Each knows where to press, and when all that is in view stands.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page
from support.hands import press_cell
from support.servers import served

# Notes when a hand presses, and when what came of it has been painted.
PAINTED = """() => {
    Object.assign(window, { pressed: 0, stood: 0 });
    addEventListener("pointerdown", () => (window.pressed = performance.now()), true);
    addEventListener("click", () => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => (window.stood = performance.now());
        port2.postMessage(0);
    }));
}"""
# The same for figures of plotly: each that is drawn anew may be the last one.
DRAWN = """() => {
    Object.assign(window, { pressed: 0, stood: 0, frames: [] });
    addEventListener("pointerdown", () => (window.pressed = performance.now()), true);
    const react = Plotly.react;
    Plotly.react = async (plot, ...rest) => {
        const made = await react(plot, ...rest);
        window.stood = performance.now();
        const name = plot.parentElement.getAttribute("aria-label");
        if (name.startsWith("Attention w")) window.frames.push(window.stood);
        return made;
    };
}"""
STEPS_SHOWN = """(place) => {
    window.frames = [];
    new MutationObserver(() => window.frames.push(performance.now()))
        .observe(place, { childList: true });
}"""


@dataclass(frozen=True)
class Build:
    """This build; see `Former`.

    Attributes:
        name: in what is reported.
        checkout: where its app.py lies.
    """

    name: str
    checkout: Path
    train: ClassVar[str] = "/train"
    # What is the first thing to look at, by page.
    useful: ClassVar[Mapping[str, str]] = {
        "first page": ("/", ".ring image"),
        "Train": ("/train", ".ultimus-plot .main-svg"),
        "Attention": ("/attention", ".readout data"),
        "/see": ("/see", ".ring image"),
    }
    stopwatch: ClassVar[str] = PAINTED

    @contextmanager
    def app(self, place: Path) -> Iterator[str]:
        """Its app, with a home and runs of its own in a folder; gives its address."""
        environment = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
        environment |= {"ULTIMUS_RUNS": str(place / "runs"), "ULTIMUS_HOME": str(place / "home")}
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        with served(command, self.checkout, environment) as address:
            yield address

    def open_attention(self, page: Page, address: str, **link: str | int) -> None:
        """Let a browser begin to open the Attention page."""
        page.goto(f"{address}/attention?{urlencode(link)}", wait_until="commit")

    def await_attention(self, page: Page) -> None:
        """Have its matrix in view, and a watch on what follows a press."""
        self.matrix(page).scroll_into_view_if_needed()
        page.locator(self.useful["Attention"][1]).first.wait_for()
        page.evaluate(self.stopwatch)

    def matrix(self, page: Page) -> Locator:
        return page.locator(".grid canvas")

    def press_cell(self, page: Page, i: int, j: int, size: int) -> None:
        box = self.matrix(page).bounding_box()
        x, y = (box["width"] * (at + 0.5) / size for at in (j, i))
        page.mouse.click(box["x"] + x, box["y"] + y)

    def pass_button(self, page: Page, number: int) -> Locator:
        return page.locator(f".look [aria-label='Pass'] [data-value='{number}']")

    def play_button(self, page: Page) -> Locator:
        """The one by which the snapshots play."""
        return page.locator(".scrubber .play")

    def watch_steps(self, page: Page) -> None:
        """From now on note when another step is shown."""
        page.locator(".scrubber .step").evaluate(STEPS_SHOWN)


class Former(Build):
    """The build before the explorer."""

    train: ClassVar[str] = "/"
    useful: ClassVar[Mapping[str, str]] = {
        "Train": ("/", ".ultimus-plot .main-svg"),
        "Attention": ("/attention", "[aria-label^='Attention w'] .main-svg"),
    }
    stopwatch: ClassVar[str] = DRAWN

    def matrix(self, page: Page) -> Locator:
        return page.locator("[aria-label^='Attention w']").first

    def press_cell(self, page: Page, i: int, j: int, size: int) -> None:
        press_cell(self.matrix(page), i, j, size)

    def pass_button(self, page: Page, number: int) -> Locator:
        return page.locator(".st-key-pass").get_by_text(str(number), exact=True)

    def play_button(self, page: Page) -> Locator:
        return page.get_by_role("button", name=re.compile(r"^Play\b"))

    def watch_steps(self, page: Page) -> None:
        page.evaluate("window.frames = []")
