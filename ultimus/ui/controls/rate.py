"""Changing the learning rate of a run that is trained just now."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...runs.control import ask_for_rate
from ...runs.run import Run, Status
from ..state import guard, session, teacher

TRAINED = ("running", "paused")
WHAT = (
    "Multiply the rate that the recipe plans, from the next step on. The run keeps what was "
    "changed with its recipe, and its curves show where."
)
NOT_TRAINED = (
    "The run is not trained just now: a number that it has not taken changes nothing. *Resume*, or "
    "*Train on* from one of its steps, goes on with another rate."
)


def show(place: DeltaGenerator, run: Run, status: Status) -> None:
    """Draw the button that opens it, for the browser that started the run and for the teacher.

    Where it was drawn it stays when the run ends, so that what somebody types just then is not lost
    without a word.
    """
    is_trained = status.state in TRAINED
    drawn = st.session_state.setdefault("rate menus", set())
    if not (is_trained or run.id in drawn) or not _may(run) or run.info().sweep:
        return
    drawn.add(run.id)
    recipe = run.info().recipe
    now = recipe.factor(max((status.step, *recipe.changed_at)))
    # by its key it stays open while buttons beside it come and go
    with place.popover("Learning rate", icon=":material/speed:", key=f"rate menu of {run.id}"):
        st.markdown(WHAT) if is_trained else st.info(NOT_TRAINED)
        # no bounds of its own: a browser would keep what is beyond them to itself
        st.number_input(
            "Planned rate ×", value=now, step=0.1, format="%g", key=_key(run),
            help="1 is the rate as planned, 0.1 a tenth of it.",
        )  # fmt: skip
        st.button(
            "Change it", type="primary", disabled=not is_trained, on_click=_change, args=(run,),
            key="change the rate",
        )  # fmt: skip
        _say(run, now, is_trained)


def _say(run: Run, now: float, is_trained: bool) -> None:
    """What the rate is where it was changed, or is to be from the run's next step on."""
    asked, changes = st.session_state.get(_asked(run), (now, None))
    is_to_be = changes == run.info().recipe.rate_changes
    if is_to_be and not is_trained:
        st.warning(f"The run ended before its rate became {asked:g} × the planned one.")
    elif is_to_be or now != 1:
        st.success(f"The rate is {asked if is_to_be else now:g} × the planned one.")


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
