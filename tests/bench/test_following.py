"""Measures what it costs a run that thirty sessions follow the teacher's view.

A session here is what a browser is to the server: it asks which view all follow, goes there,
fetches the board of the run on show, and the newest weights when these are due. The browser of the
teacher is a real one, and shows the same views while nobody follows. The run trains on the same
machine.

Shared machines get slower and faster within half a minute. So all wait and follow in turn, view by
view, in the order without, with, with, without: a drift then says nothing.
"""

import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from support.cores import of, used
from support.following import followers
from support.hands import PATIENCE, start_training
from support.pace import newest_metrics, speed
from support.servers import TEACHER, served

ROOT = Path(__file__).parents[2]
SESSIONS = 30
VIEW = float(os.environ.get("ULTIMUS_VIEW", "10"))  # seconds between two views of the teacher
TURN = (False, True, True, False)  # whether all follow, view by view


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.timeout(0)
def test_what_thirty_who_follow_a_view_cost_a_run(tmp_path: Path, capsys: pytest.CaptureFixture):
    watched = float(os.environ.get("ULTIMUS_SECONDS", "300"))  # with followers, in all
    turns = max(2, round(watched / (VIEW * sum(TURN))))
    ratios, cores = [], {True: Counter(), False: Counter()}
    with _app(tmp_path) as server, _teacher(server) as teacher:
        metrics = newest_metrics(tmp_path)
        with followers(server, metrics.parent.name, SESSIONS) as everybody:
            for _ in range(turns):
                steps = {True: 0.0, False: 0.0}
                for follows, view in zip(TURN, cycle(("Attention", "Train")), strict=False):
                    everybody.follow(follows)
                    before = used(everybody.process)
                    steps[follows] += speed(metrics, lambda view=view: _show(teacher, view))
                    cores[follows].update(of(before, used(everybody.process)))
                ratios.append(steps[True] / steps[False])
                with capsys.disabled():
                    print(f"{steps[False] / 2:.1f} steps a second, {ratios[-1]:.3f} of it with all",
                          flush=True)  # fmt: skip
    low, middle, high = quantiles(ratios, n=4)
    figures = {
        "sessions": SESSIONS, "seconds for a view": VIEW,
        "seconds with them": turns * VIEW * sum(TURN), "turns": turns,
        "cores without them": _mean(cores[False], turns),
        "cores with them": _mean(cores[True], turns),
        "speed with them over that without: median": round(middle, 3),
        "lower quartile": round(low, 3), "upper quartile": round(high, 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ms until it is known which view to follow: median": _ms(median(everybody.heard)),
        "95th percentile": _ms(quantiles(everybody.heard, n=20)[-1]),
        "ms until another view is drawn: median": _ms(median(everybody.arrived)),
        "views drawn": len(everybody.arrived),
    }  # fmt: skip
    with capsys.disabled():
        print("\n" + json.dumps(figures, indent=1))


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _mean(cores: Counter, turns: int) -> dict[str, float]:
    return {kind: round(total / turns / 2, 3) for kind, total in cores.items()}


# The app and its teacher --------------------------------------------------------------------------


@contextmanager
def _app(place: Path) -> Iterator[str]:
    surroundings = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
    surroundings |= {"ULTIMUS_RUNS": str(place), "ULTIMUS_TEACHER": TEACHER}
    with served([sys.executable, "-m", "streamlit", "run", "app.py"], ROOT, surroundings) as server:
        yield server


@contextmanager
def _teacher(server: str) -> Iterator[Page]:
    """A teacher whose view all follow, and who has started a run."""
    flags = ("--no-sandbox", "--disable-gpu")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page()
        start_training(lambda: page, server, epochs=900)
        page.get_by_role("link", name="Class").first.click()
        page.get_by_text("Teacher", exact=True).click()
        page.get_by_test_id("stForm").get_by_test_id("stTextInputField").fill(TEACHER)
        page.get_by_role("button", name="Open the teacher's page").click()
        page.get_by_role("button", name="Everybody follows my view").click(timeout=PATIENCE)
        expect(page.get_by_text("Everybody follows your view.")).to_be_visible(timeout=PATIENCE)
        yield page
        browser.close()


def _show(teacher: Page, view: str) -> None:
    """Show a view, which a browser that computes beside the run has to draw."""
    teacher.get_by_role("link", name=view).first.click()
    time.sleep(VIEW)
