"""Tables with a row for each picture: parquet and Arrow, as people keep them."""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, compress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import UserError, reason
from .. import limits
from ..limits import MAX_MEMBER_BYTES
from . import pixels, splits
from .binary import CIFAR10_CLASSES
from .choices import Choices
from .columns import SPLITS, Columns, is_called, pick
from .content import Content, Label, Part, Picture, spelled
from .tree import File, Tree

ROWS = 250  # read at once
BASE64 = ("data:image/", "iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")  # PNG, JPEG, WebP, GIF
LFS = b"version https://git-lfs"
FAULTS = (pa.ArrowException, OSError, LookupError, ValueError)


class Table:
    """A table in a file.

    Args:
        file: of the source.
        split: which split the file belongs to, where its path does not say.
    """

    def __init__(self, file: File, split: str = ""):
        self.file = file
        self.split = split or _split_name(file.parts)
        try:
            self._open()
        except FAULTS as error:
            raise self._damaged(error) from error

    def _open(self) -> None:
        raise NotImplementedError

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Some columns, in pieces."""
        raise NotImplementedError

    schema: pa.Schema

    @property
    def name(self) -> str:
        return self.file.shown.rpartition("/")[2]

    def column(self, name: str) -> list[Any]:
        """All values of a column."""
        found = []
        for values in self.rows([name]):
            found += values
            if len(found) > limits.MAX_IMAGES:
                raise UserError(
                    f"{self.name} holds more than {limits.MAX_IMAGES:,} images: give a smaller "
                    "data set."
                )
        return found

    def rows(self, columns: list[str]) -> Iterator[list[Any]]:
        """The values of one column, in pieces."""
        count = 0
        try:
            for batch in self.batches(columns):
                values = _values(batch.column(0))
                count += len(values)
                yield values
        except FAULTS as error:
            raise UserError(
                f"{self.name} breaks off after {count} rows ({reason(error)}): download it again."
            ) from error

    def find(self, tree: Tree, path: str) -> File | None:
        """The file that a cell names."""
        return tree.find(path, self.file.parts[:-1])

    def splits_of(self, tree: Tree, image: str) -> list[str]:
        """The split of each row, where a column tells it; none where the file's name does."""
        column = next((name for name in self.schema.names if is_called(name, SPLITS)), None)
        if self.split or column is None:
            return []
        found = [splits.role(value) if isinstance(value, str) else "" for value in
                 self.column(column)]  # fmt: skip
        return found if all(found) else []

    def _damaged(self, error: BaseException) -> UserError:
        if self.file.read(len(LFS)).startswith(LFS):
            return UserError(
                f"{self.name} is only a pointer of Git LFS: fetch the file with git lfs pull."
            )
        kind = self.file.suffix.removeprefix(".")
        return UserError(
            f"{self.name} is not a whole {kind} file ({reason(error)}): download it again."
        )


class ParquetTable(Table):
    """A parquet file."""

    def _open(self) -> None:
        self._table = pq.ParquetFile(_seekable(self.file))
        self.schema = self._table.schema_arrow

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return self._table.iter_batches(ROWS, columns=columns)


class ArrowTable(Table):
    """An Arrow file, as `save_to_disk` of `datasets` writes it: a stream, or with random access."""

    def _open(self) -> None:
        self.schema = self._reader().schema

    def _reader(self) -> pa.RecordBatchReader | pa.RecordBatchFileReader:
        content = _seekable(self.file)
        is_file = content.read(6) == b"ARROW1"
        content.seek(0)
        return pa.ipc.open_file(content) if is_file else pa.ipc.open_stream(content)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        reader = self._reader()
        is_stream = isinstance(reader, pa.RecordBatchReader)
        whole = reader if is_stream else map(reader.get_batch, range(reader.num_record_batches))
        for batch in whole:
            for begin in range(0, batch.num_rows, ROWS):
                yield batch.select(columns).slice(begin, ROWS)


def _values(column: pa.Array) -> list[Any]:
    """Python's values; of pictures that all lie in the table their bytes alone, for speed."""
    if pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
        content = column.field("bytes")
        if not column.null_count and not content.null_count:
            return content.to_pylist()
    return column.to_pylist()


def _seekable(file: File) -> io.BufferedIOBase:
    """A file that can be read out of order; of an archive it is held in memory."""
    if file.changed:
        return file.open()
    if file.size > MAX_MEMBER_BYTES:
        raise UserError(f"{file.shown} is too large for an archive: unpack it.")
    return io.BytesIO(file.read(MAX_MEMBER_BYTES))


def _split_name(parts: Sequence[str]) -> str:
    """The canonical name of a file's split; empty where its path names none."""
    return splits.role_of(parts)


# What is found ------------------------------------------------------------------------------------


def parquet(tree: Tree, choices: Choices) -> Content:
    """Parquet files in the layout of Hugging Face image data sets."""
    return _content(tree, tree.having(".parquet"), ParquetTable, choices)


def arrow(tree: Tree, choices: Choices) -> Content:
    """The folder that `save_to_disk` of `datasets` writes, or its cache."""
    files, named = [], {}
    for file in tree.having(".arrow"):
        state = tree.find("state.json", file.parts[:-1])
        about = _json(state) if state else {}
        wanted = [entry.get("filename") for entry in about.get("_data_files", [])
                  if isinstance(entry, dict)]  # fmt: skip
        if not file.name.startswith(("cache-", "tmp")) and (not wanted or file.name in wanted):
            files.append(file)
            listed = tree.find("dataset_dict.json", file.parts[:-2])
            is_split = listed and file.parts[-2:-1] and file.parts[-2] in _splits(_json(listed))
            named[file.parts] = (
                str(about.get("_split") or "") or (is_split and file.parts[-2]) or ""
            )
    return _content(tree, files, ArrowTable, choices, named)


def _splits(about: dict) -> list:
    """What `datasets` says of the folders of a DatasetDict."""
    found = about.get("splits")
    return found if isinstance(found, list) else []


def _json(file: File) -> dict:
    try:
        found = json.loads(file.read())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(
    tree: Tree,
    files: list[File],
    kind: type[Table],
    choices: Choices,
    named: dict[tuple[str, ...], str] | None = None,
) -> Content:
    roles = {file.parts: splits.role((named or {}).get(file.parts, "")) for file in files}
    tables = [(file, roles[file.parts] or splits.role_of(file.parts)) for file in files]
    if any(role == "train" for _, role in tables):
        unnamed = [file for file, role in tables if not role]
    else:
        unnamed = []
    used = [(file, role) for file, role in tables if file not in unnamed]
    splits.check_shards([file.parts for file, _ in used])
    splits.check_one_set([file.parts for file, _ in used])
    notes = [_left_out(unnamed)] if unnamed else []
    tables = [kind(file, role or (named or {}).get(file.parts, "")) for file, role in used]
    return of_tables(tree, tables, choices, notes)


def _left_out(files: list[File]) -> str:
    named = ", ".join(file.shown for file in files[:5])
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    return f"Left out, since the names do not say which split they are: {named}{more}."


def of_tables(
    tree: Tree, tables: list[Table], choices: Choices, notes: Sequence[str] = ()
) -> Content:
    picked, unlabelled = [], []
    for table in tables:
        try:
            picked.append((table, pick(table.schema, choices, table.name)))
        except UserError:
            if table.split in ("", "train") or not picked:
                raise
            unlabelled.append(table)
    picked.sort(key=lambda pair: pair[0].split != "train")
    columns = picked[0][1]
    classes = _common_classes(picked)
    parts = [part for table, _ in picked for part in _parts(tree, table, columns, classes)]
    notes = [
        *notes,
        f"Pictures are from the column “{columns.image}”, labels from “{columns.label}”.",
        *(f"Left out: {table.file.shown}, which has no labels." for table in unlabelled),
    ]
    name = _name(tree, classes, picked, sum(len(part.labels) for part in parts))
    return Content(name, tuple(parts), classes or None, (*tree.notes, *notes))


def _name(
    tree: Tree, classes: tuple[str, ...], picked: list[tuple[Table, Columns]], count: int
) -> str:
    """The folder's name, unless it is CIFAR-10, whose pictures some copies keep as JPEG."""
    if classes != CIFAR10_CLASSES or count != 60_000:
        return tree.name
    table, columns = picked[0]
    first = picture(tree, table, next(table.rows([columns.image]))[0])
    is_jpeg = isinstance(first, bytes) and first.startswith(b"\xff\xd8")
    return "CIFAR-10 (JPEG copy)" if is_jpeg else "CIFAR-10"


def _common_classes(picked: list[tuple[Table, Columns]]) -> tuple[str, ...]:
    """The class names, which all files have to agree on; empty where they name none."""
    (first, columns), *others = picked
    for table, other in others:
        if other.classes != columns.classes:
            raise UserError(
                f"{first.name} and {table.name} name different classes: give files of one data set."
            )
    return columns.classes


def _parts(tree: Tree, table: Table, columns: Columns, classes: tuple[str, ...]) -> Iterator[Part]:
    """The rows of a table, by their splits."""
    labels = [_label(value, classes) for value in table.column(columns.label)]
    if labels:
        _check_pictures(tree, table, columns)
    found = table.splits_of(tree, columns.image) or [table.split] * len(labels)
    for split in dict.fromkeys(found) or [table.split]:
        rows = [row for row, name in enumerate(found) if name == split]
        yield Part(
            split,
            [labels[row] for row in rows],
            partial(_pictures, tree, table, columns, [name == split for name in found]),
            partial(_row_name, rows, table.name),
        )


def _row_name(rows: list[int], where: str, place: int) -> str:
    return f"row {rows[place]} of {where}"


def _label(value: Any, classes: tuple[str, ...]) -> Label:
    """A label as whole number or word; None where there is none."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        if value != value:
            return None
        return int(value) if value.is_integer() else str(value)
    if isinstance(value, str):
        if classes and value in classes:
            return classes.index(value)
        return spelled(value) or None
    return value


def _pictures(tree: Tree, table: Table, columns: Columns, used: list[bool]) -> Iterator[Picture]:
    """The pictures of the rows that are used."""
    for value in compress(chain.from_iterable(table.rows([columns.image])), used):
        found = picture(tree, table, value)
        yield None if isinstance(found, str) else found


def picture(tree: Tree, table: Table, value: Any) -> Picture | str:
    """The picture in a cell; the path where it lies nowhere in the source."""
    if isinstance(value, list):
        return _pixels(value, table.name)
    if isinstance(value, dict):
        content, value = value.get("bytes"), value.get("path")
        if content is not None:
            return content
    if isinstance(value, str) and value:
        return table.find(tree, value) or _unpacked(value) or value
    return value if isinstance(value, bytes) else None


def _pixels(rows: list, where: str) -> np.ndarray:
    """A picture from lists of numbers.

    Raises:
        UserError: they are none.
    """
    try:
        numbers = np.array(rows)
    except ValueError as error:  # rows of several lengths
        raise UserError(
            f"A picture of {where} has rows of several lengths: leave it out."
        ) from error
    return pixels.as_bytes(pixels.shaped(numbers[None], where), where)[0]


def _unpacked(text: str) -> bytes | None:
    """The picture that a text holds as base64."""
    if not text.startswith(BASE64):
        return None
    try:
        return base64.b64decode(text.partition("base64,")[2] or text)
    except ValueError:
        return None


def _check_pictures(tree: Tree, table: Table, columns: Columns) -> None:
    """Refuse a table of paths that lead nowhere, which otherwise would be many broken rows."""
    first = next(table.rows([columns.image]), [])
    found = [picture(tree, table, value) for value in first]
    if found and all(isinstance(name, str) for name in found):
        raise UserError(
            f"{table.name} holds the paths of pictures only, such as {found[0][:100]!r}, and they "
            "do not lie below the folder that was given: put them there, or store the pictures "
            "themselves, for which `save_to_disk` of `datasets` does."
        )
