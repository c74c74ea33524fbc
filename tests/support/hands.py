"""What a hand does in a browser, for all pages."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

PATIENCE = 90_000  # milliseconds, where a machine does much else
UNDER_THE_POINTER = """([plot, i, j]) => {
    const found = plot._hoverdata?.[0]?.pointNumber;
    return found?.[0] === i && found?.[1] === j;
}"""


def press_cell(figure: Locator, i: int, j: int, count: int) -> None:
    """Press the centre of a cell of a figure with `count` rows and columns, as a hand does: plotly
    has to see the pointer come first."""
    area = figure.locator(".nsewdrag").first.bounding_box()
    page, plot = figure.page, figure.locator(".ultimus-plot").element_handle()
    x = area["x"] + area["width"] * (j + 0.5) / count
    y = area["y"] + area["height"] * (i + 0.5) / count
    page.mouse.move(x, y)
    page.wait_for_function(UNDER_THE_POINTER, arg=[plot, i, j])
    page.mouse.click(x, y)


def rest(page: Page) -> None:
    """Wait until the script has drawn the page to its end."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")


def wait_until(page: Page, happened: Callable[[], object]) -> None:
    """Look again and again until it has, while the page goes on."""
    end = time.monotonic() + PATIENCE / 1000
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        page.wait_for_timeout(50)


def button(page: Page, name: str) -> Locator:
    """A button of the page itself."""
    return page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True)


def press(page: Page, name: str) -> None:
    """Press a button once the page has come to rest, as a person would."""
    rest(page)
    button(page, name).click()


def step_of(page: Page) -> int:
    """The step of the run on show."""
    text = page.get_by_text(re.compile(r"step [\d,]+ of")).inner_text()
    return int(re.search(r"step ([\d,]+) of", text)[1].replace(",", ""))


def start_training(
    person: Callable[[], Page], server: str, epochs: int = 30, groups: int = 8
) -> Page:
    """Somebody starts a run and watches it; with few groups its curves soon grow."""
    page = person()
    page.goto(f"{server}/?epochs={epochs}&groups={groups}")
    expect(button(page, "Start")).to_be_enabled(timeout=PATIENCE)
    button(page, "Start").click()
    expect(page.get_by_text("images/s")).to_be_visible(timeout=PATIENCE)
    return page
