"""A lesson in one file, which needs no server: the page of its run, with its cards beside it."""

import math
from typing import Any

import numpy as np

from ..analysis import range_test
from ..analysis.measured import notebook_log
from ..explorer import page, scene
from ..runs.run import Run
from .filled import filled, of_card
from .lesson import Card, Lesson
from .moment import named_run, shown_pictures


def file_name(name: str) -> str:
    """What the file of a lesson is called."""
    return f"ultimus-{name}.html"


def lesson_page(name: str, lesson: Lesson) -> bytes:
    """The file of a lesson, with all runs whose attention its cards show, and the curves of those
    whose training they speak of.

    Raises:
        UserError: a run or its pictures are not here.
    """
    lesson = lesson.model_copy(update={"card": [_with_its_run(card) for card in lesson.card]})
    cards = [card for card in lesson.card if card.page == "attention"] or lesson.card[:1]
    cards = [shown for card in cards for shown in (card, card.revealed)]
    runs = {run.folder: run for run in (_run(name, lesson, card) for card in cards)}.values()
    shown = {run: shown_pictures(run, _pictures(cards, run.id)) for run in runs}
    (first, pictures), *others = shown.items()
    told = filled(name, lesson) | _trained(name, lesson) | _ranged(lesson)
    return page.page(first, told, pictures, dict(others))


def _with_its_run(card: Card) -> Card:
    """A card that names the run whose attention it shows, since a file may hold several."""
    if card.page != "attention" or "run" in card.show:
        return card
    return card.model_copy(update={"show": {"run": named_run("").id} | card.show})


def _run(name: str, lesson: Lesson, card: Card) -> Run:
    """The run that a card shows."""
    place = [shown.title for shown in lesson.card].index(card.title)
    with of_card(name, place + 1):
        return named_run(card.link.get("run", ""))


def _trained(name: str, lesson: Lesson) -> dict[str, Any]:
    """Curves by the name of their run, and those of the notebook's log."""
    cards = [card for card in lesson.card if card.page == "train" and card.is_in_file]
    runs = {card.link["run"]: _run(name, lesson, card) for card in cards}
    columns = {"loss": "loss", "accuracy": "train_accuracy", "rate": "lr"}
    rows = notebook_log()["epochs"]
    log = {name: [[row["epoch"], row[column]] for row in rows] for name, column in columns.items()}
    return {"trained": {key: scene.curves(run) for key, run in runs.items()}, "notebook": log}


def _ranged(lesson: Lesson) -> dict[str, Any]:
    """The range test that comes with Ultimus, if a card speaks of one: rates (N,), losses of the
    seeds (S, N) and their mean (N,), with None where there is none, and what is read from them."""
    if not any(card.page == "lab" and card.is_in_file for card in lesson.card):
        return {}
    test, of = range_test.shipped()
    return {
        "range": {
            "of": of,
            "rates": test.rates.tolist(),
            "seeds": [_known(seed) for seed in test.smoothed.round(4)],
            "mean": _known(test.mean.round(4)),
            "steepest": test.suggestion,
            "alone": _known(test.suggestions),
            "diverging": test.diverging,
        }
    }


def _known(numbers: np.ndarray) -> list[float | None]:
    return [number if math.isfinite(number) else None for number in numbers.tolist()]


def _pictures(cards: list[Card], run: str) -> str:
    """Which pictures the cards show of a run."""
    links = [card.link for card in cards]
    shown = [link.get("pictures") for link in links if link.get("run") in (run, None)]
    return "examples" if "examples" in shown else "test"
