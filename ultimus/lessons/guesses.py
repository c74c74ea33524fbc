"""The guesses of a class in a lesson, while its teacher gathers them: in memory, without names.

Of each browser the newest guess of a question counts. All are forgotten once the teacher closes the
lesson, or after a day.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from .lesson import Lesson, Question, Scale

MOST = 1000  # browsers
KEPT = 24 * 3600.0  # seconds, where nobody closes the lesson
BINS = 11  # at most, of the numbers that may be guessed


@dataclass
class _Gathered:
    """What is known of one lesson.

    Attributes:
        name: of the lesson.
        since: when it was begun, in seconds.
        guesses: by browser and card, from 0.
        shown: cards whose answer the teacher has shown.
    """

    name: str
    since: float
    guesses: dict[str, dict[int, float]] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)


class Guesses:
    """The guesses of a class. Used by many threads at once.

    Args:
        clock: tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = Lock()
        self._gathered: _Gathered | None = None

    def open(self, name: str) -> None:
        """Gather the guesses of a lesson from now on, and forget what there was."""
        with self._lock:
            self._gathered = _Gathered(name, self._clock())

    def close(self) -> None:
        """Forget all guesses."""
        with self._lock:
            self._gathered = None

    @property
    def lesson(self) -> str:
        """The name of the lesson whose guesses are gathered; empty for none."""
        with self._lock:
            return found.name if (found := self._now()) else ""

    def take(self, name: str, lesson: Lesson, browser: str, guessed: dict[Any, Any]) -> None:
        """Count what somebody has guessed, if it belongs to the lesson that is gathered.

        Args:
            name: of the lesson.
            lesson: its cards.
            browser: who guesses.
            guessed: by card, from 0: which choice, from 0, or a number. A browser may send
                anything, so what is no guess is left out.
        """
        sound = {
            place: guessed[str(place)]
            for place, card in enumerate(lesson.card)
            if card.question and fits(card.question, guessed.get(str(place)))
        }
        with self._lock:
            now = self._now()
            if not sound or now is None or now.name != name:
                return
            if browser in now.guesses or len(now.guesses) < MOST:
                now.guesses.setdefault(browser, {}).update(sound)

    def of(self, card: int) -> list[float]:
        """What was guessed on a card, from the smallest to the largest."""
        with self._lock:
            everybody = now.guesses.values() if (now := self._now()) else ()
            return sorted(theirs[card] for theirs in everybody if card in theirs)

    @property
    def people(self) -> int:
        """How many browsers have guessed at least once."""
        with self._lock:
            return len(now.guesses) if (now := self._now()) else 0

    def show(self, card: int) -> None:
        """Let the answer of a card be seen beside its guesses."""
        with self._lock:
            if now := self._now():
                now.shown.add(card)

    def is_shown(self, card: int) -> bool:
        with self._lock:
            return bool((now := self._now()) and card in now.shown)

    def _now(self) -> _Gathered | None:
        if self._gathered and self._clock() - self._gathered.since > KEPT:
            self._gathered = None
        return self._gathered


guesses = Guesses()  # of this app


def fits(question: Question, guess: object) -> bool:
    """Whether this is a guess of a question as it stands; its lesson may be changed meanwhile."""
    if isinstance(guess, bool) or not isinstance(guess, int | float):
        return False
    if question.scale:
        return question.scale.low <= guess <= question.scale.high  # neither is NaN
    return guess in range(len(question.choices))


def spread(question: Question, guessed: list[float]) -> list[int]:
    """How often each choice was guessed, or each of `bins`."""
    scale = question.scale
    count = Counter(bin_of(scale, guess) if scale else int(guess) for guess in guessed)
    return [count[place] for place in range(len(bins(scale) if scale else question.choices))]


def bins(scale: Scale) -> list[tuple[float, float]]:
    """Parts of a scale, each from its smallest number to its largest."""
    wide, values = _width(scale), _values(scale)
    ends = [(first, min(first + wide, values) - 1) for first in range(0, values, wide)]
    return [(scale.low + first * scale.step, scale.low + last * scale.step) for first, last in ends]


def bin_of(scale: Scale, number: float) -> int:
    """Which of the bins a number is in; the first and last take what lies beyond."""
    place = min(max(round((number - scale.low) / scale.step), 0), _values(scale) - 1)
    return place // _width(scale)


def _values(scale: Scale) -> int:
    """How many numbers may be guessed."""
    return math.floor((scale.high - scale.low) / scale.step + 1e-9) + 1


def _width(scale: Scale) -> int:
    """How many of them make a bin: 1, 2, 5, 10, 20, …, so that people can read its ends."""
    widths = (digit * 10**power for power in range(6) for digit in (1, 2, 5))
    return next(wide for wide in widths if wide * BINS >= _values(scale))
