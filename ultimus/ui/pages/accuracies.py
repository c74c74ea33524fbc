"""The numbers of the Test set page: accuracies, by class, by confidence and by group size."""

import math

import numpy as np
import streamlit as st

from ...analysis.measured import measured
from ...analysis.test_report import Verdict, calibration, dependence, wilson
from ...data.groups import composition
from ...links.pages import ORDERS, TestSet
from ...places import SHIPPED
from ...plots import test_report as tp
from ...plots.axes import alt
from ...plots.style import class_colors
from ...runs.run import Run
from ..controls.snapshot import Snapshot
from ..figures import figure
from ..state import choices
from ..state.pool import Pool
from . import verdicts

MIRRORED = ("best-cifar10", "patches-cifar10")  # shipped runs whose mirror averages were measured
ENOUGH = 500  # images; of fewer, the accuracy says little
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
ABOUT_CALIBRATION = """
Answers are sorted by their confidence, the probability of the predicted class, into {bins} bins of
the same width. A network that says “60 %” should be right in 60 of 100 such cases: on the dotted
line. Below it the network is overconfident, above it underconfident. The **expected calibration
error** is the mean distance from that line, weighted by the number of answers (Guo et al. 2017).
Vertical bars are 95 % intervals.
"""


def numbers(answers: dict[str, Verdict], chosen: Snapshot, pictures: Pool, note: str) -> None:
    """Accuracies with their intervals, beside chance; and what was measured."""
    classes, count = len(pictures.classes), len(pictures)
    group, alone = answers.values()
    composed, meet = composition(group.grouping), chosen.model.kind == "images"
    _metrics(group if meet else None, alone, classes)
    groups = f"in fixed shuffled groups of {group.group}{composed} and each alone"
    st.markdown(
        f"Measured on **{count:,} {pictures.name}**, each counted once, "
        f"{groups if meet else 'each alone'}, with the weights of step {chosen.step:,}. {note}"
    )
    if composed:
        st.caption("Who is put together tells something about the classes: compare like with like.")
    if count < ENOUGH:
        _warn_of_few(group, " in groups" if meet else "")
    with st.expander("What do these numbers mean?"):
        together = ABOUT_PATCHES
        if meet:
            together = ABOUT_GROUPS.format(group=group.group, dependence=dependence(group))
        even = math.log(classes)
        st.markdown(ABOUT_NUMBERS.format(together=together, classes=classes, even=even))


def _metrics(group: Verdict | None, alone: Verdict, classes: int) -> None:
    """The numbers themselves in a row; without groups where images meet no others."""
    row = st.container(horizontal=True, gap="medium")
    if group:
        composed = composition(group.grouping)
        title, width = f"In groups of {group.group}{composed}", 310 if composed else 165
        _metric(row, title, f"{group.accuracy:.1%}", _interval(group), width)
    _metric(row, "Each alone", f"{alone.accuracy:.1%}", _interval(alone), 165)
    _metric(row, "By chance", f"{1 / classes:.1%}", f"one of {classes} classes", 140)
    if group:
        _metric(row, "Loss, in groups", f"{group.loss:.3f}", f"alone {alone.loss:.3f}", 140)
    else:
        _metric(row, "Loss", f"{alone.loss:.3f}", "", 140)
    _metric(row, "Loss by chance", f"{math.log(classes):.3f}", f"ln {classes}", 140)


def _warn_of_few(group: Verdict, where: str) -> None:
    count = len(group.labels)
    low, high = wilson(int(group.correct.sum()), count)
    st.warning(
        f"{count} images tell little: the accuracy{where} may as well be {low:.0%} as "
        f"{high:.0%}. Everything below rests on these few.", icon=":material/warning:",
    )  # fmt: skip


def mirrored(run: Run) -> None:
    """What averaging over mirror images gains, of a run where that was measured."""
    if run.folder.parent != SHIPPED or run.id not in MIRRORED:
        return
    shipped = measured(f"mirrored-{run.id}")
    st.caption(
        "Test-time augmentation: averaged over each image and its mirror image, the answers at the "
        f"end of this run are right for {shipped.percent('averaged')} of {shipped.data} instead of "
        f"{shipped.percent('as they are')} (`ultimus evaluate {run.id} --tta mirror`)."
    )


def _metric(row, title: str, value: str, below: str, width: int) -> None:
    row.metric(title, value, below, delta_color="off", delta_arrow="off", width=width)


def _interval(verdict: Verdict) -> str:
    low, high = wilson(int(verdict.correct.sum()), len(verdict.labels))
    return f"95 %: {low:.1%} to {high:.1%}"


def by_class(verdict: Verdict, pictures: Pool) -> None:
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


# Calibration --------------------------------------------------------------------------------------


def by_confidence(verdict: Verdict) -> None:
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


def by_group_size(run: Run, chosen: Snapshot, pictures: Pool) -> None:
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
        caption = f"Measured of the run best that comes with Ultimus, on {shipped.data}."
    else:
        with right:
            found = verdicts.by_group_size(chosen, pictures)
        columns = [list(column) for column in zip(*found, strict=True)]
        caption = f"Measured on {len(pictures):,} {pictures.name}, with the weights of step " + (
            f"{chosen.step:,}."
        )
    with left:
        if columns:
            fig = tp.size_figure(*columns)
            figure.show(fig, "sizes", alt(fig), height=tp.SIZES_HEIGHT)
            st.caption(caption)
    with right:
        st.markdown(ABOUT_SIZES)
        if run.folder.parent == SHIPPED or len(pictures) < ENOUGH:
            st.caption(_reshuffled())


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
