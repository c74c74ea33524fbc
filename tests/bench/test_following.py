"""Measures what it costs a run that thirty sessions follow the teacher's view.

A session here is what a browser is to the server: it asks which view all follow, goes there,
fetches the board of the run on show, and the newest weights when these are due. The browser of the
teacher is a real one, and shows the same views while nobody follows. The run trains on the same
machine.

Shared machines get slower and faster within half a minute. So all wait and follow in turn, view by
view, in the order without, with, with, without: a drift then says nothing.
"""

import gzip
import json
import math
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from threading import Event, get_native_id
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from support.cores import of, used
from support.hands import PATIENCE, start_training
from support.pace import newest_metrics, speed
from support.servers import TEACHER, served
from support.sessions import Visitor, visitor

from ultimus.ui.server import audience
from ultimus.ui.state.browser import ALIVE, KEY
from ultimus.ui.state.lead import HEADER

ROOT = Path(__file__).parents[2]
SESSIONS = 30
FOLLOWING = 1.0  # seconds between looks at the view (state/browser.js)
VIEW = float(os.environ.get("ULTIMUS_VIEW", "10"))  # seconds between two views of the teacher
TURN = (False, True, True, False)  # whether all follow, view by view
SETTLED = 5.0  # seconds in which all arrive
TOLD = 1.5  # seconds until the server knows of the teacher's next view
LAST = 19  # the lowest priority: in a class the sessions are other machines


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.timeout(0)
def test_what_thirty_who_follow_a_view_cost_a_run(tmp_path: Path, capsys: pytest.CaptureFixture):
    watched = float(os.environ.get("ULTIMUS_SECONDS", "300"))  # with followers, in all
    turns = max(2, round(watched / (VIEW * sum(TURN))))
    ratios, cores = [], {True: Counter(), False: Counter()}
    with _app(tmp_path) as server, _teacher(server) as teacher:
        metrics = newest_metrics(tmp_path)
        with _followers(server, metrics.parent.name) as (follow, heard, arrived):
            for _ in range(turns):
                steps = {True: 0.0, False: 0.0}
                for follows, view in zip(TURN, cycle(("Attention", "Train")), strict=False):
                    follow.set() if follows else follow.clear()
                    before = used()
                    steps[follows] += speed(metrics, lambda view=view: _show(teacher, view))
                    cores[follows].update(of(before, used()))
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
        "ms until it is known which view to follow: median": round(1000 * median(heard), 1),
        "95th percentile": round(1000 * quantiles(heard, n=20)[-1], 1),
        "ms until another view is drawn: median": round(1000 * median(arrived), 1),
        "views drawn": len(arrived),
    }  # fmt: skip
    with capsys.disabled():
        print("\n" + json.dumps(figures, indent=1))


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


# Those who follow ---------------------------------------------------------------------------------


@contextmanager
def _followers(server: str, run: str) -> Iterator[tuple[Event, list[float], list[float]]]:
    """Sessions that follow while an event is set, else wait; the seconds in which they hear which
    view, and in which they are there."""
    follow, goes_on, heard, arrived = Event(), Event(), [], []
    goes_on.set()
    with ThreadPoolExecutor(SESSIONS) as everybody:
        all_of_them = [
            everybody.submit(_attend, server, run, number / SESSIONS, follow, goes_on)
            for number in range(SESSIONS)
        ]
        time.sleep(SETTLED)
        try:
            yield follow, heard, arrived
        finally:
            goes_on.clear()
            follow.set()
        for one in all_of_them:
            answers, arrivals = one.result()
            heard += answers
            arrived += arrivals


def _attend(
    server: str, run: str, later: float, follow: Event, goes_on: Event
) -> tuple[list[float], list[float]]:
    """One session, which looks at its own time of each second."""
    os.setpriority(os.PRIO_PROCESS, get_native_id(), LAST)  # of this thread
    with visitor(server) as guest:
        guest.open("", "")
        guest.look()
        follower = _Follower(server, run, guest)
        while goes_on.is_set():
            if not follow.is_set():
                follower.wait(follow)
                time.sleep(TOLD + later)
            elif (left := follower.due - time.monotonic()) > 0:
                time.sleep(left)
            else:
                follower.look(time.monotonic())
        assert not guest.failures
    return follower.answers, follower.arrivals


class _Follower:
    """One who follows.

    Attributes:
        answers: seconds in which it heard which view to follow.
        arrivals: seconds in which it was there.
    """

    def __init__(self, server: str, run: str, guest: Visitor):
        self.answers: list[float] = []
        self.arrivals: list[float] = []
        self._connection = HTTPConnection(server.removeprefix("http://"))
        self._guest, self._run = guest, run
        self._view, self._server, self._stamp = "", "", ""
        self._due: dict[str, float] = {}  # when each address is asked again

    def wait(self, until: Event) -> None:
        """Do nothing; a server closes a connection that is silent for so long."""
        self._connection.close()
        until.wait()

    def look(self, now: float) -> None:
        """What is due at a time, in seconds."""
        if self._is_due("view", now):
            self._due["view"] = now + FOLLOWING
            self._hear()
        if " /train" not in self._view:
            return
        if self._is_due("board", now):
            board = f"/live/{self._server}/{self._run}/running/beside-the-seed-run?beyond=1e9"
            self._due["board"] = now + float(self._get(board).headers[audience.HEADER])
        if self._is_due("probe", now):
            probe = f"/explorer/step/{self._run}/live?images=probe&after={self._stamp}"
            answer = self._get(probe)
            self._due["probe"] = now + float(answer.headers[audience.HEADER])
            if answer.content:
                self._stamp = json.loads(gzip.decompress(answer.content))["stamp"]

    @property
    def due(self) -> float:
        """When something is to be asked for again."""
        asks = ("view", "board", "probe") if " /train" in self._view else ("view",)
        return min(self._due.get(what, -math.inf) for what in asks)

    def _is_due(self, what: str, now: float) -> bool:
        return now >= self._due.get(what, -math.inf)

    def _hear(self) -> None:
        begin = time.monotonic()
        answer = self._get(f"/{ALIVE}")
        self.answers.append(time.monotonic() - begin)
        self._server, view = answer.content.decode(), answer.headers[HEADER]
        if view != self._view:
            self._view, begin = view, time.monotonic()
            self._guest.send(KEY, "view", view)
            self._guest.look()
            self.arrivals.append(time.monotonic() - begin)

    def _get(self, path: str) -> "_Answer":
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        assert answer.status in (200, 204)
        return _Answer(answer.headers, answer.read())


class _Answer(NamedTuple):
    headers: Message
    content: bytes
