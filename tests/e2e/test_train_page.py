"""The Train page as a class uses it."""

import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from support.hands import start_training
from support.pace import newest_metrics, speed

SLOW = 90_000  # milliseconds


def button(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True)


def press(page: Page, name: str) -> None:
    """Press a control once the page has come to rest, as a person would."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")
    button(page, name).click()


def figure(page: Page, title: str) -> Locator:
    return page.get_by_role("img", name=re.compile(f"^{title}"))


def points(page: Page, title: str, trace: str) -> int:
    """How many points of a trace the browser has drawn."""
    return figure(page, title).evaluate(
        """(box, name) => {
            const traces = box.querySelector(".ultimus-plot")._fullData ?? [];
            return Math.max(0, ...traces.filter((t) => t.name === name).map((t) => t.x.length));
        }""",
        trace,
    )


def wait_for_points(page: Page, title: str, trace: str, more_than: int) -> int:
    wait_for(page, lambda: points(page, title, trace) > more_than, f"{title}: {trace} did not grow")
    return points(page, title, trace)


def wait_for(page: Page, happened: Callable[[], object], otherwise: str) -> None:
    """Look again and again until it has."""
    end = time.monotonic() + SLOW / 1000
    while not happened():
        assert time.monotonic() < end, otherwise
        page.wait_for_timeout(50)  # the page goes on meanwhile


def double_click(page: Page, box: Locator, happened: Callable[[], object]) -> None:
    """Until it is taken as one: plotly wants both presses within 300 ms, and what is drawn anew
    between them, or a slow machine, makes them two."""

    def again() -> bool:
        box.locator(".nsewdrag").first.dblclick()
        end = time.monotonic() + 2
        while not (done := happened()) and time.monotonic() < end:
            page.wait_for_timeout(50)
        return bool(done)

    wait_for(page, again, "a double click does nothing")


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


def step_of(page: Page) -> int:
    text = page.get_by_text(re.compile(r"step [\d,]+ of")).inner_text()
    return int(re.search(r"step ([\d,]+) of", text)[1].replace(",", ""))


def test_a_first_visit_shows_the_shipped_run(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/train")
    expect(page.get_by_text("You look at the run that comes with Ultimus")).to_be_visible()
    expect(page.get_by_text("Done")).to_be_visible()
    wait_for_points(page, "Loss", "training", more_than=100)
    assert points(page, "Accuracy", "test, groups of 16") == 100
    assert points(page, "Loss", "notebook log") == 24
    for name in ("Pause", "Step", "Stop", "Restart"):
        expect(button(page, name)).to_be_disabled()


def test_a_lesson(server: str, person: Callable[[], Page]):
    """Start, watch a curve grow, pause, step, resume, stop, reload, restart; others only watch."""
    teacher = person()
    teacher.goto(f"{server}/?epochs=3&groups=2")
    expect(button(teacher, "Start")).to_be_enabled(timeout=SLOW)
    press(teacher, "Start")
    expect(teacher).to_have_url(re.compile("run=.*-demo-"))
    expect(teacher.get_by_text("images/s")).to_be_visible(timeout=SLOW)
    first = wait_for_points(teacher, "Loss", "training", more_than=0)

    zoom(teacher, "Loss")
    zoomed = range_of(teacher, "Loss")
    wait_for_points(teacher, "Loss", "training", more_than=first + 5)
    assert range_of(teacher, "Loss") == zoomed

    student = person()
    student.goto(teacher.url)
    expect(student.get_by_text("You look at a run that others started")).to_be_visible()
    wait_for_points(student, "Loss", "training", more_than=first)
    expect(button(student, "Stop")).to_be_disabled()

    press(teacher, "Pause")
    expect(teacher.get_by_text("Paused")).to_be_visible()
    before = step_of(teacher)
    press(teacher, "Step")
    expect(teacher.get_by_text(re.compile(f"step {before + 1:,} of"))).to_be_visible()
    expect(student.get_by_text(re.compile(f"step {before + 1:,} of"))).to_be_visible()

    press(teacher, "Resume")
    expect(teacher.get_by_text("images/s")).to_be_visible(timeout=SLOW)
    press(teacher, "Stop")
    expect(teacher.get_by_text("Stopped")).to_be_visible()
    stopped = step_of(teacher)
    assert stopped >= before + 1

    teacher.reload()
    expect(teacher.get_by_text("Stopped")).to_be_visible()
    assert step_of(teacher) == stopped
    expect(button(teacher, "Resume")).to_be_enabled()

    former = teacher.url
    press(teacher, "Restart")
    expect(teacher.get_by_text(re.compile("step 0 of"))).to_be_visible(timeout=SLOW)
    assert teacher.url != former
    press(teacher, "Stop")
    expect(teacher.get_by_text("Stopped")).to_be_visible()


def test_settings_are_in_the_link(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/?preset=seed&epochs=5")
    expect(page.get_by_label("Groups per step", exact=True)).to_have_value("1")
    expect(page.get_by_label("Peak learning rate", exact=True)).to_have_value("0.01")
    page.get_by_label("Groups per step", exact=True).fill("8")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("groups=8"))
    page.reload()
    expect(page.get_by_label("Groups per step", exact=True)).to_have_value("8")
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("5")


def test_an_unknown_run_gets_a_sentence_and_a_way_back(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/?run=../../etc")
    expect(page.get_by_text("There is no run")).to_be_visible()
    press(page, "Show the run that comes with Ultimus")
    expect(page.get_by_text("Done")).to_be_visible()


def test_a_damaged_run_gets_a_sentence(server: str, runs: Path, person: Callable[[], Page]):
    damaged = runs / "20260101-000000-damaged-0000"
    damaged.mkdir()
    (damaged / "recipe.json").write_text('{"recipe": ')
    page = person()
    page.goto(f"{server}/?run={damaged.name}")
    expect(page.get_by_text("is damaged").first).to_be_visible()
    expect(button(page, "Show the run that comes with Ultimus")).to_be_visible()


def test_a_diverging_recipe_is_explained(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/?optimizer=sgd&lr=10&clip=0&schedule=constant&groups=1&max_steps=300")
    expect(button(page, "Start")).to_be_enabled(timeout=SLOW)
    press(page, "Start")
    expect(page.get_by_text("was no longer a finite number")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Failed")).to_be_visible()
    expect(button(page, "Restart")).to_be_enabled()


def test_nothing_is_fetched_from_elsewhere(server: str, person: Callable[[], Page]):
    page = person()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(f"{server}/train")
    wait_for_points(page, "Loss", "training", more_than=100)
    assert hosts - {""} == {server.split("/")[2]}


def test_figures_take_the_colours_of_another_theme(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/train")
    wait_for_points(page, "Loss", "training", more_than=100)
    ink = """box => {
        const plot = box.querySelector(".ultimus-plot");
        return plot?._fullLayout ? [plot._fullLayout.font.color, plot._fullData.length] : null;
    }"""
    names = ("Loss", "Accuracy", "Learning rate")
    light = [figure(page, name).evaluate(ink) for name in names]
    page.emulate_media(color_scheme="dark")
    for name, (color, traces) in zip(names, light, strict=True):
        wait_for(
            page,
            lambda name=name, color=color: (
                (figure(page, name).evaluate(ink) or [color])[0] != color
            ),
            f"{name} kept the colour of the former theme",
        )
        assert figure(page, name).evaluate(ink)[1] == traces
    expect(page.get_by_text("undefined")).to_have_count(0)


def test_a_board_fetches_its_versions_without_the_script(server: str, person: Callable[[], Page]):
    """What a run that trains beside it would have to pay for."""
    page = start_training(person, server)
    sent: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    drawn = wait_for_points(page, "Loss", "training", more_than=0)
    page.wait_for_timeout(2000)  # the page has come to rest
    sent.clear()
    with page.expect_response(re.compile(r"/live/.*/running/")) as first:
        pass
    wait_for_points(page, "Loss", "training", more_than=drawn)
    assert first.value.ok
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
    page = start_training(person, server)
    wait_for_points(page, "Loss", "training", more_than=2)
    loss = figure(page, "Loss")
    shown = """box => box.querySelector(".ultimus-plot").layout.yaxis.range"""
    first = loss.evaluate(shown)
    wait_for(page, lambda: loss.evaluate(shown) != first, "the curve has not left its range")
    moved = loss.evaluate(shown)
    auto = "box => box.querySelector('.ultimus-plot').layout.yaxis.autorange"
    double_click(page, loss, lambda: loss.evaluate(auto))
    double_click(page, loss, lambda: not loss.evaluate(auto))
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
    page = start_training(person, server)
    grown = wait_for_points(page, "Loss", "training", more_than=2)
    for _ in range(3):
        grown = wait_for_points(page, "Loss", "training", more_than=grown)
        for title in ("Loss", "Accuracy", "Learning rate"):
            drawn, again = figure(page, title).evaluate(DRAWN_AND_AGAIN)
            assert drawn == again
            assert len(drawn) >= 2
    press(page, "Stop")
    expect(page.get_by_text("Stopped").first).to_be_visible()


TURNS = 9


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.parametrize(("epochs", "seconds"), [(900, 15), (120, 8)])
def test_what_it_costs_to_be_watched(
    server: str,
    runs: Path,
    person: Callable[[], Page],
    capsys: pytest.CaptureFixture,
    epochs: int,
    seconds: int,
):
    """Training speed in turns with a browser on the run and without, server and all here.

    Curves of a long run are seldom drawn, those of a short one once a second.
    """
    page = start_training(person, server, epochs=epochs)
    watched, metrics = page.url, newest_metrics(runs)
    ratios = []
    for _ in range(TURNS):
        speeds = []
        for address in (watched, "about:blank"):
            page.goto(address)
            page.wait_for_timeout(3000)  # opening a page is not what is measured
            speeds.append(speed(metrics, lambda: page.wait_for_timeout(1000 * seconds)))
        ratios.append(speeds[0] / speeds[1])
    page.goto(watched)
    press(page, "Stop")
    low, middle, high = statistics.quantiles(ratios, n=4)
    with capsys.disabled():
        print(
            f"\n{epochs} epochs, speed watched / unwatched: median {middle:.3f}, quartiles "
            f"{low:.3f} … {high:.3f}"
        )
