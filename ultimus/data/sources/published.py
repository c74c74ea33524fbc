"""CIFAR-10 and CIFAR-100 in their Python form, through torchvision, which verifies their sums."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ...errors import UserError, reason
from .content import Content, Part

CIFAR10_BYTES = 170_498_071  # size of torchvision's download
PATIENCE = 30  # seconds without an answer from the server
FOLDERS = {"cifar-10-batches-py": "CIFAR10", "cifar-100-python": "CIFAR100"}


def holder(folder: Path) -> tuple[Path, str] | None:
    """The folder above CIFAR's files, and which CIFAR they are; None if they are none."""
    for name, kind in FOLDERS.items():
        for place in (folder, folder.resolve().parent if folder.resolve().name == name else None):
            if place and (place / name).is_dir():
                return place, kind
    return None


def cifar(root: Path, kind: str = "CIFAR10", download: bool = False) -> Content:
    """CIFAR (Krizhevsky 2009) through torchvision, which verifies its checksums.

    Args:
        root: the folder that holds or gets torchvision's folder of the files.
        kind: "CIFAR10" or "CIFAR100".
        download: what is missing.

    Raises:
        UserError: files are missing or changed, or cannot be downloaded.
    """
    name = kind.replace("CIFAR", "CIFAR-")
    train, test = _splits(root, kind, name, download)
    parts = tuple(
        Part(split, list(data.targets), partial(iter, data.data), partial(_name, name, split))
        for split, data in (("train", train), ("test", test))
    )
    return Content(name, parts, tuple(train.classes))


def _name(name: str, split: str, place: int) -> str:
    return f"picture {place} of {name}'s {split} split"


def _splits(root: Path, kind: str, name: str, download: bool) -> tuple[Any, ...]:
    from ..vision import torchvision  # slow to import, and only needed here

    data = getattr(torchvision.datasets, kind)
    try:
        with _impatient_sockets():
            return tuple(data(str(root), train=train, download=download) for train in (True, False))
    except (RuntimeError, OSError, HTTPException) as error:
        if not download:
            raise UserError(
                f"The {name} files in {root} are incomplete or changed: fetch them again"
                f"{', or use cifar10, which downloads them' if kind == 'CIFAR10' else ''}."
            ) from error
        raise UserError(
            f"{name} could not be downloaded ({reason(error)}): check the network and the free "
            f"space in {root}, and try again."
        ) from error


@contextmanager
def _impatient_sockets() -> Iterator[None]:
    """A server that falls silent is an error; torchvision would wait for it for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
