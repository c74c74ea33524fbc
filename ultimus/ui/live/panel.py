"""A run on show: its controls and its board."""

import time
from typing import NamedTuple

import streamlit as st

from ...errors import UserError
from ...recipe import Recipe
from ...runs.run import LIVE, RESUMABLE, Request, Run, State, Status
from ..figures import board
from ..state import link, session
from . import curves, feed

WIDE = 132  # pixels of a button: rows of them wrap in a narrow window
DOUBLE_CLICK = 2  # seconds after a start in which a second click on Start means the same one


class Begun(NamedTuple):
    """The run that this browser started last."""

    run: Run
    recipe: Recipe
    time: float


def show(run: Run, recipe: Recipe | None) -> None:
    """Show a run, following it while it is live.

    Args:
        run: what to show.
        recipe: what Start would start; None while it cannot.
    """
    if problem := st.session_state.pop("problem", ""):
        st.error(problem)
    status = session.status(run)
    _controls(run, recipe, status)
    st.fragment(_panel)(run, status.state)


def _panel(run: Run, state: State) -> None:
    status = session.status(run)
    if status.state != state:
        st.rerun()  # the controls, and whether the board follows the run, depend on the state
    _explain(status)
    metrics, seed_run = run.metrics(), st.session_state.get("seed_run", True)
    if metrics.unreadable:
        st.warning(f"{metrics.unreadable} damaged lines of metrics.jsonl are left out.")
    every, source = None, None
    if state in LIVE:
        every, source = feed.REFRESH, feed.address(run, state, seed_run)
    board.show(curves.rows(run, status, metrics, seed_run), "live", every, source)
    if run.info().loaded:
        st.caption("A file of weights does not tell how training went, so there are no curves.")


def _controls(run: Run, recipe: Recipe | None, status: Status) -> None:
    """Start, Pause or Resume, Step, Stop, Rewind: always in the same places."""
    mine = session.is_mine(run)
    live, runs = mine and status.state in LIVE, mine and status.state == "running"
    resumable = mine and (status.state == "paused" or status.state in RESUMABLE)
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.button(
        "Start", type="primary", icon=":material/play_arrow:", disabled=recipe is None,
        width=WIDE, on_click=_begin, args=(recipe,),
        help="Start a new run with the data and recipe on the left.",
    )  # fmt: skip
    name, icon = ("Resume", ":material/resume:") if resumable else ("Pause", ":material/pause:")
    row.button(
        name, icon=icon, disabled=not (resumable or runs), width=WIDE,
        on_click=_ask, args=(run, name.lower()),
    )  # fmt: skip
    row.button(
        "Step", icon=":material/skip_next:", disabled=not (resumable or runs), width=WIDE,
        on_click=_ask, args=(run, "step"), help="Train on one batch, then stand still.",
    )  # fmt: skip
    row.button(
        "Stop", icon=":material/stop:", disabled=not live, width=WIDE,
        on_click=_ask, args=(run, "stop"), help="End the run here and keep it for a Resume.",
    )  # fmt: skip
    row.button(
        "Rewind", icon=":material/replay:",
        disabled=not mine or status.state == "queued" or run.info().loaded is not None,
        width=WIDE, on_click=_rewind, args=(run, live),
        help="Back to the same initial weights and the same order of images. The run so far is "
        "kept in the list.",
    )  # fmt: skip
    row.toggle("Seed run", value=True, key="seed_run", bind="query-params")


# What a click does, before the page is drawn anew. The controls are outside of what the timer
# draws: a click is then never lost between two of its updates. That a button is disabled is known
# to the browser alone, so each of these asks again whether it may be done.


def _begin(recipe: Recipe, paused: bool = False) -> None:
    try:
        run = _just_begun(recipe) or session.lab().start(
            recipe, paused=paused, owner=session.owner()
        )
        st.session_state.begun = Begun(run, recipe, time.monotonic())
        link.write("run", run.id)
    except UserError as error:
        st.session_state.problem = str(error)


def _just_begun(recipe: Recipe) -> Run | None:
    """The run that the first of two quick clicks has started.

    The same recipe would train the very same weights again.
    """
    former: Begun | None = st.session_state.get("begun")
    if former is None or former.recipe != recipe:
        return None
    return former.run if time.monotonic() - former.time < DOUBLE_CLICK else None


def _ask(run: Run, request: Request) -> None:
    try:
        session.check_mine(run)
        session.lab().ask(run, request)
    except UserError as error:
        st.session_state.problem = str(error)


def _rewind(run: Run, live: bool) -> None:
    try:
        session.check_mine(run)
        if live:
            session.lab().ask(run, "stop")
        _begin(run.info().recipe, paused=True)
    except UserError as error:
        st.session_state.problem = str(error)


def _explain(status: Status) -> None:
    """Why the run does not go on, where there is more to it than that it has ended."""
    if status.state == "failed":
        st.error(status.reason)
    elif status.reason:
        st.warning(f"{status.reason} Press Resume to go on from step {status.step:,}.")
