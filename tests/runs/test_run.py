"""The run folder: what is written whole, what is read damaged, and who holds it."""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from ultimus.errors import UserError
from ultimus.recipe import Recipe
from ultimus.runs import housekeeping
from ultimus.runs import run as run_module
from ultimus.runs.run import Run, Status

processes = multiprocessing.get_context("spawn")


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "runs", Recipe.of(data="shapes", seed=7), version="3.5.7")


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """Expects one sentence with these words."""
    with pytest.raises(UserError) as caught:
        yield
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text and ". " not in text, text
    assert all(word in text for word in words), text


# The folder -----------------------------------------------------------------------------------


def test_a_new_run_says_what_was_asked_and_waits(run):
    assert {path.name for path in run.folder.iterdir()} == {"recipe.json", "status.json", "weights"}
    assert run.info().recipe == Recipe.of(data="shapes", seed=7)
    assert run.info().version == "3.5.7"
    assert run.status() == Status("queued")
    assert run.snapshots == () and not run.has_request() and not run.is_held()


def test_runs_are_found_and_listed_newest_first(run, tmp_path):
    other = Run.create(tmp_path / "runs", Recipe.of(preset="seed"))
    assert other.id != run.id and other.id.rsplit("-", 2)[1] == "seed"
    assert {each.id for each in Run.all(tmp_path / "runs")} == {run.id, other.id}
    assert [each.id for each in Run.all(tmp_path / "runs")] == sorted([run.id, other.id])[::-1]
    assert Run.find(run.id, tmp_path / "nowhere", tmp_path / "runs").folder == run.folder


def test_there_may_be_no_runs_at_all(tmp_path):
    (tmp_path / "file").write_text("")
    assert Run.all(tmp_path / "nowhere") == Run.all(tmp_path / "file") == []


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "..", ".", "", "/etc", "x" * 5_000, "a\0b", "a\nb", "\ud800", "nothing", "a b"],
    ids=repr,
)
def test_an_unknown_id_or_a_path_is_refused(name, run, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "recipe.json").write_text("{}")
    with refused("There is no run", "list"):
        Run.find(name, tmp_path / "runs")


def test_a_run_never_takes_the_folder_of_another(run, tmp_path, monkeypatch):
    tokens = iter(["aaaa", "aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr(run_module.secrets, "token_hex", lambda size: next(tokens))
    monkeypatch.setattr(run_module.time, "strftime", lambda form: "20260307-111317")
    monkeypatch.setattr(run_module, "write_atomically", _write_plainly)
    first = Run.create(tmp_path / "runs", Recipe(), owner="me")
    second = Run.create(tmp_path / "runs", Recipe(), owner="you")
    assert (first.id[-4:], second.id[-4:]) == ("aaaa", "bbbb")
    assert (first.info().owner, second.info().owner) == ("me", "you")


def _write_plainly(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def test_a_run_that_cannot_be_filled_takes_only_its_own_folder_away(run, tmp_path):
    def fill(new: Run) -> None:
        new.snapshot(0).write_bytes(b"half")
        raise UserError("No.")

    with pytest.raises(UserError, match="No"):
        Run.create(tmp_path / "runs", Recipe(), fill)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [run.id]


def test_many_who_start_at_once_get_a_run_each(tmp_path):
    made: list[Run] = []
    barrier = threading.Barrier(30)

    def start() -> None:
        barrier.wait()
        made.append(Run.create(tmp_path / "runs", Recipe()))

    starters = [threading.Thread(target=start) for _ in range(30)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert len({run.id for run in made}) == 30 == len(Run.all(tmp_path / "runs"))
    assert all(run.status().state == "queued" and run.info() for run in made)


def test_only_files_named_by_a_step_are_snapshots(run):
    weights = run.folder / "weights"
    for name in ("7", "0", "40000", "007", "-1", "x", "\u0663", "1" * 200, " 3", "1e3"):
        (weights / f"{name}.safetensors").write_bytes(b"")
    (weights / "11.safetensors").mkdir()
    (weights / "13.safetensors").symlink_to("13.safetensors")
    (weights / "17.safetensors").symlink_to("nowhere")
    os.mkfifo(weights / "19.safetensors")
    assert run.snapshots == (0, 7, 40000)


def test_it_has_snapshots_once_there_is_a_file_named_by_a_step(run):
    (run.folder / "weights" / "x.safetensors").write_bytes(b"")
    assert not run.has_snapshots
    (run.folder / "weights" / "7.safetensors").write_bytes(b"")
    assert run.has_snapshots


@pytest.mark.parametrize("change", [
    lambda run: housekeeping.rename(run, "Ada"),
    lambda run: run.set_status(Status("stopped")),
    lambda run: run.ran_with(threads=3),
])  # fmt: skip
def test_its_version_is_another_one_once_it_was_changed(run, change):
    os.utime(run.folder, (1e9, 1e9))
    before = run.version
    assert run.version == before
    change(run)
    assert run.version != before


def test_what_has_just_changed_may_change_once_more_within_a_tick(run):
    run.set_status(Status("stopped"))
    before = run.version
    assert run.version != before


def test_ran_with_adds_and_keeps(run):
    run.ran_with(threads=3)
    assert run.info().threads == 3 and run.info().version == "3.5.7"
    assert run.info().recipe.seed == 7


@pytest.mark.parametrize("below", ["file", "file/deeper"])
def test_a_runs_folder_below_a_file_is_one_sentence(tmp_path, below):
    (tmp_path / "file").write_text("")
    with refused(str(tmp_path), "check it"):
        Run.create(tmp_path / below, Recipe())


def test_a_folder_that_vanished_is_one_sentence(tmp_path):
    gone = Run(tmp_path / "gone")
    with refused("gone", "check it"):
        gone.ask("pause")
    with refused("gone", "check it"), gone.hold():
        pass


# Damage ---------------------------------------------------------------------------------------

NOT_AN_OBJECT = [
    b"",
    b"{",
    b"[]",
    b"3",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a": ' + b"9" * 9999,
]


@pytest.mark.parametrize(
    "content",
    [*NOT_AN_OBJECT, b"{}", b'{"recipe": 3}', b'{"recipe": {"lr": -1}}',
     b'{"recipe": {"unknown": 1}}', b'{"recipe": {"data": null}}'],
    ids=lambda each: repr(each[:24]),
)  # fmt: skip
def test_a_damaged_recipe_is_one_sentence(run, content):
    (run.folder / "recipe.json").write_bytes(content)
    with refused(run.id, "recipe.json", "restore"):
        run.info()


@pytest.mark.parametrize(
    "content",
    [*NOT_AN_OBJECT, b"{}", b'{"state": "dancing"}', b'{"state": []}', b'{"state": null}',
     b'{"state": "done", "step": "x"}', b'{"state": "done", "epoch": null}',
     b'{"state": "done", "seconds": NaN}', b'{"state": "done", "total": 1.5}',
     b'{"state": "done", "reason": 3}'],
    ids=lambda each: repr(each[:40]),
)  # fmt: skip
def test_a_damaged_status_is_one_sentence(run, content):
    (run.folder / "status.json").write_bytes(content)
    with refused(run.id, "status.json", "restore"):
        run.status()


@pytest.mark.parametrize("name", ["recipe.json", "status.json"])
def test_a_missing_file_is_one_sentence(run, name):
    (run.folder / name).unlink()
    with refused(run.id, name, "missing"):
        run.info(), run.status()


def test_a_status_of_a_later_version_is_read(run):
    (run.folder / "status.json").write_text('{"state": "done", "step": 5, "mood": "fine"}')
    assert run.status() == Status("done", step=5)


# Who holds it ---------------------------------------------------------------------------------


def _hold(folder: Path, ready, state: str) -> None:
    run = Run(folder)
    with run.hold():
        run.set_status(Status(state, step=13))
        ready.set()
        signal.pause()


@contextmanager
def _holder(run: Run, state: str = "running") -> Iterator[multiprocessing.Process]:
    ready = processes.Event()
    process = processes.Process(target=_hold, args=(run.folder, ready, state), daemon=True)
    process.start()
    assert ready.wait(60)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def test_a_killed_process_leaves_an_interrupted_run(run):
    with _holder(run) as process:
        assert run.is_held() and run.status() == Status("running", step=13)
        with refused(run.id, "already"), run.hold():
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert not run.is_held()
    status = run.status()
    assert (status.state, status.step) == ("interrupted", 13)
    assert "unexpectedly" in status.reason
    with run.hold():
        assert run.is_held()
    assert not run.is_held()


@pytest.mark.parametrize("state", ["queued", "paused", "done", "stopped", "failed", "interrupted"])
def test_other_states_need_no_process(run, state):
    run.set_status(Status(state, step=5, reason="why"))
    assert run.status() == Status(state, step=5, reason="why")


def test_looking_does_not_keep_a_worker_out(run):
    with run.hold():
        pass
    end = threading.Event()

    def look() -> None:
        while not end.is_set():
            run.is_held()

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for each in watchers:
        each.start()
    try:
        for _ in range(5):
            with run.hold():
                assert run.is_held()
    finally:
        end.set()
        for each in watchers:
            each.join()


def test_what_a_killed_worker_left_half_written_goes(run):
    for name in ("resume.pt", "live.safetensors", "status.json", "recipe.json", "metrics.jsonl"):
        (run.folder / f".{name}.0123abcd").write_text("half")
    (run.folder / "weights" / ".7.safetensors.00000013").write_text("half")
    with run.hold():
        pass
    left = {path.name for path in run.folder.rglob("*")}
    assert left == {"recipe.json", "status.json", "weights", "lock"}
    assert run.snapshots == ()


def test_what_a_living_process_writes_meanwhile_arrives(run):
    end = threading.Event()

    def begin_again_and_again() -> None:
        while not end.is_set():
            with run.hold():
                pass

    worker = threading.Thread(target=begin_again_and_again)
    worker.start()
    try:
        for step in range(997):
            run.set_status(Status("stopped", step=step))
            assert run.status().step == step
    finally:
        end.set()
        worker.join()
    assert not list(run.folder.rglob(".*"))


# Requests -------------------------------------------------------------------------------------


def test_a_request_is_taken_once(run):
    assert run.take_request() == ""
    run.ask("pause")
    run.ask("step")  # the last word counts
    assert run.has_request()
    assert run.take_request() == "step"
    assert run.take_request() == "" and not run.has_request()


def test_a_request_is_taken_by_one_of_many(run):
    taken: list[str] = []
    end = threading.Event()

    def take() -> None:
        while not end.is_set():
            taken.append(run.take_request())

    takers = [threading.Thread(target=take) for _ in range(3)]
    for each in takers:
        each.start()
    try:
        for _ in range(29):
            run.ask("step")
            while run.has_request():
                time.sleep(0.001)
    finally:
        end.set()
        for each in takers:
            each.join()
    assert taken.count("step") == 29 and set(taken) == {"", "step"}


def test_what_is_no_file_is_no_request(run):
    (run.folder / "request").mkdir()
    assert not run.has_request() and run.take_request() == ""
    with refused("cannot be used"):
        run.ask("stop")
    (run.folder / "request").rmdir()
    run.ask("stop")
    assert run.take_request() == "stop"


@pytest.mark.parametrize("name", ["request.taken", ".request.taken"])
def test_what_lies_beside_a_request_does_not_keep_it_from_being_heard(run, name):
    (run.folder / name).mkdir()
    for request in ("pause", "stop"):
        run.ask(request)
        assert run.take_request() == request
    assert not list(run.folder.glob(".request.????????"))


def test_what_could_not_be_read_again_is_not_noted(run, refused):
    before = (run.folder / "recipe.json").read_bytes()
    with refused("dataset.name should have at most 1000 characters"):
        run.ran_with(dataset={"name": "x" * 1001})
    with refused("data should have at most 1000 characters"):
        run.ran_with(recipe=run.info().recipe.with_data("x" * 1001).model_dump())
    assert (run.folder / "recipe.json").read_bytes() == before


def test_a_damaged_request_is_read_as_nothing_known(run):
    (run.folder / "request").write_bytes(b"\xff\xfe")
    assert run.take_request() not in ("pause", "step", "resume", "stop")


# Many at once ---------------------------------------------------------------------------------


def test_a_reader_never_sees_half_a_status(run):
    end = threading.Event()

    def write() -> None:
        step = 0
        while not end.is_set():
            run.set_status(Status("paused", reason="x" * (step % 997), step=step % 997))
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(500):
            status = run.status()
            assert status.state == "queued" or len(status.reason) == status.step
    finally:
        end.set()
        writer.join()


def test_a_status_is_read_as_it_was_written(run):
    status = Status("running", "why", 7, 11, 0.5, 1013.5, 3.25, "opening the data")
    run.set_status(status)
    assert json.loads((run.folder / "status.json").read_text()) == asdict(status)
    with run.hold():
        assert run.status() == status
