"""The Predict page: pictures of one's own, and what the network takes them for."""

import csv
import io

import numpy as np
import streamlit as st
import torch

from ...analysis.prediction import Prediction, predict
from ...errors import UserError
from ...links import pages
from ...plots.faces import data_uri
from ...runs.run import Run
from .. import glossary
from ..controls import header, out_of_distribution, snapshot, uploads
from ..controls.snapshot import Snapshot
from ..state import choices, guard, pool, session, text
from ..state.pool import Pool
from . import one_image
from .one_image import Shown, companions_of, most_probable

WORDS = (
    "image", "group", "companions", "confidence", "logit", "evidence", "baseline",
    "out-of-distribution warning", "snapshot",
)  # fmt: skip
EXAMPLES = 20  # pictures, until there are any of one's own
INTO_VIEW = """<script>
const headings = document.querySelectorAll('[data-testid="stMain"] h3')
headings[0]?.scrollIntoView({ block: "center" })
</script>"""


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Predict", pages.Shown)
    run = header.run_to_show()
    header.show("Predict", run)
    try:
        run, companions_pool, note = _pool(run)
        left, right = st.columns([1.4, 1], gap="medium", vertical_alignment="bottom")
        with left:
            uploads.take_in("Your pictures: drop, paste or choose them", camera=True)
        with right:
            _about_pictures(note or _where_companions_are_from(run, companions_pool))
        every = snapshot.refresh(run)
        guard.fragment(_view, run_every=every)(run, companions_pool, every)
    except UserError as error:
        st.error(str(error))
    glossary.show(*WORDS)


def _pool(run: Run) -> tuple[Run, Pool, str]:
    """The run and the test images that companions are drawn from."""
    try:
        return run, *pool.of(run)
    except UserError as error:
        st.error(f"{error} What follows is the run that comes with Ultimus.")
        return session.shipped_run(), pool.examples(), ""


def _where_companions_are_from(run: Run, companions_pool: Pool) -> str:
    meet = run.info().recipe.model == "images"
    return f"Companions come from the {companions_pool.name}." if meet else ""


def _about_pictures(note: str) -> None:
    brought = uploads.kept()
    if brought:
        st.caption(f"{len(brought)} of your own pictures. {note}")
        st.button("Remove all", icon=":material/delete:", on_click=uploads.forget)
    else:
        st.caption(f"Until you bring your own, these are examples that it never trained on. {note}")


def _view(run: Run, companions_pool: Pool, every: float | None) -> None:
    if snapshot.refresh(run) != every:
        st.rerun()  # only a run of the whole page starts, changes or ends the timer
    try:  # here, as a fragment passes no error on
        chosen = snapshot.choose(run)
        _check_classes(chosen, companions_pool)
    except UserError as error:
        st.error(text.plain(str(error)))
        return
    guard.fragment(_answers)(chosen, companions_pool)


def _check_classes(chosen: Snapshot, companions_pool: Pool) -> None:
    if chosen.model.classes != len(companions_pool.classes):
        raise UserError(
            f"This network knows {chosen.model.classes} classes, its data "
            f"{len(companions_pool.classes)}: choose another run."
        )


def _answers(chosen: Snapshot, companions_pool: Pool) -> None:
    shown = _shown(companions_pool)
    companions = companions_of(chosen, companions_pool)
    images = np.stack([picture.image for picture in shown])
    answers = predict(chosen.model, images, companions)
    warnings = out_of_distribution.among(chosen, companions_pool, images)
    place = _table(shown, answers, warnings, companions_pool.classes)
    st.subheader(text.plain(shown[place].name), anchor=False, divider="gray")
    _come_into_view()
    out_of_distribution.warn(chosen, companions_pool, warnings[place])
    one_image.show(chosen, companions_pool, companions, shown[place], answers[place], len(shown))


def _come_into_view() -> None:
    """What was just brought, once: above it stand an uploader, a camera and a table."""
    if not st.session_state.get("came into view", True):
        st.session_state["came into view"] = True
        st.html(INTO_VIEW, unsafe_allow_javascript=True)


def _shown(companions_pool: Pool) -> list[Shown]:
    """One's own images, the newest first; the examples until there are any."""
    brought = [
        Shown(upload.name, upload.seen(uploads.fit(upload.key)), upload=upload)
        for upload in uploads.newest_first()
    ]
    if brought:
        return brought
    examples = pool.examples()
    if companions_pool.classes != examples.classes:
        examples = companions_pool  # pictures of what the network has learned
    images, labels = examples.images[:EXAMPLES].numpy(), examples.labels[:EXAMPLES].tolist()
    return [
        Shown(f"example {n}: {examples.classes[label]}", image, label)
        for n, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


# All pictures -------------------------------------------------------------------------------------


def _table(
    shown: list[Shown], answers: list[Prediction], warnings: list[str], classes: tuple[str, ...]
) -> int:
    """All pictures and answers; returns the place of the one that is looked at."""
    rows = [_row(*row, classes) for row in zip(shown, answers, warnings, strict=True)]
    batch, newest = uploads.newest()
    keys = [picture.upload.key if picture.upload else "" for picture in shown]
    place = keys.index(newest) if newest in keys else 0
    picked = st.dataframe(
        rows, hide_index=True, width="stretch", height=min(38 * len(rows) + 42, 320),
        on_select="rerun", selection_mode="single-row", row_height=38,
        key=f"predictions {batch} {newest}",  # what is brought is shown, not what was chosen before
        selection_default={"selection": {"rows": [place]}} if keys[place] else None,
        column_config=_columns(),
    )  # fmt: skip
    _below(shown, answers, classes)
    chosen = picked.selection.rows
    return chosen[0] if chosen and chosen[0] < len(shown) else place


def _columns() -> dict[str, object]:
    """How columns look that are not plain text."""
    columns = st.column_config
    return {
        "image": columns.ImageColumn("image", width=70),
        "probability": columns.ProgressColumn(
            "probability", min_value=0, max_value=1, format="percent"
        ),
        "changes": columns.NumberColumn(
            "changes", format="percent",
            help="In how many of the 32 companies another class comes first.",
        ),
    }  # fmt: skip


def _below(shown: list[Shown], answers: list[Prediction], classes: tuple[str, ...]) -> None:
    """The answers as a file, and how many are right where that is known."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    row.download_button(
        "Save as CSV", _csv(shown, answers, classes), "ultimus-predictions.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    known = [n for n, picture in enumerate(shown) if picture.label >= 0]
    caption = "Below is the first one; choose a row to look closer at another."
    if known:
        right = sum(answers[n].top == shown[n].label for n in known)
        caption += f" {right} of these {len(known)} are classified correctly."
    row.caption(caption)


def _row(picture: Shown, answer: Prediction, warning: str, classes: tuple[str, ...]) -> dict:
    row = {
        "image": data_uri(picture.image),
        "name": picture.name,
        "answer": classes[answer.top],
        "probability": float(answer.probabilities.max()),
    }
    if answer.has_companions:
        row |= {"changes": answer.change_rate, "alone": most_probable(answer.alone, classes)}
    if answer.has_companions and answer.together is not None:
        row["together"] = most_probable(answer.together, classes)
    row["warning"] = warning
    return row


def _csv(shown: list[Shown], answers: list[Prediction], classes: tuple[str, ...]) -> str:
    """The answers with all their digits."""
    file = io.StringIO()
    table = csv.writer(file)
    heads = [f"{kind} {name}" for kind in ("company", "alone") for name in classes]
    table.writerow(["file", "class", "change_rate", *heads])
    for picture, answer in zip(shown, answers, strict=True):
        numbers = torch.cat([answer.probabilities, answer.alone]).tolist()
        name = picture.name if picture.name[:1] not in "=+-@" else f"'{picture.name}"  # no formula
        table.writerow([name, classes[answer.top], answer.change_rate, *numbers])
    return file.getvalue()
