"""What a class that watches costs the run that it watches.

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

import pytest
from playwright.sync_api import Page
from support.hands import start_training
from support.pace import newest_metrics, speed

from ultimus.runs.run import Run
from ultimus.ui.live import feed

SETTLED, MEASURED = 3, 8  # seconds
EPOCHS = 900
STROKE = 2 * EPOCHS / 520  # epochs: two pixels of a figure (figure.js)
TURNS = 5


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
    time.sleep(SETTLED)
    ratios, answers = [], []
    for _ in range(TURNS):
        alone = speed(metrics, _measured)
        together, taken = _watched(server, metrics, viewers)
        ratios.append(together / alone)
        answers += taken
    teacher.goto(watched)
    teacher.get_by_role("button", name="Stop", exact=True).click()
    low, middle, high = statistics.quantiles(ratios, n=4)
    usual, late = statistics.median(answers), statistics.quantiles(answers, n=20)[-1]
    each = len(answers) / viewers / TURNS / (SETTLED + MEASURED)
    with capsys.disabled():
        print(
            f"\n{viewers} viewers: {middle:.2f} of the speed unwatched (quartiles {low:.2f} … "
            f"{high:.2f}); for each {each:.2f} updates a second, answered in {1000 * usual:.0f} ms "
            f"(median), {1000 * late:.0f} ms (95th percentile)"
        )


def _watched(server: str, metrics: Path, viewers: int) -> tuple[float, list[float]]:
    """The run's speed while all watch, and the seconds that their updates took."""
    path = "/" + feed.address(Run(metrics.parent), "running", True)
    end = time.monotonic() + SETTLED + MEASURED
    with ThreadPoolExecutor(viewers) as everybody:
        laters = [feed.REFRESH * number / viewers for number in range(viewers)]
        watching = everybody.map(partial(_watch, server, path, end), laters)
        time.sleep(SETTLED)
        together = speed(metrics, _measured)
    return together, [seconds for taken in watching for seconds in taken]


def _measured() -> None:
    time.sleep(MEASURED)


def _watch(server: str, path: str, end: float, later: float) -> list[float]:
    """Ask for updates; the seconds that each took."""
    connection = HTTPConnection(server.removeprefix("http://"))
    time.sleep(later)
    taken, beyond = [], -math.inf
    while (begin := time.monotonic()) < end:
        connection.request("GET", f"{path}?beyond={beyond}")
        content = connection.getresponse().read()
        taken.append(time.monotonic() - begin)
        if drawn := re.search(rb'"reach":([^,}]+)', gzip.decompress(content)):
            reach = float(drawn[1])
            beyond = reach + min(reach / 2, STROKE)
        time.sleep(max(0.0, feed.REFRESH - taken[-1]))
    connection.close()
    return taken
