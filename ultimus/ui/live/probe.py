"""The probe group of a run: its attention and answers, by the newest weights."""

import html

import streamlit as st

from ...data.groups import Group
from ...errors import UserError
from ...evaluation import fixed_groups
from ...links.pages import Attention, Shown
from ...links.state import query
from ...model import PASSES
from ...plots import attention as ap
from ...plots.axes import alt
from ...plots.faces import Faces
from ...runs.run import LIVE, Run
from ..controls import snapshot
from ..controls.snapshot import Snapshot
from ..explorer import vectors
from ..explorer.view import View, faces, trace
from ..figures import board, figure
from ..state import guard, pool
from ..state.pool import Pool
from . import audience

REFRESH = 0.8  # seconds, for an update each second
RIGHT, WRONG = "#009E73", "#D55E00"


def show(run: Run) -> None:
    """Draw it, following the run while it is live."""
    st.subheader("Attention of the probe group", anchor=False)
    guard.fragment(_panel)(run)


def _panel(run: Run) -> None:
    every = audience.every(run, REFRESH) if run.status().state in LIVE else None
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    number = row.segmented_control(
        "Pass", list(range(1, PASSES + 1)), default=1, required=True, key="probe_pass"
    )
    try:
        chosen = snapshot.newest(run)  # at first: without weights nothing else matters
        pictures, note = pool.of(run)
    except UserError as error:
        sentence = f'<p class="caption">{html.escape(str(error))}</p>'
        board.show([[board.html(sentence)]], "probe", every)
        return
    members = _members(run, pictures)
    _way_in(row, run, chosen, number, members)
    row.caption(f"Step {chosen.step:,}. {note or 'Always the same test images.'}")
    computed, who = trace(chosen, pictures, members), faces(pictures, members)
    view = View(chosen, pictures, members, computed, number, (0, 0), who)
    board.show(_rows(view), "probe", every)


def _rows(view: View) -> list[list[dict]]:
    """Attention, answers and vectors; of patches, each picture of which is a group, the answers."""
    answers = board.html(_answers(view))
    if view.moment.model.kind == "patches":
        return [[answers]]
    fig = ap.attention_map(view.now.weights.numpy(), view.faces, uirevision="probe")
    attention = figure.part(fig, "probe-attention", alt(fig), height=ap.HEIGHT, share=1.2)
    return [[attention, answers], vectors.parts(view, prefix="probe-")]


def _members(run: Run, pictures: Pool) -> Group:
    """The group that training watches: the first one of every measurement."""
    recipe = run.info().recipe
    size = min(recipe.group, 64, len(pictures))
    return tuple(fixed_groups(len(pictures), size, pictures.labels, recipe.grouping)[0].tolist())


def _way_in(row, run: Run, chosen: Snapshot, number: int, members: Group) -> None:
    """A link to the Attention page, with the same run, step, pass and images."""
    images = ", ".join(map(str, members))
    row.page_link(
        st.session_state.pages["Attention"], label="Look closer", icon=":material/search:",
        query_params=query(
            Shown(run.id, chosen.step), Attention(number=number, images=images)
        ),
    )  # fmt: skip


def _answers(view: View) -> str:
    """What the network takes each picture for, as HTML."""
    answers = view.trace.logits[-1].softmax(dim=-1)  # (B, C)
    sure, tops = (answer.tolist() for answer in answers.max(dim=-1))
    labels = view.labels.tolist()
    right = sum(top == label for top, label in zip(tops, labels, strict=True))
    classes = view.pool.classes
    cells = [
        _cell(view.faces, place, classes[top], chance, top == labels[place])
        for place, (top, chance) in enumerate(zip(tops, sure, strict=True))
    ]
    return (
        f"<p><b>{right} of {len(tops)}</b> images of this group are classified correctly.</p>"
        f'<div style="display:flex;flex-wrap:wrap;gap:.5rem">{"".join(cells)}</div>'
    )


def _cell(faces: Faces, place: int, answer: str, chance: float, is_right: bool) -> str:
    color, sign = (RIGHT, "✓") if is_right else (WRONG, "✗")
    truth, answer = html.escape(faces.names[place]), html.escape(answer)
    return (
        f'<figure style="margin:0;width:5rem;font-size:.75rem;line-height:1.15;text-align:center">'
        f'<img src="{faces.pictures[place]}" alt="{truth}" title="{truth}" width="48" height="48" '
        f'style="image-rendering:pixelated;border:3px solid {color};border-radius:4px">'
        f"<figcaption>{sign} {answer}<br>{chance:.0%}</figcaption></figure>"
    )
