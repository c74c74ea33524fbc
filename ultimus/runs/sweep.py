"""A sweep: one recipe, times some values of one or two choices, times some seeds.

It is a small file in the runs folder, `sweeps/<id>.json`, that says what is wanted; each of its
runs names it. What has become of it is read from the runs, so a sweep can be gone on with at any
time: what is done is not trained again. The same sweep has the same id.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ValidationError, model_validator

from ..analysis.range_test import RangeTest, read
from ..data.sources import located
from ..errors import UserError, reason, with_all
from ..files import open_regular, read_bounded, storage_problem, write_atomically
from ..locks import lock
from ..recipe import Recipe, problems
from .housekeeping import SWEEPS
from .info import CHECKED, MAX_JSON_BYTES, Text
from .metrics import Metrics
from .outcome import Outcome, outcome
from .run import Run
from .scheduler import Lab

MOST_RUNS = 200  # of one sweep
MOST_CHOICES = 2  # that have several values
ONE_VALUE = ("preset", "data", "seed")  # of all runs of a sweep; seeds are counted on
GO_ON = ("paused", "stopped", "interrupted")

Value = int | float | str | None


class Point(NamedTuple):
    """A run that a sweep wants.

    Attributes:
        values: of the choices, in their order.
        recipe: what it does.
    """

    values: tuple[Value, ...]
    recipe: Recipe


class Sweep(BaseModel, frozen=True):
    """What a sweep wants; `plan` makes one.

    Attributes:
        recipe: what all runs share; its seed is the first.
        values: of each choice that has several.
        seeds: how many, counted from that of the recipe.
        owner: who started it, as the pages know people; empty for nobody in particular.

    Raises:
        pydantic.ValidationError: it makes no runs, or too many, or one whose recipe is invalid.
    """

    model_config = CHECKED

    recipe: Recipe
    values: dict[str, tuple[Value, ...]] = {}
    seeds: int = 1
    owner: Text = ""

    @model_validator(mode="after")
    def _makes_runs(self) -> "Sweep":
        for choice in self.values:
            if choice not in Recipe.model_fields or choice in ONE_VALUE:
                raise ValueError(f"{choice[:40]!r} cannot have several values in a sweep")
        if len(self.values) > MOST_CHOICES:
            raise ValueError(
                f"{', '.join(self.values)} have several values: at most {MOST_CHOICES} choices may"
            )
        if "grid" in self.values and "model" not in self.values and self.recipe.model == "images":
            raise ValueError("grid counts patches, and here images attend: choose model patches")
        if self.seeds < 1:
            raise ValueError(f"seeds should be 1 or more, not {self.seeds}")
        runs = prod(map(len, self.values.values())) * self.seeds
        if not 1 <= runs <= MOST_RUNS:
            raise ValueError(f"it would be {runs:,} runs: choose values for 1 to {MOST_RUNS}")
        _ = self.points
        return self

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """The runs, by value, then by seed."""
        first = self.recipe.seed
        return tuple(
            Point(values, self._recipe(values, seed))
            for values in product(*self.values.values())
            for seed in range(first, first + self.seeds)
        )

    def _recipe(self, values: Sequence[Value], seed: int) -> Recipe:
        chosen = dict(zip(self.values, values, strict=True))
        return Recipe.model_validate({**self.recipe.model_dump(), **chosen, "seed": seed})

    @property
    def is_range_test(self) -> bool:
        """Whether it tells which learning rates suit, see `analysis.range_test`."""
        return self.recipe.schedule == "geometric" and not self.values

    @cached_property
    def id(self) -> str:
        """The same for the same sweep, also in a later version whose recipes have more choices."""
        content = self.model_dump_json(exclude_defaults=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return "-".join([*(["range"] if self.is_range_test else self.values), digest])


def plan(recipe: Recipe, values: Mapping[str, Sequence], seeds: int = 1, owner: str = "") -> Sweep:
    """A sweep of these values, which may be texts; equal ones count once.

    Raises:
        UserError: see `Sweep`.
    """
    try:
        recipe = recipe.with_data(located(recipe.data))
        typed = {
            choice: tuple(dict.fromkeys(_typed(recipe, choice, value) for value in several))
            for choice, several in values.items()
        }
        return Sweep(recipe=recipe, values=typed, seeds=seeds, owner=owner)
    except ValidationError as error:
        raise UserError(f"This is no sweep: {problems(error)}.") from error


def _typed(recipe: Recipe, choice: str, value: Value) -> Value:
    """A value as a recipe has it."""
    if choice not in Recipe.model_fields:
        return value  # which the sweep refuses
    return getattr(Recipe.model_validate({**recipe.model_dump(), choice: value}), choice)


# Its file -----------------------------------------------------------------------------------------


def save(sweep: Sweep, runs: Path) -> None:
    """Keep a sweep in the folder of all runs.

    Raises:
        UserError: the folder cannot be written.
    """
    path = _path(runs, sweep.id)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_kept(path):
            write_atomically(path, sweep.model_dump_json(indent=1).encode())
    except OSError as error:
        raise storage_problem(error, path.parent) from error


def _is_kept(path: Path) -> bool:
    """Whether a sweep's file is there, and whole."""
    try:
        return bool(_read(path, os.stat(path).st_mtime_ns))
    except (OSError, UserError):
        return False


def find(sweep_id: str, runs: Path) -> Sweep:
    """A sweep by its id.

    Raises:
        UserError: there is none, or its file is damaged.
    """
    if sweep_id not in _ids(runs):
        raise UserError(
            f"There is no sweep {sweep_id[:80]!r} here: check the link, or start it again."
        )
    path = _path(runs, sweep_id)
    return _read(path, os.stat(path).st_mtime_ns)


def saved(runs: Path) -> list[Sweep]:
    """All sweeps of a folder that can be read, the newest first."""
    found = []
    for sweep_id in sorted(_ids(runs), key=lambda name: -_changed(_path(runs, name))):
        with suppress(UserError, OSError):  # damaged, or gone meanwhile
            found.append(find(sweep_id, runs))
    return found


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> Sweep:
    try:
        return Sweep.model_validate_json(read_bounded(path, MAX_JSON_BYTES))
    except ValidationError as error:
        why = problems(error)
    except OSError as error:
        why = reason(error)
    raise UserError(f"The sweep {path.stem} is damaged ({why}): delete {path.name}.")


def _path(runs: Path, sweep_id: str) -> Path:
    return runs / SWEEPS / f"{sweep_id}.json"


def _ids(runs: Path) -> set[str]:
    return {path.stem for path in (runs / SWEEPS).glob("*.json")}


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


# Its runs -----------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """A point of a sweep, and what has become of it.

    Attributes:
        point: what is wanted.
        run: what trains it; None where there is none yet.
        outcome: how it stands; None likewise.
    """

    point: Point
    run: Run | None
    outcome: Outcome | None


class Row(NamedTuple):
    """The seeds of one value.

    Attributes:
        values: of the choices, in their order.
        accuracies: on the test images, of the runs that are done.
        failed: how many runs diverged, or could not go on.
        runs: how many are wanted.
    """

    values: tuple[Value, ...]
    accuracies: tuple[float, ...]
    failed: int
    runs: int

    @property
    def mean(self) -> float | None:
        return mean(self.accuracies) if self.accuracies else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation between seeds, if there are several."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None


def entries(sweep: Sweep, runs: Path, lab: Lab | None = None) -> list[Entry]:
    """What has become of each point; a lab tells more of runs that wait."""
    found = _runs(sweep, runs)
    return [_entry(point, found.get(_key(point.recipe)), lab) for point in sweep.points]


def rows(found: Sequence[Entry]) -> list[Row]:
    """The same by value, in the order of the sweep."""
    return [
        _row(values, [entry for entry in found if entry.point.values == values])
        for values in dict.fromkeys(entry.point.values for entry in found)
    ]


def is_open(entry: Entry) -> bool:
    """Whether there is something left to train."""
    return entry.run is None or entry.outcome.is_live or entry.outcome.state in GO_ON


def carry_on(sweep: Sweep, lab: Lab) -> None:
    """Have all runs of a sweep trained that are not: start those that are missing, and let those go
    on that were interrupted or stopped.

    Raises:
        UserError: some of them cannot be started; the others are.
    """
    save(sweep, lab.runs)
    with _alone(sweep, lab.runs):
        found = entries(sweep, lab.runs, lab)
        missing = [entry.point.recipe for entry in found if entry.run is None]
        if missing and (refusal := lab.refusal(sweep.owner, missing[0], len(missing))):
            raise UserError(refusal)
        with_all(found, lambda entry: _let_train(entry, sweep, lab))


def _let_train(entry: Entry, sweep: Sweep, lab: Lab) -> None:
    if entry.run is None:
        lab.start(entry.point.recipe, sweep=sweep.id, owner=sweep.owner)
    elif entry.outcome.state in GO_ON:
        lab.ask(entry.run, "resume")


def stop(sweep: Sweep, lab: Lab) -> None:
    """End all runs of a sweep that are live or wait.

    Raises:
        UserError: some of them cannot be stopped; the others are.
    """
    found = entries(sweep, lab.runs, lab)
    live = [entry.run for entry in found if entry.run and entry.outcome.is_live]
    with_all(live, lambda run: lab.ask(run, "stop"))


def range_test(found: Sequence[Entry]) -> RangeTest:
    """What the runs of a range test tell up to now."""
    recipe = found[0].point.recipe
    steps = recipe.max_steps
    losses = np.full((len(found), steps), np.nan)
    for seed, entry in enumerate(found):
        if measured := _measured(entry):
            step, loss = measured.column("step").astype(int), measured.column("loss")
            inside = (step >= 1) & (step <= steps)
            losses[seed, step[inside] - 1] = loss[inside]
    failed = [bool(entry.outcome) and entry.outcome.state == "failed" for entry in found]
    return read([recipe.rate(step, steps) for step in range(steps)], losses, failed)


def _measured(entry: Entry) -> Metrics | None:
    with suppress(UserError):  # damaged or gone, which its outcome tells
        return entry.run.metrics() if entry.run else None
    return None


@contextmanager
def _alone(sweep: Sweep, runs: Path) -> Iterator[None]:
    """Nobody else starts runs of this sweep meanwhile."""
    path = _path(runs, sweep.id).with_suffix(".lock")
    try:
        with open_regular(path, os.O_RDWR | os.O_CREAT) as held:
            if not lock(held, patience=5):
                raise UserError(f"The sweep {sweep.id} is being started: wait for a moment.")
            yield
    except OSError as error:
        raise storage_problem(error, path.parent) from error


def _runs(sweep: Sweep, runs: Path) -> dict[Recipe, Run]:
    """The sweep's runs by what they do; the oldest, should there be several."""
    found = {}
    for run in Run.all(runs):  # the newest first
        with suppress(UserError):  # damaged
            if (info := run.info()).sweep == sweep.id:
                found[_key(info.recipe)] = run
    return found


def _key(recipe: Recipe) -> Recipe:
    """What tells the runs of a sweep apart; their data may have been moved."""
    return recipe.model_copy(update={"data": ""})


def _entry(point: Point, run: Run | None, lab: Lab | None) -> Entry:
    return Entry(point, run, run and outcome(run, lab))


def _row(values: tuple[Value, ...], found: Sequence[Entry]) -> Row:
    outcomes = [entry.outcome for entry in found if entry.outcome]
    accuracies = tuple(
        result.accuracy
        for result in outcomes
        if result.state == "done" and result.accuracy is not None
    )
    failed = sum(result.state == "failed" for result in outcomes)
    return Row(values, accuracies, failed, len(found))
