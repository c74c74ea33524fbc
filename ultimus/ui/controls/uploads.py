"""Pictures that a person brings: admitted, kept for the session, and shared by the pages."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from ...data import image_files, limits
from ...data.image_files import Fit
from ...errors import UserError
from ..state import text

TYPES = ["image", ".heic", ".heif", ".avif", ".jfif", ".ppm", ".pgm", ".pbm"]
"""What a browser offers to choose; what else there is, is refused by name."""


@dataclass(frozen=True)
class Upload:
    """A picture as it was brought.

    Attributes:
        name: for people, made safe; never a path.
        content: the file.
        key: names the content.
        batch: how many times pictures had been brought before.
    """

    name: str
    content: bytes
    key: str
    batch: int = 0

    def seen(self, fit: Fit = "crop") -> np.ndarray:
        """What the network sees of it: uint8 (3, 32, 32)."""
        return _seen(self.key, fit, self)

    @property
    def preview(self) -> tuple[bytes, tuple[int, int]]:
        """The picture as it came, for a page; and its width and height."""
        return _looked_at(self.key, self)[1:3]

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said about how it was read."""
        return _looked_at(self.key, self)[3]


def kept() -> list[Upload]:
    """The session's pictures, in the order they came."""
    return st.session_state.setdefault("uploads", [])


def newest_first() -> list[Upload]:
    """The same with those brought last in front; what was brought together keeps its order."""
    return sorted(kept(), key=lambda upload: -upload.batch)


def newest() -> tuple[int, str]:
    """When the last picture was brought, and its key; empty if there is none."""
    return st.session_state.get("newest upload", (0, ""))


def take_in(label: str, camera: bool = False, on_taken: Callable[[], None] = lambda: None) -> None:
    """Let the person bring pictures: by choosing, dropping or pasting files, or by camera.

    What is refused gets its sentence; the rest is kept.

    Args:
        label: of the uploader.
        camera: offer it too.
        on_taken: called when there are new ones.
    """
    taken = st.session_state.setdefault("taken", 0)  # an uploader that was emptied is a new one
    files = st.file_uploader(
        label, type=TYPES, accept_multiple_files=True, key=f"files {taken}",
        help=f"At most {limits.MAX_FILES} pictures at once. They are kept for this session only.",
    )  # fmt: skip
    if camera and st.toggle("Use the camera", key="camera"):
        shot = st.camera_input("Take a picture", key=f"shot {taken}")
        files = [*files, shot] if shot else files
    if files:
        with st.spinner("Looking at the pictures …"):
            st.session_state.refused = _admit([(file.name, file.getvalue()) for file in files])
        st.session_state.taken += 1
        on_taken()
        st.rerun()
    for problem in st.session_state.get("refused", ()):
        st.error(text.plain(problem))
    for upload in kept():
        if upload.notes:
            st.caption(text.plain(f"{upload.name}: {'; '.join(upload.notes)}."))


def _admit(files: list[tuple[str, bytes]]) -> list[str]:
    """Keep what can be read; returns a sentence for each that is refused."""
    uploads = kept()
    used = sum(len(upload.content) for upload in uploads)
    accepted, refusals = limits.admitted(files, used, len(uploads))
    came: list[str] = []
    for name, content in accepted:
        key = hashlib.blake2b(content, digest_size=12).hexdigest()
        upload = Upload(name, content, key, st.session_state.taken)
        try:
            upload.seen()
        except UserError as error:
            refusals.append(error)
            continue
        came.append(upload.key)
        if upload.key not in {upload.key for upload in uploads}:
            uploads.append(upload)
    if came:
        st.session_state["newest upload"] = (st.session_state.taken, came[0])
        st.session_state["came into view"] = False
    return [str(refusal) for refusal in refusals]


# What is used of a picture ------------------------------------------------------------------------


class Framing(NamedTuple):
    """How a picture is made square: its centre, the whole, or a square of one's own.

    Attributes:
        kind: "crop", "pad" or "box".
        left: where the box begins, as a fraction of the picture; likewise top.
        size: of the box.
    """

    kind: str = "crop"
    left: float = 0.25
    top: float = 0.25
    size: float = 0.5


def framing(key: str) -> Framing:
    """What the person has chosen for a picture."""
    return st.session_state.setdefault("framings", {}).get(key, Framing())


def frame(key: str, chosen: Framing) -> None:
    """Keep what the person chooses for a picture."""
    st.session_state.framings[key] = chosen


def fit(key: str) -> Fit:
    """The same as `pictures.shrink` takes it."""
    kind, left, top, size = framing(key)
    if kind != "box":
        return kind
    left, top = min(left, 1 - size), min(top, 1 - size)
    return left, top, left + size, top + size


# Keeping ------------------------------------------------------------------------------------------


def forget(key: str = "") -> None:
    """Remove one picture, or all."""
    st.session_state.uploads = [upload for upload in kept() if key and upload.key != key]
    st.session_state.refused = []


@st.cache_data(show_spinner=False, max_entries=1024)
def _seen(key: str, fit: Fit, _upload: Upload) -> np.ndarray:
    if fit == "crop":
        return _looked_at(key, _upload)[0]
    return image_files.shrink(image_files.read(_upload.content, _upload.name), fit)


@st.cache_data(show_spinner=False, max_entries=256)
def _looked_at(
    key: str, _upload: Upload
) -> tuple[np.ndarray, bytes, tuple[int, int], tuple[str, ...]]:
    """What decoding the file once gives: the centre square, a preview, its size, and notes."""
    picture, size, notes = image_files.reading(_upload.content, _upload.name)
    return image_files.shrink(picture), image_files.preview(picture), size, notes
