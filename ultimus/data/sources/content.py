"""What is found in a source before any picture is decoded."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .splits import role
from .tree import File

Label = int | str | None  # None where a picture has none
Picture = bytes | File | np.ndarray | None  # not decoded; an array is (H, W) or (H, W, 3) uint8

UNLABELLED = -1  # as `datasets` marks it


class Part(NamedTuple):
    """Pictures of one split, in order.

    Attributes:
        split: how the source calls it, "train" or "test_set"; empty where it does not.
        labels: of each picture.
        pictures: goes through the pictures, as many as there are labels.
        name_of: how an error calls the picture at a place.
    """

    split: str
    labels: list[Label]
    pictures: Callable[[], Iterator[Picture]]
    name_of: Callable[[int], str]

    @property
    def role(self) -> str:
        return role(self.split)


@dataclass(frozen=True)
class Content:
    """A source, looked at.

    Attributes:
        name: how a person calls it.
        parts: its pictures.
        classes: class names that whole-number labels index; None where labels are the classes.
        notes: sentences about what was decided and what was left out.
        only_test: whether it is made to measure on alone.
    """

    name: str
    parts: tuple[Part, ...]
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    only_test: bool = False

    @property
    def splits(self) -> dict[str, int]:
        """How many pictures each split has."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            counts[part.split] += len(part.labels)
        return dict(counts)

    @property
    def class_names(self) -> tuple[str, ...]:
        """All classes that could be chosen."""
        if self.classes is not None:
            return self.classes
        return tuple(str(value) for value in distinct(self.parts))


def spelled(name: str) -> str:
    """A class name in one spelling: systems write letters with accents, and blanks, in several."""
    return unicodedata.normalize("NFC", name).strip()


def distinct(parts: tuple[Part, ...]) -> list[Label]:
    """The labels of all pictures, each once, in order.

    Whole numbers from 0 to 9 stand for all classes up to the largest; those from 1 on for
    themselves.
    """
    values = {label for part in parts for label in part.labels if label is not None}
    if len(values - {UNLABELLED}) > 1:  # else it may be one of two classes, -1 and 1
        values.discard(UNLABELLED)
    if any(isinstance(value, str) for value in values):
        return sorted(map(str, values), key=_natural)
    if values and min(values) == 0 and max(values) < 10:
        return list(range(max(values) + 1))
    return sorted(values)


def _natural(text: str) -> tuple[int, int, str]:
    """Numbers by their size, then words."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    return (0, int(text), text) if is_number else (1, 0, text)


def is_unlabelled(part: Part) -> bool:
    return bool(part.labels) and all(label in (None, UNLABELLED) for label in part.labels)
