"""Lists that name pictures by their paths: CSV, TSV and JSON, as people keep them."""

import codecs
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

from ...errors import UserError
from ..limits import MAX_MEMBER_BYTES
from . import splits
from .choices import Choices
from .columns import IMAGES, has_labels, pick
from .content import Content, Label
from .tables import ROWS, Table, of_tables, picture
from .tree import File, Tree

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 2**16  # bytes of a list, in which its first line is


class ListTable(Table):
    """A list in a file.

    Args:
        file: of the source.
        tree: whose pictures it names.
    """

    def __init__(self, file: File, tree: Tree):
        self._tree, self._files = tree, _by_name(tree)
        super().__init__(file)

    def _open(self) -> None:
        content = self.file.read(MAX_MEMBER_BYTES)
        if self.file.suffix == ".json":
            self._table = pa.Table.from_pylist(_records(content))
        elif self.file.suffix in (".jsonl", ".ndjson"):
            self._table = pyarrow.json.read_json(io.BytesIO(content))
        else:
            self._table = _with_label(self._separated(_utf8(content)))
        self.schema = self._table.schema

    def _separated(self, content: bytes) -> pa.Table:
        first = content[:LOOKED_AT].decode(errors="replace").partition("\n")[0].strip()
        comma = max(SEPARATORS, key=first.count)
        names = [name.strip(' "') for name in first.split(comma)]
        is_file = [self.find(self._tree, name) is not None for name in names]
        headless = sum(is_file) == 1 and len(names) == 2
        if headless:
            names = ["file_name" if yes else "label" for yes in is_file]
        texts = {name: pa.string() for name in names if name.lower() in IMAGES}
        return pyarrow.csv.read_csv(
            io.BytesIO(content),
            pyarrow.csv.ReadOptions(column_names=names if headless else None),
            pyarrow.csv.ParseOptions(delimiter=comma),
            pyarrow.csv.ConvertOptions(column_types=texts),  # 007 names a picture
        )

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(self._table.select(columns).to_batches(ROWS))

    def find(self, tree: Tree, path: str) -> File | None:
        """The file of a path; or the one of this name or number, wherever it lies."""
        return super().find(tree, path) or self._named(path)

    def _named(self, name: str) -> File | None:
        found = self._files.get(name, [])
        if len(found) > 1 and hasattr(self, "split"):
            found = [file for file in found if splits.role_of(file.parts[:-1]) == self.split]
        return found[0] if len(found) == 1 else None

    def splits_of(self, tree: Tree, image: str) -> list[str]:
        """The split of each row: as a column tells it, or the folder in which its picture lies."""
        if self.split or (told := super().splits_of(tree, image)):
            return [] if self.split else told
        files = (picture(tree, self, value) for value in self.column(image))
        return [splits.role_of(file.parts[:-1]) if isinstance(file, File) else "" for file in files]


def _utf8(content: bytes) -> bytes:
    """A text as UTF-8, also of a spreadsheet, which may write UTF-16 or Windows' own letters."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").encode()
    try:
        return content.decode("utf-8-sig").encode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace").encode()


def _with_label(table: pa.Table) -> pa.Table:
    """A table with a column of labels, where it has one column of 0 and 1 for each class."""
    table = table.rename_columns([name.strip() for name in table.column_names])
    names = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if has_labels(table.schema) or len(set(names)) < max(2, len(names)) or not len(table):
        return table
    marks = np.stack([table[name].to_numpy() for name in names], axis=1)  # (N, C)
    if not (np.isin(marks, (0, 1)).all() and (marks.sum(axis=1) == 1).all()):
        return table
    return table.append_column("label", pa.array(np.array(names)[marks.argmax(axis=1)].tolist()))


def _by_name(tree: Tree) -> dict[str, list[File]]:
    """The files of each name, with its ending and without."""
    found: dict[str, list[File]] = defaultdict(list)
    for file in tree.files:
        for name in {file.name, PurePosixPath(file.name).stem}:
            found[name].append(file)
    return found


def _records(content: bytes) -> list[dict]:
    """JSON that is a list of objects.

    Raises:
        ValueError: it is another.
    """
    found = json.loads(content)
    if not (isinstance(found, list) and found and all(isinstance(row, dict) for row in found)):
        raise ValueError("no list of objects")
    return found


def content(tree: Tree, choices: Choices) -> Content | None:
    """Lists with a column of paths and one of labels; None if there are none."""
    tables = [
        table
        for file in tree.having(".csv", ".tsv", ".jsonl", ".ndjson", ".json")
        if "submission" not in file.name.lower() and (table := _table(file, tree))
        if (has_labels(table.schema) or choices.label) and _leads_somewhere(tree, table, choices)
    ]
    return of_tables(tree, tables, choices) if tables else None


def _table(file: File, tree: Tree) -> ListTable | None:
    try:
        return ListTable(file, tree)
    except (UserError, RecursionError):
        return None


def _leads_somewhere(tree: Tree, table: Table, choices: Choices) -> bool:
    """Whether the first rows name pictures of the source."""
    try:
        columns = pick(table.schema, choices, table.name)
    except UserError:
        return bool(choices.image)
    first = next(table.rows([columns.image]), [])
    return any(isinstance(picture(tree, table, value), File) for value in first)


def is_finer(listed: Content) -> bool:
    """Whether every folder of pictures holds several labels, so that folders are no classes."""
    labels: dict[tuple[str, ...], set[Label]] = defaultdict(set)
    for part in listed.parts:
        for file, label in zip(part.pictures(), part.labels, strict=True):
            if isinstance(file, File):
                labels[file.parts[:-1]].add(label)
    return bool(labels) and all(len(found) > 1 for found in labels.values())
