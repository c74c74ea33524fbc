"""Changing the learning rate of a run that is trained just now."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...runs.control import ask_for_rate
from ...runs.run import Run, Status
from ..state import guard, session, teacher

TRAINED = ("running", "paused")
_TOLD = "what was said of the rate"


def show(place: DeltaGenerator, run: Run, status: Status) -> None:
    """Draw the button that opens it, for the browser that started the run and for the teacher."""
    if status.state not in TRAINED or not _may(run) or run.info().sweep:
        return
    now = run.info().recipe.factor(status.step)
    with place.popover("Learning rate", icon=":material/speed:"):
        st.markdown(
            "Multiply the rate that the recipe plans, from the next step on. The run keeps what "
            "was changed with its recipe, and its curves show where."
        )
        # no bounds of its own: a browser would keep what is beyond them to itself
        st.number_input(
            "Planned rate ×", value=now, step=0.1, format="%g", key=_key(run),
            help="1 is the rate as planned, 0.1 a tenth of it.",
        )  # fmt: skip
        st.button("Change it", type="primary", on_click=_change, args=(run,), key="change the rate")
        if told := st.session_state.pop(_TOLD, ""):
            st.success(told)


def _key(run: Run) -> str:
    return f"rate of {run.id}"


def _may(run: Run) -> bool:
    return session.is_mine(run) or teacher.is_here()


@guard.click
def _change(run: Run) -> None:
    if not _may(run):
        raise UserError(
            f"The run {run.id} was started in another browser: only that one and the teacher "
            "change its rate."
        )
    factor = st.session_state[_key(run)]
    ask_for_rate(run, factor)
    st.session_state[_TOLD] = f"From the next step on the rate is {factor:g} × the planned one."
