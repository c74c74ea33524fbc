"""The top of every page: its title, the run on show, and the link to share."""

from pathlib import Path

import streamlit as st

from ...errors import UserError
from ...links.pages import Shown
from ...places import SHIPPED
from ...runs import housekeeping
from ...runs.exchange import provenance
from ...runs.run import Run
from ..state import choices, session, text
from . import exchange, menu


def show(title: str, run: Run) -> None:
    """Draw it; choosing another run makes the link name it."""
    heading, choice, weights, share = st.columns(
        [1, 2.6, 0.8, 0.8], vertical_alignment="center", gap="small"
    )
    heading.title(title, anchor=False)
    known = {other.id: other for other in [*session.runs(), run]}
    names = menu.told_apart({run_id: label(other) for run_id, other in known.items()})
    menu.show(
        choice, names[run.id], names, key="shown", on_choose=_choose, width="stretch",
        help="Choose another run.",
    )  # fmt: skip
    with weights:
        exchange.show(run)
    with share.popover("Share", icon=":material/link:", width="stretch"):
        st.markdown("Whoever opens this link follows the run; only your browser controls it.")
        st.code(f"{st.context.url}?run={run.id}", language=None, wrap_lines=True)
    if provenance := _provenance(run):
        st.caption(provenance)


def _provenance(run: Run) -> str:
    try:
        return text.plain(provenance(run))
    except UserError:  # damaged, which the page says
        return ""


def _choose(run_id: str) -> None:
    choices.change(Shown, run=run_id)


def chosen_run() -> Run:
    """The run that the link names; where that cannot be, a sentence and the shipped run.

    Raises:
        UserError: not even the shipped run is there.
    """
    try:
        run = session.chosen_run()
        run.info(), run.status()  # both can be read
        return run
    except UserError as error:
        st.error(f"{error} What follows is the run that comes with Ultimus.")
        return session.shipped_run()


def label(run: Run) -> str:
    """A run's line in the list."""
    try:
        info = run.info()
    except UserError:
        return f"{run.id} (damaged)"
    recipe = info.recipe
    data = text.plain(Path(recipe.data).name)
    what = f"{text.plain(recipe.preset)} · {data}, {recipe.epochs} epochs, seed {recipe.seed}"
    if run.folder.parent == SHIPPED:
        return f"shipped with Ultimus · {what}"
    if info.loaded:
        what = f"loaded from {text.plain(info.loaded.file)}"
    if name := housekeeping.name(run):
        what = f"{text.plain(name)} · {what}"
    when = f"{run.id[6:8]}.{run.id[4:6]}. {run.id[9:11]}:{run.id[11:13]}:{run.id[13:15]}"
    return f"{when} · {what} · {'mine' if session.is_mine(run) else 'of others'}"
