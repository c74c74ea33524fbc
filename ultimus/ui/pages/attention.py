"""The Attention page: Q, K, V, the attention across a group, and what it does to each answer."""

import html
import math

import streamlit as st

from ...data.groups import Group, chance_mass, same_class_mass
from ...errors import UserError
from ...explorer.patches import is_of_patches
from ...links.pages import MATRICES, POOLS, TABS, Attention, Shown
from ...model import PASSES, Trace, entropy
from ...plots import attention as ap
from ...plots.axes import alt
from ...plots.style import BLUE, VERMILION
from ...runs.run import Run
from ..controls import grouping, header, menu, snapshot
from ..controls.snapshot import Snapshot
from ..explorer import ablations, companions, passes, patches, vectors, walk
from ..explorer.view import View, faces, trace
from ..figures import figure
from ..state import choices, guard, pool, session
from ..state.pool import Pool

SHOWN_IN = {
    "walk": walk.show,
    "passes": passes.show,
    "company": companions.show,
    "ablations": ablations.show,
}
ABOUT_MATRIX = """
Each row is a picture that **looks**; its *query* asks a question of eight numbers. Each column is
a picture that **is looked at**; its *key* answers. Where the two fit, their product is large.
Divided by √8, it is the *score*; softmax turns a row of scores into shares that add up to one: the
**attention**. A row that is the same everywhere looks at all pictures alike.
"""
ABOUT_VECTORS = """
Three small matrices, learned in training, turn the 48 features of every picture into eight numbers
each: what it asks (*query*), what it answers to (*key*), and what it hands on (*value*). Rows
outlined in blue and vermilion are the two pictures that are selected.
"""


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Attention", Shown, Attention)
    run = header.chosen_run()
    header.show("Attention", run)
    if is_of_patches(run):
        patches.show(run)
        return
    with st.sidebar:
        run, pictures = _pool(run)
        members = grouping.choose(pictures)
    every = snapshot.refresh(run)
    guard.fragment(_view, run_every=every)(run, pictures, members, every)


def _pool(run: Run) -> tuple[Run, Pool]:
    """The run and its pictures; the shipped run and the examples where these cannot be had."""
    try:
        pictures, note = pool.of(run, choices.of(Attention).pictures)
    except UserError as error:
        st.error(f"{error} What follows is the run that comes with Ultimus.")
        run = session.shipped_run()
        pictures, note = pool.examples(), ""
    st.segmented_control(
        "Pictures", list(POOLS), default=choices.of(Attention).pictures, required=True,
        format_func=POOLS.get, help="The examples are the same on every machine.",
        **choices.widget(Attention, "pictures", then=grouping.forget_picked),
    )  # fmt: skip
    st.caption(note or f"Groups are drawn from the {len(pictures):,} {pictures.name}.")
    return run, pictures.with_own(grouping.own_pictures())


def _view(run: Run, pictures: Pool, members: Group, every: float | None) -> None:
    """All that changes with the snapshot; looks again as often as told."""
    if snapshot.refresh(run) != every:
        st.rerun()  # only a run of the whole page starts, changes or ends the timer
    try:
        chosen = snapshot.choose(run)
        _check_classes(run, chosen, pictures)
    except UserError as error:
        st.error(f"{error} What follows are the weights that come with Ultimus.")
        run = session.shipped_run()
        chosen = snapshot.last(run)
        if pictures.classes != pool.CIFAR10:
            pictures = pool.examples()
            members = grouping.first(pictures)
    above = st.container()
    guard.fragment(_inside)(chosen, pictures, members)
    with above:  # drawn last, as the attention is what is waited for
        snapshot.curves(run, chosen)


def _inside(chosen: Snapshot, pictures: Pool, members: Group) -> None:
    """All that changes with the pass or the cell."""
    now = choices.of(Attention)
    regrouped = st.session_state.pop("regrouped", None)
    members = regrouped or members
    left, right = st.columns([1.2, 1], gap="medium")
    with left:
        row = st.container(horizontal=True, gap="medium")
        row.segmented_control(
            "Pass", list(range(1, PASSES + 1)), default=now.number, required=True,
            help="One block, applied four times, one pass after another.",
            **choices.widget(Attention, "number"),
        )  # fmt: skip
        row.segmented_control(
            "Show", list(MATRICES), default=now.show, required=True, format_func=MATRICES.get,
            help="The three steps from queries and keys to attention.",
            **choices.widget(Attention, "show"),
        )  # fmt: skip
        computed = trace(chosen, pictures, members)
        cell = _cell(computed)
        choices.say("cell", f"{cell[0]}-{cell[1]}")
        who = faces(pictures, members)
        view = View(chosen, pictures, members, computed, now.number, cell, who)
        _matrix(view, now.show)
    with right:
        _selection(view)
    _vectors(view)
    guard.fragment(_tabs)(view)
    if regrouped:
        st.rerun()  # the choice of the group stands outside of this fragment, and follows


def _check_classes(run: Run, chosen: Snapshot, pictures: Pool) -> None:
    """Refuse a network that names other classes than the pictures have."""
    if chosen.model.kind == "patches":
        raise UserError(
            f"In the network of {run.id} the patches of one picture look at each other, and this "
            "page shows pictures that do."
        )
    known, needed = chosen.model.classes, len(pictures.classes)
    if known != needed:
        raise UserError(f"The network of {run.id} knows {known} classes, the pictures {needed}.")


def _cell(computed: Trace) -> tuple[int, int]:
    """The selected cell; at first whom the first picture looks at most."""
    last = len(computed.features) - 1
    chosen = choices.current(Attention).cell
    if chosen:
        return min(chosen[0], last), min(chosen[1], last)
    others = computed.passes[0].weights[0].clone()
    others[0] = -1  # itself
    return 0, int(others.argmax())


def _select_cell(i: int, j: int) -> None:
    choices.change(Attention, cell=(i, j))


def _select(click: dict) -> None:
    _select_cell(*click["point"])


def _matrix(view: View, kind: str) -> None:
    now = view.now
    matrix = {"weights": now.weights, "scores": now.scores, "products": now.q @ now.k.mT}[kind]
    fig = ap.attention_map(
        matrix.numpy(), view.faces, kind, selected=view.cell, uirevision=f"{kind}{len(matrix)}"
    )
    figure.show(fig, "attention", alt(fig), height=ap.HEIGHT, on_click=_select)
    _explain("What is this?", ABOUT_MATRIX)


def _selection(view: View) -> None:
    """The selected cell and its row, in pictures and numbers."""
    i, j = view.cell
    now, size = view.now, len(view.members)
    st.html(_pair(view, i, j))
    weight = float(now.weights[i, j])
    st.markdown(
        f"In pass {view.number}, **{view.call(i)}** gives **{view.call(j)}** the weight "
        f"**{weight:.4f}**; looking at all {size} alike, it would be {1 / size:.4f}."
    )
    mass, chance = same_class_mass(now.weights, view.labels), chance_mass(view.labels)
    evenness = entropy(now.weights)
    row = st.container(horizontal=True, gap="medium")
    row.metric(
        "To its own class", f"{float(mass[i]):.3f}", f"by chance {float(chance[i]):.3f}",
        delta_color="off", delta_arrow="off", width=150,
        help="The attention that this picture gives to all pictures of its class, itself "
        "included, and what it would be if it looked at all alike.",
    )  # fmt: skip
    row.metric(
        "… mean of the group", f"{float(mass.mean()):.3f}",
        f"by chance {float(chance.mean()):.3f}", delta_color="off", delta_arrow="off", width=170,
    )  # fmt: skip
    row.metric(
        "Entropy of its row", f"{float(evenness[i]):.3f}",
        f"at most ln {size} = {math.log(size):.3f}", delta_color="off", delta_arrow="off",
        width=170, help="How evenly it looks: 0 at one picture only, ln B at all alike.",
    )  # fmt: skip
    _place_pickers(view)


def _pair(view: View, i: int, j: int) -> str:
    """The two selected pictures, enlarged without smoothing."""
    face = (
        '<figure style="margin:0;text-align:center"><img src="{uri}" alt="{name}" width="104" '
        'height="104" style="image-rendering:pixelated;border:3px solid {color};'
        'border-radius:4px"><figcaption style="font-size:.85rem">{name}<br>{role}</figcaption>'
        "</figure>"
    )
    pictures = [
        face.format(
            uri=view.pool.uri(view.members[place]),
            name=html.escape(view.call(place)),
            color=color,
            role=role,
        )
        for place, color, role in (
            (i, BLUE, "looks: its query"),
            (j, VERMILION, "is looked at: its key"),
        )
    ]
    arrow = '<span style="font-size:1.6rem;padding:0 .8rem;opacity:.6">→</span>'
    return f'<div style="display:flex;align-items:center">{arrow.join(pictures)}</div>'


def _place_pickers(view: View) -> None:
    """The cell by keyboard, and the picture by another."""
    i, j = view.cell
    row = st.container(horizontal=True, gap="small", vertical_alignment="bottom")
    names = dict(enumerate(view.faces.labels))
    for does, place, key in (("looks", i, "looks"), ("is looked at", j, "looked")):
        menu.show(
            row, f"{view.call(place)} {does}", names, key=key, on_choose=_pick_cell,
            args=(i, j, key),
        )  # fmt: skip
    row.button(
        "Swap it", icon=":material/swap_horiz:", on_click=_swap, args=(view, i),
        disabled=len(view.members) == len(view.pool),
        help="Put another picture in the place of the one that looks.",
    )  # fmt: skip


def _swap(view: View, place: int) -> None:
    st.session_state.regrouped = grouping.swap(view.pool, view.members, place)


def _pick_cell(place: int, i: int, j: int, key: str) -> None:
    """The place that a menu has just named stands for the former one."""
    _select_cell(*((place, j) if key == "looks" else (i, place)))


def _vectors(view: View) -> None:
    """Queries, keys and values of the group, and the features they come from."""
    i, j = view.cell
    before = view.trace.features if view.number == 1 else view.trace.passes[view.number - 2].state
    marks = {j: VERMILION, i: BLUE}

    def select(click: dict) -> None:
        """A picture's row: as the one that looks."""
        _select_cell(click["point"][0], j)

    vectors.show(view, marks=marks, on_click=select)
    _explain("What are queries, keys and values?", ABOUT_VECTORS)
    with st.expander("The 48 features they come from"):
        fig = ap.vectors_map(before.numpy(), "features", view.faces, selected_rows=marks)
        figure.show(fig, "features", alt(fig), height=vectors.HEIGHT, on_click=select)


def _explain(question: str, text: str) -> None:
    with st.expander(question):
        st.markdown(text)


def _tabs(view: View) -> None:
    tabs = st.tabs(
        list(TABS.values()), default=TABS[choices.of(Attention).view],
        **choices.widget(Attention, "view", {label: name for name, label in TABS.items()}.get),
    )  # fmt: skip
    for tab, name in zip(tabs, TABS, strict=True):
        if tab.open:  # only what is looked at is computed
            with tab:
                SHOWN_IN[name](view)
