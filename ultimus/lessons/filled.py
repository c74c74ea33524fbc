"""A lesson as a browser gets it: texts as HTML, placeholders computed."""

import html
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import UserError
from . import markup, values
from .curves import curve
from .lesson import Card, Curves, Lesson, Question, Reveal
from .moment import Moments
from .values import Value

_MARK = "\ue000{}\ue001"  # stands for a placeholder while Markdown is read; in no text itself


def filled(name: str, lesson: Lesson) -> dict[str, Any]:
    """A lesson as JSON that `lesson.js` draws.

    Raises:
        UserError: a run, its pictures or a cell that it speaks of are not here.
    """
    moments = Moments()
    return {
        "name": name,
        "title": lesson.title,
        "minutes": lesson.minutes,
        "cards": [
            _numbered(name, place, card, moments, lesson.places)
            for place, card in enumerate(lesson.card, 1)
        ],
    }


def _numbered(
    name: str, place: int, card: Card, moments: Moments, places: dict[str, int]
) -> dict[str, Any]:
    with of_card(name, place):
        return _card(card, moments, places)


@contextmanager
def of_card(name: str, place: int) -> Iterator[None]:
    """Say on which card of a lesson it was, should something not be here."""
    try:
        yield
    except UserError as error:
        what = str(error)
        raise UserError(
            f"Card {place} of the lesson {name} cannot be shown: {what[:1].lower()}{what[1:]}"
        ) from error


def _card(card: Card, moments: Moments, places: dict[str, int]) -> dict[str, Any]:
    before, after = (_Filler(said, moments, places) for said in (card.said, card.revealed.said))
    made = {"title": card.title, "page": card.page, "link": card.link, "at": card.part,
            "text": before.html(card.text), "app": before.html(card.app),
            "isInFile": card.is_in_file}  # fmt: skip
    if card.question and card.reveal:
        made["question"] = _question(card.question, before)
        made["reveal"] = _reveal(card.question, card.reveal, after)
        made["reveal"] |= {"at": card.part_after, "link": card.link_after}
    return made


def _question(question: Question, filler: "_Filler") -> dict[str, Any]:
    return {
        "text": filler.html(question.text),
        "choices": [filler.inline(choice) for choice in question.choices],
        "scale": question.scale.model_dump() if question.scale else None,
    }


def _reveal(question: Question, reveal: Reveal, filler: "_Filler") -> dict[str, Any]:
    return {
        "text": filler.html(reveal.text),
        "app": filler.html(reveal.app),
        "answer": question.answer - 1 if question.answer else None,
        "number": filler.value(question.number)._asdict() if question.number else None,
        "bars": [{"name": name, **filler.value(bar)._asdict()}
                 for name, bar in reveal.bars.items()],
        "curves": _drawn(reveal.curves) if reveal.curves else None,
    }  # fmt: skip


def _drawn(curves: Curves) -> dict[str, Any]:
    lines = {name: curve(placeholder) for name, placeholder in curves.lines.items()}
    return {
        "title": curves.title,
        "isShare": all(line.is_share for line in lines.values()),
        "lines": [{"name": name, "points": line.points, "isLog": line.is_log}
                  for name, line in lines.items()],
    }  # fmt: skip


class _Filler:
    """Fills texts that stand beside what a link shows.

    Args:
        link: of the card.
        moments: the networks that it speaks of.
        places: where cards that have a name stand, from 1.
    """

    def __init__(self, link: dict[str, str], moments: Moments, places: dict[str, int]):
        self.link = link
        self.moments = moments
        self.places = places

    def html(self, text: str) -> str:
        return self._marked(text, markup.html, _way)

    def inline(self, text: str) -> str:
        return self._marked(text, markup.inline, "card {}".format)

    def value(self, text: str) -> Value:
        """What a text that is one placeholder stands for.

        Raises:
            UserError: it is no number, as a limit that a run did not have.
        """
        found = self._computed(values.placeholders(text)[0])
        if not math.isfinite(found.number):
            raise UserError(f"{text} is {found.text} here: a guess or a bar needs a number.")
        return found

    def _marked(self, text: str, read: Callable[[str], str], way: Callable[[int], str]) -> str:
        """Markdown as HTML, whose placeholders are filled afterwards, so that none is Markdown."""
        found = values.placeholders(text)
        counter = iter(range(len(found)))
        made = read(values.replaced(text, lambda _: _MARK.format(next(counter))))
        for place, placeholder in enumerate(found):
            card = values.named_card(placeholder)
            told = way(self.places[card]) if card else _element(self._computed(placeholder))
            made = made.replace(_MARK.format(place), told)
        return made

    def _computed(self, placeholder: str) -> Value:
        return values.value(placeholder, self.link, self.moments.find)


def _way(place: int) -> str:
    """To a card, from 1; lesson.js follows it."""
    return f'<button type="button" class="way" data-card="{place - 1}">card {place}</button>'


def _element(value: Value) -> str:
    text = html.escape(value.text)
    if value.number != value.number:  # a name
        return text
    return f'<data value="{json.dumps(value.number)}">{text}</data>'
