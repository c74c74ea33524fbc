"""Change the company, change the answer: one picture among other companions."""

import streamlit as st
from torch import Tensor

from ...analysis.companions import influence, redraw
from ...errors import UserError
from ...evaluation import features_of
from ...links.pages import Attention
from ...plots import vectors as vp
from ...plots.answers import spread_figure
from ...plots.axes import alt
from ...plots.style import class_colors
from ..controls.snapshot import SAME, Snapshot
from ..figures import figure
from ..state import choices
from ..state.pool import Pool
from .view import View

POOL = 2000  # images that companions are drawn from; more would only take longer
ABOUT = """
A picture's answer depends on who else is in its group: its query looks at *their* keys and takes
*their* values. Here the selected picture stays, and its companions are drawn again and again. In
a group of one its attention is exactly 1 on itself.
"""


def show(view: View) -> None:
    """Draw the tab."""
    i = view.cell[0]
    classes, colors = view.pool.classes, class_colors(len(view.pool.classes))
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    now = choices.of(Attention)
    row.slider(
        "Groups to draw", 8, 128, now.draws, 8, width=240, **choices.widget(Attention, "draws")
    )
    row.number_input(
        "Seed", value=now.redraw, step=1, width=130, **choices.widget(Attention, "redraw")
    )
    size = len(view.members)
    try:
        image, features = _features(view)
        drawn = redraw(view.moment.model, image, features, now.draws, size, now.redraw)
    except UserError as error:
        st.error(str(error))
        return
    top = classes[int(drawn.mean.argmax())]
    st.markdown(
        f"**{view.call(i)}** in {now.draws} groups of {size}: on average *{top}* with "
        f"{float(drawn.mean.max()):.1%}; in **{drawn.flip_rate:.0%}** of the groups another class "
        f"comes first. Alone: *{classes[int(drawn.alone.argmax())]}* with "
        f"{float(drawn.alone.max()):.1%}."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        fig = spread_figure(drawn.probabilities.numpy(), drawn.alone.numpy(), classes, colors)
        figure.show(fig, "company", alt(fig), height=360)
    with right:
        _influence(view, i)
    with st.expander("What is this?"):
        st.markdown(ABOUT)


def _influence(view: View, i: int) -> None:
    """Who of the present companions matters: each is left out once."""
    change = influence(view.moment.model, view.trace.features, i)  # (B, C)
    answer = view.trace.logits[-1, i].argmax()
    name = view.pool.classes[int(answer)]
    values = change[:, answer]
    fig = vp.influence_bars(values.numpy(), view.faces, name, pinned=i, height=360)
    figure.show(fig, "influence", alt(fig), height=360)
    most = int(values.abs().argmax())
    st.caption(
        f"In the group above, most depends on {view.call(most)}: without it, “{name}” would get "
        f"{float(values[most]):+.2%} points.".replace("% points", " percentage points")
    )


def _features(view: View) -> tuple[int, Tensor]:
    """The picture's place in the features of the pool, and these."""
    index = view.members[view.cell[0]]
    pool = view.pool
    chosen = sorted({*range(min(POOL, len(pool))), index})
    return chosen.index(index), _pool_features(view.moment, pool, tuple(chosen[POOL:]))


@st.cache_resource(
    show_spinner="The companions pass through the convolutions …", max_entries=16, hash_funcs=SAME
)
def _pool_features(snapshot: Snapshot, pool: Pool, extra: tuple[int, ...]) -> Tensor:
    chosen = [*range(min(POOL, len(pool))), *extra]
    return features_of(snapshot.model, pool.images[chosen])
