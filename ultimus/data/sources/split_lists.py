"""Texts that tell the split of each picture in class folders, as Food-101 and CUB have them."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..limits import MAX_IMAGES
from . import splits
from .tree import File, Tree

MAX_LIST_BYTES = 200 * MAX_IMAGES
PATHS, MARKS = "images.txt", "train_test_split.txt"  # CUB's: "1 001.ant/1.jpg" and "1 0"
Roles = dict[tuple[str, ...], str]  # path of a picture -> "train", "test", …


def roles(tree: Tree, pictures: Sequence[File]) -> tuple[Roles, list[str]]:
    """The split of each picture, as far as texts name it, and sentences about it.

    A text counts whose own name is that of a split and whose lines all are pictures, with or
    without an ending, perhaps with a label behind them. Without one for training and one to test
    on there are no splits.
    """
    by_name = _by_name(pictures)
    lists: dict[str, list[tuple[File, list[File]]]] = defaultdict(list)
    for text in sorted(tree.having(".txt", ".lst"), key=_number):
        role = splits.role(PurePosixPath(text.name).stem)
        if role in ("train", *splits.TESTS) and (named := _named(text, by_name)):
            lists[role].append((text, named))
    if "train" not in lists or len(lists) < 2:
        return _marked(tree, by_name)
    found = {picture.parts: role for role in ("train", *reversed(splits.TESTS))
             for _, named in lists.get(role, [])[:1] for picture in named}  # fmt: skip
    used = [several[0][0].shown for several in lists.values()]
    others = [text.shown for several in lists.values() for text, _ in several[1:]]
    notes = [f"Splits are those of {', '.join(used)}."]
    return found, notes + [f"Not used: {', '.join(others)}."] * bool(others)


def _number(text: File) -> tuple[int, tuple[str, ...]]:
    """train2 comes before train10."""
    digits = re.search(r"\d+", text.name)
    return int(digits[0]) if digits else 0, text.parts


def _by_name(pictures: Sequence[File]) -> dict[str, File]:
    """Pictures by folder and name, with their ending and without."""
    found = {}
    for file in pictures:
        path = PurePosixPath(*file.parts[-2:])
        found |= {str(path): file, str(path.with_suffix("")): file}
    return found


def _lines(text: File) -> list[str]:
    content = text.read(MAX_LIST_BYTES).decode(errors="replace")
    return [line.strip() for line in content.splitlines() if line.strip()]


def _named(text: File, by_name: dict[str, File]) -> list[File]:
    """The pictures of a list; none where it holds anything else."""
    found = []
    for line in _lines(text):
        paths = (PurePosixPath(*PurePosixPath(path).parts[-2:]) for path in (line, line.split()[0]))
        picture = next((by_name[str(path)] for path in paths if str(path) in by_name), None)
        if picture is None:
            return []
        found.append(picture)
    return found


def _marked(tree: Tree, by_name: dict[str, File]) -> tuple[Roles, list[str]]:
    """Splits of numbered pictures, 1 to train on and 0 to test on."""
    texts = {file.name: file for file in tree.having(".txt")}
    if not {PATHS, MARKS} <= texts.keys():
        return {}, []
    marks = dict(line.split(maxsplit=1) for line in _lines(texts[MARKS]) if " " in line)
    found = {
        by_name[path].parts: "train" if marks[number] == "1" else "test"
        for number, _, path in (line.partition(" ") for line in _lines(texts[PATHS]))
        if path in by_name and marks.get(number) in ("0", "1")
    }
    return found, [f"Splits are those of {texts[MARKS].shown}."] if found else []
