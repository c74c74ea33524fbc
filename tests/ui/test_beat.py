"""When browsers ask for news."""

import random

import pytest

from ultimus.ui import beat

EVERY = 3.0


@pytest.mark.parametrize("now", [0.0, 1e6 + 0.01, 1e6 + 1.4, 1e6 + 2.999])
def test_whoever_asks_at_whatever_time_asks_again_at_a_beat(now: float):
    wait = beat.wait(EVERY, now)
    assert EVERY / 2 <= wait < 3 * EVERY / 2
    beats = (now + wait) / EVERY
    assert beats == pytest.approx(round(beats), rel=1e-9)


def test_who_came_at_different_times_soon_asks_with_the_others():
    draw = random.Random(0)
    asked = [draw.uniform(0, EVERY) for _ in range(31)]
    for _ in range(2):
        late = [draw.uniform(0, 0.2) for _ in asked]  # on the way, and for the answer
        asked = [now + beat.wait(EVERY, now) + more for now, more in zip(asked, late, strict=True)]
    assert max(now % EVERY for now in asked) < 0.2


def test_an_answer_says_it_in_seconds():
    (wait,) = beat.header(EVERY).values()
    assert EVERY / 2 <= float(wait) <= 3 * EVERY / 2
