"""A data set of one's own: uploaded, and what was understood of it corrected by hand."""

from typing import NamedTuple

import streamlit as st

from ...data import sources, uploads
from ...data.limits import MAX_CLASSES, MAX_DATA_BYTES
from ...data.sources import UPLOAD, Choices
from ...errors import UserError
from ...links.pages import Train
from ..state import choices, text

HELP = (
    "A zip with a folder of pictures for each class, with or without train and test folders; or a "
    f"parquet file as Hugging Face keeps it. At most {MAX_DATA_BYTES // 1_000_000} MB. Pictures "
    "are made 32 pixels wide and high."
)


class Understood(NamedTuple):
    """What there is to choose from."""

    classes: tuple[str, ...]
    splits: tuple[str, ...]


def take_in(now: Train) -> None:
    """Let the person upload a data set, and choose it."""
    taken = st.session_state.setdefault("data taken", 0)  # an emptied uploader is a new one
    with st.expander("Upload pictures", expanded=not now.upload):
        folder = st.toggle("Upload a whole folder", key="upload a folder")
        files = st.file_uploader(
            "A folder with a folder for each class" if folder else "A zip of class folders",
            type=None if folder else uploads.TYPES,
            accept_multiple_files="directory" if folder else True,
            max_upload_size=MAX_DATA_BYTES // 1_000_000,
            key=f"data set {taken} {folder}", help=HELP,
        )  # fmt: skip
        if files and _take(files):
            st.session_state["data taken"] += 1
            st.rerun()


def _take(files: list) -> bool:
    """Keep what was uploaded, or say why not."""
    try:
        with st.spinner("Looking at the files …"):
            source = uploads.keep([(file.name, file.getvalue()) for file in files])
            sources.look(source)
    except UserError as error:
        st.error(text.plain(str(error)))
        return False
    choices.change(Train, upload=source, chosen="")
    return True


def forget_choices() -> None:
    """Choose nothing of another folder."""
    choices.change(Train, chosen="")


# What was understood ------------------------------------------------------------------------------


def correct(source: str) -> bool:
    """Say what was understood of a source, and let it be corrected; whether it can be used.

    Raises:
        UserError: nothing in it can be read.
    """
    place, chosen = sources.parted(source)
    version = sources.glance(place)
    content = _looked(place, version)
    notes, problem = _planned(source, version)
    with st.expander("What was understood", expanded=bool(problem) or place.startswith(UPLOAD)):
        for note in notes:
            st.caption(text.plain(note))
        if problem:
            st.warning(text.plain(problem))
        _form(place, content, chosen)
    return not problem


@st.cache_data(show_spinner=False, max_entries=32)
def _planned(source: str, version: str) -> tuple[tuple[str, ...], str]:
    """What was decided; or why nothing can be."""
    try:
        return sources.plan(source).notes, ""
    except UserError as error:
        return (), str(error)


@st.cache_data(show_spinner="Looking at the files …", max_entries=32)
def _looked(place: str, version: str) -> Understood:
    content = sources.look(place)
    return Understood(content.class_names, tuple(filter(None, content.splits)))


def _form(place: str, content: Understood, now: Choices) -> None:
    """Choose classes and splits; they count once all are chosen."""
    with st.form(f"choices of {place}", border=False):
        classes = st.multiselect(
            f"Classes, at most {MAX_CLASSES}", content.classes, now.classes,
            max_selections=MAX_CLASSES, placeholder="All" if len(content.classes) <= MAX_CLASSES
            else "Choose some",
        )  # fmt: skip
        train, test = (), ()
        if content.splits:
            train = st.multiselect("Train on", content.splits, now.train, placeholder="As said")
            test = st.multiselect("Test on", content.splits, now.test, placeholder="As said")
        share = now.held_share or 0.2
        held = st.slider("Held out where there is no test split", 0.05, 0.5, share, 0.05)
        if st.form_submit_button("Use these", width="stretch"):
            chosen = Choices(
                tuple(classes), tuple(train), tuple(test), now.image, now.label,
                (f"{held:g}",) if held != 0.2 else (),
            )  # fmt: skip
            choices.change(Train, chosen=chosen.added_to("").removeprefix("?"))
            st.rerun()
