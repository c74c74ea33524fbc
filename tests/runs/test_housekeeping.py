"""Runs are named, listed and removed, and never a live one."""

import os
import time

import pytest
from support.waiting import until

from ultimus.cli import main
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs import nicknames
from ultimus.runs.housekeeping import DAY, Rules, clean, delete, due, kept, name, rename
from ultimus.runs.run import Run, Status
from ultimus.runs.scheduler import Lab


def _run(tmp_path, state: str = "done", days: float = 0, size: int = 0, owner: str = "a") -> Run:
    run = Run.create(tmp_path, Recipe.of(), owner=owner)
    run.set_status(Status(state))
    (run.folder / "weights" / "0.safetensors").write_bytes(bytes(size))
    for file in run.folder.glob("*.json"):
        os.utime(file, (time.time() - days * DAY,) * 2)
    return run


# Names ----------------------------------------------------------------------------------------


def test_a_run_has_the_name_that_it_was_given_last(tmp_path):
    run = _run(tmp_path)
    assert name(run) == ""
    for given, shown in (("  my\n first  run ", "my first run"), ("Übung 3", "Übung 3"), (" ", "")):
        rename(run, given)
        assert name(run) == shown
    assert not (run.folder / "name.txt").exists()


@pytest.mark.parametrize("text", ["x" * 61, "a\x00b", "a\u202eb", "a\x1b[31mb"])
def test_a_name_that_cannot_be_shown_is_refused(tmp_path, refused, text):
    run = _run(tmp_path)
    rename(run, "before")
    with refused("at most 60 characters"):
        rename(run, text)
    assert name(run) == "before"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 5000, b"a\x1b[31mb\n\nc"])
def test_a_damaged_name_harms_nobody(tmp_path, content):
    run = _run(tmp_path)
    (run.folder / "name.txt").write_bytes(content)
    assert name(run).isprintable() and len(name(run)) <= 60


# Removal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "interrupted"])
def test_an_ended_run_is_removed_whole(tmp_path, state):
    run, other = _run(tmp_path, state), _run(tmp_path, state)
    delete(run)
    assert not run.folder.exists() and [each.id for each in Run.all(tmp_path)] == [other.id]


@pytest.mark.parametrize("state", ["queued", "paused"])
def test_a_live_run_is_not(tmp_path, refused, state):
    run = _run(tmp_path, state)
    with refused(f"is {state}: stop it first"):
        delete(run)
    assert run.info() and run.status().state == state


def test_one_that_is_being_trained_is_not(tmp_path, refused):
    run = _run(tmp_path, "running")
    with run.hold(), refused("is running: stop it first"):
        delete(run)
    assert run.info()
    delete(run)  # it was interrupted
    assert not run.folder.exists()


def test_a_damaged_run_can_be_removed(tmp_path):
    run = _run(tmp_path)
    (run.folder / "status.json").write_text("{")
    (run.folder / "recipe.json").write_text("[]")
    delete(run)
    assert not run.folder.exists()


def test_a_run_of_the_product_and_a_link_are_not(tmp_path, refused):
    shipped = Run.all(SHIPPED)[0]
    with refused("comes with Ultimus"):
        delete(shipped)
    run = _run(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(run.folder)
    with refused("is a link"):
        delete(Run(tmp_path / "link"))
    assert shipped.info() and run.info()


# The operator's list, and a public app's own rules --------------------------------------------


def test_all_are_listed_the_oldest_first(tmp_path):
    new, old = _run(tmp_path, size=1000), _run(tmp_path, "stopped", days=3, owner="")
    broken = _run(tmp_path, days=2)
    (broken.folder / "status.json").write_text("{")
    os.utime(broken.folder / "status.json", (time.time() - 2 * DAY,) * 2)
    rename(new, "the new one")
    found = kept(tmp_path)
    assert [each.run.id for each in found] == [old.id, broken.id, new.id]
    assert [each.state for each in found] == ["stopped", "damaged", "done"]
    assert found[2].name == "the new one" and found[2].owner == "a" and found[0].owner == ""
    assert found[0].age // DAY == 3 and found[2].bytes >= 1000


def test_what_is_too_old_is_due_and_what_is_live_or_the_operators_never(tmp_path):
    old = _run(tmp_path, days=15)
    for other in ({"days": 13}, {"days": 99, "state": "queued"}, {"days": 99, "state": "paused"}):
        _run(tmp_path, **other)
    _run(tmp_path, days=99, owner="")
    assert [each.run.id for each in due(kept(tmp_path), Rules(days=14))] == [old.id]


def test_beyond_the_total_the_oldest_ended_ones_are_due(tmp_path):
    runs = [_run(tmp_path, days=days, size=10**6) for days in (5, 4, 3)]
    _run(tmp_path, "paused", days=9, size=10**6)
    found = due(kept(tmp_path), Rules(days=14, bytes=2_500_000))
    assert [each.run.id for each in found] == [run.id for run in runs[:2]]


def test_what_is_due_is_removed(tmp_path):
    old, new = _run(tmp_path, days=15), _run(tmp_path)
    assert clean(tmp_path, Rules()) == [old.id]
    assert not old.folder.exists() and new.folder.exists() and clean(tmp_path, Rules()) == []


@pytest.mark.parametrize("is_public", [True, False])
def test_a_public_app_removes_what_is_due_by_itself(tmp_path, monkeypatch, is_public):
    monkeypatch.setenv("ULTIMUS_PUBLIC", "yes" if is_public else "")
    old, new = _run(tmp_path, days=15), _run(tmp_path)
    lab = Lab(tmp_path, "tcp://nowhere")  # also while nothing can be trained
    if is_public:
        until(lambda: not old.folder.exists())
    lab.close()
    assert old.folder.exists() != is_public and new.folder.exists()


def test_nicknames_and_sweeps_without_a_run_go_after_the_same_time(tmp_path, capsys):
    owners = ("a" * 32, "b" * 32, "c" * 32)
    for owner in owners:
        nicknames.call(owner, "Ada", tmp_path)
    (tmp_path / "sweeps").mkdir()
    for sweep in ("lr-kept", "lr-left"):
        (tmp_path / "sweeps" / f"{sweep}.json").write_text("{}")
    Run.create(tmp_path, Recipe.of(), owner=owners[0], sweep="lr-kept")
    files = [*(tmp_path / "people").iterdir(), *(tmp_path / "sweeps").iterdir()]
    for file in files:
        if file.name != owners[1]:  # called so just now
            os.utime(file, (time.time() - 20 * DAY,) * 2)
    remove = ["runs", "--remove", "--older", "14", "--runs", str(tmp_path)]
    assert main([*remove, "--dry-run"]) == 0 and all(file.exists() for file in files)
    assert "2 nicknames or sweeps without a run would be removed" in capsys.readouterr().out
    assert main([*remove, "--larger", "1"]) == 0 and all(file.exists() for file in files)
    clean(tmp_path, Rules(days=14))
    gone = {file.name for file in files if not file.exists()}
    assert gone == {owners[2], "lr-left.json"}
