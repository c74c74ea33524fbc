"""A lesson in one file, which needs no server: the page of its run, with its cards beside it."""

from ..explorer import page
from .filled import filled
from .lesson import Lesson
from .moment import named_run, shown_pictures


def file_name(name: str) -> str:
    """What the file of a lesson is called."""
    return f"ultimus-{name}.html"


def lesson_page(name: str, lesson: Lesson) -> bytes:
    """The file of a lesson; of several runs that its cards name, it holds the first.

    Raises:
        UserError: a run or its pictures are not here.
    """
    links = [card.link for card in lesson.card]
    run = named_run(next((link["run"] for link in links if link.get("run")), ""))
    which = "examples" if any(link.get("pictures") == "examples" for link in links) else "test"
    return page.page(run, filled(name, lesson), shown_pictures(run, which))
