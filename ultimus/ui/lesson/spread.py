"""How the guesses of a class are spread: on the teacher's page, while a lesson is held."""

import html
from typing import Any

import streamlit as st

from ...errors import counted
from ...lessons import shelf
from ...lessons.guesses import bin_of, bins, fits, guesses, spread
from ...lessons.lesson import Lesson, Question, Scale
from ..controls import qr
from ..state import guard, teacher
from . import panel

REFRESH = 1.0  # seconds


def show() -> None:
    """Draw it, and what begins and ends it."""
    if name := guesses.lesson:
        guard.fragment(_gathered, run_every=REFRESH)(name)
    else:
        _offer()


def _offer() -> None:
    titles = {name: lesson.title for name, lesson, _ in shelf.lessons() if lesson}
    if not titles:
        return
    row = st.container(horizontal=True, vertical_alignment="bottom")
    row.selectbox("Lesson", titles, format_func=titles.get, key="gathered_lesson", width=320)
    row.button(
        "Gather the guesses of the class", icon=":material/bar_chart:", on_click=_open,
        help="While all go through the lesson, this page shows how their guesses are spread. "
        "Nobody's name is kept, and all is forgotten when you close it.",
    )  # fmt: skip


@guard.click
def _open() -> None:
    teacher.check()
    guesses.open(st.session_state.gathered_lesson)


@guard.click
def _close() -> None:
    teacher.check()
    guesses.close()


@guard.click
def _show_answer(place: int) -> None:
    teacher.check()
    guesses.show(place)


def _gathered(name: str) -> None:
    teacher.check()
    if guesses.lesson != name:
        st.rerun()  # it was closed, or another one was begun
    st.button("Close, and forget the guesses", icon=":material/close:", on_click=_close)
    lesson = shelf.find(name)
    cards = panel.numbered(name, lesson)["cards"]
    st.subheader(f"Guesses: {lesson.title}", anchor=False)
    row = st.container(horizontal=True, vertical_alignment="center")
    row.markdown(f"**{guesses.people}** in the class have guessed so far.", width="content")
    first_card = f"?lesson={name}&card=1"
    qr.offer(row, "Code of the lesson", lambda: qr.home("class") + first_card)
    for place in _asked_cards(lesson):
        _question(lesson, cards[place], place)


def _asked_cards(lesson: Lesson) -> list[int]:
    return [place for place, card in enumerate(lesson.card) if card.question]


def _question(lesson: Lesson, card: dict[str, Any], place: int) -> None:
    """A question with bars of what was guessed; its answer only once it is asked for."""
    question = lesson.card[place].question
    guessed = [guess for guess in guesses.of(place) if fits(question, guess)]
    is_shown = guesses.is_shown(place)
    with st.container(border=True):
        st.html(
            f'<div class="ultimus-html guesses"><h4>{place + 1} · {html.escape(card["title"])}</h4>'
            f"{card['question']['text']}<p>{counted(len(guessed), 'guess', 'guesses')}</p>"
            f"{_bars(question, card, guessed, is_shown) if guessed else ''}</div>"
        )
        if not is_shown:
            st.button(
                "Show the answer", key=f"answer {place}", on_click=_show_answer, args=(place,)
            )


def _bars(question: Question, card: dict[str, Any], guessed: list[float], is_shown: bool) -> str:
    counts = spread(question, guessed)
    labels, right = _labels(question.scale, card)
    most = max(counts)
    rows = (
        f"<tr{' class=right' if is_shown and place == right else ''}><th>{label}</th>"
        f'<td class="track"><i style="width:{100 * count / most:.1f}%"></i></td>'
        f"<td>{count}</td></tr>"
        for place, (label, count) in enumerate(zip(labels, counts, strict=True))
    )
    answer = f"<p><strong>{_answer(card)}</strong></p>" if is_shown else ""
    return f"<table>{''.join(rows)}</table>{answer}"


def _labels(scale: Scale | None, card: dict[str, Any]) -> tuple[list[str], int]:
    """What stands before the bars, as HTML, and which of them is the right one."""
    reveal = card["reveal"]
    if scale is None:
        return card["question"]["choices"], reveal["answer"]
    ends = ((f"{low:g}", f"{high:g}") for low, high in bins(scale))
    unit = html.escape(f" {scale.unit}" if scale.unit else "")
    labels = [f"{low} to {high}{unit}" if low != high else f"{low}{unit}" for low, high in ends]
    return labels, bin_of(scale, reveal["number"]["number"])


def _answer(card: dict[str, Any]) -> str:
    """The right answer as HTML."""
    reveal = card["reveal"]
    if reveal["number"]:
        return f"It is {html.escape(reveal['number']['text'])}."
    return f"Right: {card['question']['choices'][reveal['answer']]}"
