"""A run on show: its controls and its board."""

from functools import partial

import streamlit as st

from ...links.pages import Shown, Train
from ...links.state import query
from ...runs import continuation
from ...runs.run import LIVE, RESUMABLE, Request, Run, State, Status
from ..controls import own_run, rate, starting, train_on
from ..figures import board
from ..state import choices, guard, lead, session, text
from . import curves, feed

WIDE = 132  # pixels of a button: rows of them wrap in a narrow window


def show(run: Run, can_start: bool) -> None:
    """Show a run, following it while it is live.

    Args:
        run: what to show.
        can_start: whether what is chosen makes a run.
    """
    guard.show_problem()
    status = session.status(run)
    if can_start and session.is_mine(run) and (refusal := starting.refusal()):
        st.warning(text.plain(refusal))
        can_start = False
    if session.is_mine(run) or not lead.is_following():
        _controls(run, can_start, status)
    guard.fragment(_panel)(run, status.state)


def _panel(run: Run, state: State) -> None:
    status = session.status(run)
    if status.state != state:
        st.rerun()  # the controls, and whether the board follows the run, depend on the state
    _explain(status)
    if unreadable := run.metrics().unreadable:
        st.warning(f"{unreadable} damaged lines of metrics.jsonl are left out.")
    content = feed.newest(run, state, choices.current(Train).seed_run)
    if content is None:  # it changed just now
        st.rerun()
    board.show(content, "live", on_open=partial(_look_closer, run))
    if run.info().loaded:
        st.caption("A file of weights does not tell how training went, so there are no curves.")


def _look_closer(run: Run, link: dict[str, str]) -> None:
    """Show on the Attention page what the board shows of the probe group."""
    page = st.session_state.pages["Attention"]
    st.switch_page(page, query_params=query(Shown(run.id)) | link)


def _controls(run: Run, can_start: bool, status: Status) -> None:
    """Start, Pause or Resume, Step, Stop, Restart: always in the same places."""
    mine = session.is_mine(run)
    live, runs = mine and status.state in LIVE, mine and status.state == "running"
    resumable = mine and (status.state == "paused" or status.state in RESUMABLE)
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="controls")
    row.button(
        "Start", type="primary", icon=":material/play_arrow:", disabled=not can_start,
        width=WIDE, on_click=begin,
        help="Start a new run: what it would train is said below.",
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
        on_click=_ask, args=(run, "stop"), help="End the run here. Resume goes on with it later.",
    )  # fmt: skip
    row.button(
        "Restart", icon=":material/replay:",
        disabled=not mine or status.state == "queued" or run.info().loaded is not None,
        width=WIDE, on_click=_restart, args=(run, live),
        help="A new run from the same initial weights, with the same order of images. The run so "
        "far is kept in the list.",
    )  # fmt: skip
    train_on.show(row, run, can_start)
    rate.show(row, run, status)
    own_run.show(row, run)
    if curves.has_log(run.info()):
        row.toggle(
            "Notebook log", choices.of(Train).seed_run, **choices.widget(Train, "seed_run"),
            help="Draw what the published notebook printed beside this run.",
        )  # fmt: skip
    st.caption(starting.outlook())


# What a click does, before the page is drawn anew. The controls are outside of what the timer
# draws: a click is then never lost between two of its updates. That a button is disabled is known
# to the browser alone, so each of these asks again whether it may be done.


@guard.click
def begin() -> None:
    """Start what is chosen."""
    choices.take_all(Train)  # what is shown now, not what the page was drawn with
    starting.begin(starting.chosen())


@guard.click
def _ask(run: Run, request: Request) -> None:
    session.check_mine(run)
    session.lab().ask(run, request)


@guard.click
def _restart(run: Run, live: bool) -> None:
    session.check_mine(run)
    if live:
        session.lab().ask(run, "stop")
    starting.begin(run.info().recipe, paused=True, start=continuation.again(run))


def _explain(status: Status) -> None:
    """Why the run does not go on, where there is more to it than that it has ended."""
    if status.state == "failed":
        st.error(status.reason)
    elif status.reason and status.state != "queued":  # of which the board tells it
        st.warning(f"{status.reason} Press Resume to go on from step {status.step:,}.")
