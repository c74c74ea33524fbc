"""A lesson in one file, which needs no server: the page of its run, with its cards beside it."""

from typing import Any

from ..analysis.measured import notebook_log
from ..explorer import page, scene
from .filled import filled
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
    cards = [card for card in lesson.card if card.page == "attention"] or lesson.card[:1]
    names = dict.fromkeys(card.link.get("run", "") for card in cards)
    shown = {run: shown_pictures(run, _pictures(cards, run.id)) for run in map(named_run, names)}
    (first, pictures), *others = shown.items()
    return page.page(first, filled(name, lesson) | _trained(lesson), pictures, dict(others))


def _trained(lesson: Lesson) -> dict[str, Any]:
    """Curves by the name of their run, and those of the notebook's log."""
    links = [card.link for card in lesson.card if card.page == "train" and card.is_in_file]
    runs = dict.fromkeys(link["run"] for link in links)
    columns = {"loss": "loss", "accuracy": "train_accuracy", "rate": "lr"}
    rows = notebook_log()["epochs"]
    log = {name: [[row["epoch"], row[column]] for row in rows] for name, column in columns.items()}
    return {"trained": {run: scene.curves(named_run(run)) for run in runs}, "notebook": log}


def _pictures(cards: list[Card], run: str) -> str:
    """Which pictures the cards show of a run."""
    links = [card.link for card in cards]
    shown = [link.get("pictures") for link in links if link.get("run") in (run, None)]
    return "examples" if "examples" in shown else "test"
