"""The scrubber through training time: which snapshot of a run is looked at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from ...checkpoints import checkpoint
from ...errors import UserError
from ...model import Transformer
from ...plots import curves as plots
from ...runs.run import LIVE, Run
from ..figures import figure
from ..state import link

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
    """How often the page has to look again: while playing, or while a live run is followed."""
    if st.session_state.get("playing"):
        return FRAME
    return FOLLOW if _follows(run) else None


def choose(run: Run) -> Moment:
    """Let the person choose a snapshot with a slider, arrow keys or by playing.

    A live run is followed, by its newest weights, until the person chooses a step.

    Raises:
        UserError: the run has kept no weights, or they cannot be used.
    """
    steps = run.snapshots
    if not steps:
        raise UserError(f"The run {run.id} has kept no weights yet: let it make its first step.")
    live, follows = run.status().state in LIVE, _follows(run)
    if st.session_state.get("playing"):
        _advance(steps)
    step = steps[-1] if follows else _nearest(steps)
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    _buttons(row, steps, step)
    key = f"newest {step}" if follows else link.key("step")
    row.select_slider(
        "Training step", steps, step, key=key, on_change=_take, args=(key,), width="stretch",
        help="Every number on this page is computed from the weights of this step.",
    )  # fmt: skip
    if live:
        row.button(
            "Follow", icon=":material/sensors:", type="primary" if follows else "secondary",
            on_click=link.write, args=("step", str(step) if follows else ""),
            help="Show the weights of this moment, as training goes on.",
        )  # fmt: skip
    moment = _live(run) if follows else None
    if moment:
        st.caption(f"These are the weights of this moment, at step {moment.step:,}.")
    return moment or _snapshot(run, step)


def _follows(run: Run) -> bool:
    """A live run is followed as long as no step is chosen."""
    return not link.read("step") and run.status().state in LIVE and run.live_weights.exists()


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
    rows = run.metrics()
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


def _nearest(steps: tuple[int, ...]) -> int:
    """The snapshot nearest to the link's step, which then names it; the last if it has none."""
    wanted = link.whole("step", steps[-1], steps[0], steps[-1])
    step = min(steps, key=lambda each: abs(each - wanted))
    link.write("step", str(step))
    link.read("step")
    return step


def _buttons(row, steps: tuple[int, ...], step: int) -> None:
    place = steps.index(step)
    row.button(
        "Back", icon=":material/chevron_left:", shortcut="Left", disabled=place == 0,
        on_click=_go, args=(steps, place - 1),
    )  # fmt: skip
    playing = st.session_state.get("playing", False)
    row.button(
        "Pause" if playing else "Play", shortcut="P", on_click=_toggle, args=(steps, step),
        icon=":material/pause:" if playing else ":material/play_arrow:",
    )  # fmt: skip
    row.button(
        "On", icon=":material/chevron_right:", shortcut="Right",
        disabled=place == len(steps) - 1, on_click=_go, args=(steps, place + 1),
    )  # fmt: skip


def _go(steps: tuple[int, ...], place: int) -> None:
    link.write("step", str(steps[place]))


def _take(key: str) -> None:
    """What the slider does on a change; moved by the person, it stays the same widget."""
    if key == link.key("step"):
        link.take("step")
    else:
        link.write("step", str(st.session_state[key]))


def _toggle(steps: tuple[int, ...], step: int) -> None:
    playing = st.session_state.playing = not st.session_state.get("playing", False)
    st.session_state.played = False  # the first frame is the present one
    at_end = playing and step == steps[-1]
    link.write("step", str(steps[0] if at_end else step))


def _advance(steps: tuple[int, ...]) -> None:
    """The next frame; at the last one playing ends."""
    place = steps.index(_nearest(steps))
    if st.session_state.get("played"):
        place = min(place + 1, len(steps) - 1)
        link.write("step", str(steps[place]))
    st.session_state.played = True
    if place == len(steps) - 1:
        st.session_state.playing = False


def _snapshot(run: Run, step: int) -> Moment:
    path = run.snapshot(step)
    model = _load(str(path), path.stat().st_mtime_ns)
    return Moment(model, step, _epoch(run, step), (run.id, step), run.info().dataset.fingerprint)


def _live(run: Run) -> Moment | None:
    """The weights of this moment, which the worker replaces twice a second."""
    path = run.live_weights
    stamp = path.stat().st_mtime_ns
    try:
        model, step = _load(str(path), stamp), run.status().step
    except UserError:
        return None
    return Moment(model, step, _epoch(run, step), (run.id, stamp), run.info().dataset.fingerprint)


def _epoch(run: Run, step: int) -> float:
    status = run.status()
    return step * status.epoch / status.step if status.step else 0.0


@st.cache_resource(show_spinner=False, max_entries=128)
def _load(path: str, stamp: int) -> Transformer:
    return checkpoint.load(Path(path)).eval()
