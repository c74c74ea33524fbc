"""`ultimus train`: a run without a browser, from its beginning or from where it stands."""

import argparse
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import __version__
from ..data.sources import located
from ..errors import UserError
from ..recipe import PRESETS, Recipe
from ..runs import continuation
from ..runs.continuation import Start
from ..runs.exchange import adopt_file
from ..runs.run import Run, Status
from ..runs.worker import move_data, work
from ..training.training import Progress
from .common import choice, find_run, given, last_snapshot, note, open_data


def run(options: argparse.Namespace) -> int:
    """Train until the run ends; returns the exit code."""
    run = _resumed(options) if options.resume else _created(options)
    print(f"run {run.folder}", flush=True)
    with _stopping(run) as signals, _Bar() as bar:
        status = work(run, bar.watch)
    if status.state in ("failed", "interrupted"):
        raise UserError(status.reason)
    if status.state == "done":
        return 0
    place = shlex.quote(str(run.folder.parent))
    go_on = f"ultimus train --runs {place} --resume {run.id}"
    print(f"{status.state} at step {status.step:,}; go on with {go_on}")
    return 128 + signals[0] if signals else 2


def _created(options: argparse.Namespace) -> Run:
    choices = {name: choice(name, text) for name, text in given(options).items()}
    start = _start(options)
    recipe = Recipe.of(**(_like(start) | choices if start else choices))
    if start and recipe.model != PRESETS[recipe.preset].model:
        note(f"These weights attend among {recipe.model}, and so does the run: {recipe.title}.")
    dataset = open_data(recipe.data)  # before there is a run, so that bad data leaves none behind
    recipe.steps_per_epoch(len(dataset.train))
    recipe = recipe.with_data(located(recipe.data))
    if start is None:
        return Run.create(options.runs, recipe, version=__version__)
    continuation.check(start.model, recipe, dataset)
    note(continuation.remark(start.classes, dataset.classes))

    def fill(run: Run) -> None:
        start.keep(run)
        run.set_status(Status("queued"))

    return Run.create(options.runs, recipe, fill, version=__version__, **start.about)


def _start(options: argparse.Namespace) -> Start | None:
    """The weights to begin with, of a run or of a file, which becomes a run."""
    if not options.start:
        if options.from_step is not None:
            raise UserError("--from-step says a step of a run: name the run with --from.")
        return None
    path = Path(options.start)
    run = (
        adopt_file(path, options.runs) if path.is_file() else find_run(options.start, options.runs)
    )
    step = options.from_step
    if step is None:
        step = int(last_snapshot(run).stem)
    return continuation.from_snapshot(run, step)


def _like(start: Start) -> dict[str, Any]:
    """The choices that a network leaves no choice about."""
    model = start.model
    return {"model": model.kind} | ({"grid": model.grid} if model.grid > 1 else {})


def _resumed(options: argparse.Namespace) -> Run:
    if options.start or options.from_step is not None:
        raise UserError("--from begins a new run, and --resume goes on with one: leave out one.")
    changes = given(options)
    place = changes.pop("data", None)
    if changes:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in changes)
        raise UserError(f"A resumed run keeps its recipe: leave out {flags}.")
    run = find_run(options.resume, options.runs)
    if run.status().state == "done":
        raise UserError(f"The run {run.id} is done: there is nothing left to train.")
    open_data(place or run.info().recipe.data)
    if place:
        move_data(run, place)
    if not run.is_held():
        run.take_request()  # what is left of its former life
    return run


@contextmanager
def _stopping(run: Run) -> Iterator[list[int]]:
    """Ctrl-C and a polite kill end the run after its step, with everything kept; yields those that
    have come."""
    former, signals = {}, []

    def stop(number: int, _: object) -> None:
        signals.append(number)
        run.ask("stop")

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            former[number] = signal.signal(number, stop)
        yield signals
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


class _Bar:
    """A progress bar over the steps, and a line for each epoch with the seed log's fields."""

    def __enter__(self) -> "_Bar":
        self._bar = tqdm(unit="step", dynamic_ncols=True)
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def watch(self, progress: Progress) -> None:
        self._bar.total = progress.training.total
        self._bar.update(progress.step - self._bar.n)
        if result := progress.epoch_result:
            together = result.test.conditions.removeprefix("in ")
            self._bar.clear()
            print(
                f"epoch {result.epoch:>3}  loss {result.loss:.3f}  "
                f"accuracy {result.train_accuracy:.2%} (train)  "
                f"{result.test.accuracy:.2%} (test, {together})  "
                f"lr {progress.lr:.6g}",
                flush=True,  # at once, also into a file or a pipe
            )
