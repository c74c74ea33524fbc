"""The choice of data: a source, its preparation with a progress bar, and a look at it."""

import base64
import os
from contextlib import suppress
from functools import lru_cache
from html import escape
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch
from PIL import Image

from ...data.dataset import Dataset, Split, is_ready, open_dataset, training_images
from ...data.sources import UPLOAD, glance, is_cifar10, parted
from ...errors import UserError
from ...links.pages import SOURCES, Train
from ...places import home, is_public
from ...runs.preparation import Preparation
from ..state import choices, guard, text
from . import data_upload

SAMPLES = 7  # pictures of each class
QUALITY = 80  # of 100: at the size of these pictures nobody sees a difference
PREPARED = 2  # uploads that are decoded at the same time


def choose() -> None:
    """Let the person choose data, and prepare it; a sentence where it cannot be used."""
    now = choices.of(Train)
    chosen_kind = kind(now)
    _choose_source(now, chosen_kind)
    wanted = _source(now, chosen_kind)
    if not wanted:
        return
    try:
        if _can_be_corrected(chosen_kind) and not data_upload.correct(wanted):
            return
        if dataset := ready(wanted):
            _gallery(dataset)
        else:
            _prepare(wanted)
    except UserError as error:
        st.error(text.plain(str(error)))


def look(now: Train) -> None:
    """Show what is chosen, if it is there.

    Raises:
        UserError: it cannot be used.
    """
    if (wanted := source(now)) and (dataset := ready(wanted)):
        _gallery(dataset)


def source(now: Train) -> str:
    """What `open_dataset` takes; empty while no folder is named, or nothing is uploaded."""
    return _source(now, kind(now))


def _source(now: Train, chosen_kind: str) -> str:
    if chosen_kind == "upload":
        # a link may name an upload, and never a folder of this machine
        return _with_choices(now.upload, now) if now.upload.startswith(UPLOAD) else ""
    if chosen_kind != "folder":
        return chosen_kind
    if is_public() or now.folder is None:
        return _given()  # strangers do not look through this machine's folders
    return _with_choices(now.folder, now)


def _with_choices(place: str, now: Train) -> str:
    return f"{place}?{now.chosen}" if place and now.chosen and "?" not in place else place


def _can_be_corrected(chosen_kind: str) -> bool:
    """Whether a person may say how a source is meant, who named or uploaded it."""
    return chosen_kind == "upload" or (chosen_kind == "folder" and not is_public())


class Chosen(NamedTuple):
    """Data that a run can be started on.

    Attributes:
        name: how a person calls it.
        source: what `open_dataset` takes.
        images: how many there are to train on.
        is_ready: else it is being prepared, and the run waits for it.
    """

    name: str
    source: str
    images: int
    is_ready: bool = True


def chosen(now: Train) -> Chosen:
    """The data that is chosen.

    Raises:
        UserError: a run cannot be started on it, or not yet.
    """
    wanted = source(now)
    if not wanted:
        raise UserError("No data is chosen: name a folder or upload images on the left.")
    return known(wanted)


def known(source: str) -> Chosen:
    """A source that is ready, or of which all is known that a run needs to begin.

    Raises:
        UserError: it is neither, or cannot be used.
    """
    if dataset := ready(source):
        return Chosen(dataset.name, dataset.source, len(dataset.train))
    if images := training_images(source):
        return Chosen(source.capitalize(), source, images, is_ready=False)
    raise UserError(
        "The data on the left is being prepared or not there yet: wait until its images are shown."
    )


def name_of(now: Train) -> str:
    """What data is chosen, as far as known: "CIFAR-10" for any copy of it, "Shapes", or ""."""
    try:
        name = chosen(now).name
    except UserError:
        name = source(now)
    return "CIFAR-10" if is_cifar10(name) else "Shapes" if name in ("Shapes", "shapes") else ""


def _choose_source(now: Train, chosen_kind: str) -> None:
    options = _offered()
    st.selectbox(
        "Data", options, options.index(chosen_kind), format_func=SOURCES.get,
        **choices.widget(Train, "data"),
    )  # fmt: skip
    if chosen_kind == "upload":
        data_upload.take_in(now)
    if chosen_kind == "folder" and not is_public():
        st.text_input(
            "Folder on this machine", _given() if now.folder is None else now.folder,
            placeholder="/path/to/pictures",
            help="Parquet files as Hugging Face lays them out, a folder of pictures for each of 2 "
            "to 10 classes, a zip of them, or other forms: see docs/data.md.",
            **choices.widget(Train, "folder", then=data_upload.forget_choices),
        )  # fmt: skip


def _given() -> str:
    """The data of this machine, as whoever started the app says it."""
    return os.environ.get("ULTIMUS_DATA", "")


def _offered() -> list[str]:
    return [name for name in SOURCES if name != "folder" or not is_public() or _given()]


def kind(now: Train) -> str:
    """The chosen kind of source, of SOURCES; else the one that is offered first."""
    if now.data in _offered():
        return now.data
    if _given():
        return "folder"
    return "cifar10" if is_ready("cifar10") else "shapes"


def known_sources() -> list[str]:
    """Where data may lie that is ready to use."""
    return [*filter(None, [_given()]), "cifar10", "shapes"]


def prepare_first() -> None:
    """Begin with what a first visitor finds chosen, before anybody comes."""
    with suppress(UserError):  # whoever comes is told
        first = source(Train())
        if first and not is_ready(first):
            _preparations()[first] = Preparation(first)


@st.cache_resource(show_spinner=False)
def _preparations() -> dict[str, Preparation]:
    """What is being fetched or decoded; one for all sessions."""
    return {}


def _prepare(source: str) -> None:
    running = _preparations().get(source)
    if running is None and source == "cifar10":
        st.caption("60,000 small photographs of ten classes. Not on this machine yet.")
        if st.button("Download CIFAR-10 (170 MB)", width="stretch"):
            _preparations()[source] = Preparation(source)
            st.rerun()
    elif running is None and _is_crowded(source):
        st.info("Other people's pictures are being prepared: yours are next.")
        guard.fragment(_wait, run_every=2)(source)
    elif running is None:
        _preparations()[source] = Preparation(source)
        st.rerun()
    elif problem := running.problem:
        st.error(problem)
        if st.button("Try again", width="stretch"):
            del _preparations()[source]
            st.rerun()
    else:
        guard.fragment(_progress, run_every=0.4)(source)


def _is_crowded(source: str) -> bool:
    """Whether enough uploads are being decoded."""
    busy = [name for name, running in list(_preparations().items())
            if name.startswith(UPLOAD) and running.done < 1]  # fmt: skip
    return source.startswith(UPLOAD) and len(busy) >= PREPARED


def _wait(source: str) -> None:
    if not _is_crowded(source):
        st.rerun()


def _progress(source: str) -> None:
    running = _preparations().get(source)
    if running is None or running.done == 1.0:
        if running and not running.problem:
            _preparations().pop(source, None)
        st.rerun()
    verb = "Downloading" if source == "cifar10" else "Preparing"
    st.progress(running.done, f"{verb} the pictures, once: {running.done:.0%}")
    if st.button("Cancel", width="stretch"):
        running.cancel()
        del _preparations()[source]
        choices.change(Train, data="shapes")
        st.rerun()


def ready(source: str) -> Dataset | None:
    """A data set, opened once for all sessions; None while it is not ready.

    Raises:
        UserError: it cannot be used.
    """
    place, _ = parted(source)
    try:
        return _opened(source, glance(place), home())
    except _NotReadyError:
        return None


class _NotReadyError(Exception):
    """What a function raises is not kept, as what it returns is."""


@lru_cache(maxsize=8)  # Streamlit's own takes ten times as long, several times a page
def _opened(source: str, version: str, home: Path) -> Dataset:
    """Anew where what lies there has changed: its folder is walked for a glance, and by nobody
    else as long as it is as it was."""
    if not is_ready(source):
        raise _NotReadyError
    return open_dataset(source)


def _gallery(dataset: Dataset) -> None:
    """A row of pictures for each class, and how many there are to train on and to test on."""
    train, test = dataset.counts
    rows = "".join(
        f'<div style="display:flex;align-items:center;gap:.5rem;margin-bottom:2px">'
        f'<span style="flex:0 0 5.2rem;font-size:.8rem;overflow:hidden;text-overflow:ellipsis;'
        f'white-space:nowrap" title="{name}">{name}</span>'
        f'<img src="{uri}" alt="pictures of the class {name}" style="min-width:0;height:26px;'
        f'object-fit:cover;object-position:left">'
        f'<span style="margin-left:auto;font-size:.7rem;opacity:.75;white-space:nowrap" '
        f'title="to train on + to test on">{train[place]:,} + {test[place]:,}</span></div>'
        for place, (name, uri) in enumerate(_strips(dataset))
    )
    st.html(rows)
    st.caption(
        f"{text.plain(dataset.name)}: {len(dataset.train):,} to train on, {len(dataset.test):,} to "
        "test"
    )


@st.cache_data(
    show_spinner=False, max_entries=8, hash_funcs={Dataset: lambda dataset: dataset.fingerprint}
)
def _strips(dataset: Dataset) -> list[tuple[str, str]]:
    """For each class its name, escaped, and the first pictures of it side by side."""
    strips = []
    for label, name in enumerate(dataset.classes):
        images = _first_of(dataset.train, label)
        if not len(images):
            images = _first_of(dataset.test, label)
        row = np.concatenate([*images], axis=1) if len(images) else np.zeros((32, 1, 3), np.uint8)
        strips.append((escape(name, quote=True), _data_uri(row)))
    return strips


def _first_of(split: Split, label: int) -> np.ndarray:
    """The first pictures of a class, (N, 32, 32, 3)."""
    members = torch.nonzero(split.labels == label).flatten()[:SAMPLES]
    return split.images[members].permute(0, 2, 3, 1).numpy()


def _data_uri(pixels: np.ndarray) -> str:
    """As WebP: a seventh of what PNG takes, which each who opens the page is sent."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
