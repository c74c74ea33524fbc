"""The warning that a picture looks like none of the classes."""

import numpy as np
import streamlit as st
import torch

from ...analysis.out_of_distribution import Detector, calibrate
from ...evaluation import features_of
from ..state.pool import Pool
from .snapshot import SAME, Snapshot

ABOUT = """
The network has to name one of its classes for anything: it has no word for "none of these". This
warning compares the 48 features of a picture with those of test images: one that lies farther from
their middle than 95 % of them (by the Mahalanobis distance) is called an outsider.
"""


def among(chosen: Snapshot, pool: Pool, images: np.ndarray) -> list[bool]:
    """Which of some pictures (N, 3, 32, 32) look like none of the classes."""
    detector = _detector(chosen, pool)
    if detector is None:
        return [False] * len(images)
    return detector.is_outsider(features_of(chosen.model, torch.from_numpy(images))).tolist()


def warn(chosen: Snapshot, pool: Pool) -> None:
    """Say what it means, and how often it is wrong."""
    detector = _detector(chosen, pool)
    st.warning(
        "To the network this picture looks like none of its classes: do not trust the answer. "
        f"This warning can be wrong. {detector.rates()}",
        icon=":material/help:",
    )
    with st.expander("How is this known?"):
        st.markdown(ABOUT)


@st.cache_resource(show_spinner="Looking at test images …", max_entries=64, hash_funcs=SAME)
def _detector(chosen: Snapshot, pool: Pool) -> Detector | None:
    return calibrate(chosen.model, pool.images)
