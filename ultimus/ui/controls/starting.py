"""Starting a run of what is chosen."""

import time
from typing import NamedTuple

import streamlit as st

from ...data.dataset import Dataset
from ...errors import UserError
from ...links.pages import FOLLOW, Shown, Train
from ...recipe import Recipe
from ...runs.continuation import Start
from ...runs.info import Parent
from ...runs.run import Run
from ..state import browser, choices, session, text
from . import data, settings

DOUBLE_CLICK = 2  # seconds after a start in which a second click on Start means the same one


class Begun(NamedTuple):
    """The run that this browser started last."""

    run: Run
    recipe: Recipe
    paused: bool
    parent: Parent | None
    time: float


def chosen() -> Recipe:
    """What Start would start.

    Raises:
        UserError: the data is not ready, or the choices do not make a recipe for it.
    """
    now = choices.current(Train)
    dataset = data.chosen(now)
    recipe = settings.recipe(now, dataset.source)
    recipe.steps_per_epoch(dataset.images)
    return recipe


def outlook() -> str:
    """What Start would train, or why it cannot yet."""
    try:
        recipe = chosen()
        dataset = data.known(recipe.data)
    except UserError as error:
        return text.plain(f"Start is off. {error}")
    images = dataset.images
    length = f"{recipe.epochs} epochs" if recipe.epochs > 1 else "1 epoch"
    if recipe.max_steps or recipe.max_seconds or recipe.target is not None:
        length = f"at most {length}"
    waits = "" if dataset.is_ready else "Its pictures are being made: the run waits for them. "
    return (
        f"Start trains **{text.plain(recipe.title)}** on **{text.plain(dataset.name)}**: "
        f"{images:,} images, {length}, {recipe.total_steps(images):,} steps. {waits}"
        "What is shown below is the run that is named above."
    )


def data_of(recipe: Recipe) -> Dataset:
    """The data of a recipe.

    Raises:
        UserError: it is not ready.
    """
    if dataset := data.ready(recipe.data):
        return dataset
    raise UserError("The data is not ready: prepare it on the left first.")


def refusal() -> str:
    """Why this browser may not start another run at present; empty if it may.

    Raises:
        UserError: nothing can be started, whoever asks.
    """
    return session.lab().refusal(browser.owner(), chosen())


def begin(recipe: Recipe, paused: bool = False, start: Start | None = None) -> None:
    """Start a run, and show and follow it.

    Args:
        recipe: what to do.
        paused: stand still before the first step.
        start: the weights to begin with; None for new ones.

    Raises:
        UserError: it cannot be started.
    """
    parent = start and start.parent
    run = _just_begun(recipe, paused, parent) or session.lab().start(
        recipe, paused=paused, start=start, owner=browser.owner()
    )
    st.session_state.begun = Begun(run, recipe, paused, parent, time.monotonic())
    choices.change(Shown, run=run.id, step=FOLLOW)


def _just_begun(recipe: Recipe, paused: bool, parent: Parent | None) -> Run | None:
    """The run that the first of two quick clicks has started.

    The same recipe would train the very same weights again.
    """
    former: Begun | None = st.session_state.get("begun")
    wanted = recipe, paused, parent
    if former is None or (former.recipe, former.paused, former.parent) != wanted:
        return None
    return former.run if time.monotonic() - former.time < DOUBLE_CLICK else None
