"""A data set in memory, and the way from its bytes to the network's input.

Images stay uint8 (N, 3, 32, 32) until a batch is taken from them. A source is decoded once; its
copy on disk is memory-mapped, so that opening it is immediate and processes share its pages.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import sources
from .errors import UserError, reason
from .recipe import Recipe

CUTOUT_FILL = 127
AHEAD = 128  # images that training prepares together; more fall out of the cache
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
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str


def home() -> Path:
    """Where downloads and decoded copies live: ULTIMUS_HOME, or ~/.cache/ultimus."""
    return Path(os.path.expanduser(os.environ.get("ULTIMUS_HOME") or "~/.cache/ultimus"))


def download_folder() -> Path:
    """Where CIFAR-10 is downloaded to, and found later."""
    return home() / "cifar10"


def is_ready(source: str) -> bool:
    """Whether `open_dataset(source)` is immediate.

    Raises:
        UserError: the source is a folder that does not exist, or holds too many files.
    """
    return os.path.isfile(_copy_of(source) / "dataset.json")


def open_dataset(source: str, progress: sources.Progress = lambda done: None) -> Dataset:
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
    return home() / "decoded" / sources.signature(source)


def _found(copy: Path, source: str) -> Dataset | None:
    try:
        return _map(copy, source)
    except Exception:  # absent, or damaged in whatever way: it is made anew
        return None


def _made(copy: Path, source: str, progress: sources.Progress) -> Dataset:
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
        lock = os.open(_beside(copy, ".lock"), os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise _no_place(error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go when the process ends
        yield
    finally:
        os.close(lock)


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
    )


def _mapped(copy: Path, part: str) -> Tensor:
    # "c": pages are shared with every other process until one is written to, which none does
    return torch.from_numpy(np.load(copy / f"{part}.npy", mmap_mode="c"))


def _keep(arrays: sources.Arrays, copy: Path) -> None:
    """Write a decoded copy, which appears whole or not at all, and drop what it supersedes."""
    about = {
        "name": arrays.name,
        "classes": arrays.classes,
        "fingerprint": _fingerprint(arrays),
    }
    scratch = _beside(copy, ".part")
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
    try:
        scratch.mkdir()
        for part in PARTS:
            np.save(scratch / f"{part}.npy", getattr(arrays, part))
        (scratch / "dataset.json").write_text(json.dumps(about))
        for old in copy.parent.glob(f"{_beside(copy, '').name}-*"):
            shutil.rmtree(old)  # whoever has mapped its files keeps them
        scratch.rename(copy)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _fingerprint(arrays: sources.Arrays) -> str:
    digest = hashlib.blake2b(json.dumps(arrays.classes).encode(), digest_size=16)
    for part in PARTS:
        digest.update(np.ascontiguousarray(getattr(arrays, part)).data)
    return digest.hexdigest()


def preprocess(images: Tensor) -> Tensor:
    """Images uint8 (..., 3, 32, 32) to the network's input in -1...1.

    The one way in, for training, evaluation and uploads: (x / 255 - mean) / std with mean and
    std 0.5, as the seed scales.
    """
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1)


def augment(images: Tensor, flipped: Tensor, holes: Tensor, moves: Tensor | None = None) -> Tensor:
    """Mirror, move and cut out, all images of a batch at once.

    What applies to some pixels only is written as arithmetic (modulo 256) with 0 or 1, which takes
    a fifth of the time of a choice between bytes.

    Args:
        images: (N, 3, 32, 32) uint8.
        flipped: (N,) bool, which images are mirrored.
        holes: (N, 4) top, bottom, left, right of the grey square; an empty one cuts nothing.
        moves: (N, 2) by how many pixels each goes up and to the left; what comes in is its edge,
            mirrored. None moves none.
    """
    flipped = flipped[:, None, None, None].to(torch.uint8)
    images = images.flip(-1).sub_(images).mul_(flipped).add_(images)
    if moves is not None:
        images = _moved(images, moves)
    top, bottom, left, right = holes.T[..., None]  # each (N, 1)
    place = torch.arange(images.shape[-1], device=images.device)
    rows = ((place >= top) & (place < bottom)).to(torch.uint8)  # (N, 32)
    columns = ((place >= left) & (place < right)).to(torch.uint8)  # (N, 32)
    hole = rows[:, None, :, None] * columns[:, None, None, :]  # (N, 1, 32, 32)
    return images.mul_(1 - hole).add_(hole * CUTOUT_FILL)


def _moved(images: Tensor, moves: Tensor) -> Tensor:
    last = images.shape[-1] - 1
    place = torch.arange(last + 1, device=images.device) + moves.T[..., None]  # (2, N, 32)
    rows, columns = last - (last - place.abs()).abs()  # each (N, 32), mirrored at both ends
    pixels = (rows[:, :, None] * (last + 1) + columns[:, None, :]).flatten(1)  # (N, 32 * 32)
    pixels = pixels[:, None].expand(-1, images.shape[1], -1)  # (N, 3, 32 * 32)
    return images.flatten(2).gather(2, pixels).view_as(images)


class Epoch:
    """One epoch's order and augmentation, drawn at once from the recipe's seed and its number.

    No random state is carried from step to step, so a run resumes at any step by its number.
    """

    def __init__(self, recipe: Recipe, split: Split, number: int):
        draw = np.random.default_rng((recipe.seed, number))
        count = len(split)
        self.split = split
        self.recipe = recipe
        self.order = torch.from_numpy(draw.permutation(count))
        self.flipped = torch.from_numpy(draw.random(count) < recipe.flip)
        self.holes = torch.from_numpy(_holes(draw, recipe, count))
        self.moves = torch.from_numpy(_moves(draw, recipe, count)) if recipe.shift else None
        self._ahead = max(1, AHEAD // recipe.batch) * recipe.batch  # images, in whole batches
        self._prepared: tuple[Tensor, Tensor] | None = None
        self._number = -1  # of those, counted in as many

    @property
    def draws(self) -> tuple[Tensor, ...]:
        """What was drawn, a row for each image in the epoch's order: the arguments of `take`."""
        drawn = (self.order, self.flipped, self.holes)
        return drawn if self.moves is None else (*drawn, self.moves)

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """The index-th batch: input (N, 3, 32, 32), labels (N,)."""
        batch = self.recipe.batch
        number, within = divmod(index * batch, self._ahead)
        if number != self._number:
            coming = slice(number * self._ahead, (number + 1) * self._ahead)
            self._prepared = take(self.split, *(each[coming] for each in self.draws))
            self._number = number
        images, labels = (each[within : within + batch] for each in self._prepared)
        return preprocess(images), labels


def take(split: Split, chosen: Tensor, *draws: Tensor) -> tuple[Tensor, Tensor]:
    """Some images as training sees them, (N, 3, 32, 32) uint8, and their labels (N,).

    Their channels lie next to each other in memory, as `fast.py` wants them.

    Args:
        split: all images.
        chosen: (N,) int64, which of them.
        draws: how each is changed, as `augment` takes it.
    """
    images = augment(split.images.index_select(0, chosen), *draws)
    # what contiguous(memory_format=torch.channels_last) gives, in half the time
    return torch.stack(images.unbind(1), dim=-1).permute(0, 3, 1, 2), split.labels[chosen]


def _holes(draw: np.random.Generator, recipe: Recipe, count: int) -> np.ndarray:
    """(N, 4) squares centred on any pixel, so that some reach over the border, as the seed's do."""
    side = recipe.cutout * (draw.random(count) < recipe.cutout_chance)  # (N,)
    begin = draw.integers(0, 32, (2, count)) - recipe.cutout // 2
    top, left = begin
    return np.stack([top, top + side, left, left + side], axis=1)


def _moves(draw: np.random.Generator, recipe: Recipe, count: int) -> np.ndarray:
    """(N, 2) pixels, every distance up to the recipe's as likely as any other."""
    return draw.integers(-recipe.shift, recipe.shift + 1, (count, 2))
