"""Where images come from: CIFAR-10, parquet files, folders of pictures, and other forms.

A source is looked at (`look`), what is used of it is decided (`plan`), and that is decoded
(`read`) into `Arrays`. Reading can take a while and reports its progress; `dataset.open_dataset`
does it once and keeps the result. docs/data.md lists what is read, and how.
"""

import hashlib
import json
import os
import threading
import time
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from ...errors import UserError
from ...places import home
from .. import containers, image_files, shapes
from ..dataset import Progress
from ..limits import shown
from . import (
    archives,
    assemble,
    binary,
    folders,
    kinds,
    lists,
    pixel_lists,
    published,
    shards,
    tables,
)
from .assemble import Arrays, Plan
from .binary import CIFAR10_CLASSES
from .choices import UPLOAD, Choices, located, parted, path_of, upload_path
from .content import Content, Part
from .published import CIFAR10_BYTES
from .tree import Tree, alone, grown

__all__ = [
    "CIFAR10_BYTES", "CIFAR10_CLASSES", "UPLOAD", "Arrays",
    "Choices", "Content", "Plan", "glance", "is_cifar10", "located", "look", "parted", "path_of",
    "plan", "read", "signature", "upload_path",
]  # fmt: skip

SINGLE = (".parquet", ".arrow", ".npz", ".npy", ".mat", *archives.SUFFIXES)
FRESH = 3  # seconds for which a glance at an unchanged folder is not repeated


def is_cifar10(name: str) -> bool:
    """Whether data of that name, or the source of that name, is CIFAR-10: also a JPEG copy."""
    return name.split(" (")[0] in ("CIFAR-10", "cifar10")


def read(source: str, download_to: Path, progress: Progress) -> Arrays:
    """Decode a source.

    Args:
        source: "shapes", "cifar10", or the path of a folder or an archive; behind a question mark
            what is chosen of it, see `choices`.
        download_to: where CIFAR-10 is downloaded to, and found later.
        progress: told the fraction done, 0...1.

    Raises:
        UserError: the source is missing, truncated, mislabelled or not of a known layout.
    """
    is_upload = parted(source)[0].startswith(UPLOAD)
    return assemble.arrays(plan(source, download_to), progress, is_upload)


def look(source: str, download_to: Path | None = None) -> Content:
    """What a source holds; no picture is decoded.

    Args:
        source: as for `read`.
        download_to: as for `read`; the usual place by default.

    Raises:
        UserError: it is missing, or nothing in it can be read.
    """
    place, choices = parted(source)
    if place == "shapes":
        return _shapes()
    if place == "cifar10":
        return published.cifar(download_to or home() / "cifar10", download=True)
    path = _existing(place)
    if os.path.isdir(path) and (found := published.holder(Path(path))):
        return published.cifar(*found)
    tree = _tree(path)
    content = (
        (tables.parquet(tree, choices) if tree.having(".parquet") else None)
        or (tables.arrow(tree, choices) if tree.having(".arrow") else None)
        or binary.content(tree)
        or shards.content(tree, choices)
        or pixel_lists.content(tree)
        or _pictures(tree, choices)
    )
    if content is None:
        raise _unknown(tree)
    return replace(content, name=_upload_name(path)) if place.startswith(UPLOAD) else content


def _pictures(tree: Tree, choices: Choices) -> Content | None:
    """Files of pictures, whose classes are their folders or stand in a list."""
    listed = lists.content(tree, choices)
    if listed and lists.is_finer(listed):
        return listed
    return folders.class_folders(tree, choices, listed) or listed


def plan(source: str, download_to: Path | None = None) -> Plan:
    """What will be decoded of a source, and what was decided about it; arguments as for `look`.

    Raises:
        UserError: as `look`; or the classes or the splits have to be chosen.
    """
    place, choices = parted(source)
    found = assemble.plan(look(source, download_to), choices, source)
    if place.startswith(UPLOAD):  # whose names are shown to others, too
        return replace(found, classes=tuple(map(shown, found.classes)))
    return found


def _unknown(tree: Tree) -> UserError:
    if any(kinds.is_picture(file) for file in tree.files):
        return folders.no_folders(tree)
    if any(archives.is_archive(file.name) for file in tree.files):
        return shards.check_single(tree)
    return kinds.foreign(tree) or folders.no_folders(tree)


def _tree(path: str) -> Tree:
    if os.path.isdir(path) or archives.is_archive(path):
        return grown(path)
    return alone(path, beside=lambda name: path.endswith(".npy") and "label" in name.lower())


def _upload_name(path: str) -> str:
    try:
        return shown(Path(f"{path}.name").read_text(errors="replace"))
    except OSError:
        return "Uploaded pictures"


def _existing(place: str) -> str:
    """The path of a folder, an archive or a file of a known kind."""
    if place.startswith(UPLOAD):
        key = place.removeprefix(UPLOAD)
        path = upload_path(key)
        if not (key.partition(".")[0].isalnum() and "/" not in key and os.path.isfile(path)):
            raise UserError(
                "This uploaded data set is not on this machine any more: upload it again."
            )
        return str(path)
    path = os.path.expanduser(place)
    if os.path.isdir(path) or (path.lower().endswith(SINGLE) and os.path.isfile(path)):
        return path
    if os.path.isfile(path):
        raise kinds.other_file(alone(path, beside=lambda name: False))
    raise UserError(
        f"There is no data folder {place!r}: give the path of a folder with parquet files or "
        "class folders, or use 'cifar10' or 'shapes'."
    )


# Whether a source has changed ---------------------------------------------------------------------


def signature(source: str) -> str:
    """A key "PLACE-STATE" whose second half changes when the source does; nothing is decoded.

    Raises:
        UserError: the folder does not exist, or holds too many files.
    """
    place, choices = parted(source)
    if place == "shapes":
        where, state = place, Path(shapes.__file__).read_bytes()  # drawn by this code's text
    elif place == "cifar10":
        where, state = place, b""  # torchvision verifies its checksums
    elif place.startswith(UPLOAD):
        _existing(place)
        where, state = place, _decoders()  # its name stands for its content
    else:
        path = _existing(place)
        where, state = os.path.realpath(path), _state(path) + _decoders()
    return f"{_key(choices.added_to(where).encode(errors='surrogateescape'))}-{_key(state)}"


def _state(path: str) -> bytes:
    """Every file with its size and time of change."""
    if os.path.isdir(path) or not path.lower().endswith(archives.SUFFIXES):
        files = _tree(path).files
        stats = [("/".join(file.parts), file.size, file.changed) for file in files]
    else:
        stat = os.stat(path)
        stats = [("", stat.st_size, stat.st_mtime_ns)]
    return json.dumps(stats).encode()


@lru_cache(maxsize=1)
def _decoders() -> bytes:
    """The code that decodes: a change of it decodes anew."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), image_files.__file__, containers.__file__]
    return _key(b"".join(Path(file).read_bytes() for file in files)).encode()


def _key(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


_glances: dict[str, tuple[float, str]] = {}
_glancing = threading.Lock()


def glance(source: str) -> str:
    """`signature`, at most every few seconds: for pages, which many people look at.

    Raises:
        UserError: as `signature`.
    """
    with _glancing:
        now = time.monotonic()
        for other in [name for name, (seen, _) in _glances.items() if now - seen >= FRESH]:
            del _glances[other]
        if source not in _glances:
            _glances[source] = now, signature(source)
        return _glances[source][1]


# Built in -----------------------------------------------------------------------------------------


SHAPES = {"train": 12_800, "test": 2_000}  # pictures, each part drawn from a seed of its own


def _shapes() -> Content:
    parts = []
    for seed, (split, count) in enumerate(SHAPES.items()):
        images, labels = shapes.draw(count, seed)
        pictures = partial(iter, images.transpose(0, 2, 3, 1))  # (N, 32, 32, 3)
        parts.append(Part(split, labels.tolist(), pictures, "picture {} of the shapes".format))
    return Content("Shapes", tuple(parts), shapes.CLASSES)
