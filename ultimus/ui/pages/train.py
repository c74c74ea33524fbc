"""The Train page: choose data and a recipe, press Start, watch."""

import streamlit as st

from ...errors import UserError
from ...links.pages import Shown, Train
from ...places import SHIPPED
from ...runs.run import Run
from .. import glossary
from ..controls import choosing, data, header, settings
from ..live import panel
from ..state import browser, choices, guard, lead, session, text

WORDS = (
    "run", "recipe", "preset", "parameter", "step", "epoch", "loss", "accuracy",
    "training accuracy", "augmentation", "learning rate", "gradient norm", "seed", "notebook log",
    "group", "probe", "pass", "attention", "query", "key", "value", "softmax",
)  # fmt: skip


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Train", Shown, Train)
    with st.sidebar:
        choosing.show()
        can_start = _can_start()
    try:
        run = session.run_of_link()
        header.show("Train", run)
        _whose(run)
        panel.show(run, can_start)
    except UserError as error:
        st.error(text.plain(str(error)))
        if choices.of(Shown).run:
            st.caption("The data and recipe on the left are as you chose them.")
            row = st.container(horizontal=True)
            row.button("Show the run that comes with Ultimus", on_click=choices.change,
                       args=(Shown,), kwargs={"run": ""})  # fmt: skip
            row.button("Start a new run", type="primary", disabled=not can_start,
                       on_click=panel.begin)  # fmt: skip
    glossary.why_across_the_batch()
    glossary.show(*WORDS)
    _warm_up()


def _can_start() -> bool:
    """Whether what is chosen makes a run; a sentence where the recipe is the reason."""
    now = choices.of(Train)
    try:
        dataset = data.chosen(now)
    except UserError:  # as the choice of data has said
        dataset = None
    try:
        recipe = settings.recipe(now, dataset.source if dataset else "shapes")
        if dataset:
            recipe.steps_per_epoch(dataset.images)
        return dataset is not None
    except UserError as error:
        st.error(text.plain(str(error)))
    return False


def _warm_up() -> None:
    """Start the lab once the page is drawn, so that the first click on Start finds it ready, and
    say before a click what hinders it."""
    lab = session.lab()
    if problem := lab.problem or lab.quota.refusal(browser.owner()):
        st.warning(problem)


def _whose(run: Run) -> None:
    """Say why the controls are on or off; always in one line, so that Start stays where it is."""
    if session.is_mine(run):
        st.caption("You look at a run of yours: only this browser controls it.")
        return
    if lead.is_following():  # who has the controls on their own page
        return
    shipped = run.folder.parent == SHIPPED
    what = "the run that comes with Ultimus" if shipped else "a run that others started"
    st.caption(f"You look at {what}: to have one of your own, press Start.")
