"""What a reader sees of a run's curves in a browser, and does to them."""

import re
import time

from playwright.sync_api import Locator, Page

from .hands import wait_until

POINTS = """([title, name]) => {
    const plot = document.querySelector(`[role=img][aria-label^="${title}"] .ultimus-plot`);
    const traces = (plot?._fullData ?? []).filter((trace) => trace.name === name);
    return Math.max(0, ...traces.map((trace) => trace.x.length));
}"""
TWICE = 2  # seconds in which a double click shows that it was taken as one


def figure(page: Page, title: str) -> Locator:
    return page.get_by_role("img", name=re.compile(f"^{title}"))


def points(page: Page, title: str, trace: str) -> int:
    """How many points of a trace the browser has drawn."""
    return page.evaluate(POINTS, [title, trace])


def wait_for_points(page: Page, title: str, trace: str, more_than: int) -> int:
    wait_until(page, lambda: points(page, title, trace) > more_than)
    return points(page, title, trace)


def wait_for_another(box: Locator, drawn: str, than: object) -> object:
    """Wait until a function of a figure gives another value than it did; gives that value."""
    wait_until(box.page, lambda: box.evaluate(drawn) not in (None, than))
    return box.evaluate(drawn)


def double_click(box: Locator, drawn: str) -> None:
    """Until it is taken as one, upon which a function of the figure gives another value: plotly
    wants both presses within 300 ms, and what is drawn anew between them, or a slow machine, makes
    them two."""
    before = box.evaluate(drawn)

    def is_taken() -> bool:
        box.locator(".nsewdrag").first.dblclick()
        end = time.monotonic() + TWICE
        wait_until(box.page, lambda: box.evaluate(drawn) != before or time.monotonic() > end)
        return box.evaluate(drawn) != before

    wait_until(box.page, is_taken)


def zoom(page: Page, title: str) -> None:
    """Drag over the middle of a figure, as a reader who wants to see more."""
    area = figure(page, title).locator(".nsewdrag").first.bounding_box()
    left, top = area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 0.2
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + area["width"] * 0.5, top + area["height"] * 0.6, steps=5)
    page.mouse.up()


def range_of(page: Page, title: str) -> list[float]:
    return figure(page, title).evaluate(
        '(box) => [...box.querySelector(".ultimus-plot")._fullLayout.xaxis.range]'
    )
