"""The answer, pass by pass: the class probabilities of the selected picture."""

import streamlit as st

from ...analysis.ablation import MOST_PASSES
from ...evaluation import logits_after
from ...links.pages import Attention
from ...model import PASSES
from ...plots.answers import class_bars, passes_bars
from ...plots.axes import alt
from ...plots.style import class_colors
from ..figures import figure
from ..state import choices
from .view import View

ABOUT = """
The classifier can be applied to the features at any moment. After no pass it sees what the
convolutions found; each pass adds something, and the answer moves. The network was **trained with
four** passes: what comes after the dotted line it has never practised.
"""


def show(view: View) -> None:
    """Draw the tab."""
    i = view.cell[0]
    label = int(view.labels[i])
    truth = f", which is of the class {view.pool.classes[label]}" if label >= 0 else ""
    st.markdown(f"The answer for **{view.call(i)}**{truth}, in this company.")
    passes = choices.of(Attention).passes
    st.slider(
        "Passes", 0, MOST_PASSES, passes, **choices.widget(Attention, "passes"),
        help="How often the block is applied. The network was trained with four.",
    )  # fmt: skip
    answers = logits_after(view.moment.model, view.trace.features, passes=MOST_PASSES)
    probabilities = answers[:, i].softmax(dim=-1)  # (P + 1, C)
    classes, colors = view.pool.classes, class_colors(len(view.pool.classes))
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        fig = passes_bars(probabilities.numpy(), classes, colors, trained=PASSES, selected=passes)
        figure.show(fig, "passes", alt(fig), height=320, on_click=_choose)
    with right:
        fig = class_bars(
            probabilities[passes].numpy(), classes, colors,
            truth=label if label >= 0 else None, title=f"After {_passes(passes)}",
        )  # fmt: skip
        figure.show(fig, "answer", alt(fig), height=320)
    if passes != PASSES:
        st.caption(f"The network was trained with four passes, not {passes}.")
    tops = answers.argmax(dim=-1)  # (P + 1, B)
    known = view.labels >= 0
    if known.any():
        right_now = (tops[:, known] == view.labels[known]).sum(dim=1)
        counts = ", ".join(f"{int(count)} after {n}" for n, count in enumerate(right_now))
        st.caption(f"Right among the {int(known.sum())} pictures of this group: {counts} passes.")
    with st.expander("What is this?"):
        st.markdown(ABOUT)


def _passes(count: int) -> str:
    return "1 pass" if count == 1 else f"{count} passes"


def _choose(click: dict) -> None:
    point = click["point"]
    choices.change(Attention, passes=point if isinstance(point, int) else point[0])
