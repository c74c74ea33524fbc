"""The Lab page: the same recipe with several values and seeds, side by side."""

import streamlit as st

from ...errors import UserError
from ...links.pages import Lab, Train
from ...recipe import Recipe
from ..controls import data, settings, starting, sweep
from ..live import sweep as board
from ..state import browser, choices, guard, session, text


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Lab", Lab, Train)
    with st.sidebar:
        data.choose()
        settings.show()
    st.title("Lab", anchor=False)
    st.caption(
        "Which value is best? Train the recipe on the left with several values, each with several "
        "seeds, and compare. The runs wait in the same queue as all others."
    )
    guard.show_problem()
    sweep.show(_recipe())
    board.show()
    lab = session.lab()
    if problem := lab.problem or lab.quota.refusal(browser.owner()):
        st.warning(text.plain(problem))


def _recipe() -> Recipe | None:
    """What is chosen on the left; a sentence where it cannot be trained."""
    try:
        return starting.chosen()
    except UserError as error:
        st.error(text.plain(str(error)))
        return None
