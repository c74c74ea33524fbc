"""The curves of a run while it trains: what is fetched, drawn, and stays as a reader left it."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect
from support.curves import double_click, figure, points, wait_for_another, wait_for_points
from support.hands import press, rest, start_training

TALL = {"width": 1280, "height": 1600}  # all figures are in sight: others are not drawn


def test_figures_take_the_colours_of_another_theme(server: str, person: Callable[[], Page]):
    page = person()
    page.set_viewport_size(TALL)
    page.goto(f"{server}/train")
    wait_for_points(page, "Learning rate", "so far", more_than=100)
    ink = """box => box.querySelector(".ultimus-plot")._fullLayout?.font.color"""
    traces = """box => box.querySelector(".ultimus-plot")._fullData?.length"""
    figures = [figure(page, name) for name in ("Loss", "Accuracy", "Learning rate")]
    light = [(box.evaluate(ink), box.evaluate(traces)) for box in figures]
    page.emulate_media(color_scheme="dark")
    for box, (color, count) in zip(figures, light, strict=True):
        wait_for_another(box, ink, color)
        assert box.evaluate(traces) == count
    expect(page.get_by_text("undefined")).to_have_count(0)


def test_a_board_fetches_its_versions_without_the_script(server: str, person: Callable[[], Page]):
    """What a run that trains beside it would have to pay for."""
    page = start_training(person, server, groups=1)
    sent: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    wait_for_points(page, "Loss", "training", more_than=0)
    rest(page)
    for _ in range(2):  # the first begins once the page stands
        with page.expect_response(re.compile(r"/live/.*/running/")) as version:
            sent.clear()
        assert version.value.ok
    standing = page.locator(".standing").text_content()
    expect(page.locator(".standing")).not_to_have_text(standing)
    assert not sent
    press(page, "Stop")
    expect(page.get_by_text("Stopped").first).to_be_visible()


def test_a_curve_is_drawn_once_it_looks_longer(server: str, person: Callable[[], Page]):
    """Each drawing takes what the run could use; numbers follow it all the same."""
    page = start_training(person, server, epochs=900)
    wait_for_points(page, "Loss", "training", more_than=1)
    told, drawn = page.locator(".standing"), []
    for _ in range(11):
        before = told.text_content()
        expect(told).not_to_have_text(before)
        drawn.append(points(page, "Loss", "training"))
    assert len(set(drawn)) < 7  # it is drawn anew where its axis changes
    figure(page, "Loss").evaluate(
        """box => Plotly.relayout(box.querySelector(".ultimus-plot"), { "xaxis.range": [0, 2] })"""
    )
    wait_for_points(page, "Loss", "training", more_than=drawn[-1] + 3)
    press(page, "Stop")
    expect(page.get_by_text("Stopped").first).to_be_visible()


def test_a_double_click_shows_all_and_another_one_the_range_of_now(
    server: str, person: Callable[[], Page]
):
    page = start_training(person, server, groups=1)
    wait_for_points(page, "Loss", "training", more_than=2)
    loss = figure(page, "Loss")
    shown = """box => box.querySelector(".ultimus-plot").layout.yaxis.range"""
    first = loss.evaluate(shown)
    moved = wait_for_another(loss, shown, first)
    auto = "box => Boolean(box.querySelector('.ultimus-plot').layout.yaxis.autorange)"
    double_click(loss, auto)
    assert loss.evaluate(auto)
    double_click(loss, auto)
    assert loss.evaluate(shown)[0] <= moved[0] < first[0]
    press(page, "Stop")
    expect(page.get_by_text("Stopped").first).to_be_visible()


DRAWN_AND_AGAIN = """async (box) => {
    const plot = box.querySelector(".ultimus-plot"), again = document.createElement("div");
    const { width, height } = plot._fullLayout;
    Object.assign(again.style, { position: "fixed", width: `${width}px`, height: `${height}px` });
    document.body.append(again);
    const [data, layout] = JSON.parse(JSON.stringify([plot.data, plot.layout]));
    const curves = (plot) => [...plot.querySelectorAll(".scatterlayer path")].map(
        (path) => [path.getAttribute("d"), path.getAttribute("transform")]);
    const drawn = curves(plot);
    await Plotly.newPlot(again, data, layout);
    const shown = [drawn, curves(again)];
    Plotly.purge(again);
    again.remove();
    return shown;
}"""


def test_a_curve_that_grew_is_as_if_drawn_at_once(server: str, person: Callable[[], Page]):
    page = start_training(person, server, groups=1)
    page.set_viewport_size(TALL)
    grown = wait_for_points(page, "Learning rate", "so far", more_than=2)
    for _ in range(3):
        grown = wait_for_points(page, "Learning rate", "so far", more_than=grown)
        for title in ("Loss", "Accuracy", "Learning rate"):
            drawn, again = figure(page, title).evaluate(DRAWN_AND_AGAIN)
            assert drawn == again
            assert len(drawn) >= 2
    press(page, "Stop")
    expect(page.get_by_text("Stopped").first).to_be_visible()
