"""`ultimus runs`: what the operator keeps, and what has to go."""

import argparse
from pathlib import Path

from ..errors import UserError, counted
from ..runs import housekeeping
from .common import find_run, note


def run(options: argparse.Namespace) -> int:
    """List runs, the oldest first; with --remove remove them, but for live ones."""
    wanted = {find_run(name, options.runs).id for name in options.names}
    kept = housekeeping.kept(options.runs)
    chosen = [
        found
        for found in kept
        if (not wanted or found.run.id in wanted)
        and found.age >= (options.older or 0) * housekeeping.DAY
        and found.bytes >= (options.larger or 0) * 1e6
    ]
    if not options.remove:
        _list(chosen)
        if not chosen:
            note(_nothing(options.runs, len(kept)))
        return 0
    if not wanted and options.older is None and options.larger is None:
        raise UserError("All runs would be removed: name some, or give --older or --larger.")
    removed = [found for found in chosen if options.dry_run or _remove(found)]
    would = "would be " if options.dry_run else ""
    _list(removed)
    freed = sum(found.bytes for found in removed) / 1e6
    print(f"{len(removed)} of {len(chosen)} {would}removed, {freed:,.1f} MB")
    if not wanted and options.larger is None:
        _drop_leftovers(options)
    _check([found for found in chosen if found not in removed], wanted)
    return 0


def _check(left: list[housekeeping.Kept], wanted: set[str]) -> None:
    """Live runs are left where nobody has named them.

    Raises:
        UserError: others could not be removed, as was told of each.
    """
    if missed := [found.run.id for found in left if wanted or not found.is_live]:
        raise UserError(f"{counted(len(missed), 'run')} could not be removed: see above.")


def _drop_leftovers(options: argparse.Namespace) -> None:
    """What lies beside the runs goes with them."""
    found = housekeeping.leftovers(options.runs, options.older)
    dropped = len(found) if options.dry_run else housekeeping.drop(found)
    if dropped:
        would = "would be " if options.dry_run else ""
        files = counted(dropped, "nickname or sweep", "nicknames or sweeps")
        print(f"{files} without a run {would}removed")


def _remove(found: housekeeping.Kept) -> bool:
    try:
        housekeeping.delete(found.run)
    except UserError as error:
        note(str(error))
        return False
    return True


def _nothing(folder: Path, others: int) -> str:
    """Why nothing is listed."""
    if others:
        return f"Of {counted(others, 'run')} in {folder} none is as old or as large as that."
    return f"There are no runs in {folder}: 'ultimus train' makes one, or Start in the app."


def _list(runs: list[housekeeping.Kept]) -> None:
    for found in runs:
        days, size = found.age / housekeeping.DAY, found.bytes / 1e6
        print(
            f"{days:7.1f} days  {size:8.1f} MB  {found.state:11}  {found.owner[:8] or '-':8}  "
            f"{found.run.id}  {found.name}".rstrip()
        )
