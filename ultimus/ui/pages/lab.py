"""The Lab page: one recipe with several values and seeds, and which learning rates suit it."""

import streamlit as st

from ...errors import UserError
from ...links.pages import TOOLS, Lab, Train
from ...recipe import Recipe
from ..controls import choosing, qr, range_test, starting, sweep
from ..live import comparison, lab
from ..state import browser, choices, guard, session, text

ABOUT = {
    "sweep": "Which value is best? Train the recipe on the left with several values, each with "
    "several seeds, and compare. The runs wait in the same queue as all others.",
    "range": "Which learning rates suit the recipe on the left? The rate rises while a new network "
    "takes some hundred steps: its loss falls, then blows up.",
    "compare": "The same curves of several runs, and only what differs between their recipes.",
}


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Lab", Lab, Train)
    with st.sidebar:
        choosing.show()
    row = st.container(horizontal=True, vertical_alignment="center")
    row.title("Lab", anchor=False, width="stretch")
    qr.offer(row)
    guard.show_problem()
    now = choices.of(Lab)
    st.segmented_control(
        "Tool", list(TOOLS), default=now.tool, required=True, format_func=TOOLS.get,
        label_visibility="collapsed", **choices.widget(Lab, "tool"),
    )  # fmt: skip
    st.caption(ABOUT[now.tool])
    if now.tool == "compare":
        comparison.show()
        return
    (range_test if now.tool == "range" else sweep).show(_recipe())
    lab.show()
    keeper = session.lab()
    if problem := keeper.problem or keeper.quota.refusal(browser.owner()):
        st.warning(text.plain(problem))


def _recipe() -> Recipe | None:
    """What is chosen on the left; a sentence where it cannot be trained."""
    try:
        return starting.chosen()
    except UserError as error:
        st.error(text.plain(str(error)))
        return None
