"""Those who watch share the updates of the app."""

import pytest

from ultimus.ui.live.audience import UPDATES, Audience


def intervals(people: int, seconds: float, until: float) -> list[float]:
    """What each is told at last, all asking as soon as they may."""
    audience, told = Audience(), dict.fromkeys(range(people), 0.0)
    due = {who: 0.001 * who for who in told}
    while (now := min(due.values())) < until:
        who = min(due, key=due.get)
        told[who] = audience.share(str(who), seconds, now)
        due[who] = now + told[who]
    return list(told.values())


@pytest.mark.parametrize("people", [1, 2, 7])
def test_few_are_told_as_often_as_they_wish(people):
    assert intervals(people, seconds=0.5, until=11) == [0.5] * people


@pytest.mark.parametrize("people", [11, 31, 199])
def test_many_share_the_updates(people):
    told = intervals(people, seconds=0.5, until=97)
    assert told == [people / UPDATES] * people
    assert sum(1 / each for each in told) == pytest.approx(UPDATES)


def test_who_has_gone_leaves_their_share():
    audience = Audience()
    for who in range(31):
        audience.share(str(who), 0.5, now=0)
    assert audience.share("0", 0.5, now=1) == 31 / UPDATES
    assert audience.share("0", 0.5, now=11) == 0.5
