"""A run obeys what it is asked; a paused one keeps its worker for a while, others or not."""

import math
from collections.abc import Iterable

import pytest

from ultimus.recipe import Recipe
from ultimus.runs import control as control_module
from ultimus.runs.control import GRACE, LOOK_EVERY, PATIENCE, Control
from ultimus.runs.run import Run, Status


class Person:
    """A clock that moves whenever it is looked at, and clicks at given times."""

    def __init__(self, run: Run, stride: float, clicks: Iterable[tuple[float, str]] = ()):
        self.now = 0.0
        self._run = run
        self._stride = stride
        self._clicks = iter([*clicks, (math.inf, "")])
        self._next = next(self._clicks)

    def __call__(self) -> float:
        self.now += self._stride
        when, request = self._next
        if self.now >= when:
            self._run.ask(request)
            self._next = next(self._clicks)
        return self.now


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(control_module, "POLL_EVERY", 0.0)


@pytest.fixture
def run(tmp_path) -> Run:
    """One that a worker has, so that it does not wait itself, asked to pause."""
    run = Run.create(tmp_path, Recipe.of())
    run.set_status(Status("paused"))
    run.ask("pause")
    return run


def _wait(run: Run) -> Run:
    """Another run waits beside it."""
    return Run.create(run.folder.parent, Recipe.of())


def _steps_until_parked(control: Control) -> int:
    """Work as the recorder does; how many steps were made."""
    steps = 0
    while True:
        control.listen()
        if control.is_paused:
            control.wait()
        if not control.goes_on:
            return steps
        control.count(1)
        steps += 1


def test_a_paused_run_keeps_its_worker_for_the_grace_though_others_wait(run):
    _wait(run)
    person = Person(run, stride=0.25)
    control = Control(run, PATIENCE, person)
    assert _steps_until_parked(control) == 0
    assert control.parked and GRACE < person.now < GRACE + 3 * LOOK_EVERY


def test_it_keeps_its_worker_while_nobody_waits(run):
    damaged = _wait(run)
    (damaged.folder / "status.json").write_text("{")
    person = Person(run, stride=2.0)
    control = Control(run, PATIENCE, person)
    assert _steps_until_parked(control) == 0
    assert control.parked and PATIENCE < person.now < PATIENCE + 10


@pytest.mark.parametrize("every", [0.5, 20.0, 59.0])
def test_steps_by_hand_do_not_keep_the_worker_from_others(run, every):
    _wait(run)
    clicks = [(every * number, "step") for number in range(1, 1000)]
    person = Person(run, 0.1, clicks)
    control = Control(run, PATIENCE, person)
    assert _steps_until_parked(control) >= GRACE // every
    assert control.parked and GRACE < person.now < GRACE + 3 * LOOK_EVERY


def test_whoever_goes_on_has_the_whole_grace_at_the_next_pause(run):
    _wait(run)
    person = Person(run, 0.25, [(50.0, "resume")])
    control = Control(run, PATIENCE, person)
    control.listen()
    control.wait()
    assert control.goes_on and control.allowed is None
    run.ask("pause")
    begin = person.now
    assert _steps_until_parked(control) == 0
    assert control.parked and person.now - begin > GRACE


def test_a_paused_run_is_stopped(run):
    control = Control(run, PATIENCE, Person(run, 0.25, [(5.0, "stop")]))
    assert _steps_until_parked(control) == 0
    assert control.stopped and not control.parked


def test_a_paused_run_takes_another_rate_and_stays_paused(run):
    taken = []
    clicks = [(2.0, "rate 0.5"), (3.0, "rate 2"), (5.0, "stop")]
    control = Control(run, PATIENCE, Person(run, 0.25, clicks), taken.append)
    assert _steps_until_parked(control) == 0
    assert taken == [0.5, 2.0]
