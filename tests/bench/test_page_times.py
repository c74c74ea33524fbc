"""Measures how fast pages answer, come, and play, beside another build of Ultimus.

`ULTIMUS_OTHER` names the checkout of the former build, and `ULTIMUS_OUT` a file like those in
assets/measured, to which the figures are added. `python tests/bench/page_table.py FILE` makes the
tables of it that documents show.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

import pytest
from bench.page_builds import Build, Former
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.browsers import chromium
from support.hands import PATIENCE
from support.servers import served

ROOT = Path(__file__).parents[2]
LAPTOP = {"width": 1280, "height": 800}
TURNS, PRESSES = 1, 12  # in which each build has a run that trains; of each kind in a turn
READERS, ROUNDS = 20, 4  # who press at once, so often
VISITS, INSTALLS = 5, 3
AT_REST = 500  # milliseconds after the last figure has been drawn
# When something that a selector names is seen, be it in a component's own tree.
SEEN = """(selector) => {
    const find = (root) => root.querySelector(selector) ?? inside(root);
    const inside = (root) => [...root.querySelectorAll("*")].reduce(
        (found, { shadowRoot }) => found ?? (shadowRoot && find(shadowRoot)), null);
    return find(document)?.getClientRects().length ? performance.now() : 0;
}"""
START = "[data-testid=stMain] [data-testid=stBaseButton-primary]:not([disabled])"
REPEATS = int(os.environ.get("ULTIMUS_REPEATS", "1"))  # more of all, on a quiet machine

pytestmark = pytest.mark.skipif(
    "ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[dict[Build, str]]:
    """The builds and where their apps answer."""
    with ExitStack() as stack:
        yield {build: stack.enter_context(build.app(tmp_path / build.name)) for build in _builds()}


def _builds() -> list[Build]:
    builds = [Build("this build", ROOT)]
    if other := os.environ.get("ULTIMUS_OTHER"):
        builds.append(Former("the former", Path(other)))
    return builds


@contextmanager
def _somebody(browser: Browser) -> Iterator[Page]:
    """A page in a browser that has kept nothing."""
    context: BrowserContext = browser.new_context(viewport=LAPTOP, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


# A press while a run trains -----------------------------------------------------------------------


def test_how_fast_a_press_is_answered_while_a_run_trains(apps, browser: Browser, capsys):
    taken: dict[str, list[float]] = {}
    for _ in range(TURNS * REPEATS):
        for build, address in apps.items():
            with _training(build, address, browser) as run:
                for size in (16, 64):
                    for act, times in _answers(build, address, browser, run, size).items():
                        taken.setdefault(f"{build.name}: {act}, group of {size}", []).extend(times)
    _report(capsys, _spread(taken))


@contextmanager
def _training(build: Build, address: str, browser: Browser) -> Iterator[str]:
    """While a run trains that somebody has started, who then looks elsewhere; gives its name."""
    with _somebody(browser) as page:
        page.goto(f"{address}{build.train}?epochs=100")
        main = page.get_by_test_id("stMain")
        main.get_by_role("button", name="Start", exact=True, disabled=False).click()
        expect(page.get_by_text("images/s")).to_be_visible(timeout=2 * PATIENCE)
        link = page.url
        page.goto("about:blank")
        yield parse_qs(urlsplit(link).query)["run"][0]
        page.goto(link)
        main.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_text("Stopped")).to_be_visible(timeout=PATIENCE)


def _answers(
    build: Build, address: str, browser: Browser, run: str, size: int
) -> dict[str, list[float]]:
    """Milliseconds from presses until all that they change in view stands."""
    acts: dict[str, Callable[[Page, int], None]] = {
        "another cell": lambda page, n: build.press_cell(
            page, (3 * n + 1) % size, (5 * n + 2) % size, size
        ),
        "another pass": lambda page, n: build.pass_button(page, (n + 1) % 4 + 1).click(),
    }
    with _somebody(browser) as page:
        members = ",".join(map(str, range(size)))
        build.open_attention(page, address, run=run, step=0, images=members)
        build.await_attention(page)
        return {
            name: [_timed(page, lambda n=n, act=act: act(page, n)) for n in range(PRESSES)]
            for name, act in acts.items()
        }


def _timed(page: Page, act: Callable[[], None]) -> float:
    act()
    return _stands(page)


def _stands(page: Page) -> float:
    """Milliseconds from the last press until what it changes has been drawn and nothing follows."""
    page.wait_for_function(
        f"window.stood > window.pressed && performance.now() - window.stood > {AT_REST}"
    )
    return page.evaluate("window.stood - window.pressed")


# Twenty who press at once -------------------------------------------------------------------------


def test_what_twenty_wait_who_press_at_once(apps, browser: Browser, capsys):
    found: dict[str, float] = {}
    for build, address in apps.items():
        alone, _ = _crowd(build, address, browser, 1, ROUNDS * REPEATS)
        together, messages = _crowd(build, address, browser, READERS, ROUNDS * REPEATS)
        spread = _spread(
            {f"{build.name}: one alone": alone, f"{build.name}: {READERS} at once": together}
        )
        times = median(together) / median(alone)
        found |= spread | {
            f"{build.name}: {READERS} at once, over one alone": times,
            f"{build.name}: messages to the server for a press": messages / len(together),
        }
    _report(capsys, found)


def _crowd(
    build: Build, address: str, browser: Browser, readers: int, rounds: int
) -> tuple[list[float], int]:
    """What each waited, and how many messages the server got from all of them meanwhile."""
    with ExitStack() as stack:
        pages = [stack.enter_context(_somebody(browser)) for _ in range(readers)]
        sent = [_messages(page) for page in pages]
        for page in pages:
            build.open_attention(page, address)
        for page in pages:
            build.await_attention(page)
        pages[0].wait_for_timeout(2000)  # for the parts that nobody has looked at yet
        before = sum(map(len, sent))
        taken = [time for n in range(rounds) for time in _together(build, pages, n)]
        return taken, sum(map(len, sent)) - before


def _messages(page: Page) -> list[str]:
    """What a page sends over its connection from now on."""
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append("")))
    return sent


def _together(build: Build, pages: list[Page], n: int) -> list[float]:
    """All pages choose the same pass at the same moment, which their clocks agree on."""
    press = """(button, at) => void setTimeout(() => {
        window.pressed = performance.now();
        button.click();
    }, at - Date.now())"""
    moment = 1000 * time.time() + 100 * len(pages) + 500
    for page in pages:
        build.pass_button(page, (n + 1) % 4 + 1).evaluate(press, moment)
    pages[0].wait_for_timeout(max(0, moment - 1000 * time.time()))
    return [_stands(page) for page in pages]


# A first visit ------------------------------------------------------------------------------------


def test_how_soon_a_cold_browser_shows_something_useful(
    apps, browser: Browser, tmp_path: Path, capsys
):
    with _bare_page(tmp_path) as bare:
        targets = {"a bare page of Streamlit": (bare, "[data-testid=stMarkdown]")} | {
            f"{build.name}: {name}": (f"{address}{path}", selector)
            for build, address in apps.items()
            for name, (path, selector) in build.useful.items()
        }
        taken, came = {name: [] for name in targets}, {}
        for visit in range(VISITS * REPEATS + 1):
            for name, (address, selector) in targets.items():
                milliseconds, size = _visit(browser, address, selector)
                if visit:  # the first one warms the app
                    taken[name].append(milliseconds)
                    came[f"{name}, kilobytes until then"] = size / 1000
        _report(capsys, _spread(taken) | came)


@contextmanager
def _bare_page(folder: Path) -> Iterator[str]:
    """The least that Streamlit can show."""
    (folder / "bare.py").write_text('import streamlit as st\n\nst.write("Ready")\n')
    command = ["python", "-m", "streamlit", "run", "bare.py"]
    with served(command, folder, os.environ) as address:
        yield address


def _visit(browser: Browser, address: str, selector: str) -> tuple[float, int]:
    """Milliseconds until something useful is seen, and the bytes that have come for it."""
    with _somebody(browser) as page:
        came = _bytes(page)
        page.goto(address, wait_until="commit")
        return _seen(page, selector), sum(came)


def _seen(page: Page, selector: str) -> float:
    """Milliseconds from the page's opening until this is seen."""
    return page.wait_for_function(SEEN, arg=selector, polling=10).json_value()


def _bytes(page: Page) -> list[int]:
    """The sizes, as sent, of what a page fetches from now on."""
    sizes: list[int] = []
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    network.on(
        "Network.webSocketFrameReceived",
        lambda event: sizes.append(len(event["response"]["payloadData"]) * 3 // 4),  # base64
    )
    return sizes


def test_how_soon_start_can_be_pressed_after_a_fresh_install(
    browser: Browser, tmp_path: Path, capsys
):
    taken: dict[str, list[float]] = {}
    for n in range(INSTALLS * REPEATS):
        for build in _builds():
            with build.app(tmp_path / f"{build.name} {n}") as address, _somebody(browser) as page:
                page.goto(f"{address}{build.train}", wait_until="commit")
                name = f"{build.name}: until Start can be pressed"
                taken.setdefault(name, []).append(_seen(page, START))
    _report(capsys, _spread(taken))


# Scrubbing ----------------------------------------------------------------------------------------


def test_how_many_snapshots_are_played_a_second(apps, browser: Browser, capsys):
    found = {}
    for build, address in apps.items():
        with _somebody(browser) as page:
            build.open_attention(page, address, step=0)
            build.await_attention(page)
            build.watch_steps(page)
            build.play_button(page).click()
            expect(page).to_have_url(re.compile(r"step=39000(&|$)"), timeout=PATIENCE)
            page.wait_for_timeout(AT_REST)
            frames = page.evaluate("window.frames")
        found[f"{build.name}: snapshots shown"] = len(frames)
        found[f"{build.name}: frames a second"] = (
            1000 * (len(frames) - 1) / (frames[-1] - frames[0])
        )
    _report(capsys, found)


# Report -------------------------------------------------------------------------------------------


def _spread(taken: dict[str, list[float]]) -> dict[str, float]:
    return {
        f"{name}, {what}": value
        for name, times in taken.items()
        for what, value in (
            ("median", median(times)),
            ("95th percentile", sorted(times)[int(0.95 * len(times))]),
        )
    }


def _report(capsys: pytest.CaptureFixture, found: dict[str, float]) -> None:
    """Say it, and add it to the file of figures if one is named."""
    found = {name: round(value, 3) for name, value in found.items()}
    with capsys.disabled():
        print(f"\n{json.dumps(found, indent=1)}")
    if out := os.environ.get("ULTIMUS_OUT"):
        file = Path(out)
        told = json.loads(file.read_text())
        told["values"] |= {name: [value] for name, value in found.items()}
        file.write_text(json.dumps(told, indent=1) + "\n")
