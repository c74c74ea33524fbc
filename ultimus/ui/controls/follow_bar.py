"""The bar at the bottom that says that a view is led or followed, and lets one stop."""

import streamlit as st

from ..state import guard, lead


def show() -> None:
    """Draw it, where that is so."""
    if lead.leads():
        text, label, stop = "Everybody follows your view.", "Let everybody go back", _end
    elif lead.is_following():
        text, label, stop = "You follow the teacher's view.", "Look around on my own", _stay
    elif lead.was_left():
        text, label = "The teacher's browser has gone. You stay where you are.", "All right"
        stop = lead.note_left
    else:
        return
    with st.container(key="followbar", horizontal=True, vertical_alignment="center"):
        st.markdown(text, width="content")
        st.button(label, on_click=stop, key="follow bar")


@guard.click
def _end() -> None:
    lead.stop()


@guard.click
def _stay() -> None:
    lead.stay()
