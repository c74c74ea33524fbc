"""The Test set page: how often a model is right, where it errs, and how confident it is then."""

import streamlit as st

from ...data.sources import CIFAR10_CLASSES
from ...errors import UserError
from ...links.pages import SEATS, Shown, TestSet
from ...runs.run import Run
from .. import glossary
from ..controls import header, snapshot
from ..controls.snapshot import Snapshot
from ..state import choices, guard, pool, session
from ..state.pool import Pool
from . import accuracies, mistakes, verdicts

WORDS = (
    "accuracy", "confidence interval", "loss", "group", "companions", "confusion matrix",
    "confidence", "calibration", "expected calibration error", "snapshot",
)  # fmt: skip


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
    answers = verdicts.of(chosen, pictures, run.info().recipe.grouping)
    accuracies.numbers(answers, chosen, pictures, note)
    accuracies.mirrored(run)
    now = choices.of(TestSet)
    choices.put_right(TestSet)
    if chosen.model.kind == "images":
        st.segmented_control(
            "Look at the answers", list(SEATS), default=now.seat, required=True,
            format_func=SEATS.get, help="Everything below is about these answers.",
            **choices.widget(TestSet, "seat"),
        )  # fmt: skip
    verdict = answers[now.seat]
    left, right = st.columns(2, gap="medium")
    with left:
        mistakes.confusions(verdict, pictures)
    with right:
        accuracies.by_class(verdict, pictures)
    mistakes.gallery(verdict, run, chosen, pictures)
    accuracies.by_confidence(verdict)
    accuracies.by_group_size(run, chosen, pictures)


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
