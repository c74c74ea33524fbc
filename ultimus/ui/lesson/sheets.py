"""Lessons to take away: each in one file, for laptops that no server reaches."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...lessons import shelf
from ...lessons.lesson import Lesson
from ...lessons.page import file_name, lesson_page

WIDE = 150  # pixels of the button


def offer(place: DeltaGenerator) -> None:
    """Draw the button that opens the list."""
    with place.popover("Lesson files", icon=":material/download:", width=WIDE):
        st.markdown("A whole lesson in one file. It opens from any disk, without a network.")
        for name, lesson, _ in shelf.lessons():
            if lesson:
                _file(name, lesson)


def _file(name: str, lesson: Lesson) -> None:
    st.download_button(
        lesson.title, lambda: lesson_page(name, lesson), file_name(name), "text/html",
        icon=":material/download:", on_click="ignore", width="stretch", key=f"lesson file {name}",
    )  # fmt: skip
