"""Sessions that follow a teacher's view, as the server sees them: in a process of their own, which
takes only what others leave of this machine. In a class they are other machines."""

import gzip
import json
import math
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import NamedTuple

from support.sessions import Visitor, visitor

from ultimus.runs.machine import give_way
from ultimus.ui import beat
from ultimus.ui.state.browser import ALIVE, KEY
from ultimus.ui.state.lead import HEADER

SETTLED = 5.0  # seconds in which all arrive
TOLD = 1.5  # seconds until the server knows of the teacher's next view
LAST = 19  # the lowest priority


class Class:
    """Sessions of a class, of which all follow or none.

    Attributes:
        process: the number of theirs.
        heard: seconds in which they heard which view to follow, once they have left.
        arrived: seconds in which they were at another view, once they have left.
    """

    def __init__(self, process: int, follow: Event):
        self.process = process
        self._follow = follow
        self.heard: list[float] = []
        self.arrived: list[float] = []

    def follow(self, follows: bool) -> None:
        """Let all follow, or wait without a word."""
        self._follow.set() if follows else self._follow.clear()


@contextmanager
def followers(server: str, run: str, number: int) -> Iterator[Class]:
    """A class that waits.

    Args:
        server: its address.
        run: the one on show.
        number: how many sessions.
    """
    start = multiprocessing.get_context("spawn")
    follow, goes_on = start.Event(), start.Event()
    ours, theirs = start.Pipe()
    goes_on.set()
    process = start.Process(target=_attend, args=(server, run, number, follow, goes_on, theirs))
    process.start()
    time.sleep(SETTLED)
    all_of_them = Class(process.pid, follow)
    try:
        yield all_of_them
    finally:
        goes_on.clear()
        follow.set()
        theirs.close()  # else nobody would learn of their failure
        all_of_them.heard, all_of_them.arrived = ours.recv()
        process.join()


def _attend(
    server: str, run: str, number: int, follow: Event, goes_on: Event, end: Connection
) -> None:
    """All sessions; at their end, the seconds in which they heard and arrived."""
    os.setsid()  # Linux shares the time among these first: a thread's priority says nothing to them
    give_way(LAST)
    with ThreadPoolExecutor(number) as everybody:
        waiting = [
            everybody.submit(_follow, server, run, one / number, follow, goes_on)
            for one in range(number)
        ]
    seen = [one.result() for one in waiting]
    end.send(([t for one in seen for t in one.heard], [t for one in seen for t in one.arrived]))


def _follow(server: str, run: str, later: float, follow: Event, goes_on: Event) -> "_Follower":
    """One session, which comes at its own time of a second."""
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
    return follower


class _Follower:
    """One who follows.

    Attributes:
        heard: seconds in which it heard which view to follow.
        arrived: seconds in which it was there.
    """

    def __init__(self, server: str, run: str, guest: Visitor):
        self.heard: list[float] = []
        self.arrived: list[float] = []
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
            self._hear()
        if " /train" not in self._view:
            return
        if self._is_due("board", now):
            self._ask(
                "board", f"live/{self._server}/{self._run}/running/beside-the-seed-run?beyond=1e9"
            )
        if self._is_due("probe", now):
            content = self._ask(
                "probe", f"explorer/step/{self._run}/live?images=probe&after={self._stamp}"
            ).content
            if content:
                self._stamp = json.loads(gzip.decompress(content))["stamp"]

    @property
    def due(self) -> float:
        """When something is to be asked for again."""
        asks = ("view", "board", "probe") if " /train" in self._view else ("view",)
        return min(self._due.get(what, -math.inf) for what in asks)

    def _is_due(self, what: str, now: float) -> bool:
        return now >= self._due.get(what, -math.inf)

    def _hear(self) -> None:
        begin = time.monotonic()
        answer = self._ask("view", ALIVE)
        self.heard.append(time.monotonic() - begin)
        self._server, view = answer.content.decode(), answer.headers[HEADER]
        if view != self._view:
            self._view, begin = view, time.monotonic()
            self._guest.send(KEY, "view", view)
            self._guest.look()
            self.arrived.append(time.monotonic() - begin)

    def _ask(self, what: str, path: str) -> "_Answer":
        self._connection.request("GET", f"/{path}")
        answer = self._connection.getresponse()
        assert answer.status in (200, 204)
        content = answer.read()
        self._due[what] = time.monotonic() + float(answer.headers[beat.HEADER])
        return _Answer(answer.headers, content)


class _Answer(NamedTuple):
    headers: Message
    content: bytes
