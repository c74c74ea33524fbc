"""The choice of a second run, whose attention to the same pictures stands beside the first."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...links.pages import Attention
from ...places import SHIPPED, runs_folder
from ...runs import comparison
from ...runs.run import LIVE, Run
from ..state import choices, lead, session, text
from . import header, menu

NONE = "Nothing beside it"
WIDE = 108  # pixels of its button


def choose(place: DeltaGenerator, run: Run) -> Run | None:
    """Let the person choose what stands beside a run, unless they follow the teacher; a sentence
    where it cannot."""
    if not lead.is_following():
        _offer(place, run)
    return _chosen(run)


def _offer(place: DeltaGenerator, run: Run) -> None:
    fitting = [known for known in session.runs() if known.id != run.id and _fits(run, known)]
    names = {known.id: header.label(known) for known in fitting}
    names = {"": NONE, run.id: "The same run, at another step", **names}
    menu.show(
        place, "Compare", names, key="beside", on_choose=_choose, width=WIDE,
        help="Sets another run beside this one: both show the same pictures, pass and cell. Runs "
        "of the same kind of network and with the same classes can be chosen.",
    )  # fmt: skip


def _chosen(run: Run) -> Run | None:
    wanted = choices.of(Attention).other
    if not wanted:
        return None
    try:
        other = Run.find(wanted, runs_folder(), SHIPPED)
        _check(run, other)
        return other
    except UserError as error:
        st.error(text.plain(str(error)))
        return None


def _fits(run: Run, other: Run) -> bool:
    try:
        _check(run, other)
    except UserError:
        return False
    return True


def _check(run: Run, other: Run) -> None:
    comparison.check_fit(run, other)
    if not other.has_snapshots:
        raise UserError(f"The run {other.id} has kept no weights yet: choose another run.")


def _choose(run_id: str) -> None:
    choices.change(Attention, other=run_id)


def is_live(run: Run) -> bool:
    """Whether its newest weights can be followed."""
    return run.status().state in LIVE and run.live_weights.exists()
