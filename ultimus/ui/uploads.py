"""Pictures that a person brings: admitted, kept for the session, and shared by the pages."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st

from .. import limits, pictures
from ..errors import UserError
from ..pictures import Fit

TYPES = ["png", "jpg", "jpeg", "webp", "bmp", "gif"]


@dataclass(frozen=True)
class Upload:
    """A picture as it was brought.

    Attributes:
        name: for people, made safe; never a path.
        content: the file.
        key: names the content.
    """

    name: str
    content: bytes
    key: str

    def seen(self, fit: Fit = "crop") -> np.ndarray:
        """What the network sees of it: uint8 (3, 32, 32)."""
        return _seen(self.key, fit, self)

    @property
    def preview(self) -> tuple[bytes, tuple[int, int]]:
        """The picture as it came, for a page; and its width and height."""
        return _looked_at(self.key, self)[1:]


def kept() -> list[Upload]:
    """The session's pictures, in the order they came."""
    return st.session_state.setdefault("uploads", [])


def take_in(label: str, camera: bool = False) -> None:
    """Let the person bring pictures: by choosing, dropping or pasting files, or by camera.

    What is refused gets its sentence; the rest is kept.
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
        st.rerun()
    for problem in st.session_state.get("refused", ()):
        st.error(problem)


def _admit(files: list[tuple[str, bytes]]) -> list[str]:
    """Keep what can be read; returns a sentence for each that is refused."""
    uploads = kept()
    accepted, refusals = limits.admitted(files, sum(len(each.content) for each in uploads))
    for name, content in accepted:
        upload = Upload(name, content, hashlib.blake2b(content, digest_size=12).hexdigest())
        try:
            upload.seen()
        except UserError as error:
            refusals.append(error)
            continue
        if upload.key not in {each.key for each in uploads}:
            uploads.append(upload)
    return [str(each) for each in refusals]


def forget(key: str = "") -> None:
    """Remove one picture, or all."""
    st.session_state.uploads = [each for each in kept() if key and each.key != key]
    st.session_state.refused = []


@st.cache_data(show_spinner=False, max_entries=1024)
def _seen(key: str, fit: Fit, _upload: Upload) -> np.ndarray:
    if fit == "crop":
        return _looked_at(key, _upload)[0]
    return pictures.shrink(pictures.read(_upload.content, _upload.name), fit)


@st.cache_data(show_spinner=False, max_entries=256)
def _looked_at(key: str, _upload: Upload) -> tuple[np.ndarray, bytes, tuple[int, int]]:
    """What decoding the file once gives: the centre square, a preview, width and height."""
    picture = pictures.read(_upload.content, _upload.name)
    return pictures.shrink(picture), pictures.preview(picture), picture.size
