"""All runs of a class as a table, and what the teacher does with those that are chosen."""

import re
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError, counted, with_all
from ...links.pages import FOLLOW, Shown
from ...links.state import query
from ...places import runs_folder
from ...runs import housekeeping, nicknames
from ...runs.outcome import outcome
from ...runs.run import Run
from ..state import choices, guard, session, teacher, text

LISTED = 200  # runs, the newest
NAMED = 5  # runs that are named before they are deleted
POINTS = 40  # of a small curve
HEAD, ROW, TALLEST = 38, 35, 600  # pixels of the table
COLUMNS = {
    "Who": st.column_config.TextColumn(width="small"),
    "Run": st.column_config.TextColumn(width="medium"),
    "State": st.column_config.TextColumn(width="small"),
    "Test accuracy": st.column_config.NumberColumn(format="percent"),
    "Training accuracy": st.column_config.LineChartColumn(
        y_min=0, y_max=1, help="Of the batches, from the first step to the last."
    ),
    "Trained": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
    "Started": st.column_config.TextColumn(width="small"),
}
ID = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)\d\d-")  # when a run was started


def show() -> None:
    """Draw them, the oldest first, so that a new one moves none that is chosen."""
    teacher.check()
    guard.show_problem()
    known = Run.all(runs_folder())[:LISTED][::-1]
    if not known:
        st.info("Nobody has started a run yet.")
        return
    row = st.container(horizontal=True, vertical_alignment="center")  # in sight, above a long table
    _actions(row, _chosen(known))


def _chosen(known: Sequence[Run]) -> list[Run]:
    """Draw the table; the runs whose boxes are ticked.

    A table knows them by their rows. Where rows have moved, since somebody has deleted a run or
    there are more than are listed, it becomes another table, with the boxes of the same runs.
    """
    turn = st.session_state.setdefault("class_turn", 0)
    former = st.session_state.get("class_rows", [])
    rows = st.session_state.get(f"class {turn}", {}).get("selection", {}).get("rows", [])
    ids = [run.id for run in known]
    if ids[: len(former)] != former:
        ticked = {former[row] for row in rows if row < len(former)}
        st.session_state.class_ticked = [row for row, run in enumerate(ids) if run in ticked]
        st.session_state.class_turn = turn = turn + 1
    st.session_state.class_rows = ids
    who = nicknames.labels(runs_folder())
    table = st.dataframe(
        pd.DataFrame([_row(run, who) for run in known], columns=list(COLUMNS)),
        column_config=COLUMNS, hide_index=True, height=min(TALLEST, HEAD + ROW * len(known)),
        key=f"class {turn}", on_select="rerun", selection_mode="multi-row", placeholder="–",
        selection_default={"selection": {"rows": st.session_state.get("class_ticked", [])}},
    )  # fmt: skip
    return [known[row] for row in table.selection.rows if row < len(known)]


# A run ------------------------------------------------------------------------------------------


def _row(run: Run, who: dict[str, str]) -> tuple:
    found = outcome(run, session.lab())
    state = _state(run, found.state)
    try:
        owner = run.info().owner
        whose = who.get(owner) or (f"no name · {owner[:4]}" if owner else "")
    except UserError:  # damaged, as its name says
        whose = ""
    named = _name(run)
    return whose, named, state, found.accuracy, _curve(run), found.progress, _started(run)


def _name(run: Run) -> str:
    """What its owner calls a run, or what it does."""
    try:
        info = run.info()
    except UserError:
        return f"{run.id} (damaged)"
    if info.loaded:
        what = f"loaded from {info.loaded.file}"
    else:
        what = f"{info.recipe.title} · {info.data_name}, seed {info.recipe.seed}"
    return housekeeping.name(run) or what


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


def _started(run: Run) -> str:
    """The time, with the day if that is another."""
    if not (found := ID.match(run.id)):
        return ""
    year, month, day, hour, minute = found.groups()
    is_today = time.strftime("%Y%m%d") == year + month + day
    return f"{hour}:{minute}" if is_today else f"{day}.{month}. {hour}:{minute}"


# What is done with those that are chosen ----------------------------------------------------------


def _actions(row: DeltaGenerator, runs: Sequence[Run]) -> None:
    """What a teacher may do; the labels say with how many."""
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
    with row.popover(f"Delete{many}", icon=":material/delete:"):
        rest = len(runs) - NAMED
        more = f" and {counted(rest, 'other run')}" if rest > 0 else ""
        st.markdown(f"{text.plain(', '.join(map(_name, runs[:NAMED])))}{more}: weights and curves "
                    "are removed. Live runs have to be stopped first.")  # fmt: skip
        st.button(f"Delete{many} for good", type="primary", on_click=_delete, args=(ids,))


@guard.click
def _open(run_id: str) -> None:
    st.session_state.class_open = run_id


@guard.click
def _stop(ids: Sequence[str]) -> None:
    teacher.check()
    with_all(ids, lambda run_id: session.lab().ask(_run(run_id), "stop"))


@guard.click
def _delete(ids: Sequence[str]) -> None:
    teacher.check()
    with_all(ids, lambda run_id: housekeeping.delete(_run(run_id)))


def _run(run_id: str) -> Run:
    return Run.find(run_id, runs_folder())
