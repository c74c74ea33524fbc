"""The lesson beside the page: which card it is at, and what that card shows of the page."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

import streamlit as st

from ...errors import UserError
from ...lessons import shelf
from ...lessons.filled import filled
from ...lessons.guesses import guesses
from ...lessons.lesson import Card
from ...lessons.lesson import Lesson as Content
from ...links.pages import Lesson
from ...links.state import understood
from ...places import SHIPPED, runs_folder
from ...runs.run import Run
from ..server import explorer_files
from ..state import browser, choices, guard, teacher

KEY = "lesson"
PANEL = "lesson panel"
TITLES = {"look": "First", "train": "Train", "lab": "Lab", "attention": "Attention",
          "predict": "Predict", "testset": "Test set"}  # fmt: skip
WITH_SIDEBAR = ("Train", "Lab", "Attention")
NAMES = understood([Lesson])
_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "ultimus_lesson",
    html='<div class="frame"><div class="box"></div></div>',
    css=(explorer_files.FOLDER / "lesson.css").read_text(encoding="utf-8")
    + ".frame { color: var(--st-text-color); --lesson-top: 3.75rem; }",
    js=f'const MODULES = "{explorer_files.modules()}";\n'
    + (_HERE / "panel.js").read_text(encoding="utf-8"),
)


def show(page: str) -> None:
    """Draw the panel, if a lesson is on; another page may be opened then.

    Args:
        page: the title of the page that is about to be drawn.
    """
    place = st.container(key=KEY)  # holds its place, so that what follows stays where it is
    before = st.session_state.get("page_on_show")
    if before != page:
        choices.take_over(Lesson)
    names_a_card_alone = before is None and st.query_params.keys() <= NAMES
    if choices.of(Lesson).lesson:
        with place:
            guard.guarded(_show)(names_a_card_alone)


def sidebar(page: str) -> Literal["auto", "collapsed"]:
    """How the sidebar begins on a page: a lesson needs its room.

    On a page that has none it stays as it was, since an empty one would open.
    """
    if choices.current(Lesson).lesson or st.query_params.get("lesson"):
        st.session_state.sidebar = "collapsed"
    elif page in WITH_SIDEBAR:
        st.session_state.sidebar = "auto"
    return st.session_state.setdefault("sidebar", "auto")


def start(name: str) -> NoReturn:
    """Begin a lesson.

    Raises:
        UserError: it cannot be used.
    """
    st.session_state.lesson_turn = st.session_state.get("lesson_turn", 0) + 1
    choices.change(Lesson, lesson=name, card=1)
    first = shelf.find(name).card[0]
    _open(first, first.link)


def _show(names_a_card_alone: bool) -> None:
    now = choices.current(Lesson)
    try:
        content = shelf.find(now.lesson)
        cards = numbered(now.lesson, content)
    except UserError:
        choices.change(Lesson, lesson="", card=1)
        raise
    card = min(now.card, len(content.card))
    turn = st.session_state.get("lesson_turn", 0)
    answered = st.session_state.get("lesson_asked")
    gathers = guesses.lesson == now.lesson and not teacher.is_here()
    data = {"lesson": cards, "card": card, "turn": turn, "answered": answered, "gathers": gathers}
    told = _mount(key=PANEL, data=data, on_asked_change=lambda: None).asked
    if asked := _newly_asked(told):
        _gather(content, asked.guesses)
        _turn_to(content, asked.card, asked.is_revealed)
    if names_a_card_alone and content.card[card - 1].link:  # what a link has that is handed out
        _open(content.card[card - 1], content.card[card - 1].link)


class _Asked(NamedTuple):
    """What the panel asks for.

    Attributes:
        card: which one; 0 for none any more, one after the last when the lesson is finished.
        is_revealed: whether with its answer.
        guesses: that were made up to now, by card from 0; anything.
    """

    card: int
    is_revealed: bool
    guesses: Any


def _newly_asked(told: Any) -> _Asked | None:
    """None if the panel asks for nothing new. What a browser sends may be anything."""
    if not isinstance(told, dict) or told.get("number") == st.session_state.get("lesson_asked"):
        return None
    st.session_state.lesson_asked = told.get("number")
    card = told.get("card")
    if not isinstance(card, int):
        return None
    return _Asked(card, told.get("isRevealed") is True, told.get("guesses"))


def _gather(content: Content, guessed: Any) -> None:
    """Count what a student has guessed, while the teacher gathers it."""
    if not teacher.is_here() and isinstance(guessed, dict):
        guesses.take(choices.current(Lesson).lesson, content, browser.owner(), guessed)


def _turn_to(content: Content, card: int, is_revealed: bool) -> NoReturn:
    if not 1 <= card <= len(content.card):
        choices.change(Lesson, lesson="", card=1)
        if card > len(
            content.card
        ):  # gone through to its end: the other lessons are on the first page
            st.switch_page(st.session_state.pages["First"])
        st.rerun()  # the page has the whole width again
    choices.change(Lesson, card=card)
    chosen = content.card[card - 1]
    _open(chosen, chosen.link_after if is_revealed else chosen.link)


def _open(card: Card, link: dict[str, str]) -> NoReturn:
    """Open a card's page as by a link, so that the page needs to know of no lesson."""
    now = choices.current(Lesson)
    st.session_state.pop("page_on_show", None)
    page = st.session_state.pages[TITLES[card.page]]
    st.switch_page(page, query_params={**link, "lesson": now.lesson, "card": str(now.card)})


def numbered(name: str, content: Content) -> dict[str, Any]:
    """The lesson with its numbers, computed once for as long as its runs stand as they are."""
    runs = {card.link["run"] for card in content.card if card.link.get("run")}
    stand = tuple((run, Run.find(run, runs_folder(), SHIPPED).snapshots) for run in sorted(runs))
    return _filled(name, content.model_dump_json(), stand)


@lru_cache(maxsize=32)
def _filled(name: str, content: str, stand: tuple) -> dict[str, Any]:
    return filled(name, Content.model_validate_json(content))
