"""`ultimus export`: a snapshot, or a whole run as a page, as a file for elsewhere."""

import argparse
import os
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from ..errors import UserError
from ..explorer import page
from ..files import storage_problem, write_atomically
from ..runs.exchange import export
from ..runs.run import Run
from .common import find_run, last_snapshot


def run(options: argparse.Namespace) -> int:
    """Write the file and print its path; returns the exit code."""
    run = find_run(options.what, options.runs)
    last_snapshot(run)  # there is one
    name, content = _exported(run, options)
    path = options.out or Path(name.removesuffix(".zip"))
    kind, is_kind = ("folder", os.path.isdir) if options.form == "hf" else ("file", os.path.isfile)
    if os.path.lexists(path) and not is_kind(path):
        raise UserError(f"{path} is no {kind}, and is left as it is: give the name of a {kind}.")
    try:
        if options.form == "hf":
            _unpack(content, path)
        else:
            write_atomically(path, content)
    except OSError as error:
        raise storage_problem(error, path.absolute().parent) from error
    print(path)
    return 0


def _unpack(content: bytes, folder: Path) -> None:
    with ZipFile(BytesIO(content)) as archive:
        for name in archive.namelist():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, archive.read(name))


def _exported(run: Run, options: argparse.Namespace) -> tuple[str, bytes]:
    """The file's name and content."""
    if options.form != "page":
        step = run.snapshots[-1] if options.step is None else options.step
        return export(run, step, options.form)
    if options.step is not None:
        raise UserError("A page holds the snapshots of all steps: leave out --step.")
    return page.name(run), page.page(run)
