"""One cell, step by step: from the features of two pictures to what one gets from the group."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st

from ...analysis.walk import Walk, walk
from ...links.pages import Attention
from ...plots import attention as ap
from ...plots import vectors as vp
from ...plots.axes import alt
from ..figures import figure
from ..state import choices
from .view import View


class Step(NamedTuple):
    """One step of the walk: its name, its formula, and what draws it."""

    name: str
    formula: str
    draw: Callable[[View, Walk], None]


def show(view: View) -> None:
    """Draw the tab."""
    i, j = view.cell
    st.markdown(
        f"Pass {view.number}: what **{view.call(i)}** (i) takes from **{view.call(j)}** (j). "
        "Every number is the network's own; click another cell in the matrix to follow that one."
    )
    steps = walk(view.moment.model, view.trace, view.number, i, j)
    chosen = _choice()
    for number, step in enumerate(STEPS, 1):
        if chosen in (number, 0):
            st.markdown(f"**{number}. {step.name}**")
            st.latex(step.formula)
            step.draw(view, steps)


def _choice() -> int:
    """Which step; 0 for all of them."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    now = choices.of(Attention).walk
    row.button("Previous", icon=":material/chevron_left:", disabled=now <= 1,
               on_click=_go, args=(now - 1,), key="walk_previous")  # fmt: skip
    row.button("Next", icon=":material/chevron_right:", disabled=now in (0, len(STEPS)),
               on_click=_go, args=(now + 1,), key="walk_next")  # fmt: skip
    options = {n: f"{n}" for n in range(1, len(STEPS) + 1)} | {0: "all"}
    row.segmented_control(
        "Step", list(options), default=now, format_func=options.get, required=True,
        label_visibility="collapsed", **choices.widget(Attention, "walk"),
    )  # fmt: skip
    return now


def _go(step: int) -> None:
    choices.change(Attention, walk=step)


def _query_and_key(view: View, steps: Walk) -> None:
    i, j = view.cell
    left, right = st.columns(2, gap="medium")
    with left:
        _bars(steps.query, "query", f"Query of {view.call(i)}", "walk-query")
    with right:
        _bars(steps.key, "key", f"Key of {view.call(j)}", "walk-key")


def _products(view: View, steps: Walk) -> None:
    fig = vp.products_bars(steps.query.numpy(), steps.key.numpy(), steps.products.numpy())
    figure.show(fig, "walk-products", alt(fig), height=380)
    _table(
        {
            "query": steps.query.numpy(),
            "key": steps.key.numpy(),
            "product": steps.products.numpy(),
        }
    )


def _score(view: View, steps: Walk) -> None:
    st.markdown(
        f"{float(steps.total):.8g} ÷ {8**0.5:.8g} = **{float(steps.score):.8g}**. "
        "Without the division the scores would grow with the length of the vectors."
    )
    fig = vp.row_bars(steps.scores.numpy(), view.faces, "scores", selected=view.cell[1])
    figure.show(fig, "walk-scores", alt(fig), height=vp.BAR_HEIGHT)


def _softmax(view: View, steps: Walk) -> None:
    j = view.cell[1]
    largest = float(steps.scores.max())
    st.markdown(
        f"The largest score of the row is {largest:.8g}. For j: e^({float(steps.score):.8g} − "
        f"{largest:.8g}) = {float(steps.exponentials[j]):.8g}; the sum over the row is "
        f"{float(steps.normalizer):.8g}; their ratio is the weight "
        f"**{float(steps.weights[j]):.8g}**."
    )
    fig = vp.row_bars(steps.weights.numpy(), view.faces, "weights", selected=j)
    figure.show(fig, "walk-weights", alt(fig), height=vp.BAR_HEIGHT)
    _table(
        {
            "score": steps.scores.numpy(),
            "e^(score − largest)": steps.exponentials.numpy(),
            "weight": steps.weights.numpy(),
        },
        view.faces.labels,
    )


def _mixed(view: View, steps: Walk) -> None:
    fig = vp.sum_bars(steps.weights.numpy(), steps.values.numpy(), view.faces)
    figure.show(fig, "walk-sum", alt(fig), height=vp.BAR_HEIGHT)
    j = view.cell[1]
    _table(
        {
            f"value of {view.call(j)}": steps.values[j].numpy(),
            "its share: weight × value": steps.contributions[j].numpy(),
            "sum over all: mixed": steps.mixed.numpy(),
        }
    )


def _projection(view: View, steps: Walk) -> None:
    _bars(steps.residual, "residual", "What the pass adds: 48 numbers", "walk-residual")
    st.caption(
        "The part that the bias gives is the same for every picture; it is "
        f"{float(steps.bias.norm() / steps.residual.norm()):.0%} as long as the whole."
    )


def _addition(view: View, steps: Walk) -> None:
    i = view.cell[0]
    top = float(max(steps.before[i].abs().max(), steps.after.abs().max()))
    _bars(steps.before[i], "features", f"Features of {view.call(i)} before", "walk-before", top)
    _bars(steps.after, "state", "… and after the pass", "walk-after", top)


def _check(view: View, steps: Walk) -> None:
    st.markdown(
        "Each step was computed here from the numbers shown, in double precision, and compared "
        "with what the network has: the largest difference is "
        f"**{max(steps.check.values()):.1e}**, the rounding of single precision."
    )
    _table({"largest difference": np.array(list(steps.check.values()))}, list(steps.check))


def _bars(values, role: ap.Role, title: str, key: str, top: float | None = None) -> None:
    fig = vp.vector_bars(values.numpy(), role, title=title, zmax=top)
    figure.show(fig, key, alt(fig), height=200)


def _table(columns: dict[str, np.ndarray], names: list[str] | None = None) -> None:
    """The numbers with all their digits, to be checked by hand."""
    with st.expander("The numbers"):
        names = names or [str(place) for place in range(len(next(iter(columns.values()))))]
        rows = {"": names, **{name: [f"{v:.9g}" for v in col] for name, col in columns.items()}}
        st.dataframe(rows, hide_index=True, width="stretch")


STEPS = (
    Step("A query and a key", r"q_i = W_q\,x_i + b_q \qquad k_j = W_k\,x_j + b_k", _query_and_key),
    Step("Eight products and their sum", r"q_i \cdot k_j = \sum_h q_{ih}\,k_{jh}", _products),
    Step("Divided by √8: the score", r"s_{ij} = \frac{q_i \cdot k_j}{\sqrt{8}}", _score),
    Step("Softmax of the row: the weight", r"a_{ij} = e^{s_{ij}} / \sum_n e^{s_{in}}", _softmax),
    Step("The weighted values add up", r"m_i = \sum_n a_{in}\,v_n", _mixed),
    Step("Back from 8 numbers to 48", r"r_i = W_o\,m_i + b_o", _projection),
    Step("Added to the features", r"x_i' = x_i + r_i", _addition),
    Step("Checked against the network", r"\max\,|\,\text{steps} - \text{network}\,|", _check),
)  # fmt: skip
