"""What a browser, and all together, may ask of an app and leave on its disk."""

from dataclasses import dataclass

from ..places import is_public
from .ledger import Ledger
from .queue import Queue


@dataclass(frozen=True)
class Caps:
    """The most that there may be.

    Attributes:
        waiting: runs of one browser that wait.
        waiting_in_all: runs that wait.
        steps: of one run.
        runs: of one browser that are kept, live ones too.
        checkpoints: files of weights that one browser has brought.
        bytes: of all that one browser's runs keep.
        bytes_in_all: of all that the runs of browsers keep.
    """

    waiting: int
    waiting_in_all: int
    steps: int
    runs: int
    checkpoints: int
    bytes: int
    bytes_in_all: int


# A class has thirty laptops; one that compares recipes queues a dozen runs for the night.
OWN = Caps(
    waiting=20,
    waiting_in_all=600,
    steps=5_000_000,
    runs=500,
    checkpoints=100,
    bytes=20 * 10**9,
    bytes_in_all=200 * 10**9,
)
# Strangers: the notebook's recipe has 75,000 steps; a run keeps 4 MB, at most 45.
PUBLIC = Caps(
    waiting=3,
    waiting_in_all=60,
    steps=100_000,
    runs=30,
    checkpoints=20,
    bytes=500 * 10**6,
    bytes_in_all=10 * 10**9,
)


def caps() -> Caps:
    """Those of this app: stricter where strangers use it, as ULTIMUS_PUBLIC says."""
    return PUBLIC if is_public() else OWN


class Quota:
    """What is left of the caps.

    Args:
        queue: the runs that wait.
        ledger: the runs that are kept.
        caps: the most that there may be.
    """

    def __init__(self, queue: Queue, ledger: Ledger, caps: Caps):
        self._queue = queue
        self._ledger = ledger
        self._caps = caps

    def refusal(self, owner: str, steps: int = 0, runs: int = 1) -> str:
        """Why a browser may not start runs; empty if it may.

        Args:
            owner: the browser; empty for whoever started the app, who has no share of his own.
            steps: that a run would make, as far as that is known.
            runs: how many.
        """
        most = self._caps
        if steps > most.steps:
            return (
                f"This run would make {steps:,} steps, and here one may make {most.steps:,}: lower "
                "the epochs, or use larger batches."
            )
        return self.waiting_refusal(owner, runs) or self._space(owner, runs)

    def waiting_refusal(self, owner: str, runs: int = 1) -> str:
        """Why no further runs of a browser may wait; empty if so many may."""
        most = self._caps
        if len(self._queue) + runs > most.waiting_in_all:
            return f"{most.waiting_in_all} runs wait already: start this one when some have ended."
        if owner and runs > 1 and self._queue.of(owner) + runs > most.waiting:
            return (
                f"These are {runs} runs, and at most {most.waiting} of one browser may wait: "
                "choose fewer values or seeds, or wait until others have begun."
            )
        if owner and self._queue.of(owner) >= most.waiting:
            return (
                f"{most.waiting} of your runs wait already, the most for one browser: stop one of "
                "them, or wait until one begins."
            )
        return ""

    def checkpoint_refusal(self, owner: str) -> str:
        """Why a browser may not bring a further file of weights; empty if it may."""
        if owner and self._ledger.checkpoints(owner) >= self._caps.checkpoints:
            return (
                f"You have brought {self._caps.checkpoints} files of weights, the most for one "
                "browser: delete one that you do not need any more."
            )
        return self._space(owner)

    def _space(self, owner: str, runs: int = 1) -> str:
        most = self._caps
        if owner and self._ledger.runs(owner) + runs > most.runs:
            return (
                f"You keep {self._ledger.runs(owner)} runs, and one browser may keep {most.runs}: "
                "delete some that you do not need any more."
            )
        if owner and self._ledger.bytes(owner) >= most.bytes:
            return (
                f"Your runs take {_size(most.bytes)} of the disk, the most for one browser: delete "
                "one that you do not need any more."
            )
        if self._ledger.bytes() >= most.bytes_in_all:
            return (
                f"The runs here take {_size(most.bytes_in_all)} of the disk, which is all that "
                "there is for them: delete runs, or ask whoever runs this app to do so."
            )
        return ""


def _size(number: int) -> str:
    return f"{number / 1e9:g} GB" if number >= 10**9 else f"{number / 1e6:g} MB"
