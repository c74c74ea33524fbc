"""What its owner alone may do with a run besides training it: name it, and delete it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...links.pages import FOLLOW, Shown
from ...runs import housekeeping
from ...runs.run import LIVE, Run
from ..state import choices, guard, session


def show(place: DeltaGenerator, run: Run) -> None:
    """Draw the button that opens it, for the browser that started the run."""
    if not session.is_mine(run):
        return
    with place.popover("Name or delete", icon=":material/edit:", key=f"own run {run.id}"):
        st.text_input(
            "Name of this run", housekeeping.name(run), max_chars=housekeeping.MAX_NAME,
            key=f"name {run.id}", on_change=_rename, args=(run,),
            help="Everybody sees it in the list of runs.",
        )  # fmt: skip
        live = run.status().state in LIVE
        st.button(
            "Delete this run for good", icon=":material/delete:", disabled=live, on_click=_delete,
            args=(run,), help="Stop it first." if live else "Its weights and curves are removed.",
        )  # fmt: skip


@guard.click
def _rename(run: Run) -> None:
    session.check_mine(run)
    key = f"name {run.id}"
    if key in st.session_state:  # else its field was left with the page
        housekeeping.rename(run, st.session_state[key])


@guard.click
def _delete(run: Run) -> None:
    session.check_mine(run)
    housekeeping.delete(run)
    choices.change(Shown, run="", step=FOLLOW)
