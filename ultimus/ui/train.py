"""The Train page: choose data and a recipe, press Start, watch."""

from pathlib import Path

import streamlit as st

from ..errors import UserError
from ..recipe import Recipe
from ..run import Run
from . import data, live, session, settings


def page() -> None:
    """Draw the page."""
    with st.sidebar:
        recipe = _recipe()
    try:
        run = session.chosen_run()
        _header(run)
        live.show(run, recipe)
    except UserError as error:
        st.error(str(error))
        if st.query_params.get("run"):
            st.button("Show the shipped run", on_click=lambda: st.query_params.pop("run"))
    session.remember_browser()
    _warm_up()


def _warm_up() -> None:
    """Start the lab once the page is drawn, so that the first click on Start finds it ready."""
    try:
        session.lab()
    except UserError as error:
        st.error(str(error))


def _recipe() -> Recipe | None:
    """What Start would start; None while it cannot."""
    dataset = data.choose()
    try:
        recipe = settings.choose(dataset.source if dataset else "shapes")
        if dataset:
            recipe.steps_per_epoch(len(dataset.train))
            return recipe
    except UserError as error:
        st.error(str(error))
    return None


def _header(run: Run) -> None:
    """Which run is on show, and the link to it."""
    title, choice, share = st.columns([1, 3, 0.8], vertical_alignment="center")
    title.title("Train", anchor=False)
    known = {each.id: each for each in [*session.runs(), run]}
    key = f"shown-{run.id}"
    choice.selectbox(
        "Run on show",
        list(known),
        index=list(known).index(run.id),
        format_func=lambda run_id: _label(known[run_id]),
        key=key,
        label_visibility="collapsed",
        on_change=lambda: session.choose(st.session_state[key]),
    )
    with share.popover("Share", icon=":material/link:", width="stretch"):
        st.markdown("Whoever opens this link follows the run; only your browser controls it.")
        st.code(f"{st.context.url}?run={run.id}", language=None, wrap_lines=True)
    if not session.is_mine(run):
        shipped = run.folder.parent == session.SHIPPED
        what = "the run that comes with Ultimus" if shipped else "a run that others started"
        st.caption(f"You look at {what}: to have one of your own, press Start.")


def _label(run: Run) -> str:
    """A run's line in the list; it must not change with the run, or the choice is lost."""
    try:
        recipe = run.recipe
    except UserError:
        return f"{run.id} (damaged)"
    what = f"{recipe.preset} · {Path(recipe.data).name}, {recipe.epochs} epochs, seed {recipe.seed}"
    if run.folder.parent == session.SHIPPED:
        return f"shipped with Ultimus · {what}"
    when = f"{run.id[6:8]}.{run.id[4:6]}. {run.id[9:11]}:{run.id[11:13]}:{run.id[13:15]}"
    return f"{when} · {what} · {'mine' if session.is_mine(run) else 'of others'}"
