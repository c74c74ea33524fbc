"""Any damage of any file of a run folder: a sentence or nothing, no traceback and no wait."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import write_pictures

from ultimus.checkpoints import checkpoint
from ultimus.cli import main
from ultimus.errors import UserError
from ultimus.recipe import Recipe
from ultimus.runs import exchange
from ultimus.runs.run import Run
from ultimus.runs.worker import work

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 4
PATIENCE = 60  # seconds after which something counts as waiting for ever
FILES = (
    "recipe.json", "status.json", "metrics.jsonl", "lock", "request", "live.safetensors",
    "resume.pt", "weights", "weights/2.safetensors",
)  # fmt: skip


def _huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**29)  # of nothing, which takes no place on the disk


KINDS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "empty device": lambda path: path.symlink_to("/dev/null"),
    "huge": _huge,
    "unreadable": lambda path: path.touch(0),
}
CONTENTS = {
    "empty": b"",
    "garbage": b"\xff\xfe\0nonsense\n" * 9,
    "null": b"null\n",
    "list": b"[1, 2]\n",
    "text": b'"text"\n',
    "number": b"1e999\n",
    "nested": b"[" * 100_000,
    "wrong kinds": b'{"recipe": 3, "state": [], "step": {}, "dataset": "x"}\n',
    "no recipe": b'{"recipe": null, "dataset": null, "state": null, "step": null}\n',
    "out of bounds": b'{"state": "running", "step": -1, "recipe": {"epochs": 0}}\n',
    "huge numbers": b'{"state": "done", "step": 1' + b"0" * 400 + b', "recipe": {"lr": 1e400}}\n',
    "odd names": b'{"state": "done", "recipe": {"data": "a\\u0000b", "preset": "\\u0000"}}\n',
}
TEXTS = ("recipe.json", "status.json", "metrics.jsonl", "request")
CASES = [(file, kind) for file in FILES for kind in (*KINDS, "empty", "garbage")]
CASES += [(file, kind) for file in TEXTS for kind in CONTENTS if (file, kind) not in CASES]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A folder with a run that was stopped on its way, its data, and a picture."""
    folder = tmp_path_factory.mktemp("sound")
    write_pictures(folder / "data")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folder / "picture.png")
    recipe = Recipe.of(data=str(folder / "data"), group=7, groups=2, max_steps=STEPS, snapshots=3)
    run = Run.create(folder / "runs", recipe)
    work(run, lambda progress: run.ask("stop") if progress.step == 2 else None)
    assert run.status().state == "stopped" and 2 in run.snapshots
    return folder


@pytest.fixture(params=CASES, ids=lambda case: " ".join(case))
def run(request, sound, tmp_path) -> Iterator[Run]:
    """The run with one of its files damaged, beside another one that is sound."""
    file, kind = request.param
    for name in ("damaged", "other"):
        shutil.copytree(next((sound / "runs").iterdir()), tmp_path / name)
    path = tmp_path / "damaged" / file
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if kind in KINDS:
        KINDS[kind](path)
    else:
        path.write_bytes(CONTENTS[kind])
    yield Run(tmp_path / "damaged")


@contextmanager
def _soon() -> Iterator[None]:
    """Ends the whole program instead of waiting for ever."""
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)


def _is_sentence(text: str) -> bool:
    return bool(re.fullmatch(r"[^\n]+[:;,.] .+\.", text)) and len(text) < 1000


READERS: dict[str, Callable[[Run], object]] = {
    "info": lambda run: run.info(),
    "status": lambda run: run.status(),
    "metrics": lambda run: run.metrics().column("loss"),
    "snapshots": lambda run: [checkpoint.load(run.snapshot(step)) for step in run.snapshots],
    "live weights": lambda run: checkpoint.load(run.live_weights),
    "provenance": lambda run: exchange.provenance(run),
    "export": lambda run: exchange.export(run, 2),
    "held": lambda run: run.is_held(),
    "request": lambda run: (run.has_request(), run.take_request()),
    "asking": lambda run: run.ask("pause"),
}


def test_what_pages_read_is_there_or_one_sentence(run):
    for name, read in READERS.items():
        with _soon():
            try:
                read(run)
            except UserError as error:
                assert _is_sentence(str(error)), (name, error)


def test_the_list_of_runs_has_the_others(run):
    assert "other" in {other.id for other in Run.all(run.folder.parent)}
    assert Run.find("other", run.folder.parent).status().state == "stopped"


@pytest.mark.parametrize(
    "run",
    [case for case in CASES if case[0] in ("recipe.json", "metrics.jsonl") or "weights" in case[0]],
    indirect=True,
    ids=" ".join,
)
def test_commands_answer_or_say_one_sentence(run, sound, capsys):
    place = str(run.folder)
    for command in (
        ["evaluate", place, "--group", "7"],
        ["predict", place, str(sound / "picture.png")],
        ["export", place, "--out", str(run.folder.parent / "out.pt")],
        ["load", str(run.snapshot(2)), "--runs", str(run.folder.parent / "loaded")],
    ):
        with _soon():
            _answers_or_refuses(command, capsys)


def test_a_resume_goes_on_or_says_one_sentence(run, capsys):
    with _soon():
        _answers_or_refuses(["train", "--resume", str(run.folder)], capsys)
    assert not list(run.folder.rglob(".*"))


def _answers_or_refuses(command: list[str], capsys) -> None:
    capsys.readouterr()
    code = main(command)
    said = [line.rpartition("\r")[2] for line in capsys.readouterr().err.splitlines()]
    sentences = [line.removeprefix("ultimus: ") for line in said if line.startswith("ultimus: ")]
    assert code in (0, 2) and all(map(_is_sentence, sentences)), sentences
    if code == 2:
        assert sentences
