"""Webdataset shards: tar files in which a picture and its label share a name up to the first dot.

What follows that dot is the entry's field, such as "jpg", or "image.png", whose ending is its kind.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial

from ...errors import UserError
from . import archives, kinds, splits
from .choices import Choices
from .content import Content, Label, Part
from .tree import File, Tree, grown

PICTURES = ("image", "img", "picture", "photo", "input")  # fields, where a sample has several
LABELS = (".cls", ".json", ".txt")  # kinds; webdataset writes a text as txt
KEYS = ("label", "cls", "class", "target", "category", "y")  # of a JSON sidecar
DATA = kinds.PICTURES | {".npy", ".pyd", ".pickle", ".pth", ".cbor", ".mp", ".ten"}  # endings
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
    if any(file.suffix == ".cls" for file in tree.files):
        return True
    if not tree.is_archive:
        return False
    is_flat = len({file.parts[:-1] for file in tree.files}) == 1  # else folders may be classes
    if is_flat and _are_samples(tree):
        return True
    _, label = next(_pairs(tree), (None, None))
    return label is not None and label.suffix != ".txt" and _label(label) is not None


def _are_samples(tree: Tree) -> bool:
    """Whether most names up to the first dot have the same endings, and one of them data."""
    endings = Counter(
        frozenset(file.suffix for file in fields.values()) for fields in _samples(tree)
    )
    [(alike, count)] = endings.most_common(1) or [(frozenset(), 0)]
    return len(alike) > 1 and 2 * count > endings.total() and not alike.isdisjoint(DATA)


def _content(tree: Tree, shards: list[tuple[Tree, str]]) -> Content:
    names = next((file for file in tree.files if file.name == "classnames.txt"), None)
    classes = tuple(names.read().decode(errors="replace").split("\n")) if names else ()
    parts = []
    for shard, split in shards:
        pairs = list(_pairs(shard))
        if not pairs and shard.files:
            raise _lacking(shard)
        files = [picture for picture, _ in pairs]
        labels = [_label(label) for _, label in pairs]
        parts.append(Part(split, labels, partial(iter, files), partial(_name, files, shard.name)))
    found = tuple(filter(None, map(str.strip, classes)))
    return Content(tree.name, tuple(parts), found or None)


def _pairs(shard: Tree) -> Iterator[tuple[File, File]]:
    """Each picture with the file of its label."""
    for fields in _samples(shard):
        picture, label = _picture(fields, shard.name), _of_kind(fields, LABELS)
        if picture and label:
            yield picture, label


def _samples(shard: Tree) -> Iterator[dict[str, File]]:
    """The files of each sample by their fields.

    Writers take keys with dots too. Where a name up to the first dot stands for several pictures,
    each with a label that differs in the ending alone, they are samples of their own.
    """
    samples: dict[tuple[str, ...], dict[str, File]] = {}
    for file in shard.files:
        key, field = _key_and_field(file)
        samples.setdefault((*file.parts[:-1], key), {})[field] = file
    for fields in samples.values():
        stems: dict[str, dict[str, File]] = {}
        for field, file in fields.items():
            stem, _, ending = field.rpartition(".")
            stems.setdefault(stem, {})[ending] = file
        complete = [alike for alike in stems.values() if _of_kind(alike, LABELS) and
                    _of_kind(alike, kinds.PICTURES)]  # fmt: skip
        yield from complete if len(complete) > 1 else [fields]


def _key_and_field(file: File) -> tuple[str, str]:
    key, _, field = file.name.partition(".")
    return key, field.lower()


def _picture(fields: dict[str, File], where: str) -> File | None:
    """The picture of a sample.

    Raises:
        UserError: it has several, of which none is the obvious one.
    """
    found = [field for field, file in fields.items() if file.suffix in kinds.PICTURES]
    usual = [field for field in found if "." not in field or field.partition(".")[0] in PICTURES]
    if len(found) > 1 and len(usual) != 1:
        raise UserError(
            f"The samples of {where} hold several pictures ({', '.join(found)[:200]}): write "
            "shards with the one to classify, as jpg or png."
        )
    return fields[(usual or found)[0]] if found else None


def _of_kind(fields: dict[str, File], endings: Iterable[str]) -> File | None:
    """The first file with one of the endings, in their order."""
    return next((file for end in endings for file in fields.values() if file.suffix == end), None)


def _lacking(shard: Tree) -> UserError:
    fields = dict.fromkeys(_key_and_field(file)[1] for file in shard.files)
    return UserError(
        f"{shard.name} is a webdataset shard whose samples hold {', '.join(fields)[:200]}: each "
        "needs a picture, as jpg, png or webp, and a label, as cls, json or txt."
    )


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
