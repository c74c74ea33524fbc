"""The Lab page in a real browser."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect
from support.hands import PATIENCE

PLACE_OF_POINT = """(box, [trace, point]) => {
    const plot = box.querySelector(".ultimus-plot");
    const { xaxis, yaxis } = plot._fullLayout, { x, y } = plot._fullData[trace];
    const { left, top } = plot.getBoundingClientRect();
    return [left + xaxis._offset + xaxis.d2p(x[point]), top + yaxis._offset + yaxis.d2p(y[point])];
}"""
UNDER_THE_POINTER = """([trace, point]) => {
    const found = document.querySelector(".ultimus-plot")?._hoverdata?.[0];
    return found?.curveNumber === trace && found?.pointNumber === point;
}"""


def press_point(figure: Locator, trace: int, point: int) -> None:
    """Press a point of a figure, as a hand does: plotly has to see the pointer come first."""
    x, y = figure.evaluate(PLACE_OF_POINT, [trace, point])
    figure.page.mouse.move(x, y)
    figure.page.wait_for_function(UNDER_THE_POINTER, arg=[trace, point])
    figure.page.mouse.click(x, y)


def test_a_sweep_fills_and_a_point_leads_to_its_run(person: Callable[[], Page], server: str):
    page = person()
    page.goto(f"{server}/lab?max_steps=2&values=0.001,0.003&seeds=1")
    start = page.get_by_role("button", name="Start 2 runs")
    expect(start).to_be_enabled(timeout=PATIENCE)
    start.click()
    expect(page.get_by_text("2 of 2 runs have ended")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("sweep=lr-"))
    figure = page.get_by_role("img", name=re.compile("Test accuracy against peak learning rate"))
    expect(figure.locator(".points path.point")).to_have_count(4)  # two runs, two means
    figure.hover()
    with page.expect_download() as download:
        figure.locator('[data-title^="Download as SVG"]').click()
    drawing = download.value.path().read_text()
    assert download.value.suggested_filename == "sweep.svg" and drawing.startswith("<svg")
    assert "peak learning rate" in drawing and 'class="point' in drawing
    run = page.locator("a.run.done").nth(1).get_attribute("href").partition("run=")[2]
    press_point(figure, 1, 1)
    expect(page).to_have_url(re.compile(f"/train.*run={run}"))
    expect(page.get_by_role("heading", name="Train")).to_be_visible()


CONTRAST = """chip => {
    const light = (color) => {
        const [r, g, b] = color.match(/[\\d.]+/g).map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const back = light(getComputedStyle(chip).backgroundColor);
    const front = light(getComputedStyle(chip.querySelector("span")).color);
    return Math.max(back, front) / Math.min(back, front);
}"""  # as WCAG 2 has it


def test_compared_runs_can_be_read_on_a_phone_in_the_dark(server: str, person: Callable[[], Page]):
    page = person()
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{server}/lab?tool=compare&runs=best-cifar10%0Asteady-cifar10")
    chips = page.locator("[data-tag]")
    expect(chips).to_have_count(2)
    assert chips.first.evaluate(CONTRAST) > 4.5
    words = page.get_by_text("The attention of the first two to the same pictures, side by side")
    expect(words).to_be_visible()
    assert words.evaluate("words => words.scrollWidth <= words.parentElement.clientWidth")
    assert words.bounding_box()["height"] > 30  # in two lines
