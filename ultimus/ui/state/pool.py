"""The pictures that groups are made from: a run's test images, the examples, people's own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from ...analysis.prediction import examples as example_images
from ...data.classes import matched
from ...data.dataset import Dataset
from ...data.sources import CIFAR10_CLASSES as CIFAR10
from ...errors import UserError
from ...runs.run import Run
from ..controls import data


@dataclass(frozen=True)
class Pool:
    """Images to draw groups from.

    Attributes:
        name: what they are, for a person.
        images: (N, 3, 32, 32) uint8.
        labels: (N,); a person's own pictures have negative ones, each another.
        classes: class names.
        fingerprint: changes when the images do.
        own_names: what a person calls their own pictures.
    """

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    fingerprint: str
    own_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def call(self, index: int) -> str:
        """What an image is called: its class, or as the person calls it."""
        label = int(self.labels[index])
        return self.classes[label] if label >= 0 else self.own_names[-label - 1]

    @cached_property
    def own(self) -> tuple[int, ...]:
        """The indices of a person's own pictures."""
        return tuple(torch.nonzero(self.labels < 0).flatten().tolist())

    def with_own(self, added: dict[str, np.ndarray]) -> "Pool":
        """The same with a person's own pictures, by their names, behind."""
        if not added:
            return self
        images = torch.from_numpy(np.stack(list(added.values())))
        labels = -torch.arange(1, len(added) + 1)
        return Pool(
            self.name,
            torch.cat([self.images, images]),
            torch.cat([self.labels, labels]),
            self.classes,
            f"{self.fingerprint}+{hash(images.numpy().tobytes())}",
            tuple(added),
        )


def of(run: Run, pictures: str = "test") -> tuple[Pool, str]:
    """The pictures that groups are made from, and a note where they are others than asked for.

    Args:
        run: whose pictures.
        pictures: which of `links.pages.POOLS`: the test images of its data, or the examples where
            it has their classes.

    Raises:
        UserError: they are not on this machine, and the examples cannot stand in for them.
    """
    info = run.info()
    fingerprint, classes = info.dataset.fingerprint, info.dataset.classes or CIFAR10
    if pictures == "examples" and classes == CIFAR10:
        return examples(), ""
    for source in dict.fromkeys([info.recipe.data, *data.known_sources()]):
        dataset = _opened(source)
        if dataset and dataset.fingerprint == fingerprint:
            return _test_images(dataset), ""
        # a checkpoint that was loaded may not say which data it was trained on
        if dataset and not fingerprint and set(dataset.classes) == set(classes):
            return _test_images(matched(dataset, classes, len(classes))[0]), ""
    if classes == CIFAR10:
        return examples(), "The run's own test images are not on this machine: these are examples."
    raise UserError(
        f"The data of this run ({info.data_name}) is not on this machine: bring it "
        "here, or choose another run."
    )


def _opened(source: str) -> Dataset | None:
    """A data set that is ready on this machine."""
    try:
        return data.ready(source)
    except UserError:
        return None


def _test_images(dataset: Dataset) -> Pool:
    test = dataset.test
    name = f"test images of {dataset.name}"
    return Pool(name, test.images, test.labels, dataset.classes, dataset.fingerprint)


@st.cache_resource(show_spinner=False)
def examples() -> Pool:
    """The first 20 test images of CIFAR-10, which come with Ultimus."""
    split = example_images()
    return Pool("example pictures", split.images, split.labels, CIFAR10, "examples")
