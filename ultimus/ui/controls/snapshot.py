"""The scrubber through training time: which snapshot of a run is looked at."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ...checkpoints import checkpoint
from ...errors import UserError
from ...links.pages import FOLLOW, Shown
from ...model import Transformer
from ...runs.run import LIVE, Run
from ..state import choices
from ..state.pool import Pool

FRAME = 0.8  # seconds a snapshot stays while playing
LOOK = 0.8  # seconds between looks at a live run's weights


@dataclass(frozen=True)
class Snapshot:
    """A model at a step of its training.

    Attributes:
        model: the network.
        step: how many steps it had made.
        epoch: the same in epochs, 0 where the run does not tell.
        key: names these weights; changes when they do.
        fingerprint: of the data that they were trained on.
    """

    model: Transformer
    step: int
    epoch: float
    key: tuple[str, int]
    fingerprint: str


SAME = {Snapshot: lambda chosen: chosen.key, Pool: lambda pool: pool.fingerprint}
"""What tells whether something was computed before, for Streamlit's caches (`hash_funcs`)."""


def refresh(run: Run) -> float | None:
    """How often the page has to look again: while playing, or while a live run is followed."""
    if st.session_state.get("playing"):
        return FRAME
    return LOOK if _follows(run) else None


def choose(run: Run) -> Snapshot:
    """Let the person choose a snapshot with a slider, arrow keys or by playing.

    A live run is followed, by its newest weights, until the person chooses a step.

    Raises:
        UserError: the run has kept no weights, or they cannot be used.
    """
    steps = run.snapshots
    if not steps:
        raise UserError(f"The run {run.id} has kept no weights yet: let it make its first step.")
    trains, follows = run.status().state in LIVE, _follows(run)
    if st.session_state.get("playing"):
        _advance(steps)
    step = steps[-1] if follows else _nearest(steps)
    choices.say("step", FOLLOW if follows else str(step))
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    _buttons(row, steps, step)
    widget = choices.widget(Shown, "step")
    if follows:  # another widget with each snapshot: what is not chosen is not kept
        widget |= {"key": f"newest {step}", "on_change": _leave, "args": (f"newest {step}", step)}
    row.select_slider(
        "Training step", steps, step, width="stretch", **widget,
        help="Every number on this page is computed from the weights of this step.",
    )  # fmt: skip
    if trains:
        row.button(
            "Follow", icon=":material/sensors:", type="primary" if follows else "secondary",
            on_click=_go, args=(step if follows else FOLLOW,),
            help="Show the newest weights, as training goes on.",
        )  # fmt: skip
    newest = live(run) if follows else None
    if newest:
        st.caption(f"These are the newest weights, at step {newest.step:,}.")
    return newest or at(run, step)


def _follows(run: Run) -> bool:
    """A live run is followed as long as no step is chosen."""
    follows = choices.current(Shown).step == FOLLOW
    return follows and run.status().state in LIVE and run.live_weights.exists()


def chosen(run: Run) -> Snapshot:
    """The snapshot that is chosen, or the nearest to it; the last where none is.

    Raises:
        UserError: the run has kept no weights, or they cannot be used.
    """
    if not run.snapshots:
        raise UserError(f"The run {run.id} has kept no weights yet: let it make its first step.")
    return at(run, _nearest(run.snapshots))


def last(run: Run) -> Snapshot:
    """The run's last snapshot."""
    return at(run, run.snapshots[-1])


def newest(run: Run) -> Snapshot:
    """The newest weights of a live run, else the last snapshot.

    Raises:
        UserError: the run has kept no weights yet.
    """
    followed = live(run) if run.status().state in LIVE else None
    if followed is None and not run.has_snapshots:
        raise UserError("The attention is shown as soon as the run has its first weights.")
    return followed or last(run)


def _nearest(steps: tuple[int, ...]) -> int:
    """The snapshot nearest to the step that is chosen; the last one where none is."""
    wanted = choices.current(Shown).step
    if wanted == FOLLOW:
        return steps[-1]
    step = min(steps, key=lambda step: abs(step - wanted))
    if step != wanted:
        st.caption(f"The weights of step {wanted:,} were not kept: these are the nearest.")
    return step


def _buttons(row, steps: tuple[int, ...], step: int) -> None:
    place = steps.index(step)
    row.button(
        "Previous", icon=":material/chevron_left:", shortcut="Left", disabled=place == 0,
        on_click=_go, args=(steps[max(place - 1, 0)],),
    )  # fmt: skip
    playing = st.session_state.get("playing", False)
    row.button(
        "Pause" if playing else "Play", shortcut="P",
        icon=":material/pause:" if playing else ":material/play_arrow:",
        on_click=_play, args=(not playing, steps, step),
    )  # fmt: skip
    row.button(
        "Next", icon=":material/chevron_right:", shortcut="Right",
        disabled=place == len(steps) - 1,
        on_click=_go, args=(steps[min(place + 1, len(steps) - 1)],),
    )  # fmt: skip


def _go(step: int | str) -> None:
    choices.change(Shown, step=step)


def _leave(key: str, step: int) -> None:
    """From the newest weights to the snapshot that the slider has been moved to.

    Streamlit also calls it for a slider that was left with its page, though nobody has moved it.

    Args:
        key: of the slider.
        step: where it stood.
    """
    shown = st.session_state.get(key, step)
    if shown != step:
        choices.change(Shown, step=shown)


def _play(playing: bool, steps: tuple[int, ...], step: int) -> None:
    """Play or stand still, as the button said: a click that arrives twice changes nothing more."""
    st.session_state.playing = playing
    st.session_state.played = False  # the first frame is the present one
    at_end = playing and step == steps[-1]
    choices.change(Shown, step=steps[0] if at_end else step)


def _advance(steps: tuple[int, ...]) -> None:
    """The next frame; at the last one playing ends."""
    place = steps.index(_nearest(steps))
    if st.session_state.get("played"):
        place = min(place + 1, len(steps) - 1)
        choices.change(Shown, step=steps[place])
    st.session_state.played = True
    if place == len(steps) - 1:
        st.session_state.playing = False


def check_network(run: Run, chosen: Snapshot, pictures: Pool) -> None:
    """Refuse weights of another network than the run's, or that names other classes than the
    pictures have.

    Raises:
        UserError: it does.
    """
    if chosen.model.kind != run.info().recipe.model:
        raise UserError(
            f"The weights of step {chosen.step} of {run.id} are of another network than the run's: "
            "choose another step or run."
        )
    known, needed = chosen.model.classes, len(pictures.classes)
    if known != needed:
        raise UserError(
            f"The network of {chosen.key[0]} knows {known} classes, and the pictures have "
            f"{needed}: choose another run."
        )


def at(run: Run, step: int) -> Snapshot:
    """The weights that a run has kept of a step.

    Raises:
        UserError: they cannot be used.
    """
    path = run.snapshot(step)
    model, _ = _load(str(path), path.stat().st_mtime_ns)
    epoch, fingerprint = run.status().epoch_of(step), run.info().dataset.fingerprint
    return Snapshot(model, step, epoch, (run.id, step), fingerprint)


def live(run: Run) -> Snapshot | None:
    """The newest weights, which the worker replaces twice a second; None where there are none."""
    path = run.live_weights
    try:
        stamp = path.stat().st_mtime_ns
        model, step = _load(str(path), stamp)
    except (OSError, UserError):
        return None
    step = run.status().step if step is None else step  # older ones do not tell
    epoch, fingerprint = run.status().epoch_of(step), run.info().dataset.fingerprint
    return Snapshot(model, step, epoch, (run.id, stamp), fingerprint)


@st.cache_resource(show_spinner=False, max_entries=128)
def _load(path: str, stamp: int) -> tuple[Transformer, int | None]:
    """A model, and the step that its file names."""
    loaded = checkpoint.read(Path(path))
    return loaded.model.eval(), loaded.origin.step
