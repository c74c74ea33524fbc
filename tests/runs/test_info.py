"""What a run's folder says is read once and checked, and refused in one sentence if damaged."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest

from ultimus.data.sources import CIFAR10_CLASSES
from ultimus.errors import UserError
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs.info import DataInfo, Status, read_info, read_status
from ultimus.runs.run import Run

DATA = {"name": "x", "fingerprint": "abc", "classes": ["a", "b"], "train": 300, "test": 7}


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Writes recipe.json with these entries and gives the folder."""

    def make(**entries: object) -> Path:
        content = {"recipe": Recipe().model_dump(), **entries}
        (tmp_path / "recipe.json").write_text(json.dumps(content))
        return tmp_path

    return make


@pytest.mark.parametrize("folder", sorted(SHIPPED.iterdir()), ids=lambda folder: folder.name)
def test_the_shipped_runs_are_read(folder):
    info = read_info(folder)
    assert info.dataset.classes == CIFAR10_CLASSES
    assert (info.dataset.train, info.dataset.test) == (50_000, 10_000)
    assert info.total_steps == read_status(folder).total
    assert info.loaded is None and info.owner == ""


def test_an_old_folder_without_newer_entries_is_read(tmp_path):
    (tmp_path / "recipe.json").write_text('{"recipe": {"preset": "old", "epochs": 3}}')
    (tmp_path / "status.json").write_text('{"state": "done"}')
    info = read_info(tmp_path)
    assert info.recipe == Recipe(preset="old", epochs=3)
    assert info.dataset == DataInfo() and info.data_name == "shapes"
    assert info.threads is info.loaded is info.total_steps is None
    assert read_status(tmp_path) == Status("done")


def test_entries_of_a_later_version_are_left_alone(write):
    folder = write(dataset={**DATA, "mood": "fine"}, colour="blue")
    Run(folder).ran_with(threads=3)
    assert read_info(folder).dataset.train == 300 and read_info(folder).threads == 3
    assert json.loads((folder / "recipe.json").read_text())["colour"] == "blue"


def test_nobody_changes_what_was_read(write):
    info = read_info(write(dataset=DATA))
    with pytest.raises(pydantic.ValidationError):
        info.dataset.train = 5


def test_too_few_images_for_a_step_make_no_plan(write):
    info = read_info(write(dataset={**DATA, "train": 5}))
    assert info.steps_per_epoch is info.total_steps is None


@pytest.mark.parametrize(
    "entries",
    [
        *({"dataset": each} for each in (None, [], "text", 3, True)),
        *({"dataset": DATA | {"classes": each}} for each in (None, "abc", [], ["a"], [1, 2], 5,
                                                            ["x"] * 11, ["x" * 2000, "y"])),
        *({"dataset": DATA | {key: each}} for key in ("train", "test")
          for each in (-1, 2.5, "300", True, [], 10**30, float("inf"))),
        *({"dataset": DATA | {key: each}} for key in ("name", "fingerprint") for each in (3, [])),
        *({"threads": each} for each in ("many", -1, 0, 10**9, 1.5, True)),
        *({"loaded": each} for each in ([], "file.pt", True, {"file": 3}, {"origin": []},
                                        {"sha256": None}, {"classes_known": "yes"})),
        *({key: each} for key in ("owner", "version", "torch") for each in (3, None, [], {})),
        {"recipe": None}, {"recipe": []}, {"recipe": {"lr": 0}}, {"recipe": {"groups": 5000}},
    ],
    ids=lambda each: repr(each)[:60],
)  # fmt: skip
def test_an_entry_of_a_wrong_kind_is_one_sentence(write, refused, entries):
    folder = write(**entries)
    with refused(folder.name, "recipe.json", next(iter(entries)), "restore"):
        read_info(folder)


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(write, opened):
    folder = write(owner="me")
    before = opened(folder / "recipe.json")
    assert {read_info(folder).owner for _ in range(5)} == {"me"}
    assert opened(folder / "recipe.json") == before + 1
    Run(folder).ran_with(owner="you")
    assert read_info(folder).owner == "you"


@pytest.fixture
def opened() -> Callable[[Path], int]:
    """Counts how often a file was opened since the test began."""
    opens: list[str] = []
    is_on = [True]  # a hook cannot be taken away again

    def note(event: str, arguments: tuple) -> None:
        if event == "open" and is_on[0]:
            opens.append(str(arguments[0]))

    sys.addaudithook(note)
    yield lambda path: opens.count(str(path))
    is_on[0] = False


@pytest.mark.parametrize(
    "values",
    [{"step": -1}, {"step": 2**80}, {"total": -5}, {"epoch": -0.5}, {"epoch": 1e300},
     {"seconds": float("inf")}, {"step": True}, {"state": "queue"}, {"doing": None}],
    ids=repr,
)  # fmt: skip
def test_numbers_out_of_bounds_are_no_status(tmp_path, values, refused):
    (tmp_path / "status.json").write_text(json.dumps({"state": "done"} | values))
    with refused("status.json", "restore"):
        read_status(tmp_path)


def test_a_damaged_file_is_refused_until_it_is_restored(write):
    folder = write()
    (folder / "recipe.json").write_text("{")
    for _ in range(2):
        with pytest.raises(UserError, match="JSON"):
            read_info(folder)
    assert read_info(write()).recipe == Recipe()
