"""The top of every page: its title, the run on show, and the link to share."""

from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...links.pages import Shown
from ...places import SHIPPED
from ...runs import housekeeping, metrics
from ...runs.exchange import provenance
from ...runs.run import LIVE, Run, Version
from ..state import choices, guard, lead, session, text
from . import exchange, menu, qr

LOOK = 2.0  # seconds between looks at a run that has no weights yet
LINES = 1024  # of runs that are remembered
WIDE = 116  # pixels of a button: what has no room beside the title wraps


def show(title: str, run: Run) -> DeltaGenerator:
    """Draw it; choosing another run makes the link name it. Whoever follows the teacher reads which
    one it is. Returns its row, for a page's own."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="header")
    row.title(title, anchor=False, width="content")
    if lead.is_following():
        row.markdown(text.plain(label(run)))
    else:
        _choose_and_share(row, run)
    if provenance := _provenance(run):
        st.caption(provenance)
    return row


def _choose_and_share(row: DeltaGenerator, run: Run) -> None:
    known = {other.id: other for other in [*session.runs(), run]}
    names = menu.told_apart({run_id: label(other) for run_id, other in known.items()})
    menu.show(
        row, names[run.id], names, key="shown", on_choose=_choose, width="stretch",
        help="Choose another run.",
    )  # fmt: skip
    with row.container(width=WIDE):
        exchange.show(run)
    turn = st.session_state.setdefault("codes_shown", 0)  # another popover is closed
    look = {"icon": ":material/link:", "width": WIDE, "key": f"share {turn}"}
    share = row.popover("Share", on_change="rerun", **look)  # the browser then tells its address
    if share.open:
        _share(share, run)
    if st.session_state.pop("asked_for_code", False):
        qr.show(qr.address(run=run.id))


def _share(place: DeltaGenerator, run: Run) -> None:
    """The link to this view."""
    place.markdown(
        "Whoever opens this link sees what you see now and follows the run; only your browser "
        "controls it."
    )
    place.code(qr.address(run=run.id), language=None, wrap_lines=True)
    place.button("Large code for telephones", icon=":material/qr_code_2:", on_click=_ask_for_code,
                 help="Of this view, with all that is chosen on it.")  # fmt: skip


def _ask_for_code() -> None:
    st.session_state.asked_for_code = True
    st.session_state.codes_shown += 1


def _provenance(run: Run) -> str:
    try:
        return text.plain(provenance(run))
    except UserError:  # damaged, which the page says
        return ""


def _choose(run_id: str) -> None:
    choices.change(Shown, run=run_id)


def run_to_show() -> Run:
    """The run that the link names; where that cannot be, a sentence and the shipped run.

    Raises:
        UserError: not even the shipped run is there.
    """
    try:
        run = session.run_of_link()
        run.info(), run.status()  # both can be read
        return _instead(run) or run
    except UserError as error:
        st.error(f"{error} What follows is the run that comes with Ultimus.")
        return session.shipped_run()


def _instead(run: Run) -> Run | None:
    """The shipped run, and a word about it, as long as a run has no weights to look at."""
    if run.status().state not in LIVE or _has_weights(run):
        return None
    before = session.lab().place(run) or 0
    where = f"waits for its turn, with {before} before it" if before else "is about to start"
    st.info(
        f"The run {run.id} {where}, and has no weights yet. What follows is the run that comes "
        "with Ultimus; this page goes on by itself once the run has made its first step.",
        icon=":material/hourglass_empty:",
    )
    guard.fragment(_look_again, run_every=LOOK)(run)
    return session.shipped_run()


def _look_again(run: Run) -> None:
    if run.status().state not in LIVE or _has_weights(run):
        st.rerun()


def _has_weights(run: Run) -> bool:
    return run.has_snapshots or run.live_weights.exists()


def label(run: Run) -> str:
    """A run's line in the list."""
    try:
        mine = session.is_mine(run)
    except UserError:
        return f"{run.id} (damaged)"
    line = _line(run.folder, run.version)
    if run.folder.parent == SHIPPED:
        return line
    return f"{line} · {'mine' if mine else 'of others'}"


@lru_cache(maxsize=LINES)
def _line(folder: Path, version: Version) -> str:
    """What all browsers read of a run; a class has many, and each page lists them."""
    run = Run(folder)
    info = run.info()
    recipe = info.recipe
    data = text.plain(Path(recipe.data).name)
    preset = f"{text.plain(recipe.title)}{_accuracy(run)}"
    what = f"{preset} · {data}, {recipe.epochs} epochs, seed {recipe.seed}"
    if folder.parent == SHIPPED:
        return f"shipped with Ultimus · {what}"
    if info.loaded:
        what = f"loaded from {text.plain(info.loaded.file)}"
    if name := housekeeping.name(run):
        what = f"{text.plain(name)} · {what}"
    return f"{run.id[6:8]}.{run.id[4:6]}. {run.id[9:11]}:{run.id[11:13]}:{run.id[13:15]} · {what}"


def _accuracy(run: Run) -> str:
    """Of one that has ended: a label that changes while it is clicked would name nothing."""
    try:
        accuracy = None if run.status().state in LIVE else metrics.last_accuracy(run.folder)
    except UserError:  # damaged, which its page says
        accuracy = None
    return "" if accuracy is None else f" ({accuracy:.1%})"
