"""Webdataset shards: tar files in which a picture and its label share a name up to the ending."""

import json
from collections.abc import Iterator
from functools import partial

from ...errors import UserError
from . import archives, kinds, splits
from .choices import Choices
from .content import Content, Label, Part
from .tree import File, Tree, grown

LABELS = (".cls", ".json")
KEYS = ("label", "cls", "class", "target", "category", "y")  # of a JSON sidecar
MAX_LABEL_BYTES = 100_000


def content(tree: Tree, choices: Choices) -> Content | None:
    """What the tar files of a folder hold; None if they are no shards.

    Raises:
        UserError: one is damaged, or some are missing.
    """
    if tree.is_archive:
        return _content(tree, [(tree, "")]) if _is_shard(tree) else None
    files = [file for file in tree.files if archives.is_archive(file.name)]
    shards = [(file, grown("/".join((tree.place, *file.parts)))) for file in files]
    if not shards or not all(_is_shard(shard) for _, shard in shards):
        return None
    splits.check_shards([file.parts for file in files])
    splits.check_one_set([file.parts for file in files])
    return _content(tree, [(shard, splits.role_of(file.parts)) for file, shard in shards])


def _is_shard(tree: Tree) -> bool:
    return any(file.suffix == ".cls" for file in tree.files) or (
        tree.is_archive
        and bool(pairs := list(_pairs(tree))[:1])
        and _label(pairs[0][1]) is not None
    )


def _content(tree: Tree, shards: list[tuple[Tree, str]]) -> Content:
    names = next((file for file in tree.files if file.name == "classnames.txt"), None)
    classes = tuple(names.read().decode(errors="replace").split("\n")) if names else ()
    parts = []
    for shard, split in shards:
        pairs = list(_pairs(shard))
        files = [picture for picture, _ in pairs]
        labels = [_label(label) for _, label in pairs]
        parts.append(Part(split, labels, partial(iter, files), partial(_name, files, shard.name)))
    found = tuple(filter(None, map(str.strip, classes)))
    return Content(tree.name, tuple(parts), found or None)


def _pairs(shard: Tree) -> Iterator[tuple[File, File]]:
    """Each picture with the file of its label."""
    groups: dict[tuple[str, ...], dict[str, File]] = {}
    for file in shard.files:
        key, _, ending = file.name.partition(".")
        groups.setdefault((*file.parts[:-1], key), {})["." + ending.lower()] = file
    for group in groups.values():
        picture = next((group[end] for end in group if end in kinds.PICTURES), None)
        label = next((group[end] for end in LABELS if end in group), None)
        if picture and label:
            yield picture, label


def _label(file: File) -> Label:
    """A whole number or a word; None if there is none."""
    text = file.read(MAX_LABEL_BYTES).decode(errors="replace").strip()
    if file.suffix == ".json":
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        values = [found[key] for key in KEYS if key in found] if isinstance(found, dict) else []
        text = str(values[0]) if values and isinstance(values[0], int | str) else ""
    try:
        return int(text)
    except ValueError:
        return text or None


def _name(files: list[File], shard: str, place: int) -> str:
    return f"{files[place].shown} of {shard}"


def check_single(tree: Tree) -> UserError:
    """What to do with a folder of archives that are no shards."""
    named = [file.shown for file in tree.files if archives.is_archive(file.name)]
    return UserError(
        f"{tree.name} holds archives ({', '.join(named)[:200]}): give one of them itself, or "
        "unpack them."
    )
