"""Every path and name that a command takes may be anything: one sentence, and nothing is lost."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import write_pictures

from ultimus.checkpoints import checkpoint
from ultimus.cli import main
from ultimus.model import Transformer
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status

PLACES = {
    "nothing": "", "blank": " ", "nul": "a\0b", "lines": "a\nb", "device": "/dev/null",
    "nobody": "~nobody-here/x", "folder": "{odd}/folder", "dangling": "{odd}/dangling",
    "loop": "{odd}/loop", "pipe": "{odd}/pipe", "long": "x" * 5000, "undecodable": "\udcff",
    "below a file": "{odd}/file/x",
}  # fmt: skip
WANTED = {
    "a run to resume": ["train", "--resume", "?"],
    "data to resume with": ["train", "--resume", "{run}", "--data", "?"],
    "data to train on": ["train", "--data", "?"],
    "a run to measure": ["evaluate", "?", "--data", "{data}"],
    "data to measure on": ["evaluate", "{run}", "--data", "?"],
    "a run that predicts": ["predict", "?", "{picture}"],
    "a picture": ["predict", "{run}", "?"],
    "data for companions": ["predict", "{run}", "{picture}", "--data", "?"],
    "a run to export": ["export", "?", "--out", "{odd}/out"],
    "a file to load": ["load", "?"],
    "data to describe": ["data", "?"],
    "data for a bench": ["bench", "--data", "?"],
}
WRITTEN = {
    "train": ["train", "--data", "{data}", "--group", "7", "--groups", "2", "--max-steps", "1",
              "--runs", "?"],
    "load": ["load", "{weights}", "--runs", "?"],
    "export": ["export", "{run}", "--out", "?"],
}  # fmt: skip
FINE = {("train", "folder"), ("load", "folder")}  # where runs may be kept
FINE |= {(command, name) for command in WRITTEN for name in ("lines", "undecodable")}
CASES = [(command, name) for command in WRITTEN for name in PLACES if (command, name) not in FINE]


@pytest.fixture(scope="module")
def things(tmp_path_factory) -> dict[str, str]:
    """A run, data, weights and a picture that are in order."""
    folder = tmp_path_factory.mktemp("things")
    write_pictures(folder / "data")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(folder / "picture.png")
    run = Run.create(folder / "runs", Recipe.of(data=str(folder / "data")))
    checkpoint.save(run.snapshot(0), Transformer(3))
    run.set_status(Status("stopped"))
    return {
        "run": str(run.folder), "data": str(folder / "data"), "weights": str(run.snapshot(0)),
        "picture": str(folder / "picture.png"),
    }  # fmt: skip


@pytest.fixture
def odd(tmp_path, monkeypatch) -> Path:
    """A folder with things of unusual kinds, in which the command is run."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"nothing of any kind")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path / "runs"))
    return tmp_path


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("wanted", WANTED)
def test_a_place_that_holds_nothing_of_the_kind_is_one_sentence(wanted, name, things, odd, capsys):
    _is_refused(WANTED[wanted], PLACES[name], things, odd, capsys)


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_place_that_cannot_be_written_is_left_as_it_is(command, name, things, odd, capsys):
    _is_refused(WRITTEN[command], PLACES[name], things, odd, capsys)
    assert Path("/dev/null").is_char_device()


def _is_refused(command: list[str], place: str, things: dict[str, str], odd: Path, capsys) -> None:
    names = {**things, "odd": str(odd)}
    before = _everything(odd)
    code = main([(place if word == "?" else word).format(**names) for word in command])
    errors = [line for line in capsys.readouterr().err.splitlines() if line]
    said = [line for line in errors if "Companions are" not in line]
    assert code == 2 and len(said) == 1, said
    assert said[0].startswith("ultimus: ") and said[0].endswith("."), said
    assert _everything(odd) == before


def _everything(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mode for path in folder.rglob("*")}


def test_a_file_of_weights_may_be_replaced_by_an_export(things, odd):
    assert main(["export", things["run"], "--out", "file"]) == 0
    assert checkpoint.load(odd / "file").classes == 3
