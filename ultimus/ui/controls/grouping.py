"""The choice of a group: drawn by a seed or class, picked by hand, or of one's own pictures."""

import numpy as np
import streamlit as st

from ...data import groups
from ...errors import UserError
from ...links.pages import LAST_SEED, Attention
from ..state import choices, lead, text
from ..state.pool import Pool
from . import menu, reading, uploads
from .reading import Row

BEGIN = 16  # images, as in training
DIGITS = 12  # of an image number that are read; there are never so many images


def own_pictures() -> dict[str, np.ndarray]:
    """Let the person add pictures of their own; returns those of the session, (3, 32, 32) uint8, by
    names that differ.

    The Predict page shows the same ones, and frames them.
    """
    uploads.take_in("Your own pictures", on_taken=forget_picked)
    added = uploads.kept()
    if added:
        st.button("Remove my pictures", icon=":material/delete:", on_click=_forget_own)
    names = menu.told_apart({upload.key: upload.name for upload in added})
    return {names[upload.key]: upload.seen(uploads.fit(upload.key)) for upload in added}


def _forget_own() -> None:
    uploads.forget()
    forget_picked()


def choose(pool: Pool, label: str) -> groups.Group:
    """Let the person choose a group from a pool; the link keeps it. Whoever follows the teacher
    reads how it was chosen.

    Where the choices make no group, a sentence says so and the first images are taken.

    Args:
        pool: of images.
        label: of the choice how many.
    """
    now = choices.of(Attention)
    classes = _known_classes(now, pool)
    size = min(now.size, groups.LARGEST, len(pool))
    follows = lead.is_following()
    if follows:
        reading.show(_rows(now, size, label))
    else:
        _offer(now, pool, label, size, classes)
    choices.put_right(Attention)
    try:
        members = _picked(now.images, pool) or _drawn(pool, size, now.draw, classes)
    except UserError as error:
        st.error(f"{error} What follows is the group of the first images.")
        members = first(pool)
    if not follows:
        _arrange(pool, members)
    return members


def _rows(now: Attention, size: int, label: str) -> list[Row]:
    if now.images:
        return [Row("Picked by hand", now.images)]
    classes = Row("Only these classes", ", ".join(now.classes) or "all")
    return [Row(label, f"{size}"), classes, Row("Seed of the draw", f"{now.draw}")]


def _offer(now: Attention, pool: Pool, label: str, size: int, classes: list[str]) -> None:
    """The fields."""
    most = min(groups.LARGEST, len(pool))
    if most > groups.SMALLEST:
        st.slider(
            label, groups.SMALLEST, most, size,
            **choices.widget(Attention, "size", then=forget_picked),
        )  # fmt: skip
    if now.size > most and not now.images:
        st.caption(f"There are only {len(pool)} pictures here: the group has all of them.")
    st.multiselect(
        "Only these classes", pool.classes, classes, placeholder="all",
        **choices.widget(Attention, "classes", tuple, then=forget_picked),
    )  # fmt: skip
    st.number_input(
        "Seed of the draw", value=now.draw, step=1, help="The same seed draws the same images.",
        **choices.widget(Attention, "draw", then=forget_picked),
    )  # fmt: skip
    st.text_input(
        "Picked by hand", now.images, placeholder="numbers: 3, 8, 21",
        help=f"Numbers of images, 0 to {len(pool) - 1}, in the order to show them.",
        **choices.widget(Attention, "images"),
    )  # fmt: skip


def _known_classes(now: Attention, pool: Pool) -> list[str]:
    """The chosen classes that the pictures have; a sentence about others."""
    unknown = [name for name in now.classes if name not in pool.classes]
    if unknown:
        names = text.plain(", ".join(name[:40] for name in unknown[:3]))
        st.warning(f"These pictures have no class {names}: it is left out.")
    return [name for name in now.classes if name in pool.classes]


def first(pool: Pool) -> groups.Group:
    """The first images of a pool."""
    return tuple(range(min(BEGIN, len(pool))))


def _drawn(pool: Pool, size: int, seed: int, classes: list[str]) -> groups.Group:
    """One's own pictures first, then a draw."""
    wanted = {pool.classes.index(name) for name in classes} or set(range(len(pool.classes)))
    present = {label for label in wanted if (pool.labels == label).any()}
    if not present:
        raise UserError(
            f"There is no {' or '.join(classes)} among the {pool.name}: choose other classes."
        )
    chosen = pool.own[:size]
    available = sum(int((pool.labels == label).sum()) for label in present)
    rest = min(size - len(chosen), available)
    if len(chosen) + rest < size:
        st.caption(f"There are only {available} images of these classes.")
    if not rest:
        return chosen
    return chosen + groups.draw(pool.labels, max(rest, groups.SMALLEST), seed, present)[:rest]


def _picked(written: str, pool: Pool) -> groups.Group:
    try:
        parts = [part.strip() for part in written.replace(";", ",").split(",") if part.strip()]
        numbers = [int(part[:DIGITS]) for part in parts]
    except ValueError as error:
        raise UserError(
            f"{written[:40]!r} is no list of image numbers: write numbers with commas between."
        ) from error
    return groups.pick(numbers, len(pool)) if numbers else ()


def _arrange(pool: Pool, members: groups.Group) -> None:
    """Shuffle, sort, another draw: what is arranged counts as picked by hand."""
    row = st.container(horizontal=True, gap="small")
    row.button("Another draw", icon=":material/casino:", on_click=_another)
    row.button("Shuffle", icon=":material/shuffle:", on_click=_shuffle, args=(members,))
    row.button(
        "Sort by class", icon=":material/sort:", on_click=_pick,
        args=(groups.sort_by_class(members, pool.labels),),
    )  # fmt: skip


def swap(pool: Pool, members: groups.Group, place: int) -> groups.Group:
    """Replace one image of the group by another; returns the new group."""
    seed = st.session_state.swaps = st.session_state.get("swaps", 0) + 1
    swapped = groups.swap(members, place, len(pool), seed)
    _pick(swapped)
    return swapped


def _another() -> None:
    following = (choices.current(Attention).draw + 1) % (LAST_SEED + 1)
    choices.change(Attention, draw=following, images="")


def _shuffle(members: groups.Group) -> None:
    seed = st.session_state.shuffles = st.session_state.get("shuffles", 0) + 1
    _pick(groups.shuffle(members, seed))


def _pick(members: groups.Group) -> None:
    choices.change(Attention, images=", ".join(map(str, members)))


def forget_picked() -> None:
    """Draw the group, whatever was picked by hand."""
    choices.change(Attention, images="")
