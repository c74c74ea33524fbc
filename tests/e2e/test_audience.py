"""Measures what it costs a run to be watched: by a browser on the same machine, and by a class.

Thirty browsers do not fit on one machine, so a viewer here is what a browser is to the server: it
asks for the newest version of the run's board when its page would, and for what its page would.
"""

import gzip
import math
import os
import re
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier, Event
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page
from support.curves import wait_for_points
from support.hands import PATIENCE, press, rest, start_training
from support.pace import newest_metrics, speed

from ultimus.ui.beat import HEADER
from ultimus.ui.live import feed
from ultimus.ui.state.browser import ALIVE

MEASURED = 8  # seconds
EPOCHS = 900
STROKE = 2 * EPOCHS / 520  # epochs: two pixels of a figure (figure.js)
TURNS = 5
TURNS_ALONE = 9


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
    for _ in range(TURNS_ALONE):
        page.goto(watched)
        rest(page)
        wait_for_points(page, "Loss", "training", more_than=0)  # to open it is not what is measured
        together = speed(metrics, lambda: page.wait_for_timeout(1000 * seconds))
        page.goto("about:blank")
        ratios.append(together / speed(metrics, lambda: page.wait_for_timeout(1000 * seconds)))
    page.goto(watched)
    press(page, "Stop")
    low, middle, high = statistics.quantiles(ratios, n=4)
    with capsys.disabled():
        print(
            f"\n{epochs} epochs, speed watched / unwatched: median {middle:.3f}, quartiles "
            f"{low:.3f} … {high:.3f}"
        )


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.parametrize("viewers", [1, 10, 30])
def test_what_a_class_costs(
    server: str,
    runs: Path,
    person: Callable[[], Page],
    capsys: pytest.CaptureFixture,
    viewers: int,
):
    teacher = start_training(person, server, epochs=EPOCHS)
    watched, metrics = teacher.url, newest_metrics(runs)
    teacher.goto("about:blank")
    ratios, answers = [], []
    for _ in range(TURNS):
        alone = speed(metrics, _measured)
        together, taken = _watched(server, metrics, viewers)
        ratios.append(together / alone)
        answers += taken
    teacher.goto(watched)
    press(teacher, "Stop")
    low, middle, high = statistics.quantiles(ratios, n=4)
    usual, late = statistics.median(answers), statistics.quantiles(answers, n=20)[-1]
    updates = len(answers) / viewers / TURNS / MEASURED
    with capsys.disabled():
        print(
            f"\n{viewers} viewers: {middle:.2f} of the speed unwatched (quartiles "
            f"{low:.2f} … {high:.2f}); for each {updates:.2f} updates a second, answered in "
            f"{1000 * usual:.0f} ms (median), {1000 * late:.0f} ms (95th percentile)"
        )


def _watched(server: str, metrics: Path, viewers: int) -> tuple[float, list[float]]:
    """The run's speed while all watch, and the seconds that their updates took."""
    with urlopen(f"{server}/{ALIVE}") as answer:
        name = answer.read().decode()
    run, shown = metrics.parent.name, feed.SHOWN[True]
    path = "/" + feed.PATH.format(server=name, run=run, state="running", seed_run=shown)
    all_watch, enough = Barrier(viewers + 1, timeout=PATIENCE / 1000), Event()
    watch = partial(_watch, server, path, all_watch, enough)
    with ThreadPoolExecutor(viewers) as everybody:
        laters = [feed.REFRESH * number / viewers for number in range(viewers)]
        watching = everybody.map(watch, laters)
        all_watch.wait()
        together = speed(metrics, _measured)
        enough.set()
    return together, [seconds for taken in watching for seconds in taken]


def _measured() -> None:
    time.sleep(MEASURED)


def _watch(server: str, path: str, all_watch: Barrier, enough: Event, later: float) -> list[float]:
    """Ask for updates until it is enough; the seconds that each took once all watch."""
    connection = HTTPConnection(server.removeprefix("http://"))
    enough.wait(later)
    beyond, _ = _look(connection, path, -math.inf)
    all_watch.wait()
    taken = []
    while not enough.is_set():
        begin = time.monotonic()
        beyond, wait = _look(connection, path, beyond)
        taken.append(time.monotonic() - begin)
        enough.wait(wait)
    connection.close()
    return taken


def _look(connection: HTTPConnection, path: str, beyond: float) -> tuple[float, float]:
    """Fetch the newest version; beyond which epoch the next one's curves would look longer, and
    the seconds until then."""
    connection.request("GET", f"{path}?beyond={beyond}")
    answer = connection.getresponse()
    content = answer.read()
    if drawn := re.search(rb'"reach":([^,}]+)', gzip.decompress(content)):
        reach = float(drawn[1])
        beyond = reach + min(reach / 2, STROKE)
    return beyond, float(answer.headers[HEADER])
