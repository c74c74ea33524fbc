"""What is written after which step."""

from types import SimpleNamespace

import pytest

from ultimus.runs.due import EVERY, Schedule
from ultimus.training.training import FIRST_STEPS


@pytest.fixture
def clock():
    class Clock(SimpleNamespace):
        def __call__(self) -> float:
            return self.now

    return Clock(now=100.0)


def _step(number: int, ends_epoch: bool = False):
    return SimpleNamespace(step=number, epoch_result=object() if ends_epoch else None)


def test_each_of_the_first_steps_and_each_single_one_is_reported(clock):
    schedule = Schedule(clock)
    assert schedule.due(_step(FIRST_STEPS), is_single=False) == {"report"}
    assert schedule.due(_step(FIRST_STEPS + 1), is_single=False) == set()
    assert schedule.due(_step(FIRST_STEPS + 1), is_single=True) == {"report"}


def test_later_the_clock_tells_and_the_end_of_an_epoch(clock):
    schedule = Schedule(clock)
    clock.now += EVERY["live"]
    assert schedule.due(_step(99), is_single=False) == {"report", "live"}
    schedule.wrote("report")
    assert schedule.due(_step(100), is_single=False) == {"live"}
    assert schedule.due(_step(101, ends_epoch=True), is_single=False) == {"report", "live", "state"}


def test_what_the_next_step_depends_on_is_written_with_a_report_only(clock):
    """A run that goes on from between two reports would draw a spike into the curves."""
    schedule = Schedule(clock)
    clock.now += EVERY["state"]
    schedule.wrote("report")
    schedule.wrote("live")
    assert schedule.due(_step(99), is_single=False) == set()
    clock.now += EVERY["report"]
    assert schedule.due(_step(100), is_single=False) == {"report", "state"}


def test_planned_snapshots_are_taken(clock):
    schedule = Schedule(clock)
    schedule.snapshots = frozenset({99})
    assert [schedule.due(_step(n), is_single=False) for n in (98, 99)] == [set(), {"snapshot"}]
