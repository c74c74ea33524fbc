"""How often each of many who watch looks."""

from pathlib import Path

import pytest
from support.explorers import request

from ultimus.recipe import Recipe
from ultimus.runs.run import Run
from ultimus.ui.server.audience import LOOKS, Audience
from ultimus.ui.state import browser

MANY = 3 * LOOKS


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audience(clock: Clock) -> Audience:
    return Audience(0.5, clock)


def test_a_few_look_as_often_as_is_planned(audience: Audience):
    assert {audience.share(who) for who in "abc" * 7} == {0.5}


def test_many_look_together_no_more_often_than_the_server_can_bear(
    audience: Audience, clock: Clock
):
    for _ in range(3):
        pauses = [audience.share(f"{number}") for number in range(MANY)]
        clock.now += pauses[-1]
    assert sum(1 / pause for pause in pauses) == pytest.approx(LOOKS)


def test_who_has_gone_does_not_count(audience: Audience, clock: Clock):
    for number in range(MANY):
        audience.share(f"{number}")
    clock.now += 3 * MANY / LOOKS + 0.01
    assert audience.share("one who stayed") == 0.5


def test_whoever_trains_the_run_looks_as_often_as_if_few_did(audience: Audience, tmp_path: Path):
    secret = "secret-of-twenty-one-1"
    run = Run.create(tmp_path, Recipe(), owner=browser._hash(secret))
    for number in range(MANY):
        audience.share(f"{number}")
    asked = {name: request() for name in (secret, "another-secret-of-23-ch", "")}
    for name, by in asked.items():
        by.cookies[browser.NAME] = name
    pauses = {name: audience.pause(by, run) for name, by in asked.items()}
    assert pauses.pop(secret) == 0.5
    assert min(pauses.values()) > 2
