"""The bar at the bottom that says that a view is led or followed, and lets one stop."""

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from ..state import guard, lead, teacher


class _Bar(NamedTuple):
    """What it says, and its buttons: what stands on them, and what they do."""

    text: str
    buttons: dict[str, Callable[[], None]]


def show() -> None:
    """Draw it, where there is something to say."""
    if (bar := _bar()) is None:
        return
    with st.container(key="followbar", horizontal=True, vertical_alignment="center"):
        st.markdown(bar.text, width="content")
        for place, (label, does) in enumerate(bar.buttons.items()):
            st.button(label, on_click=guard.click(does), key=f"follow bar {place}")


def _bar() -> _Bar | None:
    back = {"Let everybody go back": lead.stop}
    if lead.leads():
        return _Bar("Everybody follows your view.", back)
    if teacher.is_here() and lead.is_led_elsewhere():
        if st.context.is_embedded:  # on the projector, where a run stays that was put there
            return None
        return _Bar("Everybody follows another window.", {"Lead from here": lead.start} | back)
    if teacher.is_here() and lead.has_lost():
        again = {"Lead again": lead.start, "All right": lead.note_lost}
        silent = "this browser was silent for too long"
        why = silent if lead.was_silent() else "another window has ended it"
        return _Bar(f"Nobody follows you any more: {why}.", again)
    if lead.is_following():
        leave = {"Back to my page": lead.stay_behind, "Look around on my own": lead.stay}
        return _Bar("You follow the teacher's view.", leave)
    if lead.was_left():
        gone = "The teacher's browser has gone. You stay where you are."
        return _Bar(gone, {"All right": lead.note_left})
    return None
