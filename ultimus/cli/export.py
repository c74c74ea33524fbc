"""`ultimus export`: a snapshot, or a whole run or lesson as a page, as a file for elsewhere."""

import argparse
import os
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from ..errors import UserError
from ..explorer import page
from ..files import storage_problem, write_atomically
from ..lessons import shelf
from ..lessons.page import file_name, lesson_page
from ..runs import curve_files
from ..runs.exchange import export
from ..runs.run import Run
from .common import find_run, last_snapshot, note


def run(options: argparse.Namespace) -> int:
    """Write the file and print its path; returns the exit code."""
    name, content = _lesson(options) or _run(options)
    path = options.out or Path(name.removesuffix(".zip"))
    is_folder = options.form in ("hf", "tensorboard")
    kind, is_kind = ("folder", os.path.isdir) if is_folder else ("file", os.path.isfile)
    if os.path.lexists(path) and not is_kind(path):
        raise UserError(f"{path} is no {kind}, and is left as it is: give the name of a {kind}.")
    try:
        if is_folder:
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


def _lesson(options: argparse.Namespace) -> tuple[str, bytes] | None:
    """The file of a lesson, its name and content; None if it is no lesson that is asked for."""
    if options.form != "page" or options.what not in shelf.names():
        return None
    _refuse_step(options)
    return file_name(options.what), lesson_page(options.what, shelf.find(options.what))


def _run(options: argparse.Namespace) -> tuple[str, bytes]:
    """The file of a run, its name and content."""
    run = _found(options)
    if options.form in curve_files.FORMS:
        _refuse_step(options)
        return curve_files.export(run, options.form)
    last_snapshot(run)  # there is one
    if options.form != "page":
        step = run.snapshots[-1] if options.step is None else options.step
        return export(run, step, options.form)
    _refuse_step(options)
    return page.name(run), page.page(run)


def _found(options: argparse.Namespace) -> Run:
    try:
        return find_run(options.what, options.runs)
    except UserError as error:
        if options.form != "page":
            raise
        lessons = ", ".join(sorted(shelf.names()))
        for problem in shelf.problems():
            note(problem)
        raise UserError(f"{str(error).removesuffix('.')}, or of a lesson ({lessons}).") from error


def _refuse_step(options: argparse.Namespace) -> None:
    if options.step is not None:
        raise UserError("This form holds all steps: leave out --step.")
