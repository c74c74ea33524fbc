"""The scrubber through training time: which snapshot of a run is looked at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from .. import checkpoint, plots
from ..errors import UserError
from ..model import Transformer
from ..run import LIVE, Run
from . import figure, link, session

FRAME = 0.8  # seconds a snapshot stays while playing
FOLLOW = 0.8  # seconds between looks at a live run's weights


@dataclass(frozen=True)
class Moment:
    """A model at a step of its training.

    Attributes:
        model: the network.
        step: how many steps it had made.
        epoch: the same in epochs, NaN where the run does not tell.
        key: names these weights; changes when they do.
        fingerprint: of the data that they were trained on.
    """

    model: Transformer
    step: int
    epoch: float
    key: tuple[str, int]
    fingerprint: str


def refresh(run: Run) -> float | None:
    """How often the page has to look again: while playing, or while the run is live."""
    if st.session_state.get("playing"):
        return FRAME
    return FOLLOW if run.status().state in LIVE else None


def choose(run: Run) -> Moment:
    """Let the person choose a snapshot with a slider, arrow keys or by playing.

    A live run is followed, by its newest weights, until the person moves the slider.

    Raises:
        UserError: the run has kept no weights, or they cannot be used.
    """
    steps = run.snapshots
    live = run.status().state in LIVE
    if not steps:
        raise UserError(f"The run {run.id} has kept no weights yet: let it make its first step.")
    _restore(steps)
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    follows = live and st.session_state.get(_follow(run), True)
    if st.session_state.get("playing"):
        _advance(steps)
    if follows:
        st.session_state.step = steps[-1]
    _buttons(row, run, steps)
    row.select_slider(
        "Training step", steps, key="step", on_change=_leave_live, args=(run,), width="stretch",
        help="Every number on this page is computed from the weights of this step.",
    )  # fmt: skip
    if live:
        row.toggle("Follow", value=True, key=_follow(run), help="Show the weights of this moment.")
    link.write("step", str(st.session_state.step))
    link.read("step")
    moment = _live(run) if follows and run.live_weights.exists() else None
    if moment:
        st.caption(f"These are the weights of this moment, at step {moment.step:,}.")
    return moment or _snapshot(run, st.session_state.step)


def _follow(run: Run) -> str:
    """Where the session keeps whether a live run is followed."""
    return f"follow-{run.id}"


def last(run: Run) -> Moment:
    """The run's last snapshot."""
    return _snapshot(run, run.snapshots[-1])


def newest(run: Run) -> Moment:
    """The weights of this moment of a live run, else the last snapshot.

    Raises:
        UserError: the run has kept no weights yet.
    """
    live = run.status().state in LIVE and run.live_weights.exists()
    moment = _live(run) if live else None
    if moment is None and not run.snapshots:
        raise UserError("The attention is shown as soon as the run has its first weights.")
    return moment or last(run)


def curves(run: Run, moment: Moment) -> None:
    """Loss and learning rate of the run, with a line at the moment looked at."""
    rows = session.metrics(run)
    epoch = rows.column("epoch")
    marker = float(np.nan_to_num(moment.epoch))
    shared = {"marker": marker, "uirevision": run.id}
    left, right = st.columns(2, gap="medium")
    with left:
        fig = plots.loss_curve(epoch, rows.column("loss"), **shared)
        figure.show(fig, "moment-loss", f"Loss, marked at step {moment.step}", height=190)
    with right:
        fig = plots.rate_curve(epoch, rows.column("lr"), **shared)
        figure.show(fig, "moment-rate", f"Learning rate, marked at step {moment.step}", height=190)


def _restore(steps: tuple[int, ...]) -> None:
    """Begin with the link's step, else the last; keep to steps that there are."""
    wanted = st.session_state.get("step", link.read("step"))
    try:
        nearest = min(steps, key=lambda step: abs(step - int(wanted)))
    except ValueError:
        nearest = steps[-1]
    st.session_state.step = nearest


def _buttons(row, run: Run, steps: tuple[int, ...]) -> None:
    place = steps.index(st.session_state.step)
    row.button(
        "Back", icon=":material/chevron_left:", shortcut="Left", disabled=place == 0,
        on_click=_go, args=(run, steps, -1),
    )  # fmt: skip
    playing = st.session_state.get("playing", False)
    row.button(
        "Pause" if playing else "Play", shortcut="P", on_click=_toggle, args=(run, steps),
        icon=":material/pause:" if playing else ":material/play_arrow:",
    )  # fmt: skip
    row.button(
        "On", icon=":material/chevron_right:", shortcut="Right",
        disabled=place == len(steps) - 1, on_click=_go, args=(run, steps, 1),
    )  # fmt: skip


def _go(run: Run, steps: tuple[int, ...], by: int) -> None:
    place = steps.index(st.session_state.step) + by
    st.session_state.step = steps[min(max(place, 0), len(steps) - 1)]
    _leave_live(run)


def _toggle(run: Run, steps: tuple[int, ...]) -> None:
    playing = st.session_state.playing = not st.session_state.get("playing", False)
    st.session_state.played = False  # the first frame is the present one
    if playing and st.session_state.step == steps[-1]:
        st.session_state.step = steps[0]
    _leave_live(run)


def _advance(steps: tuple[int, ...]) -> None:
    """The next frame; at the last one playing ends."""
    if st.session_state.get("played"):
        place = min(steps.index(st.session_state.step) + 1, len(steps) - 1)
        st.session_state.step = steps[place]
    st.session_state.played = True
    if st.session_state.step == steps[-1]:
        st.session_state.playing = False


def _leave_live(run: Run) -> None:
    st.session_state[_follow(run)] = False


def _snapshot(run: Run, step: int) -> Moment:
    path = run.snapshot(step)
    model = _load(str(path), path.stat().st_mtime_ns)
    return Moment(model, step, _epoch(run, step), (run.id, step), _fingerprint(run))


def _live(run: Run) -> Moment | None:
    """The weights of this moment, which the worker replaces twice a second."""
    path = run.live_weights
    stamp = path.stat().st_mtime_ns
    try:
        model, step = _load(str(path), stamp), run.status().step
    except UserError:
        return None
    return Moment(model, step, _epoch(run, step), (run.id, stamp), _fingerprint(run))


def _epoch(run: Run, step: int) -> float:
    status = run.status()
    return step * status.epoch / status.step if status.step else 0.0


def _fingerprint(run: Run) -> str:
    return str(run.about.get("dataset", {}).get("fingerprint", ""))


@st.cache_resource(show_spinner=False, max_entries=128)
def _load(path: str, stamp: int) -> Transformer:
    return checkpoint.load(Path(path)).eval()
