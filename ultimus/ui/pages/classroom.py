"""The Class page: a nickname for whoever wishes one; for the teacher, all runs and the lead."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ...errors import UserError
from ...lessons.guesses import guesses
from ...links.pages import FOLLOW, Shown
from ...links.state import query
from ...places import runs_folder
from ...runs import housekeeping, nicknames
from ...runs.outcome import outcome
from ...runs.run import Run
from ..controls import qr
from ..lesson import spread
from ..state import browser, choices, guard, lead, session, teacher

REFRESH = 2.0  # seconds
LISTED = 200  # runs, the newest
POINTS = 40  # of a small curve
COLUMNS = {
    "Who": st.column_config.TextColumn(width="small"),
    "Run": st.column_config.TextColumn(width="medium"),
    "State": st.column_config.TextColumn(width="medium"),
    "Test accuracy": st.column_config.NumberColumn(format="percent"),
    "Training accuracy": st.column_config.LineChartColumn(
        y_min=0, y_max=1, help="Of the batches, from the first step to the last."
    ),
    "Trained": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
    "Started": st.column_config.TextColumn(width="small"),
}


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Class")
    row = st.container(horizontal=True, vertical_alignment="center")
    row.title("Class", anchor=False, width="stretch")
    qr.offer(row, link=lambda: qr.home("class"))  # where a class begins
    guard.show_problem()
    if teacher.is_here():
        _leading()
        spread.show()
        guard.fragment(_runs, run_every=REFRESH)()
    else:
        _nickname()
        _key()


# For everybody ------------------------------------------------------------------------------------


def _nickname() -> None:
    st.text_input(
        "Your nickname", nicknames.nickname(browser.owner(), runs_folder()), width=320,
        max_chars=nicknames.MAX_NICKNAME, key="nickname", on_change=_call,
        placeholder="none", help="If you wish: the class sees it beside your runs.",
    )  # fmt: skip


@guard.click
def _call() -> None:
    nicknames.call(browser.owner(), st.session_state.nickname, runs_folder())


def _key() -> None:
    with st.expander("Teacher"), st.form("teacher", border=False, clear_on_submit=True):
        st.text_input(
            "Key", type="password", key="teacher_key", max_chars=teacher.MAX_KEY, width=320,
            help="It stands where the app was started, or in ULTIMUS_TEACHER.",
        )  # fmt: skip
        st.form_submit_button("Open the teacher's page", on_click=_enter)


@guard.click
def _enter() -> None:
    teacher.enter(st.session_state.teacher_key)


# For the teacher ----------------------------------------------------------------------------------


def _leading() -> None:
    row = st.container(horizontal=True, vertical_alignment="center")
    if lead.leads():
        row.button("Let everybody go back", icon=":material/undo:", on_click=_stop_leading)
        row.caption("Everybody follows you from page to page, but not to this one.")
    else:
        row.button(
            "Everybody follows my view", icon=":material/cast:", type="primary",
            on_click=_start_leading,
            help="The pages that you open from now on open in all browsers of the class.",
        )  # fmt: skip
    row.button("Close the teacher's page", icon=":material/lock:", on_click=_leave)


@guard.click
def _start_leading() -> None:
    lead.start()


@guard.click
def _stop_leading() -> None:
    lead.stop()


@guard.click
def _leave() -> None:
    if lead.leads():
        lead.stop()
    guesses.close()
    teacher.leave()


def _runs() -> None:
    """All runs, the oldest first: a new one then moves none that is chosen."""
    teacher.check()
    guard.show_problem()
    known = Run.all(runs_folder())[:LISTED][::-1]
    if not known:
        st.info("Nobody has started a run yet.")
        return
    turn = st.session_state.setdefault("class_turn", 0)
    chosen = st.dataframe(
        pd.DataFrame([_row(run) for run in known], columns=list(COLUMNS)),
        column_config=COLUMNS, hide_index=True, height=600, key=f"class {turn}",
        on_select="rerun", selection_mode="multi-row",
    )  # fmt: skip
    _actions([known[row] for row in chosen.selection.rows if row < len(known)])


def _row(run: Run) -> tuple:
    found = outcome(run, session.lab())
    try:
        info = run.info()
        who = nicknames.nickname(info.owner, runs_folder())
        what = housekeeping.name(run) or f"{info.recipe.preset}, seed {info.recipe.seed}"
    except UserError:
        who, what = "", f"{run.id} (damaged)"
    when = f"{run.id[9:11]}:{run.id[11:13]}"
    state = _state(run, found.state)
    return who, what, state, found.accuracy, _curve(run), found.progress, when


def _state(run: Run, state: str) -> str:
    if state != "queued":
        return state
    before = session.lab().place(run) or 0
    return f"waiting, {before} before it" if before else "next in line"


def _curve(run: Run) -> list[float]:
    try:
        values = run.metrics().column("train_accuracy")
    except UserError:  # damaged
        return []
    values = values[np.isfinite(values)]
    parts = np.array_split(values, min(POINTS, len(values))) if len(values) else []
    return [float(part.mean()) for part in parts]


def _actions(runs: Sequence[Run]) -> None:
    """What a teacher may do with the runs that are chosen above; the labels say with how many."""
    row = st.container(horizontal=True, vertical_alignment="center")
    if not runs:
        row.caption("Choose runs by the boxes on their left.")
        return
    ids = tuple(run.id for run in runs)
    many = "" if len(ids) == 1 else f" {len(ids)} runs"
    if len(ids) == 1:
        row.button("Open", icon=":material/open_in_new:", on_click=_open, args=ids)
        row.link_button(
            "On the projector", f"train?run={ids[0]}&embed=true", icon=":material/cast:",
            help="In a window of its own, without menus.",
        )  # fmt: skip
        if st.session_state.pop("class_open", "") == ids[0]:
            choices.change(Shown, run=ids[0], step=FOLLOW)
            st.switch_page(st.session_state.pages["Train"], query_params=query(Shown(ids[0])))
    row.button(f"Stop{many}", icon=":material/stop:", on_click=_stop, args=(ids,))
    row.button(
        f"Delete{many} for good", icon=":material/delete:", on_click=_delete, args=(ids,),
        help="Live runs have to be stopped first.",
    )  # fmt: skip


@guard.click
def _open(run_id: str) -> None:
    st.session_state.class_open = run_id


@guard.click
def _stop(ids: Sequence[str]) -> None:
    teacher.check()
    for run_id in ids:
        session.lab().ask(Run.find(run_id, runs_folder()), "stop")


@guard.click
def _delete(ids: Sequence[str]) -> None:
    teacher.check()
    st.session_state.class_turn += 1  # nothing is chosen in what remains
    for run_id in ids:
        housekeeping.delete(Run.find(run_id, runs_folder()))
