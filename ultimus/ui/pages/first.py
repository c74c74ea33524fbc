"""The first page: pictures that look at each other, and where to go from there."""

from typing import Any

import streamlit as st

from ...lessons import shelf
from ..controls import qr
from ..explorer.component import component
from ..lesson import panel
from ..state import choices, guard

_mount = component("first", "patches.css")


@guard.guarded
def page() -> None:
    """Draw the page; a link with choices of a run or a recipe opens Train, as it always did."""
    if st.query_params.keys() - panel.NAMES:
        st.switch_page(st.session_state.pages["Train"], query_params=st.query_params.to_dict())
    choices.arrive("Look")
    chosen = _mount(
        key="first", height="content", data={"lessons": _lessons()}, on_open_change=lambda: None,
        on_lesson_change=lambda: None,
    )  # fmt: skip
    qr.offer(st.container(horizontal=True, horizontal_alignment="center"))
    if chosen.lesson:
        panel.start(str(chosen.lesson))
    opened = chosen.open
    if opened in st.session_state.pages:
        st.switch_page(st.session_state.pages[opened])


def _lessons() -> list[dict[str, Any]]:
    """What a reader is told of each lesson, or why it cannot be used."""
    return [
        {"name": name, "problem": problem}
        if lesson is None
        else {"name": name, "title": lesson.title, "about": lesson.about, "minutes": lesson.minutes}
        for name, lesson, problem in shelf.lessons()
    ]
