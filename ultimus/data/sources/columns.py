"""Which columns of a table hold the pictures and the labels."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa
from pyarrow import types

from ...errors import UserError
from ..limits import one_line
from .choices import Choices

IMAGES = (
    "image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "image_bytes", "img_bytes",
    "images", "pixels", "file_name", "filename", "file", "path", "filepath", "file_path",
    "image_path", "img_path", "image_file", "image_name", "image_id", "id", "filepaths",
)  # fmt: skip
LABELS = (
    "label", "labels", "target", "targets", "class", "classes", "category", "y", "fine_label",
    "fine_labels", "class_label", "class_id", "label_id", "category_id", "class_name",
    "label_name", "category_name", "cls", "species", "breed", "coarse_label", "coarse_labels",
    "choice", "diagnosis", "dx", "emotion",
)  # fmt: skip
NO_LABELS = {
    "set", "subset", "partition", "usage",
    "id", "idx", "index", "fold", "split", "width", "height", "size", "row", "path", "file", "url",
    "file_name", "filename", "image_id", "__index_level_0__", "level_0",
}  # fmt: skip


SPLITS = (
    "split",
    "set",
    "subset",
    "partition",
    "usage",
    "dataset",
)  # columns that tell a row's split


class Columns(NamedTuple):
    """The columns that are used, and the names of the classes if the table has them."""

    image: str
    label: str
    classes: tuple[str, ...]


def pick(schema: pa.Schema, choices: Choices, where: str) -> Columns:
    """The columns of pictures and of labels.

    What `datasets` wrote into the schema counts most, then usual names; one that is the only one
    of its type is taken.

    Args:
        schema: of a table.
        choices: may name the columns.
        where: how an error calls the table.

    Raises:
        UserError: there are none, or several of which none is the obvious one.
    """
    features = _features(schema)
    image = _image(schema, features, choices, where)
    label = _label(schema, features, choices, where, image)
    names = features.get(label, {}).get("names") or ()
    return Columns(image, label, tuple(str(name) for name in names))


def has_labels(schema: pa.Schema) -> bool:
    return any(_is_label(field.type) and is_called(field.name, LABELS) for field in schema)


def is_called(name: str, words: Iterable[str]) -> bool:
    """Whether a column has one of the names, however it is spelled: ClassId is class_id."""
    return _plain(name) in map(_plain, words)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def is_path(kind: pa.DataType) -> bool:
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def is_pixels(kind: pa.DataType) -> bool:
    """Whether a column holds pictures as rows of numbers, as `datasets` keeps an Array3D."""
    depth = 0
    while (kind := getattr(kind, "storage_type", kind)) and _is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth in (2, 3) and types.is_integer(kind)


def _is_list(kind: pa.DataType) -> bool:
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _image(schema: pa.Schema, features: dict, choices: Choices, where: str) -> str:
    structs = [field.name for field in schema if _is_image(field.type)]
    contents = [field.name for field in schema if _is_bytes(field.type)]
    pixels = [field.name for field in schema if is_pixels(field.type)]
    paths = [field.name for field in schema if is_path(field.type)]
    if choices.image:
        return _chosen(choices.image[0], structs + contents + pixels + paths, where)
    named = [name for name in structs + contents + paths
             if features.get(name, {}).get("_type") == "Image"]  # fmt: skip
    paths = [name for name in paths if is_called(name, IMAGES)]
    candidates = named or structs or contents or pixels or paths
    if not candidates:
        raise _lacking(schema, where)
    return _best(candidates, IMAGES, "pictures", "image", where)


def _label(schema: pa.Schema, features: dict, choices: Choices, where: str, image: str) -> str:
    usable = [field.name for field in schema if _is_label(field.type) and field.name != image]
    if choices.label:
        return _chosen(choices.label[0], usable, where)
    named = [name for name in usable if features.get(name, {}).get("_type") == "ClassLabel"]
    if named:
        return _best(named, LABELS, "labels", "label", where)
    if usual := [name for name in usable if is_called(name, LABELS)]:
        return _best(usual, LABELS, "labels", "label", where)
    numbers = [
        name
        for name in usable
        if not is_called(name, NO_LABELS) and not is_path(schema.field(name).type)
    ]
    if numbers:
        return _best(numbers, LABELS, "labels", "label", where)
    raise _lacking(schema, where)


def _best(candidates: Sequence[str], usual: Sequence[str], what: str, key: str, where: str) -> str:
    """The candidate with the most usual name, or the only one there is."""
    if len(candidates) == 1:
        return candidates[0]
    by_name = {_plain(name): name for name in reversed(candidates)}
    for name in map(_plain, usual):
        if name in by_name:
            return by_name[name]
    raise UserError(
        f"{where} has several columns that may hold the {what} ({', '.join(candidates)[:200]}): "
        f"choose one, as in FOLDER?{key}={candidates[0]}."
    )


def _chosen(name: str, usable: Sequence[str], where: str) -> str:
    if name not in usable:
        raise UserError(
            f"{where} has no such column {name[:60]!r}: choose one of {', '.join(usable)[:200]}."
        )
    return name


def _lacking(schema: pa.Schema, where: str) -> UserError:
    named = ", ".join(f"{field.name} ({field.type})" if types.is_nested(field.type) else field.name
                      for field in schema)  # fmt: skip
    return UserError(
        f"{where} has the columns {one_line(named, 200)}: it needs one of pictures (their "
        "bytes, as `datasets` stores them, or paths) and one of labels (whole numbers or words)."
    )


def _is_image(kind: pa.DataType) -> bool:
    """Whether a column's type is that of Hugging Face images, {bytes, path}, or half of it."""
    if not types.is_struct(kind):
        return False
    fields = {field.name: field.type for field in kind}
    content, path = fields.get("bytes", pa.null()), fields.get("path", pa.null())
    if not types.is_null(content):
        return _is_bytes(content)
    return is_path(path)


def _is_bytes(kind: pa.DataType) -> bool:
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def _is_label(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return (
        types.is_integer(kind)
        or types.is_boolean(kind)
        or types.is_floating(kind)  # whole numbers, where some rows have none
        or is_path(kind)
    )


def _features(schema: pa.Schema) -> dict[str, dict]:
    """What `datasets` says of the columns, as far as it can be read."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: feature
            for name, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names", []), list)
        }
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError):
        return {}
