"""A class that starts at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs

from support.sessions import Visitor, visitor

from ultimus.runs.run import LIVE, Run

CLASS = 30


def test_thirty_who_press_start_at_once_see_their_own_run(server: str, runs: Path):
    with ExitStack() as stack, ThreadPoolExecutor(CLASS) as everybody:
        visitors = [stack.enter_context(visitor(server)) for _ in range(CLASS)]
        ready, before = threading.Barrier(CLASS), {run.id for run in Run.all(runs)}
        shown = list(everybody.map(lambda each: _start(each, ready), visitors))
        own = {run.id: run for run in Run.all(runs) if run.id not in before}
        try:
            assert len({*shown}) == CLASS
            assert {*shown} == own.keys()
            assert all(run.status().state in (*LIVE, "done") for run in own.values())
            list(everybody.map(lambda each: _visit(each, f"run={shown[0]}"), visitors[:5]))
        finally:
            for run in own.values():
                run.ask("stop")


def _start(each: Visitor, ready: threading.Barrier) -> str:
    """Open the page, press Start when all are ready; the run that the page then shows."""
    _visit(each, "max_steps=5&preset=seed")
    ready.wait()
    each.press("Start")
    each.look()
    assert not each.failures
    assert "Stop" in each.buttons  # it cannot be pressed where the five steps are over already
    return parse_qs(each.link)["run"][0]


def _visit(each: Visitor, link: str) -> None:
    each.open(link)
    each.look()
    while "Start" not in each.buttons or not each.buttons["Start"]:
        each.open(link)  # the data is being prepared
        each.look()
    assert not each.failures
