"""What several commands do: find a run and its weights, open data, say what is by the way."""

import argparse
import os
import sys
from pathlib import Path
from types import NoneType
from typing import get_args

from tqdm import tqdm

from ..data.dataset import Dataset, open_dataset
from ..data.limits import one_line
from ..errors import UserError
from ..places import SHIPPED
from ..recipe import Recipe
from ..runs.run import Run


def find_run(name: str, runs: Path) -> Run:
    """A run by the path of its folder, or by its name; also one that comes with Ultimus.

    Raises:
        UserError: there is none.
    """
    folder = Path(name).absolute()
    if os.path.lexists(folder / "recipe.json"):
        return Run(folder)
    try:
        return Run.find(name, runs, SHIPPED)
    except UserError as error:
        raise UserError(
            f"There is no run {name[:80]!r} in {shown(str(runs))}: give the name of one that "
            "ultimus runs lists, or the path of its folder."
        ) from error


def given(options: argparse.Namespace) -> dict[str, str]:
    """The choices of a recipe that were made on the command line."""
    return {name: getattr(options, name) for name in Recipe.model_fields if hasattr(options, name)}


def choice(name: str, text: str) -> str | None:
    """A choice as a recipe takes it: None where it may be without."""
    can_be_none = NoneType in get_args(Recipe.model_fields[name].annotation)
    return None if can_be_none and text.lower() in ("none", "off") else text


def last_snapshot(run: Run) -> Path:
    """The file of a run's last weights.

    Raises:
        UserError: it has none.
    """
    if not run.snapshots:
        raise UserError(f"The run {run.id} has kept no weights yet: let it train first.")
    return run.snapshot(run.snapshots[-1])


def open_data(source: str) -> Dataset:
    """Open a data set; show how its decoding goes, should that be needed.

    Raises:
        UserError: as for `open_dataset`.
    """
    with tqdm(
        total=1, desc="decoding", delay=1, bar_format="{desc} {percentage:3.0f}%|{bar}|"
    ) as bar:
        return open_dataset(source, lambda done: bar.update(done - bar.n))


def shown(name: str) -> str:
    """A name as it may be printed: one line, without what would move a terminal's cursor."""
    return one_line(name, 120)


def note(text: str) -> None:
    """Say something by the way, if there is something to say."""
    if text:
        print(f"ultimus: {text}", file=sys.stderr)
