"""Tables with a row for each picture: parquet, Arrow, CSV and JSON lines, as people keep them."""

import io
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from ...errors import UserError, reason
from .. import limits
from ..limits import MAX_MEMBER_BYTES
from . import splits
from .binary import CIFAR10_CLASSES
from .choices import Choices
from .columns import Columns, has_labels, pick
from .content import Content, Label, Part, Picture
from .tree import File, Tree

ROWS = 250  # read at once
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
                values = batch.column(0).to_pylist()
                count += len(values)
                yield values
        except FAULTS as error:
            raise UserError(
                f"{self.name} breaks off after {count} rows ({reason(error)}): download it again."
            ) from error

    def _damaged(self, error: BaseException) -> UserError:
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


class TextTable(Table):
    """A CSV file or JSON lines, whose pictures are named by their paths."""

    def _open(self) -> None:
        content = io.BytesIO(self.file.read(MAX_MEMBER_BYTES))
        if self.file.suffix in (".jsonl", ".ndjson", ".json"):
            table = pyarrow.json.read_json(content)
        else:
            tabs = self.file.suffix == ".tsv"
            options = pyarrow.csv.ParseOptions(delimiter="\t" if tabs else ",")
            table = pyarrow.csv.read_csv(content, parse_options=options)
        self._table, self.schema = table, table.schema

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(self._table.select(columns).to_batches(ROWS))


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
            named[file.parts] = str(about.get("_split") or "")
    return _content(tree, files, ArrowTable, choices, named)


def _json(file: File) -> dict:
    try:
        found = json.loads(file.read())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text(tree: Tree, choices: Choices) -> Content | None:
    """CSV or JSON lines with a column of paths and one of labels; None if there are none."""
    tables = []
    for file in tree.having(".csv", ".tsv", ".jsonl", ".ndjson"):
        try:
            table = TextTable(file)
        except UserError:
            continue
        if (has_labels(table.schema) or choices.label) and _leads_somewhere(tree, table, choices):
            tables.append(table)
    return _of_tables(tree, tables, choices) if tables else None


def _leads_somewhere(tree: Tree, table: Table, choices: Choices) -> bool:
    """Whether the first rows name pictures of the source."""
    try:
        columns = pick(table.schema, choices, table.name)
    except UserError:
        return bool(choices.image)
    first = next(table.rows([columns.image]), [])
    return any(isinstance(_picture(tree, table, value), File) for value in first)


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
    return _of_tables(tree, [kind(file, role) for file, role in used], choices, notes)


def _left_out(files: list[File]) -> str:
    named = ", ".join(file.shown for file in files[:5])
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    return f"Left out, since the names do not say which split they are: {named}{more}."


def _of_tables(
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
    parts = [_part(tree, table, columns, classes) for table, columns in picked]
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
    first = _picture(tree, table, next(table.rows([columns.image]))[0])
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


def _part(tree: Tree, table: Table, columns: Columns, classes: tuple[str, ...]) -> Part:
    labels = [_label(value, classes) for value in table.column(columns.label)]
    if labels:
        _check_pictures(tree, table, columns)
    return Part(
        table.split,
        labels,
        partial(_pictures, tree, table, columns),
        lambda row: f"row {row} of {table.name}",
    )


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
        return value.strip() or None
    return value


def _pictures(tree: Tree, table: Table, columns: Columns) -> Iterator[Picture]:
    for values in table.rows([columns.image]):
        for value in values:
            found = _picture(tree, table, value)
            yield None if isinstance(found, str) else found


def _picture(tree: Tree, table: Table, value: Any) -> bytes | File | str | None:
    """The picture in a cell; the path where it lies nowhere in the source."""
    if isinstance(value, dict):
        content, value = value.get("bytes"), value.get("path")
        if content is not None:
            return content
    if isinstance(value, str) and value:
        return tree.find(value, table.file.parts[:-1]) or value
    return value if isinstance(value, bytes) else None


def _check_pictures(tree: Tree, table: Table, columns: Columns) -> None:
    """Refuse a table of paths that lead nowhere, which otherwise would be many broken rows."""
    first = next(table.rows([columns.image]), [])
    found = [_picture(tree, table, value) for value in first]
    if found and all(isinstance(name, str) for name in found):
        raise UserError(
            f"{table.name} holds the paths of pictures only, such as {found[0][:100]!r}, and they "
            "do not lie below the folder that was given: put them there, or store the pictures "
            "themselves, for which `save_to_disk` of `datasets` does."
        )
