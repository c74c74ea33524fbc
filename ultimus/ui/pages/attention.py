"""The Attention page: whom each picture of a group looks at, and what follows from it.

The explorer draws it in the browser (explorer/attention.js). Here it is decided which run, which
pictures and which step it begins with.
"""

import base64
from typing import Any

import streamlit as st

from ...data.groups import Group
from ...errors import UserError
from ...explorer.patches import is_of_patches
from ...links.pages import FOLLOW, POOLS, Attention, Shown
from ...runs.run import LIVE, Run
from .. import glossary
from ..controls import beside, grouping, header, snapshot
from ..controls.snapshot import Snapshot
from ..explorer import ablations
from ..explorer.component import component
from ..server import scenes
from ..state import choices, guard, lead, pool, session
from ..state.pool import Pool

WORDS = (
    "group", "companions", "token", "patch", "parameter", "features", "query", "key", "value",
    "scores", "softmax", "attention", "attention output", "residual", "pass", "entropy",
    "confidence", "ablation", "step", "epoch", "loss", "percentage point",
)  # fmt: skip
KEY = "explorer"
BEGINS = 0.8  # seconds between looks at a run that has no weights yet

SIZE = {"images": "Images in the group", "patches": "Images to choose from"}
ABOUT_PATCHES = """
Each patch of the picture turns into 48 numbers and looks at all patches of the same picture, four
times; no other picture has a part in it. Point at a patch: what it looks at stays bright. Where a
network looks is not why it answers.
"""

_mount = component("attention", "patches.css")


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Attention", Shown, Attention)
    run = header.run_to_show()
    top = header.show("Attention", run)
    with st.sidebar:
        run, pictures = _pool(run)
        members = grouping.choose(pictures, SIZE[run.info().recipe.model])
    other = beside.choose(top, run)
    waits = run.status().state in LIVE and not run.has_snapshots
    guard.fragment(_explorer, run_every=BEGINS if waits else None)(
        run, pictures, members, waits, other
    )
    glossary.show(*WORDS)


def _pool(run: Run) -> tuple[Run, Pool]:
    """The run and its pictures; the shipped run and its own where these cannot be had."""
    wanted = choices.of(Attention).pictures
    try:
        pictures, note = pool.of(run, wanted)
    except UserError as error:
        st.error(f"{error} What follows is the run that comes with Ultimus.")
        run = session.shipped_run()
        pictures, note = pool.of(run, wanted)
    follows = lead.is_following()
    if not note and not follows:  # else the one and the other are the same
        st.segmented_control(
            "Pictures", list(POOLS), default=wanted, required=True, format_func=POOLS.get,
            help="Those of the run's data, or the examples that come with Ultimus.",
            **choices.widget(Attention, "pictures", then=grouping.forget_picked),
        )  # fmt: skip
    st.caption(note or f"Groups are drawn from the {len(pictures):,} {pictures.name}.")
    if follows:  # own pictures would make it another group than the teacher's
        return run, pictures
    return run, pictures.with_own(grouping.own_pictures())


def _explorer(run: Run, pictures: Pool, members: Group, waits: bool, other: Run | None) -> None:
    """The explorer, and below it what needs a whole test set."""
    if st.session_state.pop("regrouped", False) or (waits and run.has_snapshots):
        st.rerun()  # what chooses the group, and ends the timer, stands outside of this fragment
    try:
        chosen = _snapshot(run, pictures)
    except UserError as error:
        st.error(f"{error} What follows are the weights that come with Ultimus.")
        run = session.shipped_run()
        shipped, _ = pool.of(run, choices.current(Attention).pictures)
        if pictures.classes != shipped.classes:
            pictures = shipped
            members = grouping.first(pictures)
        other = None
        chosen = snapshot.last(run)
    if is_of_patches(run):
        st.markdown(ABOUT_PATCHES)
    _mount(
        key=KEY,
        data=told(run, chosen, pictures, members, other),
        height="content",
        on_step_change=_take_step,
        on_swap_change=lambda: _swap(pictures, members),
        on_again_change=lambda: None,  # that it runs again is all there is to it
    )
    ablations.show(chosen, pictures)


def told(
    run: Run, chosen: Snapshot, pictures: Pool, members: Group, other: Run | None = None
) -> dict[str, Any]:
    """What the explorer is told; see explorer/attention.js."""
    own = [member for member in members if member in pictures.own]
    shown = [member for member in members if member not in own]
    place = {member: place for place, member in enumerate([*shown, *own])}
    step = choices.current(Shown).step
    follows = step == FOLLOW and run.status().state in LIVE
    which = choices.current(Attention).pictures
    return {
        "scene": scenes.address(run, shown or [0], which),
        "name": header.label(run),
        "members": [place[member] if shown else place[member] + 1 for member in members],
        "own": [_own(pictures, member) for member in own],
        "chosen": choices.texts(choices.current(Attention))
        | {"step": FOLLOW if follows else str(chosen.step)},
        "picked": bool(choices.current(Attention).images),
        "turn": choices.links(Shown, Attention),
        "live": beside.is_live(run),
        "complete": len(members) == len(pictures),
        "other": other and {
            "scene": scenes.address(other, shown or [0], which, owner=run),
            "name": header.label(other),
            "live": beside.is_live(other),
        },
    }  # fmt: skip


def _own(pictures: Pool, member: int) -> dict[str, str]:
    """A picture of the reader, which no address may lead to."""
    pixels = pictures.images[member].numpy().tobytes()
    return {"name": pictures.call(member), "pixels": base64.b64encode(pixels).decode()}


def _snapshot(run: Run, pictures: Pool) -> Snapshot:
    """The weights to begin with.

    Raises:
        UserError: the run has kept none, or they cannot be used.
    """
    chosen = snapshot.chosen(run)
    snapshot.check_network(run, chosen, pictures)
    return chosen


# What the explorer says ---------------------------------------------------------------------------


def _take_step() -> None:
    """The step that is looked at, which other pages show too."""
    step = str(st.session_state[KEY].get("step"))
    known = step.isascii() and step.isdigit() and len(step) < 16
    choices.change(Shown, step=int(step) if known else FOLLOW)


def _swap(pictures: Pool, members: Group) -> None:
    place = st.session_state[KEY].get("swap")
    if isinstance(place, int) and 0 <= place < len(members):
        grouping.swap(pictures, members, place)
        st.session_state.regrouped = True
