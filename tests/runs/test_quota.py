"""What one browser may ask for, and what it leaves to others."""

from dataclasses import replace

import pytest

from ultimus.errors import UserError
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs import ledger
from ultimus.runs.exchange import adopt
from ultimus.runs.ledger import Ledger
from ultimus.runs.queue import Queue
from ultimus.runs.quota import OWN, PUBLIC, Quota, caps
from ultimus.runs.run import Run, Status

FEW = replace(
    PUBLIC, waiting=2, waiting_in_all=3, steps=100, runs=4, bytes=10**6, bytes_in_all=2 * 10**6
)


@pytest.fixture
def quota(tmp_path, monkeypatch) -> Quota:
    monkeypatch.setattr(ledger, "FRESH", -1.0)  # each look is a new one
    return Quota(Queue(tmp_path), Ledger(tmp_path), FEW)


def _run(quota: Quota, owner: str, state: str = "done", size: int = 0) -> Run:
    run = Run.create(quota._queue._runs, Recipe.of(), owner=owner)
    (run.folder / "weights" / "0.safetensors").write_bytes(bytes(size))
    if state == "queued":
        quota._queue.join(run, owner)
    else:
        run.set_status(Status(state))
    return run


def test_a_browser_has_a_few_runs_that_wait_and_others_have_theirs(quota):
    _run(quota, "a", "queued")
    assert quota.refusal("a") == ""
    _run(quota, "a", "queued")
    assert "2 of your runs wait already" in quota.refusal("a")
    assert quota.waiting_refusal("a") == quota.refusal("a")
    assert quota.refusal("b") == ""
    quota._queue.leave(quota._queue.order()[0])
    assert quota.refusal("a") == ""


def test_not_more_wait_than_the_app_bears(quota):
    for owner in "abc":
        _run(quota, owner, "queued")
    assert quota.refusal("d").startswith("3 runs wait already")


def test_a_run_makes_so_many_steps(quota):
    assert quota.refusal("a", 100) == ""
    assert "101 steps" in quota.refusal("a", 101) and "100" in quota.refusal("a", 101)


def test_a_browser_keeps_so_many_runs(quota):
    runs = [_run(quota, "a") for _ in range(4)]
    assert "keep 4 runs" in quota.refusal("a") and quota.refusal("b") == ""
    assert quota.checkpoint_refusal("a") == quota.refusal("a")
    (runs[0].folder / "recipe.json").unlink()
    assert quota.refusal("a") == ""


def test_runs_take_so_much_of_the_disk(quota):
    _run(quota, "a", size=10**6)
    assert "take 1 MB of the disk" in quota.refusal("a") and quota.refusal("b") == ""
    _run(quota, "", size=10**6)
    assert "The runs here take 2 MB" in quota.refusal("b")


def test_a_run_that_grew_is_measured_again(quota):
    run = _run(quota, "a")
    assert quota.refusal("a") == ""
    (run.folder / "weights" / "7.safetensors").write_bytes(bytes(10**6))
    run.set_status(Status("done", step=7))
    assert "of the disk" in quota.refusal("a")


def test_files_of_weights_have_a_number_of_their_own(quota, tmp_path):
    shipped = next((SHIPPED / "best-cifar10" / "weights").glob("*.safetensors"))
    few = Quota(quota._queue, quota._ledger, replace(FEW, checkpoints=1, bytes=10**9))
    assert few.checkpoint_refusal("a") == ""
    adopt(shipped.read_bytes(), "mine.safetensors", tmp_path, "a")
    assert "brought 1 files of weights" in few.checkpoint_refusal("a")
    assert few.checkpoint_refusal("b") == "" and few.refusal("a") == ""


def test_strangers_get_less_and_a_class_all_it_needs(monkeypatch):
    monkeypatch.delenv("ULTIMUS_PUBLIC", raising=False)
    assert caps() == OWN
    assert OWN.waiting >= 10 and OWN.waiting_in_all >= 30 * 10
    monkeypatch.setenv("ULTIMUS_PUBLIC", "1")
    assert caps() == PUBLIC and PUBLIC.steps >= 75_000 and PUBLIC.waiting_in_all >= 60
    assert all(
        mine <= own for mine, own in zip(vars(PUBLIC).values(), vars(OWN).values(), strict=True)
    )


def test_every_refusal_says_what_to_do(quota, refused):
    for sentence in (quota.refusal("a", 101), _crowded(quota).refusal("a")):
        with refused():
            raise UserError(sentence)


def _crowded(quota: Quota) -> Quota:
    for _ in range(3):
        _run(quota, "a", "queued")
    return quota
