"""What a run is asked to do while it is trained, and how long a paused one keeps its worker."""

import math
import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import UserError
from ..recipe import LEAST_FACTOR, MOST_FACTOR
from .info import read_status
from .run import Run

POLL_EVERY = 0.02  # seconds between looks for a request while paused
LOOK_EVERY = 1.0  # seconds between looks for other runs that wait for a worker
GRACE = 60.0  # seconds a paused run keeps its worker though others wait
PATIENCE = 600.0  # seconds paused before the worker is given back, though nobody waits for it


def ask_for_rate(run: Run, factor: float) -> None:
    """Let the planned learning rate of a run be multiplied from its next step on.

    Args:
        run: one that is trained just now.
        factor: of the rates that its recipe plans; 1 goes back to these.

    Raises:
        UserError: it is not trained just now, is part of a sweep, or was changed too often, or the
            factor is out of bounds.
    """
    if not LEAST_FACTOR <= factor <= MOST_FACTOR:
        raise UserError(
            f"A rate is multiplied by {LEAST_FACTOR:g} to {MOST_FACTOR:,g}, not by {factor:g}: "
            "choose a factor in between."
        )
    info, step = run.info(), run.status().step
    if info.sweep:
        raise UserError(
            f"The run {run.id} is part of a sweep, which compares recipes: its rate stays as "
            "planned. Start a run of its own to change a rate."
        )
    try:
        info.recipe.with_factor(step, factor)
    except UserError as error:
        raise UserError(
            f"The rate of {run.id} was changed so often that its recipe holds no more changes: "
            "train on from one of its steps instead."
        ) from error
    if not run.is_held():
        raise UserError(
            f"The run {run.id} is not trained just now: its rate is changed while it trains."
        )
    if run.has_request():  # which this one would replace
        raise UserError(f"The run {run.id} was asked for something else just now: try again.")
    run.ask(f"rate {factor:g}")


class Control:
    """Takes a run's requests, and waits while it is paused.

    Args:
        run: the run that is trained.
        patience: seconds to stand paused before the worker is given back.
        clock: tells the time in seconds.
        on_factor: called with the factor by which the planned rate is to be multiplied from now on.

    Attributes:
        allowed: steps to be made before the run pauses; None for as many as it takes.
        stopped: whether it is to end.
        parked: whether its worker is due to others.
    """

    def __init__(
        self,
        run: Run,
        patience: float,
        clock: Callable[[], float],
        on_factor: Callable[[float], None] = lambda factor: None,
    ):
        self.allowed: int | None = None
        self.stopped = self.parked = False
        self._run = run
        self._patience = patience
        self._clock = clock
        self._on_factor = on_factor
        self._paused_since = math.inf  # single steps do not end a pause
        self._looked = -math.inf

    @property
    def is_paused(self) -> bool:
        return self.allowed == 0 and not self.stopped

    @property
    def goes_on(self) -> bool:
        return not (self.stopped or self.parked)

    def count(self, steps: int) -> None:
        """Note steps that were made."""
        if self.allowed is not None:
            self.allowed -= steps

    def listen(self) -> None:
        """Take the request that waits, if one does."""
        match self._run.take_request().split():
            case ["pause"]:
                self.allowed = 0
            case ["step"]:
                self.allowed = 1
            case ["resume"]:
                self.allowed = None
                self._paused_since = math.inf
            case ["stop"]:
                self.stopped = True
            case ["rate", factor]:
                with suppress(ValueError):  # somebody else wrote it
                    self._on_factor(float(factor))

    def wait(self) -> None:
        """Stand paused until the run is told to go on, or its worker is due to others."""
        begin = self._clock()
        self._paused_since = min(self._paused_since, begin)
        while self.is_paused:
            self.parked = self._is_due_to_others(begin)
            if self.parked:
                return
            time.sleep(POLL_EVERY)
            self.listen()

    def _is_due_to_others(self, begin: float) -> bool:
        now = self._clock()
        if now - self._looked <= LOOK_EVERY:
            return False
        self._looked = now
        if now - begin > self._patience:
            return True
        return now - self._paused_since > min(GRACE, self._patience) and _others_wait(self._run)


def _others_wait(run: Run) -> bool:
    """Whether another run of the same folder waits for a worker."""
    for other in Run.all(run.folder.parent):
        try:
            if read_status(other.folder).state == "queued":
                return True
        except UserError:
            continue  # damaged: nobody trains it
    return False
