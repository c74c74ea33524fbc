"""The choice of a sweep: which choices have several values, which values, how many seeds."""

from typing import get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...errors import UserError
from ...links.pages import NOTHING, SWEPT, Lab, Train
from ...recipe import Recipe, written
from ...runs import sweep as sweeps
from ...runs.sweep import Sweep
from ..state import browser, choices, guard, session, text
from . import data, settings, starting

FACTORS = (1 / 3, 1, 3)  # of the value that a recipe has, for a first look
VALUES_OF = {"vary": "values", "also": "also_values"}


def show(recipe: Recipe | None) -> None:
    """Draw it, and the button that starts it.

    Args:
        recipe: what is chosen on the left; None if it cannot be trained.
    """
    now = choices.of(Lab)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    _choice(row, "Try values of", "vary", SWEPT, recipe)
    others = (NOTHING, *(name for name in SWEPT if name != now.vary))
    _choice(row, "and of", "also", others, recipe)
    row.number_input(
        "Seeds", value=now.seeds, step=1, width=130, help="Runs of each value: chance alone moves "
        "an accuracy, so one run says little.", **choices.widget(Lab, "seeds"),
    )  # fmt: skip
    choices.put_right(Lab)
    _start(recipe)


def label(name: str) -> str:
    """What a choice is called on screen."""
    return settings.LABELS.get(name, name.replace("_", " ").capitalize())


def planned(recipe: Recipe) -> Sweep:
    """What Start would start.

    Raises:
        UserError: what is chosen makes no sweep.
    """
    now = choices.current(Lab)
    several = {now.vary: _listed(now.values or suggested(recipe, now.vary))}
    if now.also not in (NOTHING, now.vary):
        several[now.also] = _listed(now.also_values or suggested(recipe, now.also))
    return sweeps.plan(recipe, several, now.seeds, browser.owner())


def suggested(recipe: Recipe, name: str) -> str:
    """Values for a first look: all where they have names, else some around that of the recipe."""
    named = [option for option in get_args(Recipe.model_fields[name].annotation)
             if isinstance(option, str)]  # fmt: skip
    value = getattr(recipe, name)
    if named:
        return ", ".join(named)
    if not value:
        return "0, 1"
    if isinstance(value, int):
        return ", ".join(str(max(1, round(value * factor))) for factor in (0.5, 1, 2))
    return ", ".join(written(float(f"{value * factor:.2g}")) for factor in FACTORS)


def _choice(
    row: DeltaGenerator, title: str, name: str, options: tuple[str, ...], recipe: Recipe | None
) -> None:
    now = choices.current(Lab)
    chosen = getattr(now, name)
    row.selectbox(
        title, options, options.index(chosen) if chosen in options else 0, width=190,
        format_func=lambda option: "nothing else" if option == NOTHING else label(option),
        **choices.widget(Lab, name, then=lambda: choices.change(Lab, **{VALUES_OF[name]: ""})),
    )  # fmt: skip
    if chosen not in options or chosen == NOTHING:
        return
    row.text_input(
        f"Values of {label(chosen).lower()}", getattr(now, VALUES_OF[name]), width=220,
        max_chars=400, placeholder=suggested(recipe, chosen) if recipe else "",
        help="With commas between them; what is shown in grey is used where nothing is written.",
        **choices.widget(Lab, VALUES_OF[name]),
    )  # fmt: skip


def _listed(written: str) -> list[str | None]:
    values = (value.strip() for value in written.split(","))
    return [None if value.lower() in ("none", "off") else value for value in values if value]


def _start(recipe: Recipe | None) -> None:
    count = 0
    if recipe:
        try:
            count = len(planned(recipe).points)
        except UserError as error:
            st.error(text.plain(str(error)))
    st.button(
        f"Start {count} runs" if count else "Start runs", type="primary", disabled=not count,
        icon=":material/play_arrow:", on_click=_begin, key="start sweep",
        help="They wait in the queue like any others. What is trained already is left as it is.",
    )  # fmt: skip


@guard.click
def _begin() -> None:
    for state in (Train, Lab):
        choices.take_all(state)  # what is shown now, not what the page was drawn with
    begin(planned(starting.chosen()))


def begin(sweep: Sweep) -> None:
    """Start a sweep, or go on with it, and show it.

    Raises:
        UserError: it cannot be started.
    """
    images = data.known(sweep.recipe.data).images
    for point in sweep.points:  # before there are runs
        point.recipe.steps_per_epoch(images)
    sweeps.carry_on(sweep, session.lab())
    choices.change(Lab, sweep=sweep.id)
