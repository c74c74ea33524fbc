"""Turns go round between owners, and the queue is found again in the folders."""

import pytest

from ultimus.recipe import Recipe
from ultimus.runs.queue import Queue
from ultimus.runs.run import Run, Status


@pytest.fixture
def queue(tmp_path) -> Queue:
    return Queue(tmp_path)


def _join(queue: Queue, owner: str) -> Run:
    run = Run.create(queue._runs, Recipe.of(), owner=owner)
    queue.join(run, owner)
    return run


def _serve(queue: Queue) -> str:
    """The owner of the run whose turn it is."""
    run = Run(queue._runs / queue.order()[0])
    run.set_status(Status("running"))
    queue.serve(run.id)
    return run.info().owner


def test_who_starts_one_comes_before_the_second_of_who_starts_many(queue):
    for owner in "aaaabc":
        _join(queue, owner)
    assert [_serve(queue) for _ in range(6)] == list("abcaaa")


def test_who_comes_late_gets_the_turn_that_is_served(queue):
    for _ in range(6):
        _join(queue, "a")
    assert [_serve(queue) for _ in range(3)] == list("aaa")
    for owner in "bbc":
        _join(queue, owner)
    assert [_serve(queue) for _ in range(6)] == list("bcabaa")


def test_who_was_served_waits_for_those_who_were_not(queue):
    _join(queue, "a")
    assert _serve(queue) == "a"
    for owner in "abc":
        _join(queue, owner)
    assert [_serve(queue) for _ in range(3)] == list("bca")


def test_a_place_counts_those_before(queue):
    runs = [_join(queue, owner) for owner in "aab"]
    assert [queue.place(run.id) for run in runs] == [0, 2, 1]
    queue.leave(runs[0].id)
    queue.leave(runs[0].id)
    assert [queue.place(run.id) for run in runs] == [None, 1, 0]
    assert (queue.of("a"), queue.of("b"), len(queue)) == (1, 1, 2)


def test_a_run_that_gave_way_keeps_its_turn(queue):
    first = _join(queue, "a")
    _serve(queue)
    others = [_join(queue, "b") for _ in range(3)]
    queue.join(first, "a", again=True)
    assert queue.order() == [first.id, *(run.id for run in others)]


def test_it_is_found_again_in_the_same_order(queue, tmp_path):
    for owner in "aaabbc":
        _join(queue, owner)
    first = Run(tmp_path / queue.order()[0])
    assert _serve(queue) == "a"
    order = queue.order()
    with first.hold():
        again = Queue(tmp_path)
        again.find()
    assert again.order() == order


def test_what_never_joined_or_ended_is_not_found(queue, tmp_path):
    Run.create(tmp_path, Recipe.of())
    ended = _join(queue, "a")
    ended.set_status(Status("stopped"))
    again = Queue(tmp_path)
    again.find()
    assert len(again) == 0


@pytest.mark.parametrize(
    "ticket",
    ["", "[]", "null", "{", '{"turn": 1}', '{"turn": "1", "time": 2}', '{"turn": 1, "time": NaN}',
     '{"turn": -1, "time": 2}', '{"turn": 1, "time": null}', '{"turn": 1e3, "time": 2}'],
)  # fmt: skip
def test_a_damaged_ticket_is_no_ticket(queue, tmp_path, ticket):
    run = _join(queue, "a")
    (run.folder / "ticket.json").write_text(ticket)
    again = Queue(tmp_path)
    again.find()
    assert len(again) == 0 and not again.take_in(run)
