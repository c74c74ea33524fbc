"""What has become of a run, in a few numbers: for lists of many runs."""

import math
from typing import NamedTuple

from ..errors import UserError
from .run import LIVE, Run, State
from .scheduler import Lab


class Outcome(NamedTuple):
    """How a run stands.

    Attributes:
        state: see `Status`.
        step: steps made.
        progress: see `Status`.
        accuracy: the last one on the test images; None if it was not measured yet.
        group: how many images attended to each other in it.
        reason: why it does not go on, if so.
    """

    state: State
    step: int = 0
    progress: float = 0.0
    accuracy: float | None = None
    group: int | None = None
    reason: str = ""

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


def outcome(run: Run, lab: Lab | None = None) -> Outcome:
    """How a run stands; a damaged one has failed.

    Args:
        run: any run.
        lab: that knows of the runs that wait.
    """
    try:
        status = lab.status(run) if lab else run.status()
        metrics = run.metrics()
    except UserError as error:
        return Outcome("failed", reason=str(error))
    accuracies, groups = (metrics.columns[name][1] for name in ("test_accuracy", "test_group"))
    known = len(accuracies) and math.isfinite(accuracies[-1] + groups[-1])
    accuracy, group = (float(accuracies[-1]), int(groups[-1])) if known else (None, None)
    return Outcome(status.state, status.step, status.progress, accuracy, group, status.reason)
