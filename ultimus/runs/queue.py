"""The runs that wait for a worker, in a fair order that survives the app.

Turns go round between those who wait. A run gets its turn when it joins: the one that is served
just now, or the one after its owner's last (start-time fair queueing, Goyal, Vin & Cheng 1996).
So whoever starts ten runs has one in each of ten turns, and others come in between. The ticket
stands in the run's folder; an app that is started again finds its queue there.
"""

import json
import math
import time
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from ..errors import UserError
from ..files import write_atomically
from .run import Run

TICKET = "ticket.json"


class Ticket(NamedTuple):
    """A place in the queue; the lowest one is next.

    Attributes:
        turn: of the rounds between the owners.
        time: when the run joined, in seconds since 1970.
        run: its id.
        owner: who started it, as recipe.json says.
    """

    turn: int
    time: float
    run: str
    owner: str


class Queue:
    """The waiting runs of a folder. Used by many threads at once.

    Args:
        runs: the folder that holds all runs.
    """

    def __init__(self, runs: Path):
        self._runs = runs
        self._lock = RLock()
        self._waiting: dict[str, Ticket] = {}
        self._served: dict[str, int] = {}  # owner: the last turn that was served
        self._now = 0  # the turn that is being served

    def find(self) -> None:
        """Take in the runs that an app left waiting."""
        for run in Run.all(self._runs):
            with suppress(UserError):  # damaged: nobody trains it
                self.take_in(run)
        with self._lock:
            if not self._served and self._waiting:
                self._now = min(self._waiting.values()).turn

    def take_in(self, run: Run) -> bool:
        """Put a run back into the queue that has a ticket; whether it waits now."""
        ticket = _read(run)
        if ticket is None:
            return False
        waits = run.status().state == "queued" and not run.is_held()
        with self._lock:
            if waits:
                self._waiting[run.id] = ticket
            elif run.is_held():
                self._serve(ticket)
        return waits

    def join(self, run: Run, owner: str, again: bool = False) -> None:
        """Let a run wait for its turn.

        Args:
            run: queued, as its status says.
            owner: who started it.
            again: with its former ticket, if it has one.

        Raises:
            OSError: the ticket cannot be written.
        """
        with self._lock:
            ticket = _read(run) if again else None
            ticket = ticket or Ticket(self._next_turn(owner), time.time(), run.id, owner)
            _write(run, ticket)
            self._waiting[run.id] = ticket

    def leave(self, run_id: str) -> None:
        """Let a run wait no longer; nothing happens if it does not."""
        with self._lock:
            self._waiting.pop(run_id, None)

    def serve(self, run_id: str) -> None:
        """A run's turn has come."""
        with self._lock:
            if ticket := self._waiting.pop(run_id, None):
                self._serve(ticket)

    def order(self) -> list[str]:
        """The ids of all that wait, the next one first."""
        with self._lock:
            return [ticket.run for ticket in sorted(self._waiting.values())]

    def place(self, run_id: str) -> int | None:
        """How many wait before a run; None if it does not wait."""
        with self._lock:
            mine = self._waiting.get(run_id)
            return None if mine is None else sum(turn < mine for turn in self._waiting.values())

    def of(self, owner: str) -> int:
        """How many runs of an owner wait."""
        with self._lock:
            return sum(ticket.owner == owner for ticket in self._waiting.values())

    def __len__(self) -> int:
        return len(self._waiting)

    def _serve(self, ticket: Ticket) -> None:
        self._now = max(self._now, ticket.turn)
        self._served[ticket.owner] = max(self._served.get(ticket.owner, 0), ticket.turn)

    def _next_turn(self, owner: str) -> int:
        waiting = (ticket.turn for ticket in self._waiting.values() if ticket.owner == owner)
        last = max(self._served.get(owner, -1), *waiting, -1)
        return max(self._now, last + 1)


def _write(run: Run, ticket: Ticket) -> None:
    content = json.dumps({"turn": ticket.turn, "time": ticket.time})
    write_atomically(run.folder / TICKET, content.encode())


def _read(run: Run) -> Ticket | None:
    """A run's ticket; none if it has none, or a damaged one."""
    try:
        content = json.loads((run.folder / TICKET).read_bytes())
        turn, when = content["turn"], content["time"]
        if type(turn) is int and 0 <= turn < 2**53 and math.isfinite(when):
            return Ticket(turn, float(when), run.id, run.info().owner)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        pass
    return None
