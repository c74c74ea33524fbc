"""Training on from a step of the run on show, with the recipe that is chosen."""

from contextlib import suppress

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...links.pages import Train
from ...runs import continuation
from ...runs.run import Run
from ..state import choices, guard, text
from . import data, starting


def show(place: DeltaGenerator, run: Run, can_start: bool) -> None:
    """Draw the button that opens it, for any run; one that has kept no weights yet has none."""
    steps = run.snapshots
    # by its key it is closed once another run is on show
    look = {"icon": ":material/call_split:", "key": f"training on from {run.id}"}
    menu = place.popover("Train on", disabled=not steps, on_change="rerun", **look)
    if steps and menu.open:
        with menu:
            _choices(run, steps, can_start)


def _choices(run: Run, steps: tuple[int, ...], can_start: bool) -> None:
    st.markdown(
        "A new run begins with the weights of a step of this one, and does what is chosen on the "
        "left. This run stays as it is."
    )
    if remark := _remark(run):
        st.caption(text.plain(remark))
    st.selectbox("From step", steps, len(steps) - 1, format_func="{:,}".format, key=_key(run))
    st.button(
        "Train on from there", type="primary", disabled=not can_start, on_click=_begin,
        args=(run,), key="train on",
    )  # fmt: skip


def _remark(run: Run) -> str:
    with suppress(UserError):  # the page says what is wrong with the data
        if dataset := data.ready(data.chosen(choices.of(Train)).source):
            return continuation.remark(run.info().dataset.classes, dataset.classes)
    return ""


def _key(run: Run) -> str:
    return f"train on from {run.id}"


@guard.click
def _begin(run: Run) -> None:
    choices.take_all(Train)
    recipe = starting.chosen()
    start = continuation.from_snapshot(run, st.session_state[_key(run)])
    continuation.check(start.model, recipe, starting.data_of(recipe))
    starting.begin(recipe, start=start)
