"""The Test set page: how often a model is right, where it errs, and how confident it is then."""

import math
import threading
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from torch import Tensor

from ...analysis.measured import measured
from ...analysis.test_report import (
    InCompany,
    Verdict,
    by_size,
    calibration,
    companions,
    dependence,
    measure,
    select,
    wilson,
)
from ...data.groups import composition
from ...data.sources import CIFAR10_CLASSES
from ...errors import UserError
from ...evaluation import features_of
from ...links.pages import ORDERS, SEATS, Attention, Shown, TestSet
from ...links.state import query
from ...places import SHIPPED
from ...plots import test_report as tp
from ...plots.axes import alt
from ...plots.faces import data_uri
from ...plots.style import class_colors
from ...runs.run import Run
from .. import glossary
from ..controls import header, menu, snapshot
from ..controls.snapshot import Snapshot
from ..figures import figure
from ..state import choices, guard, pool, session
from ..state.pool import Pool

WORDS = (
    "accuracy", "confidence interval", "loss", "group", "companions", "confusion matrix",
    "confidence", "calibration", "expected calibration error", "snapshot",
)  # fmt: skip
GROUP = 16  # images, as in training
TOGETHER = {"groups": GROUP, "alone": 1}  # how many of each of SEATS
Pair = tuple[int | None, int | None]  # a true class and a predicted one; None for any
ANY = -1  # what a menu calls no class in particular
MIRRORED = ("best-cifar10", "patches-cifar10")  # shipped runs whose mirror averages were measured
ENOUGH = 500  # images; of fewer, the accuracy says little
KEPT = 64  # snapshots whose answers are kept, each about a megabyte
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
ABOUT_GROUPS = """
- **In groups** the images attend to each other, {group} at a time, as in training. The groups are
  shuffled once and always the same. Answers in one group share their companions, so strictly they
  are not independent, as the interval assumes: here the number of correct answers in a group varies
  {dependence:.2f} times as much as that of independent ones. **Alone**, an image can only attend to
  itself, and answers are independent.
""".strip()
ABOUT_PATCHES = """
- The patches of one image attend to each other. Images meet no others, so that groups of them make
  no difference, and answers are independent.
""".strip()
ABOUT_NUMBERS = """
- **Accuracy** is the share of the images whose most probable class is the true one. Chance is one
  of {classes} classes.
- The **95 % interval** (Wilson 1927) is for the accuracy that these weights would have on all
  images of this kind: of intervals that are computed so from other samples, 95 in 100 hold it. It
  is no forecast for another sample, whose own accuracy varies as well: of samples of this size,
  about 83 in 100 fall into it. It says nothing about other companions, another training or other
  kinds of images.
{together}
- **Loss** is the mean of −ln p, where p is the probability of the true class. A network that gives
  all {classes} classes the same probability has ln {classes} = {even:.3f}.
"""
ABOUT_SIZES = """
An answer depends on the companions, so an accuracy belongs to a group size and to an order.
Shuffled groups hold images of all classes, as in training. Sorted by class, as data often lies in
files, an image meets only its own kind, which in training never happens: the mixture of values that
it gets is another one. So measure in shuffled groups, of a size near that of training.
"""
ABOUT_CONFUSIONS = """
A row holds all images of one true class, and its cells say what percentage of them is predicted as
each class: a row adds up to 100 %. The diagonal, in grey, is correct. The colours compare the
mistakes among each other, from 0 to the most frequent one. A click on a cell shows its images
below, a second click all mistakes again.
"""
ABOUT_CALIBRATION = """
Answers are sorted by their confidence, the probability of the predicted class, into {bins} bins of
the same width. A network that says “60 %” should be right in 60 of 100 such cases: on the dotted
line. Below it the network is overconfident, above it underconfident. The **expected calibration
error** is the mean distance from that line, weighted by the number of answers (Guo et al. 2017).
Vertical bars are 95 % intervals.
"""


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Test set", Shown, TestSet)
    run = header.run_to_show()
    header.show("Test set", run)
    try:
        pictures, note = pool.of(run)
    except UserError as error:
        st.error(f"{error} What follows is the run that comes with Ultimus.")
        run = session.shipped_run()
        pictures, note = pool.of(run)
    every = snapshot.refresh(run)
    # Without a timer no fragment: only a run of the whole page ends a measurement that is no
    # longer wanted, and a fragment's own widgets would wait for it.
    view = guard.fragment(_view, run_every=every) if every else _view
    view(run, pictures, note, every)
    glossary.show(*WORDS)


def _view(run: Run, pictures: Pool, note: str, every: float | None) -> None:
    """All that changes with the snapshot; looks again as often as told."""
    if snapshot.refresh(run) != every:
        st.rerun()  # only a run of the whole page starts, changes or ends the timer
    try:
        chosen = _snapshot(run)
        _check_classes(run, chosen, pictures)
    except UserError as error:
        st.error(f"{error} What follows are the weights that come with Ultimus.")
        run = session.shipped_run()
        chosen = snapshot.last(run)
        if pictures.classes != CIFAR10_CLASSES:
            pictures, note = pool.examples(), ""
    verdicts = _verdicts(chosen, pictures, run.info().recipe.grouping)
    _numbers(verdicts, chosen, pictures, note)
    if run.folder.parent == SHIPPED and run.id in MIRRORED:
        st.caption(_mirrored(run))
    now = choices.of(TestSet)
    choices.put_right(TestSet)
    if chosen.model.kind == "images":
        st.segmented_control(
            "Look at the answers", list(SEATS), default=now.seat, required=True,
            format_func=SEATS.get, help="Everything below is about these answers.",
            **choices.widget(TestSet, "seat"),
        )  # fmt: skip
    verdict = verdicts[now.seat]
    left, right = st.columns(2, gap="medium")
    with left:
        _confusions(verdict, pictures)
    with right:
        _classes(verdict, pictures)
    _gallery(verdict, run, chosen, pictures)
    _calibration(verdict)
    _sizes(run, chosen, pictures)


def _snapshot(run: Run) -> Snapshot:
    """The chosen snapshot; the newest one while a run is followed.

    The weights of a live run change faster than they could be measured.
    """
    chosen = snapshot.choose(run)
    if chosen.key == (run.id, chosen.step):
        return chosen
    newest = snapshot.last(run)
    st.caption(f"Measured is the newest snapshot that the run has kept, of step {newest.step:,}.")
    return newest


def _check_classes(run: Run, chosen: Snapshot, pictures: Pool) -> None:
    """Refuse a network that names other classes than the pictures have."""
    known, needed = chosen.model.classes, len(pictures.classes)
    if known != needed:
        raise UserError(f"The network of {run.id} knows {known} classes, the pictures {needed}.")
    if (named := run.info().dataset.classes) and named != pictures.classes:
        raise UserError(
            f"The network of {run.id} knows {', '.join(named)}, but the pictures are "
            f"{', '.join(pictures.classes)}."
        )


# Measuring ----------------------------------------------------------------------------------------


@dataclass
class _Slot:
    """Where the answers of one snapshot are kept, by who sits together, once they are measured."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    sizes: list[InCompany] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _slot(weights: tuple, fingerprint: str, images: int, grouping: str) -> _Slot:
    return _Slot()


def _verdicts(chosen: Snapshot, pictures: Pool, grouping: str) -> dict[str, Verdict]:
    """The answers of these weights, measured once for all sessions, with a progress bar."""
    place = st.empty()  # also where there is no bar, so that what follows keeps its place
    slot = _slot(chosen.key, pictures.fingerprint, len(pictures), grouping)
    if not slot.verdicts:
        text = f"{len(pictures):,} {pictures.name} pass through the convolutions …"
        bar = place.progress(0.0, text)
        with slot.lock:  # a class that opens one link measures once
            if not slot.verdicts:
                features = features_of(
                    chosen.model, pictures.images, lambda done: bar.progress(done, text)
                )
                slot.verdicts = {
                    seat: measure(chosen.model, features, pictures.labels, size, grouping)
                    for seat, size in TOGETHER.items()
                }
        place.empty()
    return slot.verdicts


# Numbers ------------------------------------------------------------------------------------------


def _numbers(verdicts: dict[str, Verdict], chosen: Snapshot, pictures: Pool, note: str) -> None:
    """Accuracies with their intervals, beside chance; and what was measured."""
    classes, count = len(pictures.classes), len(pictures)
    group, alone = verdicts.values()
    row = st.container(horizontal=True, gap="medium")
    composed, meet = composition(group.grouping), chosen.model.kind == "images"
    if meet:
        title = f"In groups of {group.group}{composed}"
        width = 310 if composed else 165
        _metric(row, title, f"{group.accuracy:.1%}", _interval(group), width)
    _metric(row, "Each alone", f"{alone.accuracy:.1%}", _interval(alone), 165)
    _metric(row, "By chance", f"{1 / classes:.1%}", f"one of {classes} classes", 140)
    even = math.log(classes)
    if meet:
        _metric(row, "Loss, in groups", f"{group.loss:.3f}", f"alone {alone.loss:.3f}", 140)
    else:
        _metric(row, "Loss", f"{alone.loss:.3f}", "", 140)
    _metric(row, "Loss by chance", f"{even:.3f}", f"ln {classes}", 140)
    groups = f"in fixed shuffled groups of {group.group}{composed} and each alone"
    st.markdown(
        f"Measured on **{count:,} {pictures.name}**, each counted once, "
        f"{groups if meet else 'each alone'}, with the weights of step {chosen.step:,}. {note}"
    )
    if composed:
        st.caption("Who is put together tells something about the classes: compare like with like.")
    if count < ENOUGH:
        low, high = wilson(int(group.correct.sum()), count)
        where = " in groups" if meet else ""
        st.warning(
            f"{count} images tell little: the accuracy{where} may as well be {low:.0%} as "
            f"{high:.0%}. Everything below rests on these few.", icon=":material/warning:",
        )  # fmt: skip
    with st.expander("What do these numbers mean?"):
        together = ABOUT_PATCHES
        if meet:
            together = ABOUT_GROUPS.format(group=group.group, dependence=dependence(group))
        st.markdown(ABOUT_NUMBERS.format(together=together, classes=classes, even=even))


def _mirrored(run: Run) -> str:
    """What averaging over mirror images gains one of MIRRORED."""
    shipped = measured(f"mirrored-{run.id}")
    return (
        "Test-time augmentation: averaged over each image and its mirror image, the answers at the "
        f"end of this run are right for {shipped.percent('averaged')} of {shipped.data} instead of "
        f"{shipped.percent('as they are')} (`ultimus evaluate {run.id} --tta mirror`)."
    )


def _metric(row, title: str, value: str, below: str, width: int) -> None:
    row.metric(title, value, below, delta_color="off", delta_arrow="off", width=width)


def _interval(verdict: Verdict) -> str:
    low, high = wilson(int(verdict.correct.sum()), len(verdict.labels))
    return f"95 %: {low:.1%} to {high:.1%}"


def _classes(verdict: Verdict, pictures: Pool) -> None:
    """The accuracy of each class."""
    above = st.container()
    order = choices.current(TestSet).order
    st.segmented_control(
        "Order", list(ORDERS), default=order, required=True, format_func=ORDERS.get,
        label_visibility="collapsed", **choices.widget(TestSet, "order"),
    )  # fmt: skip
    st.caption("Lines are 95 % intervals; the dotted one is the accuracy of all together.")
    counts = verdict.confusion.numpy()
    right, totals = counts.diagonal(), counts.sum(axis=1)
    values = np.divide(right, totals, where=totals > 0, out=np.full(len(right), np.nan))
    rows = np.argsort(-values, kind="stable") if order == "accuracy" else np.arange(len(right))
    low, high = wilson(right, totals)
    colors = class_colors(len(rows))
    height = tp.bars_height(len(rows))
    fig = tp.accuracy_bars(
        [pictures.classes[i] for i in rows], [colors[i] for i in rows],
        values[rows], low[rows], high[rows], overall=verdict.accuracy,
    )  # fmt: skip
    with above:
        figure.show(fig, "classes", alt(fig), height=height)


# Mistakes -----------------------------------------------------------------------------------------


def _confusions(verdict: Verdict, pictures: Pool) -> None:
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
    for each in (true, called):
        if each is not None and each not in known:
            st.caption(f"There is no class {each} here: all are shown.")
    return (true if true in known else None), (called if called in known else None)


def _choose(true: int | None, called: int | None) -> None:
    choices.change(TestSet, pair=(true, called), sheet=1)


def _click(click: dict) -> None:
    """A click on a cell chooses it, a second one all mistakes."""
    true, called = click["point"]
    again = choices.current(TestSet).pair == (true, called)
    _choose(None if again else true, None if again else called)


def _gallery(verdict: Verdict, run: Run, chosen: Snapshot, pictures: Pool) -> None:
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
    true, called = (None if each is None else classes[each] for each in pair)
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


# Calibration --------------------------------------------------------------------------------------


def _calibration(verdict: Verdict) -> None:
    st.subheader("Calibration: how confident, and how often right", anchor=False)
    found = calibration(verdict)
    left, right = st.columns(2, gap="medium")
    with left:
        fig = tp.calibration_figure(
            found.count, found.confidence, found.right, *wilson(found.right, found.count)
        )
        figure.show(fig, "calibration", alt(fig), height=tp.CALIBRATION_HEIGHT)
    with right:
        row = st.container(horizontal=True, gap="medium")
        sure = float(verdict.confidence.double().mean())
        _metric(row, "Mean confidence", f"{sure:.1%}", "of the predicted class", 170)
        _metric(
            row, "Expected calibration error", f"{found.error:.1%}",
            f"{len(found.count)} bins of equal width", 210,
        )  # fmt: skip
        with st.expander("What is this?"):
            st.markdown(ABOUT_CALIBRATION.format(bins=len(found.count)))


# Group size and order -----------------------------------------------------------------------------


def _sizes(run: Run, chosen: Snapshot, pictures: Pool) -> None:
    """Accuracy by group size and order: of these weights where there are enough images, and where
    not of the shipped run, as it was measured."""
    st.subheader("Group size and order", anchor=False)
    if chosen.model.kind == "patches":
        st.caption("The patches of one image attend to each other: groups make no difference.")
        return
    left, right = st.columns([1.3, 1], gap="medium")
    if len(pictures) < ENOUGH:
        shipped = measured("groups-best-cifar10")
        columns = [shipped.curves["by size"][name] for name in ("size", "shuffled", "sorted")]
        told = f"Measured of the run best that comes with Ultimus, on {shipped.data}."
    else:
        with right:
            found = _in_company(chosen, pictures)
        columns = [list(column) for column in zip(*found, strict=True)]
        told = f"Measured on {len(pictures):,} {pictures.name}, with the weights of step " + (
            f"{chosen.step:,}."
        )
    with left:
        if columns:
            fig = tp.size_figure(*columns)
            figure.show(fig, "sizes", alt(fig), height=tp.SIZES_HEIGHT)
            st.caption(told)
    with right:
        st.markdown(ABOUT_SIZES)
        if run.folder.parent == SHIPPED or len(pictures) < ENOUGH:
            st.caption(_reshuffled())


def _in_company(chosen: Snapshot, pictures: Pool) -> list[InCompany]:
    """What was measured of these weights, once for all sessions; on request, as it takes long."""
    slot = _slot(chosen.key, pictures.fingerprint, len(pictures), "random")
    if not slot.sizes and st.button("Measure by group size", icon=":material/speed:", key="sizes"):
        bar = st.progress(0.0, "The test images pass through the convolutions …")
        with slot.lock:
            if not slot.sizes:
                features = features_of(chosen.model, pictures.images, lambda done: bar.progress(
                    done / 2, "The test images pass through the convolutions …"
                ))  # fmt: skip
                for found in by_size(chosen.model, features, pictures.labels):
                    slot.sizes.append(found)
                    bar.progress(0.5 + len(slot.sizes) / 24, f"Groups of {found.size:,} …")
        bar.empty()
    return slot.sizes


def _reshuffled() -> str:
    """How much of the answers is a matter of who sits together."""
    shipped = measured("groups-best-cifar10")
    changed = [round(10_000 * share) for share in shipped.values["answers changed"]]
    return (
        f"Of the run best: shuffling the {shipped.data} again, in groups of 16, changes "
        f"{min(changed)} to {max(changed)} answers, and the accuracy by "
        f"{100 * shipped.spread('accuracy in groups of 16'):.2f} points (standard deviation of "
        f"{len(changed)} shuffles)."
    )
