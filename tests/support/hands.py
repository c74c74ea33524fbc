"""What a hand does in a browser, for all pages."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

PATIENCE = 90_000  # milliseconds, where a machine does much else


def press_cell(figure: Locator, i: int, j: int, count: int) -> None:
    """Press the centre of a cell of a figure with `count` rows and columns, as a hand does: plotly
    has to see the pointer come first."""
    area = figure.locator(".nsewdrag").first.bounding_box()
    x = area["x"] + area["width"] * (j + 0.5) / count
    y = area["y"] + area["height"] * (i + 0.5) / count
    figure.page.mouse.move(x, y)
    figure.page.wait_for_timeout(150)
    figure.page.mouse.click(x, y)


def start_training(person: Callable[[], Page], server: str, epochs: int = 30) -> Page:
    """Somebody starts a run and watches it."""
    page = person()
    page.goto(f"{server}/?epochs={epochs}")
    start = page.get_by_test_id("stMain").get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled(timeout=PATIENCE)
    start.click()
    expect(page.get_by_text("images/s")).to_be_visible(timeout=PATIENCE)
    return page
