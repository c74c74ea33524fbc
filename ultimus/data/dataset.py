"""A data set in memory, and the way from its bytes to the network's input.

Images stay uint8 (N, 3, 32, 32) until a batch is taken from them. A source is decoded once; its
copy on disk is memory-mapped, so that opening it is immediate and processes share its pages.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError, reason
from ..locks import lock
from ..places import home

if TYPE_CHECKING:
    from .sources import Arrays

Progress = Callable[[float], None]  # called with the fraction that is done, 0...1
PARTS = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True)
class Split:
    """Images (N, 3, 32, 32) uint8 and their labels (N,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A decoded source: what is trained on, what is tested on, and what the classes are called.

    Attributes:
        name: how a person calls it, e.g. "CIFAR-10 (JPEG copy)".
        source: what `open_dataset` was given.
        classes: class names; a label is an index into them.
        train: the images to train on.
        test: the images to measure on.
        fingerprint: a hash of all images, labels and class names.
        notes: sentences about what was decided about the source and what was left out.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[list[int], list[int]]:
        """How many images each class has, to train on and to test on."""
        train, test = (
            split.labels.bincount(minlength=len(self.classes)).tolist()
            for split in (self.train, self.test)
        )
        return train, test


def download_folder() -> Path:
    """Where CIFAR-10 is downloaded to, and found later."""
    return home() / "cifar10"


def is_ready(source: str) -> bool:
    """Whether `open_dataset(source)` is immediate.

    Raises:
        UserError: the source is a folder that does not exist, or holds too many files.
    """
    return os.path.isfile(_copy_of(source) / "dataset.json")


def training_images(source: str) -> int | None:
    """How many images a source has to train on; None where only its decoding tells.

    Raises:
        UserError: as for `is_ready`.
    """
    from . import sources

    if is_ready(source):
        return len(open_dataset(source).train)
    return sources.SHAPES["train"] if source == "shapes" else None


def open_dataset(source: str, progress: Progress = lambda done: None) -> Dataset:
    """Open a source; the first time decodes it (downloads it, for "cifar10").

    Args:
        source: "shapes", "cifar10", or a folder of parquet files or class folders.
        progress: told the fraction of the decoding that is done, 0...1.

    Raises:
        UserError: the source is missing, damaged or mislabelled, or its copy cannot be kept.
    """
    copy = _copy_of(source)
    if dataset := _found(copy, source):
        return dataset
    with _alone(copy):
        return _found(copy, source) or _made(copy, source, progress)


def _copy_of(source: str) -> Path:
    from . import sources  # with all that reads files, which few of those who use images need

    return home() / "decoded" / sources.signature(source)


def _found(copy: Path, source: str) -> Dataset | None:
    try:
        return _map(copy, source)
    except Exception:  # absent, or damaged in whatever way: it is made anew
        return None


def _made(copy: Path, source: str, progress: Progress) -> Dataset:
    from . import sources

    arrays = sources.read(source, download_folder(), progress)
    try:
        _keep(arrays, copy)
        return _map(copy, source)
    except OSError as error:
        raise _no_place(error) from error


@contextmanager
def _alone(copy: Path) -> Iterator[None]:
    """Let one process at a time decode (or download) a source; the others find what it made."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        door = open(_beside(copy, ".lock"), "a")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise _no_place(error) from error
    with door:
        lock(door)
        yield


def _beside(copy: Path, suffix: str) -> Path:
    """A path next to the copies of one source, the same for all its versions."""
    return copy.with_name(copy.name.partition("-")[0] + suffix)


def _no_place(error: OSError) -> UserError:
    return UserError(
        f"The decoded data cannot be kept in {home()} ({reason(error)}): free some space, or set "
        "ULTIMUS_HOME to a folder that can be written to."
    )


def _map(copy: Path, source: str) -> Dataset:
    """Open a decoded copy without reading it."""
    about = json.loads((copy / "dataset.json").read_text())
    train, test = (
        Split(_mapped(copy, f"{part}_images"), _mapped(copy, f"{part}_labels"))
        for part in ("train", "test")
    )
    for split in (train, test):
        if split.images.shape != (len(split), 3, 32, 32):
            raise ValueError(f"{copy} is damaged")
    return Dataset(
        name=about["name"],
        source=source,
        classes=tuple(about["classes"]),
        train=train,
        test=test,
        fingerprint=about["fingerprint"],
        notes=tuple(about["notes"]),
    )


def _mapped(copy: Path, part: str) -> Tensor:
    # "c": pages are shared with every other process until one is written to, which none does
    return torch.from_numpy(np.load(copy / f"{part}.npy", mmap_mode="c"))


def _keep(arrays: Arrays, copy: Path) -> None:
    """Write a decoded copy, which appears whole or not at all, and drop what it supersedes."""
    about = {
        "name": arrays.name,
        "classes": arrays.classes,
        "fingerprint": _fingerprint(arrays),
        "notes": arrays.notes,
    }
    scratch = _beside(copy, ".part")
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
    try:
        scratch.mkdir()
        for part in PARTS:
            np.save(scratch / f"{part}.npy", getattr(arrays, part))
        (scratch / "dataset.json").write_text(json.dumps(about))
        for old in copy.parent.glob(f"{_beside(copy, '').name}-*"):
            # whoever has mapped its files keeps them; on Windows they stay until nobody has
            shutil.rmtree(old, ignore_errors=True)
        scratch.rename(copy)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _fingerprint(arrays: Arrays) -> str:
    digest = hashlib.blake2b(json.dumps(arrays.classes).encode(), digest_size=16)
    for part in PARTS:
        digest.update(np.ascontiguousarray(getattr(arrays, part)).data)
    return digest.hexdigest()
