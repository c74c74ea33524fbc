"""`ultimus sweep`: one recipe with several values and seeds, trained by a lab, shown as it fills.

The same command again goes on where the sweep stands.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from tqdm import tqdm

from ..errors import UserError, counted
from ..recipe import Recipe, written
from ..runs import sweep as sweeps
from ..runs.scheduler import Lab
from ..runs.sweep import Entry, Row, Sweep
from .common import choice, given, note, open_data

LOOK_EVERY = 0.2  # seconds


def run(options: argparse.Namespace) -> int:
    """Train what is missing of a sweep; returns the exit code."""
    sweep = _planned(options)
    data = open_data(sweep.recipe.data)
    for point in sweep.points:  # before there are runs, so that bad choices leave none behind
        point.recipe.steps_per_epoch(len(data.train))
    note(
        f"sweep {sweep.id} in {shlex.quote(str(options.runs))}: {counted(len(sweep.points), 'run')}"
    )
    train(sweep, options)
    found = sweeps.entries(sweep, options.runs)
    _print(sweep, sweeps.rows(found), options.json)
    check(found)
    return 0


def _planned(options: argparse.Namespace) -> Sweep:
    """What the command line says: a choice with commas has several values."""
    fixed, several = {}, {}
    for name, text in given(options).items():
        values = [text] if name in sweeps.ONE_VALUE else text.split(",")
        if len(values) == 1:
            fixed[name] = choice(name, text)
        else:
            several[name] = [choice(name, value.strip()) for value in values]
    return sweeps.plan(Recipe.of(**fixed), several, options.seeds)


def train(sweep: Sweep, options: argparse.Namespace) -> None:
    """Train what is missing of a sweep, and say of each run when it has ended.

    Raises:
        UserError: some of it cannot be trained; the rest has been.
    """
    sweeps.save(sweep, options.runs)
    if not any(map(sweeps.is_open, sweeps.entries(sweep, options.runs))):
        return
    address = os.environ.get("ULTIMUS_SCHEDULER", "")
    with _telling(sweep), closing(Lab(options.runs, address, niceness=0, takes_in=False)) as lab:
        problem = _carry_on(sweep, lab)
        with tqdm(total=len(sweep.points), unit="run", dynamic_ncols=True, disable=None) as bar:
            _follow(sweep, lab, bar)
    if problem:
        raise problem


def _carry_on(sweep: Sweep, lab: Lab) -> UserError | None:
    """Why some runs cannot be trained; the others are.

    Raises:
        UserError: none can be at present.
    """
    try:
        sweeps.carry_on(sweep, lab)
    except UserError as error:
        if lab.problem:
            raise
        return error
    return None


def check(found: Sequence[Entry], ends: Sequence[str] = ("done",)) -> None:
    """Say what kept runs from their end.

    Args:
        found: of a sweep.
        ends: the states in which they have come to it.

    Raises:
        UserError: some have not.
    """
    for reason in dict.fromkeys(entry.outcome.reason for entry in found if entry.run):
        note(reason)
    short = Counter(state for state in map(_end, found) if state not in ends)
    if short:
        states = ", ".join(f"{count} {state}" for state, count in short.items())
        can_go_on = any(map(sweeps.is_open, found))
        again = "choose other values, or remove these runs and give the command again"
        advice = "the same command goes on" if can_go_on else again
        raise UserError(
            f"{short.total()} of {counted(len(found), 'run')} did not come to an end ({states}): "
            f"{advice}."
        )


def _end(entry: Entry) -> str:
    """The state in which a run has ended, or what it lacks."""
    if entry.run is None:
        return "gone"
    found = entry.outcome
    is_unmeasured = found.state == "done" and found.accuracy is None
    return "without a test accuracy" if is_unmeasured else found.state


@contextmanager
def _telling(sweep: Sweep) -> Iterator[None]:
    """Say what Ctrl-C leaves."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"what is trained of {sweep.id} is kept: the same command goes on with it")
        raise


def _follow(sweep: Sweep, lab: Lab, bar: tqdm) -> None:
    """Until nothing of it is trained or waits any more."""
    shown, problem, goes_on = set(), "", True
    while goes_on:
        found = [entry for entry in sweeps.entries(sweep, lab.runs, lab) if entry.run]
        live = {entry.run.id for entry in found if _is_live(entry, lab)}
        for entry in found:
            if entry.run.id not in live | shown:
                shown.add(entry.run.id)
                bar.write(_line(sweep, entry), file=sys.stderr)
                bar.update()
        if lab.problem != problem:
            note(problem := lab.problem)
        if goes_on := bool(live):
            time.sleep(LOOK_EVERY)


def _is_live(entry: Entry, lab: Lab) -> bool:
    """Also one that has lost its worker and gets another."""
    return entry.outcome.is_live or lab.place(entry.run) is not None


def _line(sweep: Sweep, entry: Entry) -> str:
    """A run that has ended."""
    found = entry.outcome
    accuracy = "" if found.accuracy is None else f"{found.accuracy:.2%}"
    what = f"{_values(sweep, entry.point.values)}seed {entry.point.recipe.seed}"
    return f"{what}  {found.state:11} {accuracy:>7}  {entry.run.id}"


def _values(sweep: Sweep, values: tuple) -> str:
    named = zip(sweep.values, values, strict=True)
    return "".join(f"{name} {written(value)}  " for name, value in named)


def _print(sweep: Sweep, rows: list[Row], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"sweep": sweep.id, "rows": [_as_json(sweep, row) for row in rows]}))
        return
    for row in rows:
        spread = "" if row.deviation is None else f" ± {row.deviation:.2%}"
        accuracy = "–" if row.mean is None else f"{row.mean:.2%}{spread}"
        failed = f", {row.failed} failed" if row.failed else ""
        count = f"({len(row.accuracies)} of {row.runs} seeds{failed})"
        print(f"{_values(sweep, row.values)}test accuracy {accuracy}  {count}")


def _as_json(sweep: Sweep, row: Row) -> dict:
    return {
        "values": dict(zip(sweep.values, row.values, strict=True)),
        "accuracies": row.accuracies,
        "mean": row.mean,
        "deviation": row.deviation,
        "failed": row.failed,
        "runs": row.runs,
    }
