"""Measures what sessions take of the server's memory, beside another build of Ultimus."""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from support.servers import free_port, served
from support.sessions import visitor

ROOT = Path(__file__).parents[2]
FIRST, FURTHER, GUESTS = 5, 20, 60
STORED = 10  # seconds for which the server keeps the session of a connection that was lost
LEFT = 2 * STORED  # seconds until nobody counts as somebody who may come back


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
def test_what_a_session_takes_and_leaves(tmp_path: Path, capsys):
    builds = {"this build": str(ROOT)}
    if other := os.environ.get("ULTIMUS_OTHER"):  # the checkout of another build
        builds["the other"] = other
    figures = {name: _measured(checkout, tmp_path) for name, checkout in builds.items()}
    with capsys.disabled():
        for what in figures["this build"]:
            print(f"\n{what}: ", *(f"{name} {found[what]:.1f}" for name, found in figures.items()))


def _measured(checkout: str, place: Path) -> dict[str, float]:
    environment = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
    environment |= {"ULTIMUS_RUNS": str(place), "ULTIMUS_HOME": str(place / "home")}
    environment |= {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(STORED)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    figures: dict[str, float] = {}
    for page in ("attention", "predict"):
        port = free_port()
        with served(command, Path(checkout), environment, port) as address:
            figures |= _of_page(address, _listener(port), page)
    return figures


def _of_page(address: str, server: psutil.Process, page: str) -> dict[str, float]:
    with ExitStack() as stack:
        _come(stack, address, page, FIRST)
        start = _megabytes(server)
        _come(stack, address, page, FURTHER)
        further = (_megabytes(server) - start) / FURTHER
    time.sleep(LEFT)
    before = _megabytes(server)
    with ExitStack() as stack:
        _come(stack, address, page, GUESTS)
        with_guests = _megabytes(server)
    time.sleep(LEFT)
    return {
        f"{page}: each further session, MB": further,
        f"{page}: before {GUESTS} guests, MB": before,
        f"{page}: with them, MB": with_guests,
        f"{page}: once they have left, MB": _megabytes(server),
    }


def _come(stack: ExitStack, address: str, page: str, count: int) -> None:
    """Guests who look at a page, and stay."""
    for _ in range(count):
        guest = stack.enter_context(visitor(address))
        guest.open("", page)
        guest.look()
        assert not guest.failures


def _listener(port: int) -> psutil.Process:
    return next(
        psutil.Process(each.pid)
        for each in psutil.net_connections("tcp")
        if each.laddr.port == port and each.status == psutil.CONN_LISTEN
    )


def _megabytes(process: psutil.Process) -> float:
    return process.memory_info().rss / 2**20
