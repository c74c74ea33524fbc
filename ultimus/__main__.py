"""The command line: python -m ultimus train | evaluate | data."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from . import __version__, checkpoint
from .data import open_dataset
from .errors import UserError
from .model import Transformer
from .recipe import PRESETS, Recipe
from .run import Run
from .train import Progress, evaluate
from .worker import located, work


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 2 with one sentence for bad input."""
    try:
        options = _parser().parse_args(arguments)
        return options.command(options)
    except UserError as error:
        print(f"ultimus: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ultimus: interrupted.", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the flags in one sentence, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}: see {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m ultimus", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train a network without a browser"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a run or a checkpoint"))
    _add_data(commands.add_parser("data", help="fetch and decode a data set ahead of time"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_train)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with a stopped or interrupted run")
    recipe = parser.add_argument_group("recipe", "what is not given is taken from the preset")
    for name, field in Recipe.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        text = " or ".join(sorted(PRESETS)) if name == "preset" else field.description
        recipe.add_argument(flag, default=argparse.SUPPRESS, help=text)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_evaluate)
    parser.add_argument("what", metavar="RUN_OR_CHECKPOINT", help="a run, or a file of weights")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    parser.add_argument("--data", help="shapes, cifar10 or a folder; the run's own by default")
    parser.add_argument("--group", type=int, default=16, help="images that attend to each other")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_data)
    parser.add_argument("source", help="shapes, cifar10 (downloads 170 MB) or a folder")
    parser.add_argument("--progress", action="store_true", help="print the fraction done by lines")


def _train(options: argparse.Namespace) -> int:
    run = _resumed(options) if options.resume else _created(options)
    print(f"run {run.folder}", flush=True)
    with _stopping(run), _Bar() as bar:
        status = work(run, bar.watch)
    if status.state in ("failed", "interrupted"):
        raise UserError(status.reason)
    if status.state != "done":
        go_on = f"python -m ultimus train --runs {options.runs} --resume {run.id}"
        print(f"{status.state} at step {status.step:,}; go on with {go_on}")
    return 0


def _created(options: argparse.Namespace) -> Run:
    recipe = _recipe(options)
    dataset = _open(recipe.data)  # before there is a run, so that bad data leaves none behind
    recipe.steps_per_epoch(len(dataset.train))
    recipe = recipe.model_copy(update={"data": located(recipe.data)})
    return Run.create(options.runs, recipe, version=__version__)


@contextmanager
def _stopping(run: Run) -> Iterator[None]:
    """Ctrl-C and a polite kill end the run after its step, with everything kept."""
    former = {}
    try:
        for stop in (signal.SIGINT, signal.SIGTERM):
            former[stop] = signal.signal(stop, lambda *_: run.ask("stop"))
        yield
    finally:
        for stop, handler in former.items():
            signal.signal(stop, handler)


def _recipe(options: argparse.Namespace) -> Recipe:
    return Recipe.of(**{name: _value(text) for name, text in _given(options).items()})


def _given(options: argparse.Namespace) -> dict[str, str]:
    """The choices that were made on the command line."""
    return {name: getattr(options, name) for name in Recipe.model_fields if hasattr(options, name)}


def _value(text: str) -> str | None:
    return None if text.lower() in ("none", "off") else text


def _resumed(options: argparse.Namespace) -> Run:
    if given := _given(options):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(f"A resumed run keeps its recipe: leave out {flags}.")
    run = _find(options.resume, options.runs)
    if run.status().state == "done":
        raise UserError(f"The run {run.id} is done: there is nothing left to train.")
    _open(run.recipe.data)
    if not run.is_held():
        run.take_request()  # what is left of its former life
    return run


def _find(name: str, runs: Path) -> Run:
    """A run by its id, or by the path of its folder."""
    folder = Path(name).absolute()
    return Run(folder) if os.path.isfile(folder / "recipe.json") else Run.find(name, runs)


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
            self._bar.clear()
            print(
                f"epoch {result.epoch:>3}  loss {result.loss:.3f}  "
                f"accuracy {result.train_accuracy:.2%} (train)  "
                f"{result.test.accuracy:.2%} (test, groups of {result.test.group})  "
                f"lr {progress.lr:.6g}",
                flush=True,  # at once, also into a file or a pipe
            )


def _evaluate(options: argparse.Namespace) -> int:
    model, source = _model_and_data(options)
    dataset = _open(source)
    if model.classes != len(dataset.classes):
        raise UserError(
            f"The network tells {model.classes} classes apart, but {dataset.name} has "
            f"{len(dataset.classes)}: give the data it was trained on."
        )
    if not 1 <= options.group <= len(dataset.test):
        raise UserError(
            f"The group of {options.group} should be 1 to {len(dataset.test)}, the number of "
            "test images."
        )
    result = evaluate(model, dataset.test, options.group)
    answer = {
        "accuracy": result.accuracy,
        "loss": result.loss,
        "group": result.group,
        "images": result.images,
        "parameters": sum(each.numel() for each in model.parameters()),
        "data": dataset.name,
    }
    if options.json:
        print(json.dumps(answer))
    else:
        print(
            f"{result.accuracy:.2%} of {result.images:,} test images of {dataset.name}, "
            f"in groups of {result.group}; loss {result.loss:.4f}"
        )
    return 0


def _model_and_data(options: argparse.Namespace) -> tuple[Transformer, str]:
    if os.path.isfile(options.what):
        if not options.data:
            raise UserError(f"{options.what} does not say what it was trained on: give --data.")
        return checkpoint.load(Path(options.what)), options.data
    run = _find(options.what, options.runs)
    if not run.snapshots:
        raise UserError(f"The run {run.id} has kept no weights yet: let it train first.")
    model = checkpoint.load(run.snapshot(run.snapshots[-1]))
    return model, options.data or run.recipe.data


def _data(options: argparse.Namespace) -> int:
    if options.progress:
        dataset = open_dataset(options.source, lambda done: print(done, flush=True))
    else:
        dataset = _open(options.source)
    print(
        f"{dataset.name}: {len(dataset.train):,} images to train on, {len(dataset.test):,} to "
        f"test on, {len(dataset.classes)} classes ({', '.join(dataset.classes)})"
    )
    return 0


def _open(source: str):
    """Open a data set; show how its decoding goes, should that be needed."""
    with tqdm(
        total=1, desc="decoding", delay=1, bar_format="{desc} {percentage:3.0f}%|{bar}|"
    ) as bar:
        return open_dataset(source, lambda done: bar.update(done - bar.n))


if __name__ == "__main__":
    sys.exit(main())
