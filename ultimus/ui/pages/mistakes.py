"""The mistakes of the Test set page: the confusion matrix, and the images of a cell of it."""

import streamlit as st
from torch import Tensor

from ...analysis.test_report import Verdict, companions, select
from ...links.pages import Attention, Shown, TestSet
from ...links.state import query
from ...plots import test_report as tp
from ...plots.axes import alt
from ...plots.faces import data_uri
from ...plots.style import class_colors
from ...runs.run import Run
from ..controls import menu
from ..controls.snapshot import Snapshot
from ..figures import figure
from ..state import choices
from ..state.pool import Pool
from .verdicts import GROUP

Pair = tuple[int | None, int | None]  # a true class and a predicted one; None for any
ANY = -1  # what a menu calls no class in particular
SHEET = 30  # images shown at once
LOOK = """<style>
.st-key-gallery {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); row-gap: .6rem;
}
.st-key-gallery > div, .st-key-gallery [data-testid="stPageLink"] { width: 100%; }
.st-key-gallery a { display: block; padding: 2px; text-align: center; }
.st-key-gallery a p { font-size: .78rem; line-height: 1.3; white-space: normal; }
.st-key-gallery a p strong { display: block; }
.st-key-gallery a img {
  display: block; width: 96px; height: 96px; max-height: none; margin: 0 auto 3px;
  object-fit: fill; image-rendering: pixelated; border-radius: 4px;
}
</style>"""
ABOUT_CONFUSIONS = """
A row holds all images of one true class, and its cells say what percentage of them is predicted as
each class: a row adds up to 100 %. The diagonal, in grey, is correct. The colours compare the
mistakes among each other, from 0 to the most frequent one. A click on a cell shows its images
below, a second click all mistakes again.
"""


def confusions(verdict: Verdict, pictures: Pool) -> None:
    fig = tp.confusion_map(
        verdict.confusion.numpy(), pictures.classes, class_colors(len(pictures.classes)),
        selected=_pair(len(pictures.classes)),
    )  # fmt: skip
    figure.show(fig, "confusion", alt(fig), height=tp.HEIGHT, on_click=_click)
    with st.expander("How to read it"):
        st.markdown(ABOUT_CONFUSIONS)


def _pair(classes: int) -> Pair:
    """The chosen true class and predicted class; None for one that there is not."""
    true, called = choices.current(TestSet).pair
    known = range(classes)
    for chosen in (true, called):
        if chosen is not None and chosen not in known:
            st.caption(f"There is no class {chosen} here: all are shown.")
    return (true if true in known else None), (called if called in known else None)


def _choose(true: int | None, called: int | None) -> None:
    choices.change(TestSet, pair=(true, called), sheet=1)


def _click(click: dict) -> None:
    """A click on a cell chooses it, a second one all mistakes."""
    true, called = click["point"]
    again = choices.current(TestSet).pair == (true, called)
    _choose(None if again else true, None if again else called)


def gallery(verdict: Verdict, run: Run, chosen: Snapshot, pictures: Pool) -> None:
    """The images of the chosen cell, sorted by confidence; at first all mistakes."""
    true, called = pair = _pair(len(pictures.classes))
    images = select(verdict, true, called)
    st.subheader(_heading(pair, pictures.classes), anchor=False)
    _pickers(pair, pictures.classes)
    st.markdown(_count(verdict, pair, images, pictures.classes))
    if not len(images):
        return
    last = -(-len(images) // SHEET)
    wanted = choices.current(TestSet).sheet
    sheet = min(wanted, last)
    if sheet != wanted:
        st.caption(f"There is no page {wanted:,} of these images: page {last} is shown.")
    shown = images[(sheet - 1) * SHEET : sheet * SHEET].tolist()
    st.html(LOOK)
    cells = st.container(horizontal=True, key="gallery", gap="small")
    for image in shown:
        _picture(cells, image, verdict, run, chosen, pictures)
    if last > 1:
        _turn(sheet, last, len(images))
    st.caption(
        "Of each image: the predicted class and its probability, then the true class and its "
        "probability. A click shows the image on the Attention page, among the very companions of "
        "its group here."
    )


def _heading(pair: Pair, classes: tuple[str, ...]) -> str:
    true, called = (None if place is None else classes[place] for place in pair)
    if true is None:
        return f"Predicted as {called}, and none" if called else "Mistakes"
    if called is None:
        return f"True class {true}, predicted as something else"
    return f"True class {true}, " + ("correct" if true == called else f"predicted as {called}")


def _count(verdict: Verdict, pair: Pair, images: Tensor, classes: tuple[str, ...]) -> str:
    """How many there are, of how many."""
    true, _ = pair
    total = len(verdict.labels) if true is None else int((verdict.labels == true).sum())
    whole = "images" if true is None else f"images of the class {classes[true]}"
    share = f" ({len(images) / total:.1%})" if total else ""
    return f"**{len(images):,}** of {total:,} {whole}{share}, sorted by confidence."


def _pickers(pair: Pair, classes: tuple[str, ...]) -> None:
    """The cell by keyboard; and a whole row or column."""
    names = {ANY: "any", **dict(enumerate(classes))}
    row = st.container(horizontal=True, gap="small", vertical_alignment="center")
    for label, key, at in (("True class", "true", pair[0]), ("Predicted class", "called", pair[1])):
        menu.show(
            row, f"{label}: {names[ANY if at is None else at]}", names, key=key, on_choose=_pick,
            args=(pair, key),
        )  # fmt: skip
    if pair != (None, None):
        row.button("All mistakes", icon=":material/close:", on_click=_choose, args=(None, None))


def _pick(chosen: int, pair: Pair, key: str) -> None:
    """The class that a menu has just named stands for the former one."""
    true, called = pair
    chosen = None if chosen == ANY else chosen
    _choose(*((chosen, called) if key == "true" else (true, chosen)))


def _leaf(sheet: int) -> None:
    choices.change(TestSet, sheet=sheet)


def _turn(sheet: int, last: int, count: int) -> None:
    row = st.container(horizontal=True, gap="small", vertical_alignment="center")
    row.button(
        "Previous page", icon=":material/chevron_left:", disabled=sheet == 1, on_click=_leaf,
        args=(sheet - 1,), key="sheet-back",
    )  # fmt: skip
    row.button(
        "Next page", icon=":material/chevron_right:", disabled=sheet == last, on_click=_leaf,
        args=(sheet + 1,), key="sheet-on",
    )  # fmt: skip
    end = min(sheet * SHEET, count)
    row.caption(f"{(sheet - 1) * SHEET + 1:,} to {end:,} of {count:,}")


def _picture(row, image: int, verdict: Verdict, run: Run, chosen: Snapshot, pictures: Pool) -> None:
    """An image with its answer, which leads to the Attention page."""
    true, called = int(verdict.labels[image]), int(verdict.guesses[image])
    names, chances = pictures.classes, verdict.probabilities[image]
    face = data_uri(pictures.images[image].numpy())
    label = f"![{names[true]}]({face}) **{names[called]} {_percent(chances[called])}**"
    if true != called:
        label += f" {names[true]} {_percent(chances[true])}"
    group = companions(len(pictures), GROUP, image, pictures.labels, verdict.grouping)
    row.page_link(
        st.session_state.pages["Attention"], label=label, icon="", width="stretch",
        query_params=query(
            Shown(run.id, chosen.step), Attention(images=", ".join(map(str, group)))
        ),
    )  # fmt: skip


def _percent(chance: Tensor) -> str:
    """Never 100 % for what is not certain, nor 0 % for what is possible."""
    value = float(chance)
    if 0.995 <= value < 1:
        return ">99%"
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"
