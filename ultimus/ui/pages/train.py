"""The Train page: choose data and a recipe, press Start, watch."""

import streamlit as st

from ...errors import UserError
from ...places import SHIPPED
from ...recipe import Recipe
from ...runs.run import Run
from ..controls import data, header, settings
from ..live import panel, probe
from ..state import link, session


def page() -> None:
    """Draw the page."""
    with st.sidebar:
        recipe = _recipe()
    try:
        run = session.chosen_run()
        header.show("Train", run)
        _whose(run)
        panel.show(run, recipe)
        probe.show(run)
    except UserError as error:
        st.error(str(error))
        if link.read("run"):
            st.button("Show the shipped run", on_click=lambda: link.write("run", ""))
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


def _whose(run: Run) -> None:
    """Say why the controls are off."""
    if not session.is_mine(run):
        shipped = run.folder.parent == SHIPPED
        what = "the run that comes with Ultimus" if shipped else "a run that others started"
        st.caption(f"You look at {what}: to have one of your own, press Start.")
