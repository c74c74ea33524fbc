"""The guesses of a class: counted once for each browser, and forgotten with the lesson."""

import math

import pytest

from ultimus.lessons import shelf
from ultimus.lessons.guesses import KEPT, MOST, Guesses, bin_of, bins, fits, spread
from ultimus.lessons.lesson import Question, Scale

NAME = "the-right-learning-rate"
CHOICE, NUMBER, UNASKED = "0", "4", "3"  # cards of it
LESSON = shelf.find(NAME)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def gathered(now) -> Guesses:
    guesses = Guesses(lambda: now[0])
    guesses.open(NAME)
    return guesses


def test_of_each_browser_the_newest_guess_counts(gathered):
    for guess in (0, 2, 1):
        gathered.take(NAME, LESSON, "ada", {CHOICE: guess})
    gathered.take(NAME, LESSON, "grace", {CHOICE: 1, NUMBER: 30})
    assert gathered.of(0) == [1, 1] and gathered.of(4) == [30] and gathered.people == 2


@pytest.mark.parametrize(
    "guessed",
    [{CHOICE: 3}, {CHOICE: -1}, {CHOICE: 0.5}, {CHOICE: True}, {CHOICE: "1"}, {CHOICE: [1]},
     {UNASKED: 1}, {"99": 1}, {"-1": 1}, {0: 1}, {NUMBER: 101}, {NUMBER: math.nan},
     {NUMBER: 10**400}, {NUMBER: None}, {"x" * 9999: 1}, {}],
)  # fmt: skip
def test_what_is_no_guess_of_the_lesson_is_left_out(gathered, guessed):
    gathered.take(NAME, LESSON, "ada", guessed)
    assert gathered.people == 0 and gathered.of(0) == gathered.of(3) == gathered.of(4) == []


def test_guesses_of_another_lesson_and_of_more_than_a_school_are_left_out(gathered):
    gathered.take("another", LESSON, "ada", {CHOICE: 1})
    assert gathered.people == 0
    for number in range(MOST + 5):
        gathered.take(NAME, LESSON, str(number), {CHOICE: 1})
    gathered.take(NAME, LESSON, "0", {CHOICE: 2})  # who is known still may
    assert gathered.people == MOST and gathered.of(0)[-1] == 2


def test_they_are_forgotten_when_the_lesson_is_closed_or_a_day_is_over(gathered, now):
    gathered.take(NAME, LESSON, "ada", {CHOICE: 1})
    gathered.show(0)
    gathered.close()
    assert gathered.lesson == "" and gathered.people == 0 and not gathered.is_shown(0)
    gathered.open(NAME)
    assert gathered.of(0) == [] and not gathered.is_shown(0)
    gathered.take(NAME, LESSON, "ada", {CHOICE: 1})
    now[0] = KEPT + 1
    assert gathered.lesson == "" and gathered.of(0) == []


def test_a_guess_fits_a_question_that_was_changed_meanwhile_only_if_it_could_be_made_now():
    was, now = LESSON.card[int(NUMBER)].question, LESSON.card[int(CHOICE)].question
    assert [fits(was, guess) for guess in (30, 1)] == [True, True]
    assert [fits(now, guess) for guess in (30, 1)] == [False, True]


@pytest.mark.parametrize(
    ("scale", "first", "last", "count"),
    [
        (Scale(low=1, high=100, step=1), (1, 10), (91, 100), 10),
        (Scale(low=0, high=100, step=0.5), (0, 9.5), (100, 100), 11),
        (Scale(low=0, high=5), (0, 0), (5, 5), 6),
        (Scale(low=-3, high=-2, step=0.25), (-3, -3), (-2, -2), 5),
    ],
)
def test_numbers_are_counted_in_parts_that_people_can_read(scale, first, last, count):
    parts = bins(scale)
    assert (parts[0], parts[-1], len(parts)) == (first, last, count)
    assert [bin_of(scale, low) for low, _ in parts] == [*range(count)]
    assert [bin_of(scale, high) for _, high in parts] == [*range(count)]
    question = Question(text="?", scale=scale, number="{x}")
    assert spread(question, [scale.low, scale.high, scale.high]) == [1, *[0] * (count - 2), 2]
