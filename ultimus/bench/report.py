"""What the bench has measured: medians, their spread, and how both are told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

WAYS = {
    "notebook": "a   the notebook's way",
    "same": "b   ours, same arithmetic, a live run",
    "headless": "b0  ours, without a run folder",
    "grouped": "c   ours, grouped steps (steady)",
    "patches": "p   as c, but patches attend",
    "trace": "d   one group traced, not trained",
}
SPREADS = (
    "step_ms", "images_per_second", "ratio_same", "ratio_grouped", "ratio_patches", "telemetry_cost"
)  # fmt: skip


class Spread(NamedTuple):
    """The median of the rounds, and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Spread":
        return cls(*np.quantile(values, (0.5, 0.25, 0.75)).tolist())


@dataclass(frozen=True)
class Measured:
    """What was measured, and on what.

    Attributes:
        step_ms: milliseconds that a step takes, by way.
        images_per_second: by way.
        ratio_same: the notebook's time of a step over that of ours as a live run.
        ratio_grouped: images per second of ours in grouped steps over the notebook's.
        ratio_patches: time of a grouped step where patches attend over that where images do.
        telemetry_cost: by which fraction a live run's steps take longer than those without a run
            folder, in all rounds together, since not every round meets every write; its quartiles
            are those of what other draws of the same rounds give.
        recorder_share: the same from inside, time in the recorder over time in the steps: less
            noisy, but blind to what the steps themselves suffer.
        worker_mb: peak of a training worker's resident memory in megabytes, shared pages aside;
            None where the system does not tell.
        data: name of the data.
        rounds: how many rounds of turns were made.
        threads: that torch computes with.
        machine: processor, cores and system.
        versions: of torch, python and ultimus.
    """

    step_ms: dict[str, Spread]
    images_per_second: dict[str, Spread]
    ratio_same: Spread
    ratio_grouped: Spread
    ratio_patches: Spread
    telemetry_cost: Spread
    recorder_share: float
    worker_mb: float | None
    data: str
    rounds: int
    threads: int
    machine: dict[str, str | int]
    versions: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Medians by the attributes' names; their quartiles by the same names in `spread`."""
        values = vars(self)
        spread = {name: _part(values[name], lambda measured: [*measured[1:]]) for name in SPREADS}
        return {
            **{
                name: _part(value, lambda measured: measured.median)
                for name, value in values.items()
            },
            "spread": spread,
        }

    def as_text(self) -> str:
        """A table for people."""
        here, know = self.machine, self.versions
        memory = "not told by this system" if self.worker_mb is None else f"{self.worker_mb:.0f} MB"
        return "\n".join(
            [
                f"{here['cpu']}, {here['cores']} cores, {here['os']}",
                f"torch {know['torch']}, python {know['python']}, ultimus {know['ultimus']}, "
                f"{self.threads} threads; {self.data}",
                f"Medians of {self.rounds} alternating rounds, and their quartiles:",
                *(self._line(way) for way in WAYS),
                f"Steps, a / b: {_shown(self.ratio_same, '.2f')}",
                f"Images per second, c / a: {_shown(self.ratio_grouped, '.2f')}",
                f"Steps where patches attend, p / c: {_shown(self.ratio_patches, '.2f')}",
                f"Telemetry, b / b0 - 1: {_shown(self.telemetry_cost, '.1%')}; "
                f"timed in the recorder: {self.recorder_share:.1%}",
                f"Peak memory of a training worker, shared pages aside: {memory}",
            ]
        )

    def _line(self, way: str) -> str:
        step, images = self.step_ms[way], self.images_per_second[way]
        return f"{WAYS[way]:39}{_shown(step, '.2f'):>24} ms{images.median:10,.0f} images/s"


def _part(value: Any, part: Callable[[Spread], Any]) -> Any:
    """That part of a spread, or of each in a dictionary; any other value as it is."""
    if isinstance(value, dict):
        return {name: _part(entry, part) for name, entry in value.items()}
    return part(value) if isinstance(value, Spread) else value


def _shown(spread: Spread, form: str) -> str:
    median, low, high = (format(number, form) for number in spread)
    return f"{median} ({low} … {high})"
