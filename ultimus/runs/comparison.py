"""Several runs beside each other: what differs between their recipes, and where each ended."""

import re
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from ..data.sources import CIFAR10_CLASSES
from ..errors import UserError
from ..recipe import Recipe, written
from . import housekeeping
from .info import RunInfo
from .metrics import Metrics
from .outcome import Outcome, outcome
from .run import Run

SHORT = 3  # differences that make a name


class Member(NamedTuple):
    """A run among others.

    Attributes:
        run: its folder.
        info: what was asked of it.
        metrics: what it has measured up to now.
        outcome: how it stands.
    """

    run: Run
    info: RunInfo
    metrics: Metrics
    outcome: Outcome


class Family(NamedTuple):
    """Runs that differ by nothing but their seeds.

    Attributes:
        places: of its runs among those that are compared.
        mean: of their test accuracies, 0...1.
        spread: standard deviation of these, n - 1 in the denominator.
    """

    places: list[int]
    mean: float
    spread: float


def member(run: Run) -> Member:
    """A run as it stands.

    Raises:
        UserError: it is damaged.
    """
    return Member(run, run.info(), run.metrics(), outcome(run))


def differences(members: Sequence[Member]) -> dict[str, list[Any]]:
    """What is not the same in all recipes and beginnings: for each the value that each run has."""
    choices = {name: [getattr(one.info.recipe, name) for one in members]
               for name in Recipe.model_fields if name != "data"}  # fmt: skip
    choices["data"] = [one.info.data_name for one in members]
    choices["trained on from"] = [_beginning(one) for one in members]
    return {name: values for name, values in choices.items() if len(set(values)) > 1}


def _beginning(one: Member) -> str | None:
    """Whose weights a run began with; None for new ones."""
    if (parent := one.info.parent) is None:
        return None
    name = re.sub(r"^\d{8}-\d{6}-", "", parent.run)  # without when it was started
    return f"step {parent.step:,} of {name}"


def names(members: Sequence[Member]) -> list[str]:
    """What each run is called beside the others: by its person, or by what is its own."""
    different = differences(members)
    made = []
    for place, one in enumerate(members):
        own = [f"{name} {written(values[place])}" for name, values in different.items()][:SHORT]
        made.append(housekeeping.name(one.run) or ", ".join(own) or one.run.id)
    return [name if made.count(name) == 1 else f"{name} ({members[place].run.id[-6:]})"
            for place, name in enumerate(made)]  # fmt: skip


def families(members: Sequence[Member]) -> list[Family]:
    """The runs that are the same but for their seeds, where several have been measured alike."""
    found: dict[str, list[int]] = {}
    for place, one in enumerate(members):
        if one.outcome.accuracy is not None and not one.outcome.is_live:
            same = one.info.recipe.model_copy(update={"seed": 0}).model_dump_json()
            seen = f"{one.info.dataset.fingerprint} {one.outcome.step} {one.outcome.group}"
            found.setdefault(f"{same} {one.info.parent} {seen}", []).append(place)
    made = []
    for places in found.values():
        if len({members[place].info.recipe.seed for place in places}) > 1:
            accuracies = [members[place].outcome.accuracy for place in places]
            made.append(Family(places, mean(accuracies), stdev(accuracies)))
    return made


def check_fit(one: Run, other: Run) -> None:
    """See to it that the same pictures can be looked at with the weights of two runs.

    Raises:
        UserError: they cannot.
    """
    infos = [run.info() for run in (one, other)]
    first, second = (info.recipe.tokens_along_a_side for info in infos)
    names = [info.dataset.classes or CIFAR10_CLASSES for info in infos]
    if first != second:
        what = f"in one {_lookers(first)}, in the other {_lookers(second)}"
    elif names[0] != names[1]:
        what = "their classes are not the same"
    else:
        return
    raise UserError(
        f"The attention of these two cannot stand side by side: {what}. Choose two of one kind."
    )


def _lookers(grid: int) -> str:
    """Who looks at whom in a network."""
    if grid == 1:
        return "the pictures of a group look at each other"
    return f"the {grid} × {grid} patches of one picture look at each other"
