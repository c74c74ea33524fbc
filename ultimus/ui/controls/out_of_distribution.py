"""The warning that a picture is unlike all that the network knows."""

import numpy as np
import streamlit as st
import torch

from ...analysis.out_of_distribution import Detector, calibrate, of_cifar10
from ..state.pool import CIFAR10, Pool
from .snapshot import SAME, Snapshot

NOT_CHECKED = "not checked"
ABOUT = """
The network has to name one of its classes for anything: it has no word for “none of these”. This
warning compares a picture with test images, in two ways: by its pixels (how bright and colourful,
how much and how sharply neighbours differ) and, where the test images are on this machine, by the
48 features that the network computes. A picture that lies farther from their middle than 95 % of
the test images do (Mahalanobis distance) is **out of distribution**. No warning does not mean that
the answer is right: photographs of other things are seldom noticed.
"""


def among(chosen: Snapshot, pool: Pool, images: np.ndarray) -> list[str]:
    """The warning for each of some pictures (N, 3, 32, 32): empty where there is none."""
    detector = _detector(chosen, pool)
    if detector is None:
        return [NOT_CHECKED] * len(images)
    outside = detector.is_outsider(chosen.model, torch.from_numpy(images)).tolist()
    return ["unlike the test images" if is_outside else "" for is_outside in outside]


def warn(chosen: Snapshot, pool: Pool, warning: str) -> None:
    """Say what a picture's warning means, and how often it is wrong."""
    detector = _detector(chosen, pool)
    if detector is None:
        st.caption(
            "Whether a picture is out of distribution is not checked here: that takes some hundred "
            "test images of the run's data on this machine."
        )
        return
    if warning:
        st.warning(
            "This picture is unlike all test images: do not trust the answer. This warning can be "
            f"wrong. {detector.rates()}",
            icon=":material/help:",
        )
    with st.expander("What is the out-of-distribution warning?"):
        st.markdown(ABOUT)
        if not warning:
            st.markdown(detector.rates())


@st.cache_resource(show_spinner="Looking at test images …", max_entries=64, hash_funcs=SAME)
def _detector(chosen: Snapshot, pool: Pool) -> Detector | None:
    found = calibrate(chosen.model, pool.images)
    return found or (of_cifar10(chosen.model) if pool.classes == CIFAR10 else None)
