"""What a class that watches costs the run that it watches.

Thirty browsers do not fit on one machine, so a viewer here is what a browser is to the server: it
asks for the newest version of the run's board when its page would.
"""

import os
import statistics
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from hands import start_training
from pace import newest_metrics, speed
from playwright.sync_api import Page

from ultimus.run import Run
from ultimus.ui import feed

SETTLED, MEASURED = 5, 10  # seconds


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.parametrize("viewers", [1, 10, 30])
def test_what_a_class_costs(
    server: str,
    runs: Path,
    person: Callable[[], Page],
    capsys: pytest.CaptureFixture,
    viewers: int,
):
    teacher = start_training(person, server, epochs=900)
    watched, metrics = teacher.url, newest_metrics(runs)
    teacher.goto("about:blank")
    time.sleep(SETTLED)
    alone = speed(metrics, _measured)
    address = f"{server}/{feed.address(Run(metrics.parent), 'running', True)}"
    with ThreadPoolExecutor(viewers) as everybody:
        end = time.monotonic() + SETTLED + MEASURED
        laters = [feed.REFRESH * number / viewers for number in range(viewers)]
        watching = everybody.map(partial(_watch, address, end), laters)
        time.sleep(SETTLED)
        together = speed(metrics, _measured)
    answers = [seconds for taken in watching for seconds in taken]
    teacher.goto(watched)
    teacher.get_by_role("button", name="Stop", exact=True).click()
    middle, late = statistics.median(answers), statistics.quantiles(answers, n=20)[-1]
    with capsys.disabled():
        print(
            f"\n{viewers} viewers: {together / alone:.2f} of the speed unwatched; for each "
            f"{len(answers) / viewers / (SETTLED + MEASURED):.2f} updates a second, answered in "
            f"{1000 * middle:.0f} ms (median), {1000 * late:.0f} ms (95th percentile)"
        )


def _measured() -> None:
    time.sleep(MEASURED)


def _watch(address: str, end: float, later: float) -> list[float]:
    """Ask for updates; the seconds that each took."""
    asked = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    time.sleep(later)
    taken = []
    while (begin := time.monotonic()) < end:
        with urllib.request.urlopen(asked) as answer:
            answer.read()
        taken.append(time.monotonic() - begin)
        time.sleep(max(0.0, feed.REFRESH - taken[-1]))
    return taken
