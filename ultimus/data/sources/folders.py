"""A folder of pictures for each class, with or without folders for splits, as people have them."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial

from ...errors import UserError, counted
from ..limits import one_line
from . import kinds, split_lists, splits, tasks
from .choices import Choices
from .content import Content, Label, Part, spelled
from .tree import File, Tree

PARTS = {"part", "parts", "batch", "chunk", "shard", "images", "img", "imgs", "pictures", "photos"}
Level = dict[str, list[File]]  # folders at one depth, and the pictures below each


def class_folders(tree: Tree, choices: Choices, listed: Content | None = None) -> Content | None:
    """Class folders, in the layout of `torchvision.datasets.ImageFolder` and its relatives.

    Args:
        tree: the source.
        choices: may say which folders are splits and which are classes.
        listed: what lists in the source say, which may label a split without class folders.

    Returns:
        None if there are pictures but no class folders.

    Raises:
        UserError: there are no pictures, or it is not clear what the folders mean.
    """
    pictures = [file for file in tree.files if kinds.is_picture(file)]
    notes = [*tree.notes, *_other_files(tree, pictures)]
    if not pictures:
        return None
    depth = _inner(pictures)
    if depth:
        notes.append(f"What is read lies in {'/'.join(pictures[0].parts[:depth])}.")
    level = _level(pictures, depth)
    if _are_splits(level, depth, choices):
        return _with_splits(tree, level, depth, notes, listed)
    if len(level) == 1 and not _are_flat_splits(level):
        _check_empty(tree, depth, level)
    if len(level) < 2 or (_are_flat_splits(level) and not choices.classes):
        return None
    _check_parts(tree, level, choices)
    return _without_splits(tree, pictures, level, depth, notes)


def no_folders(tree: Tree) -> UserError:
    """Why pictures cannot be used of which nothing says the class."""
    pictures = [file for file in tree.files if kinds.is_picture(file)]
    if not pictures:
        others = Counter(file.suffix or "without an ending" for file in tree.files)
        if tables := tree.having(".csv", ".tsv", ".jsonl"):
            return UserError(
                f"{tree.name} has no pictures: put those that {tables[0].shown} names beside it, "
                "or, if it holds the pixels themselves, save them with numpy.savez as train_images "
                "and train_labels."
            )
        named = ", ".join(f"{count} {what}" for what, count in others.most_common(5))
        return UserError(
            f"{tree.name} has no class folders and no pictures{f', only {named}' if named else ''}"
            ": put the pictures of each class into a folder of its own, or give parquet files."
        )
    level = _level(pictures, _inner(pictures))
    if len(level) == 1 and not _are_flat_splits(level):
        name = one_line(next(iter(level)), 60)
        what = f"has 1 class folder, {name}, with {counted(len(pictures), 'picture')}"
        where = tree.name
    else:
        where = " and ".join(list(level)[:4]) or tree.name
        verb = "have" if len(level) > 1 else "has"
        what = f"{verb} no class folders, only {counted(len(pictures), 'picture')}"
    return tasks.named(tree) or UserError(
        f"{one_line(where, 120)} {what}: put those of each class into a folder of its own"
        f"{_hint(tree)}."
    )


def _hint(tree: Tree) -> str:
    """What else can be done where a table lies beside the pictures."""
    if tables := tree.having(".csv", ".tsv", ".jsonl"):
        columns = f"the columns of {tables[0].shown} file_name and label"
        return f", or name {columns}, or choose them, as in FOLDER?image=COLUMN&label=COLUMN"
    if others := tree.having(".xlsx", ".xls", ".ods", ".mat"):
        return f", or save {others[0].shown} as CSV with the columns file_name and label"
    return ""


def _inner(pictures: Sequence[File], depth: int = 0, in_split: bool = False) -> int:
    """The depth at which folders differ: one that holds all others is passed through."""
    while True:
        level = _level(pictures, depth)
        alone = len(level) == 1 and all(len(file.parts) > depth + 2 for file in pictures)
        if not alone or (not in_split and splits.role(next(iter(level))) in splits.TESTS):
            return depth
        depth += 1


def _level(pictures: Sequence[File], depth: int) -> Level:
    level: Level = defaultdict(list)
    for file in pictures:
        if len(file.parts) > depth + 1:
            level[spelled(file.parts[depth])].append(file)
    return dict(level)


def _check_parts(tree: Tree, level: Level, choices: Choices) -> None:
    """Refuse folders that are numbered parts of one set, `images_part_1` and so on.

    Raises:
        UserError: it names them.
    """
    stems = {re.sub(r"[\W\d_]+", " ", name.lower()).strip() for name in level}
    are_parts = len(stems) == 1 and not PARTS.isdisjoint(stems.pop().split())
    if are_parts and not choices.classes:
        raise UserError(
            f"{one_line(' and '.join(list(level)[:2]), 120)} are numbered parts, and nothing says "
            f"the classes of the pictures in them: put those of each class into a folder of its "
            f"own{_hint(tree)}."
        )


def _classes_below(pictures: Sequence[File], depth: int) -> set[str]:
    """Class folders of a split that lies at a depth."""
    return set(_level(pictures, _inner(pictures, depth + 1, in_split=True)))


def _are_splits(level: Level, depth: int, choices: Choices) -> bool:
    """Whether the folders at a depth are splits and their folders the classes."""
    named = {*choices.train, *choices.test} & level.keys()
    below = {name: _classes_below(files, depth) for name, files in level.items()}
    if named and all(below[name] for name in named):
        return True
    if choices.classes and set(choices.classes) <= level.keys():
        return False
    roles = {name: splits.role(name) for name in level}
    if any(roles[name] == "train" and below[name] for name in level):
        return True
    if all(roles.values()) and any(below.values()):
        return True
    alike = len(level) > 1 and len({frozenset(names) for names in below.values()}) == 1
    if not alike or len(next(iter(below.values()))) < 2 or _split_inside(level, depth):
        return False
    if any(roles.values()):
        return True
    first, second, *_ = level
    inner = ", ".join(sorted(next(iter(below.values())))[:4])
    raise UserError(
        f"{first} and {second} hold folders of the same names ({one_line(inner, 80)}), so either "
        f"may be the classes: choose, as in FOLDER?train={first}&test={second} for splits, or "
        f"FOLDER?classes={first},{second}."
    )


def _are_flat_splits(level: Level) -> bool:
    """Whether folders of pictures are called as splits are; "train" alone may be railways."""
    roles = {splits.role(name) for name in level}
    return "train" in roles and ("" not in roles or not roles.isdisjoint(splits.TESTS))


def _split_inside(level: Level, depth: int) -> bool:
    """Whether each class has its own training and test folders."""
    return any(
        {"train"} < {splits.role(name) for name in _level(files, depth + 1)}
        for files in level.values()
    )


def _with_splits(
    tree: Tree, level: Level, depth: int, notes: list[str], listed: Content | None
) -> Content:
    """Folders of splits, each with the same class folders."""
    found: dict[str, list[tuple[File, str | None]]] = {}
    for split, files in level.items():
        inner = _inner(files, depth + 1, in_split=True)
        found[split] = [
            (file, spelled(file.parts[inner]) if len(file.parts) > inner + 1 else None)
            for file in files
        ]
    without_role = [name for name in level if not splits.role(name)]
    if without_role and len(without_role) < len(level):
        notes.append(f"Not used: {', '.join(without_role)}, unless chosen as a split.")
    _without_labels(found)
    notes += _label(found, listed) if listed else []
    classes, missing = _checked(tree, found)
    notes += missing
    tasks.check(tree, classes)
    if {name.lower() for name in classes} <= tasks.PICTURES:
        raise no_folders(tree)
    return Content(tree.name, _parts(found, classes), classes, tuple(notes))


def _without_labels(found: dict[str, list[tuple[File, str | None]]]) -> None:
    """Take the one folder of a test split (`test/images`) that is no class for what it is."""
    names = {split: {name for _, name in files} for split, files in found.items()}
    known = set().union(*(names[split] for split in names if splits.role(split) == "train"))
    for split in names:
        if (
            splits.role(split) in splits.TESTS
            and len(names[split]) == 1
            and not (names[split] & known)
        ):
            found[split] = [(file, None) for file, _ in found[split]]


def _label(found: dict[str, list[tuple[File, str | None]]], listed: Content) -> list[str]:
    """Label the pictures of splits without class folders as lists do; what has to be said.

    Where a list calls classes otherwise, what it says of pictures in class folders tells how.
    """
    names = dict(enumerate(listed.classes or ()))
    listed_label = {
        file.parts: names.get(label, str(label))
        for part in listed.parts
        for file, label in zip(part.pictures(), part.labels, strict=True)
        if isinstance(file, File) and label is not None
    }
    meant = {listed_label[file.parts]: name for pairs in found.values() for file, name in pairs
             if name is not None and file.parts in listed_label}  # fmt: skip
    known = {name for pairs in found.values() for _, name in pairs} - {None}
    meant = {name: name for name in known} | meant
    notes = []
    for split, pairs in found.items():
        labels = [listed_label.get(file.parts) for file, _ in pairs]
        if not any(labels) or any(name is not None for _, name in pairs):
            continue
        if set(filter(None, labels)) <= meant.keys():
            found[split] = [(file, meant.get(label)) for (file, _), label in
                            zip(pairs, labels, strict=True)]  # fmt: skip
            notes.append(f"The classes of the pictures in {split} are those of a list.")
        else:
            notes.append(
                f"A list labels the pictures in {split} otherwise than class folders do, "
                "whose names it should give."
            )
    return notes


def _without_splits(
    tree: Tree, pictures: Sequence[File], level: Level, depth: int, notes: list[str]
) -> Content:
    """A folder for each class, perhaps with the splits inside it."""
    tasks.check(tree, level)
    _check_empty(tree, depth, level)
    found: dict[str, list[tuple[File, str | None]]] = defaultdict(list)
    inside = _split_inside(level, depth)
    roles, said = ({}, []) if inside else split_lists.roles(tree, pictures)
    notes += said
    for name, files in level.items():
        for file in files:
            below = file.parts[depth + 1] if inside and len(file.parts) > depth + 2 else ""
            split = below if splits.role(below) else roles.get(file.parts, "")
            found[split].append((file, name))
    if inside:
        notes.append(f"Splits lie inside the class folders: {', '.join(filter(None, found))}.")
    if flat := len(pictures) - sum(map(len, level.values())):
        notes.append(f"Left out: {counted(flat, 'picture')} beside the class folders.")
    classes = tuple(sorted(level))
    return Content(tree.name, _parts(found, classes), classes, tuple(notes))


def _check_empty(tree: Tree, depth: int, level: Level) -> None:
    """Refuse a folder without pictures among class folders: it may be a class."""
    above = next(iter(level.values()))[0].parts[:depth]
    for folder in sorted(tree.folders):
        name = folder[-1]
        if len(folder) == depth + 1 and folder[:-1] == above and spelled(name) not in level:
            is_other = {name.lower(), *map(str.lower, level)} & (tasks.MARKS | tasks.PICTURES)
            raise (is_other and tasks.named(tree)) or UserError(
                f"The class folder {name!r} in {'/'.join((tree.name, *above))} has no pictures: "
                "add some or remove it."
            )


def _checked(
    tree: Tree, found: dict[str, list[tuple[File, str | None]]]
) -> tuple[tuple[str, ...], list[str]]:
    """The classes of the training splits, beyond which no other may go, and what others lack."""
    classes = {
        split: {name for _, name in files if name is not None} for split, files in found.items()
    }
    train = [split for split in classes if splits.role(split) == "train"]
    train = train or [split for split in classes if not splits.role(split)] or list(classes)
    known = set().union(*(classes[split] for split in train))
    missing = []
    for split, names in classes.items():
        if splits.role(split) not in splits.TESTS or not names or names == known:
            continue
        if names < known:
            lacking = one_line(", ".join(sorted(known - names)), 200)
            missing.append(f"{split} has no pictures of {lacking}.")
        else:
            raise UserError(
                f"{train[0]} and {split} have different classes "
                f"({one_line(', '.join(sorted(known ^ names)), 200)}): give both the same folders."
            )
    return tuple(sorted(known)), missing


def _parts(
    found: dict[str, list[tuple[File, str | None]]], classes: tuple[str, ...]
) -> tuple[Part, ...]:
    number = {name: label for label, name in enumerate(classes)}
    parts = []
    for split, pairs in found.items():
        labelled: list[tuple[File, Label]] = [(file, number.get(name)) for file, name in pairs]
        labelled.sort(key=lambda pair: (-1 if pair[1] is None else pair[1], pair[0].parts))
        files = [file for file, _ in labelled]
        labels = [label for _, label in labelled]
        parts.append(Part(split, labels, partial(iter, files), partial(_name, files)))
    return tuple(parts)


def _name(files: list[File], place: int) -> str:
    return "/".join(files[place].parts[-2:])


def _other_files(tree: Tree, pictures: Sequence[File]) -> list[str]:
    """What lies among the pictures and is none."""
    taken = {file.parts for file in pictures}
    others = Counter(
        file.suffix or "without an ending"
        for file in tree.files
        if file.parts not in taken and len(file.parts) > 1
    )
    named = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(6))
    return [f"Not read as pictures: {named}."] if named else []
