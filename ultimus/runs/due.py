"""Which of a run's files are due to be written after a step."""

from collections.abc import Callable
from typing import Literal

from ..training.training import FIRST_STEPS, Progress

Part = Literal["report", "snapshot", "live", "state"]
EVERY: dict[Part, float] = {"report": 0.4, "live": 0.5, "state": 5.0}
"""Seconds between lines of metrics, writes of live.safetensors, and of resume.pt at least."""


class Schedule:
    """What is written when: by the clock, at each of the first steps, at an epoch's end.

    Args:
        clock: tells the time in seconds.
        each_step: whether there is a report after each step.
    """

    def __init__(self, clock: Callable[[], float], each_step: bool = False):
        self.each_step = each_step
        self.snapshots: frozenset[int] = frozenset()  # the steps whose weights are kept
        self._clock = clock
        self._written = dict.fromkeys(EVERY, clock())

    def due(self, progress: Progress, is_single: bool) -> set[Part]:
        """What to write after a step.

        Args:
            progress: the step.
            is_single: whether a person asked for this one step.
        """
        now = self._clock()
        due = {part for part, seconds in EVERY.items() if now - self._written[part] >= seconds}
        if self.each_step or is_single or progress.step <= FIRST_STEPS or progress.epoch_result:
            due.add("report")
        if progress.epoch_result:
            due.add("state")
        elif "report" not in due:
            # with a report: one of its own, when a run goes on from there, would be the mean of a
            # few steps only, a spike in the curves
            due.discard("state")
        if progress.step in self.snapshots:
            due.add("snapshot")
        return due

    def wrote(self, part: Part) -> None:
        """Count the time anew: what the writing took is no training time."""
        self._written[part] = self._clock()
