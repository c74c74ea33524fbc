"""Changing the learning rate of a run that is trained just now."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...runs.control import ask_for_rate
from ...runs.run import Run, Status
from ..state import guard, session, teacher

TRAINED = ("running", "paused")


def show(place: DeltaGenerator, run: Run, status: Status) -> None:
    """Draw the button that opens it, for the browser that started the run and for the teacher."""
    if status.state not in TRAINED or not _may(run) or run.info().sweep:
        return
    recipe = run.info().recipe
    now = recipe.factor(max((status.step, *recipe.changed_at)))
    # by its key it stays open while buttons beside it come and go
    with place.popover("Learning rate", icon=":material/speed:", key=f"rate menu of {run.id}"):
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
        if said := _said(run, now):
            st.success(said)


def _said(run: Run, now: float) -> str:
    """What the rate is where it was changed, or is to be from the run's next step on."""
    asked, changes = st.session_state.get(_asked(run), (now, None))
    is_to_be = changes == run.info().recipe.rate_changes
    if not is_to_be and now == 1:
        return ""
    return f"The rate is {asked if is_to_be else now:g} × the planned one."


def _key(run: Run) -> str:
    return f"rate of {run.id}"


def _asked(run: Run) -> str:
    return f"asked of the rate of {run.id}"


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
    changes = run.info().recipe.rate_changes  # as long as these stay, the run has not taken it
    ask_for_rate(run, factor)
    st.session_state[_asked(run)] = factor, changes
