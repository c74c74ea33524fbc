"""Figures that were measured, for pages, lessons and documents that quote them.

Each set lies in assets/measured/NAME.json, with its data, its machine and the command that made it.
A text takes its figures from here, so that it changes when they are measured again.
"""

import json
from functools import cache
from statistics import mean, stdev
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ..errors import UserError, reason
from ..files import read_bounded
from ..places import ASSETS

MOST = 4_000_000  # bytes of a file


class Measured(BaseModel):
    """What one command has measured.

    Attributes:
        about: what it is, in a sentence.
        unit: of the values; "share" is a fraction 0...1.
        data: what it was measured on.
        machine: what it was measured with.
        command: what measures it again.
        seeds: one for each repetition.
        seeds_of: what the seeds draw.
        values: by name, a number for each seed.
        curves: by name, columns of one length, such as "epoch" and "loss".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    about: str
    unit: str
    data: str
    machine: str
    command: str
    seeds: tuple[int, ...]
    seeds_of: str = "training"
    values: dict[str, tuple[float, ...]]
    curves: dict[str, dict[str, tuple[float, ...]]] = {}

    @model_validator(mode="after")
    def _whole(self) -> "Measured":
        for name, values in self.values.items():
            if len(values) != len(self.seeds):
                raise ValueError(f"{name} has {len(values)} values for {len(self.seeds)} seeds")
        for name, columns in self.curves.items():
            if len(set(map(len, columns.values()))) > 1:
                raise ValueError(f"the columns of {name} differ in length")
        return self

    def mean(self, name: str) -> float:
        """The mean of a value over the seeds."""
        return mean(self.values[name])

    def spread(self, name: str) -> float:
        """Its standard deviation over the seeds, n - 1 in the denominator; 0 for one seed."""
        return stdev(self.values[name]) if len(self.seeds) > 1 else 0.0

    def percent(self, name: str, digits: int = 1) -> str:
        """A share as it stands in a text: "68.9 %", and with several seeds "69.1 ± 0.3 %"."""
        spread = f" ± {100 * self.spread(name):.{digits}f}" if len(self.seeds) > 1 else ""
        return f"{100 * self.mean(name):.{digits}f}{spread} %"


@cache
def measured(name: str) -> Measured:
    """What lies in assets/measured under that name.

    Raises:
        UserError: it is missing or damaged.
    """
    path = ASSETS / "measured" / f"{name}.json"
    try:
        return Measured.model_validate_json(read_bounded(path, MOST))
    except (OSError, ValidationError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error.errors()[0]["msg"])
        raise UserError(
            f"The measured figures {path} cannot be read ({why}): install Ultimus again."
        ) from error


@cache
def notebook_log() -> dict[str, Any]:
    """What the published notebook printed: `epochs`, a row each, and its one `test_accuracy`."""
    return json.loads((ASSETS / "seed_log.json").read_text(encoding="utf-8"))
