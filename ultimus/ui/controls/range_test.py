"""The choice of a range test: from which rate to which, in how many steps, how many seeds."""

import streamlit as st

from ...analysis import range_test
from ...errors import UserError
from ...links.pages import Lab, Train
from ...recipe import Recipe
from ...runs import sweep as sweeps
from ...runs.sweep import Sweep
from ..state import browser, choices, guard, session, text
from . import data, starting


def show(recipe: Recipe | None) -> None:
    """Draw it, and the button that starts it.

    Args:
        recipe: what is chosen on the left; None if it cannot be trained.
    """
    now = choices.of(Lab)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    for name, title in (("low", "From the rate"), ("high", "to the rate")):
        row.number_input(
            title, value=getattr(now, name), step=None, format="%g", width=150,
            **choices.widget(Lab, name),
        )  # fmt: skip
    row.number_input("in … steps", value=now.steps, step=50, width=130,
                     **choices.widget(Lab, "steps"))  # fmt: skip
    row.number_input(
        "Seeds", value=now.seeds, step=1, width=130, help="One seed's steepest point says little.",
        **choices.widget(Lab, "seeds"),
    )  # fmt: skip
    choices.put_right(Lab)
    problem = _problem(recipe)
    if problem:
        st.error(text.plain(problem))
    st.button(
        "Start the test", type="primary", icon=":material/play_arrow:", key="start range test",
        disabled=recipe is None or bool(problem), on_click=_begin,
    )  # fmt: skip


def _problem(recipe: Recipe | None) -> str:
    try:
        if recipe:
            planned(recipe)
    except UserError as error:
        return str(error)
    return ""


def planned(recipe: Recipe) -> Sweep:
    """What Start would start: a test for each seed.

    Raises:
        UserError: what is chosen makes no range test.
    """
    now, images = choices.current(Lab), data.known(recipe.data).images
    rising = range_test.recipe_for(recipe, images, now.low, now.high, now.steps)
    return sweeps.plan(rising, {}, now.seeds, browser.owner())


@guard.click
def _begin() -> None:
    for state in (Train, Lab):
        choices.take_all(state)  # what is shown now, not what the page was drawn with
    sweep = planned(starting.chosen())
    sweeps.carry_on(sweep, session.lab())
    choices.change(Lab, sweep=sweep.id)
