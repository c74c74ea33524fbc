"""From what was found in a source to arrays: choose, decode, leave out what is broken, split."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image

from ...errors import UserError, counted
from .. import image_files, limits
from ..dataset import Progress
from ..limits import (
    MAX_BROKEN_SHARE,
    MAX_CLASSES,
    MAX_DECODING_SECONDS,
    MAX_FILE_BYTES,
    MIN_CLASSES,
    one_line,
)
from .choices import NONE, UPLOAD, Choices
from .content import UNLABELLED, Content, Label, Part, Picture, distinct, is_unlabelled
from .splits import TESTS
from .tree import File

MAX_NOTE = 900  # characters of a sentence that is kept with a run
TEST_SHARE = 0.2  # of a source that has no split of its own
FEW = 0.01  # of the pictures to test on, which may be in the training data, too
NAMED = 10  # pictures that are left out, in a note or an error

WRONG = -1  # stands for a label that is none of the classes


class Arrays(NamedTuple):
    """A decoded source.

    Attributes:
        name: how a person calls it.
        classes: class names; a label is an index into them.
        train_images: (N, 3, 32, 32) uint8.
        train_labels: (N,) int64.
        test_images: (M, 3, 32, 32) uint8.
        test_labels: (M,) int64.
        notes: sentences about what was decided and what was left out.
    """

    name: str
    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What will be decoded: pictures of chosen splits and classes.

    Attributes:
        name: how a person calls the source.
        classes: class names; a label is an index into them.
        train: parts to train on, and for each picture its label, None to leave it out, or WRONG.
        test: likewise; empty to hold some out.
        held: share of each class that is held out, 0 for none.
        notes: sentences about what was decided.
    """

    name: str
    classes: tuple[str, ...]
    train: tuple[tuple[Part, list[int | None]], ...]
    test: tuple[tuple[Part, list[int | None]], ...]
    held: float
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """Pictures to decode."""
        return sum(label is not None for _, labels in self.train + self.test for label in labels)


def plan(content: Content, choices: Choices, source: str) -> Plan:
    """Decide what is used of a source.

    Raises:
        UserError: nothing can be trained on, the classes are too few or too many, or a choice
            names what is not there.
    """
    train, test, notes = _splits(content, choices, source)
    classes, index = _classes(content, (*train, *test), choices, source)
    numbered = [tuple(_numbered(part, index, content) for part in parts) for parts in (train, test)]
    held = 0.0 if test else choices.held_share or TEST_SHARE
    plan = Plan(content.name, classes, *numbered, held, ())
    if plan.count > limits.MAX_IMAGES:
        raise UserError(
            f"{content.name} holds {plan.count:,} images, more than {limits.MAX_IMAGES:,}: give a "
            "smaller data set."
        )
    notes = [*content.notes, *notes, *_said(plan, train, test)]
    return replace(plan, notes=tuple(one_line(note, MAX_NOTE) for note in notes))


def _splits(
    content: Content, choices: Choices, source: str
) -> tuple[list[Part], list[Part], list[str]]:
    """The parts to train on and to test on, and what has to be said about it."""
    for name in {*choices.train, *choices.test} - {*content.splits, NONE}:
        raise UserError(
            f"{content.name} has no split {name[:60]!r}: choose among "
            f"{', '.join(filter(None, content.splits)) or 'none, as it has none'}."
        )
    roles: dict[str, list[Part]] = {}
    for part in content.parts:
        roles.setdefault(part.role, []).append(part)
    train, test = _named(content, choices.train), _named(content, choices.test)
    notes = []
    if not choices.test:
        test, notes = _best_test(roles, train)
    if not choices.train and not content.only_test:
        train = [part for part in roles.get("train") or roles.get("", []) if part not in test]
    if not train and not content.only_test and choices.train != (NONE,):
        raise UserError(
            f"{content.name} has nothing to train on, only {_listed(content.splits)}: add a train "
            f"split, or choose, as in {Choices(train=(NONE,)).added_to(source.partition('?')[0])} "
            "to measure only."
        )
    if train and all(map(is_unlabelled, train)):
        raise UserError(f"The pictures to train on in {content.name} have no labels: add them.")
    used = train + test
    if unused := [part for part in content.parts if part not in used and not is_unlabelled(part)]:
        notes.append(f"Not used: {_listed(Content('', tuple(unused)).splits)}.")
    return train, test, notes


def _named(content: Content, names: tuple[str, ...]) -> list[Part]:
    return [part for part in content.parts if part.split in names]


def _best_test(roles: dict[str, list[Part]], train: list[Part]) -> tuple[list[Part], list[str]]:
    """The best split to measure on that has labels."""
    notes = []
    for role in TESTS:
        parts = [part for part in roles.get(role, []) if part not in train]
        if parts and all(map(is_unlabelled, parts)):
            notes.append(f"The split “{parts[0].split}” has no labels, so it is not used to test.")
        elif parts:
            return parts, notes
    return [], notes


def _listed(splits: dict[str, int]) -> str:
    return ", ".join(f"{counted(count, 'picture')} of {name or 'no split'}" for name, count in
                     splits.items()) or "no pictures"  # fmt: skip


# Classes ------------------------------------------------------------------------------------------


def _classes(
    content: Content, parts: Sequence[Part], choices: Choices, source: str
) -> tuple[tuple[str, ...], dict[Label, int]]:
    """The class names, and which label stands for which."""
    values: Sequence[Label]
    if content.classes is not None:
        values, names = range(len(content.classes)), content.classes
    else:
        values = distinct(tuple(parts))
        names = tuple(map(str, values))
    if len(set(names)) < len(names):
        raise UserError(f"Two classes of {content.name} have the same name: rename one.")
    if unknown := [name for name in choices.classes if name not in names]:
        raise UserError(
            f"{content.name} has no class {unknown[0][:60]!r}: choose among "
            f"{one_line(', '.join(names), 200)}."
        )
    chosen = [(name, value) for name, value in zip(names, values, strict=True)
              if not choices.classes or name in choices.classes]  # fmt: skip
    _check_class_count(content.name, [name for name, _ in chosen], source)
    return (
        tuple(name for name, _ in chosen),
        {value: label for label, (_, value) in enumerate(chosen)},
    )


def _check_class_count(name: str, classes: list[str], source: str) -> None:
    count = len(classes)
    if count > MAX_CLASSES:
        example = Choices(classes=tuple(classes[:2])).added_to(source.partition("?")[0])
        how = "" if source.startswith(UPLOAD) else f", as in {example!r}"
        raise UserError(
            f"{name} has {count} classes: choose {MIN_CLASSES} to {MAX_CLASSES} of them{how}."
        )
    if count < MIN_CLASSES:
        raise UserError(
            f"{name} has {counted(count, 'class', 'classes')}: give data with {MIN_CLASSES} to "
            f"{MAX_CLASSES}."
        )


def _numbered(
    part: Part, index: dict[Label, int], content: Content
) -> tuple[Part, list[int | None]]:
    """A part with each label as an index into the chosen classes."""
    words = any(isinstance(value, str) for value in index)
    known = range(len(content.classes)) if content.classes is not None else ()

    def number(label: Label) -> int | None:
        if label is None or (label == UNLABELLED and UNLABELLED not in index):
            return None
        label = str(label) if words else label
        if label in index:
            return index[label]
        return None if content.classes is None or label in known else WRONG

    return part, [number(label) for label in part.labels]


def _said(plan: Plan, train: list[Part], test: list[Part]) -> Iterator[str]:
    """What was decided, in sentences."""
    yield f"Classes, in this order: {one_line(', '.join(plan.classes), 300)}."
    if plan.held:
        if len(several := list(dict.fromkeys(part.split for part in train))) > 1:
            yield f"Trained on: {', '.join(several)}."
        yield f"There is no test split: {plan.held:.0%} of each class are held out to test on."
    elif train and (train[0].split or test[0].split):
        named = [", ".join(dict.fromkeys(part.split or "the rest" for part in parts))
                 for parts in (train, test)]  # fmt: skip
        yield f"Trained on: {named[0]}; tested on: {named[1]}."
    elif not train:
        yield "Only to measure on: there is nothing to train on."
    without = sum(
        label in (None, UNLABELLED) and number is None
        for part, numbers in plan.train + plan.test
        for label, number in zip(part.labels, numbers, strict=True)
    )
    if without:
        yield f"Left out: {counted(without, 'picture')} without a label."


# Decoding -----------------------------------------------------------------------------------------


def arrays(chosen: Plan, progress: Progress, is_upload: bool = False) -> Arrays:
    """Decode what was chosen.

    Args:
        chosen: as `plan` makes it.
        progress: told the fraction done, 0...1.
        is_upload: whether strangers may have made the pictures so that they take long.

    Raises:
        UserError: too many pictures cannot be read, or there are none.
    """
    decoder = _Decoder(chosen.count, progress, MAX_DECODING_SECONDS if is_upload else None)
    images, labels = decoder.stack(chosen.train)
    test_images, test_labels = decoder.stack(chosen.test)
    decoder.finish()
    if not len(labels) and not (len(test_labels) and not chosen.train):
        raise UserError("The data has no images: add some and try again.")
    if chosen.test and not len(test_labels):
        raise UserError("The data has no images to test on: add some and try again.")
    decoded = Arrays(
        chosen.name, chosen.classes, images, labels, test_images, test_labels,
        (*chosen.notes, *decoder.notes()),
    )  # fmt: skip
    whole = _split(decoded, chosen.held) if chosen.held else decoded
    return whole._replace(notes=(*whole.notes, *_repeated(whole)))


def _repeated(whole: Arrays) -> Iterator[str]:
    """That pictures to test on were seen in training, if these are more than a few."""
    seen = {hash(image.tobytes()) for image in whole.train_images}
    count = sum(hash(image.tobytes()) in seen for image in whole.test_images)
    if count and count > FEW * len(whole.test_images):
        yield (
            f"{count:,} of {len(whole.test_images):,} pictures to test on are also among those to "
            "train on: the accuracy on them says little about others."
        )


class _Decoder:
    """Decodes pictures one after the other and remembers which could not be read."""

    def __init__(self, total: int, progress: Progress, seconds: float | None):
        self._total, self._progress = total, progress
        self._end = time.monotonic() + seconds if seconds else None
        self._done = 0
        self._broken: list[tuple[str, UserError]] = []  # names of pictures, and why
        self._tolerated = int(total * MAX_BROKEN_SHARE)

    def stack(self, parts: Iterable[tuple[Part, list[int | None]]]) -> tuple[np.ndarray, ...]:
        """Images (N, 3, 32, 32) and labels (N,) of some parts."""
        pairs = [pair for part, labels in parts for pair in self._rows(part, labels)]
        if not pairs:
            side = image_files.SIDE
            return np.empty((0, 3, side, side), np.uint8), np.empty(0, np.int64)
        images, labels = zip(*pairs, strict=True)
        return np.stack(images), np.array(labels, dtype=np.int64)

    def _rows(self, part: Part, labels: list[int | None]) -> Iterator[tuple[np.ndarray, int]]:
        for place, (picture, label) in enumerate(zip(part.pictures(), labels, strict=False)):
            if label is None:
                continue
            self._count()
            try:
                if label == WRONG:
                    raise _wrong_label(part, place)
                yield decoded(picture, partial(part.name_of, place)), label
            except UserError as error:
                self._add(part.name_of(place), error)

    def _count(self) -> None:
        self._done += 1
        if self._done % 500 == 0 or self._done == self._total:
            self._progress(self._done / self._total)
        if self._end and time.monotonic() > self._end:
            raise UserError(
                f"The pictures take longer than {MAX_DECODING_SECONDS // 60} minutes to read: use "
                "smaller or fewer ones."
            )

    def _add(self, name: str, error: UserError) -> None:
        self._broken.append((name, error))
        if len(self._broken) > self._tolerated + NAMED:
            self.finish(more="At least ")

    def finish(self, more: str = "") -> None:
        """Refuse the data if too much of it is broken."""
        if len(self._broken) <= self._tolerated:
            return
        if len(self._broken) == 1:
            raise self._broken[0][1]
        raise UserError(
            f"{more}{len(self._broken)} of {counted(self._total, 'picture')} cannot be used, and "
            f"at most {MAX_BROKEN_SHARE:.0%} may be so: {_joined(self._broken)}."
        )

    def notes(self) -> list[str]:
        """A sentence about what was left out."""
        if not self._broken:
            return []
        text = (
            f"Left out: {len(self._broken)} of {counted(self._total, 'picture')} that cannot be "
            f"used: {_joined(self._broken)}."
        )
        return [one_line(text, MAX_NOTE)]


def _joined(broken: list[tuple[str, UserError]]) -> str:
    """The names of pictures, together where the same is wrong with them."""
    by_reason: dict[str, list[str]] = {}
    for name, error in broken:
        text = str(error).rstrip(".").replace(f"The picture in {name}", "it").replace(name, "it")
        by_reason.setdefault(text, []).append(name)
    return "; ".join(f"{_some(names)} ({text})" for text, names in by_reason.items())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return one_line(", ".join(names[:NAMED]), 600) + more


def _wrong_label(part: Part, place: int) -> UserError:
    return UserError(
        f"The label in {part.name_of(place)} is {part.labels[place]!r}, which is none of the "
        "classes: correct it."
    )


def decoded(picture: Picture, name: Callable[[], str]) -> np.ndarray:
    """A picture as the network sees it, (3, 32, 32) uint8.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if picture is None:
        raise UserError(f"There is no picture in {name()}: remove the row.")
    if isinstance(picture, File):
        return image_files.shrink(image_files.read(picture.read(MAX_FILE_BYTES), name()))
    return image_files.shrink(image_files.read(picture, f"The picture in {name()}"))


def _from_array(pixels: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8 -> (3, 32, 32)."""
    if pixels.shape == (image_files.SIDE, image_files.SIDE, 3):
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return image_files.shrink(Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB"))


def _split(whole: Arrays, share: float) -> Arrays:
    """Hold out a share of each class, always the same one, for testing."""
    images, labels = whole.train_images, whole.train_labels
    shuffle = np.random.default_rng(0)
    test = np.zeros(len(labels), dtype=bool)
    for label, class_name in enumerate(whole.classes):
        members = shuffle.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UserError(
                f"The class {class_name!r} of {whole.name} has fewer than two pictures: it needs "
                "one to train on and one to test."
            )
        held = min(len(members) - 1, max(1, round(len(members) * share)))
        test[members[:held]] = True
    return whole._replace(
        train_images=images[~test], train_labels=labels[~test],
        test_images=images[test], test_labels=labels[test],
    )  # fmt: skip
