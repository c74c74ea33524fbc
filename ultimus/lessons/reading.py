"""A lesson out of its file, or why not: one sentence with the line."""

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import UserError, reason
from ..files import read_bounded
from ..glossary import term
from ..links.pages import PAGES
from . import markup, values, wrong
from .curves import curve
from .lesson import Card, Lesson, Scale, curves, texts
from .lines import Path as Place
from .lines import line_of

MOST_BYTES = 200_000  # of a file, of which a long lesson takes a tenth
DRAWN = {"draw", "classes"}  # of what a card shows: pictures that differ from machine to machine
_HOLE = "{-}"  # stands for a placeholder in an address, which no space may end
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)|\(at end of document\)")


def read(path: Path) -> Lesson:
    """The lesson in a file.

    Raises:
        UserError: it cannot be used; the sentence names the line.
    """
    try:
        content = read_bounded(path, MOST_BYTES)
        text = content.decode("utf-8-sig")
        lesson = Lesson.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _problem(path, line_of(text, first["loc"]), wrong.told(first)) from error
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        raise _problem(path, line, _AT_LINE.sub("", str(error)).strip()) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _problem(path, line, "there is no UTF-8: save the file in that encoding") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"The lesson {path.name} cannot be read ({reason(error)}): it should be a file of "
            "TOML in UTF-8."
        ) from error
    _check_texts(path, text, lesson)
    return lesson


def _check_texts(path: Path, text: str, lesson: Lesson) -> None:
    for place, card in enumerate(lesson.card):
        if card.name in {former.name for former in lesson.card[:place] if former.name}:
            at = line_of(text, ("card", place, "name"))
            raise _problem(path, at, f"two cards have the name {card.name!r}")
    for place, words in texts(lesson):
        page = PAGES[lesson.card[int(place[1])].page]
        for placeholder in values.placeholders(words):
            _check(path, text, place, placeholder, values.check, page, lesson.places)
            _check(path, text, place, placeholder, _names_its_pictures, lesson.card[int(place[1])])
        for name in markup.terms(words):
            _check(path, text, place, name, _no_term if "choices" in place else term)
        for address in markup.addresses(values.replaced(words, lambda _: _HOLE)):
            _check(path, text, place, address, _has_no_placeholder)
    for place, line in curves(lesson):
        _check(path, text, place, line, curve)
    for place, number, scale in _numbers(lesson):
        _check(path, text, place, number[1:-1], _can_be_drawn, scale)


def _names_its_pictures(placeholder: str, card: Card) -> None:
    """See to it that the page shows the group that a number is computed from."""
    for shown in (card.show, card.revealed.show):
        if values.is_of_cell(placeholder) and not shown.get("images") and DRAWN & shown.keys():
            raise UserError(
                f"{{{placeholder[:60]}}} needs pictures that are the same on each machine: show "
                'images = "0,1,2" instead of draw or classes'
            )


def _numbers(lesson: Lesson) -> Iterator[tuple[Place, str, Scale | None]]:
    """Placeholders that are drawn, and the scale that one is guessed on."""
    for place, card in enumerate(lesson.card):
        if card.question and card.question.number:
            yield ("card", place, "question", "number"), card.question.number, card.question.scale
        for bar in card.reveal.bars.values() if card.reveal else ():
            yield ("card", place, "reveal", "bars"), bar, None


def _can_be_drawn(placeholder: str, scale: Scale | None) -> None:
    """See to it that a number can be guessed, as far as is known before the lesson runs."""
    values.check_number(placeholder)
    right = values.known(placeholder)
    if scale and right and not scale.low <= right.number <= scale.high:
        raise UserError(
            f"the right number, {right.text}, is not on the scale from {scale.low:g} to "
            f"{scale.high:g}"
        )


def _has_no_placeholder(address: str) -> None:
    before, hole, _ = address.partition(_HOLE)
    if hole:
        raise UserError(f"the link to {before[:40]!r} holds a placeholder: leave it out")


def _no_term(name: str) -> None:
    raise UserError(f"a choice explains no term: explain {name[:40]!r} in a text")


def _check(
    path: Path, text: str, place: Place, found: str, check: Callable[..., Any], *more: Any
) -> None:
    try:
        check(found, *more)
    except UserError as error:
        line = line_of(text, place)
        below = text.split("\n")[line - 1 :]
        further = next((n for n, row in enumerate(below) if found.split("\n")[0] in row), 0)
        raise _problem(path, line + further, str(error)) from error


def _problem(path: Path, line: int, what: str) -> UserError:
    said = what.rstrip(".")[:400]
    return UserError(f"The lesson {path.name} cannot be used, since on line {line} {said}.")
