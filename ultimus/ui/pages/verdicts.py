"""The answers of a snapshot to all pictures of a test set, measured once for all sessions."""

import threading
from dataclasses import dataclass, field

import streamlit as st

from ...analysis.test_report import InCompany, Verdict, by_size, measure
from ...evaluation import features_of
from ..controls.snapshot import Snapshot
from ..state.pool import Pool

GROUP = 16  # images, as in training
TOGETHER = {"groups": GROUP, "alone": 1}  # how many of each of SEATS
KEPT = 64  # snapshots whose answers are kept, each about a megabyte


@dataclass
class _Slot:
    """Where the answers of one snapshot are kept, by who sits together, once they are measured."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    sizes: list[InCompany] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _slot(weights: tuple, fingerprint: str, images: int, grouping: str) -> _Slot:
    return _Slot()


def of(chosen: Snapshot, pictures: Pool, grouping: str) -> dict[str, Verdict]:
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


def by_group_size(chosen: Snapshot, pictures: Pool) -> list[InCompany]:
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
