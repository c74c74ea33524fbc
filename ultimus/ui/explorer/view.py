"""What the Attention page looks at; its parts all draw from it."""

from typing import NamedTuple

import streamlit as st
import torch

from ...data.augment import preprocess
from ...data.groups import Group
from ...model import Pass, Trace
from ...plots import faces as plots
from ...plots.faces import Faces
from ..controls.snapshot import SAME, Snapshot
from ..state.pool import Pool


class View(NamedTuple):
    """A model, a group, all that it computes for the group, and what is selected.

    Attributes:
        moment: the model and its step.
        pool: where the images are from.
        members: the group, indices into the pool.
        trace: of the group.
        number: the pass looked at, 1...P.
        cell: (i, j), who looks and who is looked at, places in the group.
        faces: how the group's images appear in figures.
    """

    moment: Snapshot
    pool: Pool
    members: Group
    trace: Trace
    number: int
    cell: tuple[int, int]
    faces: Faces

    @property
    def now(self) -> Pass:
        """The pass looked at."""
        return self.trace.passes[self.number - 1]

    @property
    def labels(self) -> torch.Tensor:
        """(B,), the classes of the group's images; negative for a person's own."""
        return self.pool.labels[list(self.members)]

    def call(self, place: int) -> str:
        """How texts call an image of the group."""
        return self.faces.labels[place]


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=SAME)
def trace(moment: Snapshot, pool: Pool, members: Group) -> Trace:
    """All that a model computes for a group."""
    with torch.inference_mode():
        return moment.model.trace(preprocess(pool.images[list(members)]))


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=SAME)
def faces(pool: Pool, members: Group) -> Faces:
    """How the images of a group appear in figures."""
    labels = pool.labels[list(members)].tolist()
    known = [label if label >= 0 else None for label in labels]
    return plots.faces(pool.images[list(members)].numpy(), known, pool.classes)
