"""Lists that name pictures by their paths: CSV, TSV, JSON and texts, as people keep them."""

import codecs
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

from ...errors import UserError
from ..limits import MAX_MEMBER_BYTES
from . import kinds, splits, tasks
from .choices import Choices
from .columns import IMAGES, has_labels, is_called, pick
from .content import Content, Label, Part
from .tables import FAULTS, ROWS, Table, of_tables, picture
from .tree import File, Tree

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt", ".lst")
MOST_LISTS = 64  # of an ending; more of them tell of one picture each
CAPTIONS = 20  # different labels, from which on they may be said of one picture each
SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 2**16  # bytes of a list, in which its first line is


class ListTable(Table):
    """A list in a file.

    Args:
        file: of the source.
        tree: whose pictures it names.
        roles: of the folders that hold pictures.
    """

    def __init__(self, file: File, tree: Tree, roles: set[str]):
        self._tree, self._roles = tree, roles
        super().__init__(file)

    def _open(self) -> None:
        content = self.file.read(MAX_MEMBER_BYTES)
        if self.file.suffix == ".json":
            self._table = _of_json(content)
        elif self.file.suffix in (".jsonl", ".ndjson"):
            self._table = pyarrow.json.read_json(io.BytesIO(content))
        elif self.file.suffix in (".txt", ".lst"):
            self._table = self._plain(_utf8(content).decode(errors="replace"))
        else:
            self._table = _with_label(self._separated(_utf8(content)))
        self.schema = self._table.schema

    def _separated(self, content: bytes) -> pa.Table:
        first = content[:LOOKED_AT].decode(errors="replace").partition("\n")[0].strip()
        comma = max(SEPARATORS, key=first.count)
        cells = [name.strip(' "') for name in first.split(comma)]
        names = self._headless(cells) or cells
        texts = {name: pa.string() for name in names if is_called(name, IMAGES)}
        return pyarrow.csv.read_csv(
            io.BytesIO(content),
            pyarrow.csv.ReadOptions(column_names=None if names == cells else names),
            pyarrow.csv.ParseOptions(delimiter=comma),
            pyarrow.csv.ConvertOptions(column_types=texts),  # 007 names a picture
        )

    def _headless(self, cells: list[str]) -> list[str]:
        """What the cells of a first line are, if one is a picture, one a label, one a split."""
        named = [
            "file_name"
            if self.find(self._tree, cell)
            else "split"
            if splits.role(cell)
            else "label"
            for cell in cells
        ]
        return named if "file_name" in named and len(set(named)) == len(named) else []

    def _plain(self, text: str) -> pa.Table:
        """Lines of a picture and its label; further numbers, as of boxes, count for nothing.

        Raises:
            ValueError: they are others.
        """
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        rows = [_name_and_label(line) for line in lines]
        if tasks.BOX.fullmatch(lines[0] if lines else ""):
            raise ValueError("boxes of objects")
        if not rows or not all(map(all, rows)) or not self.find(self._tree, rows[0][0]):
            raise ValueError("no lines of a picture and a label")
        names, labels = zip(*rows, strict=True)
        if len(set(labels)) > max(CAPTIONS, len(rows) // 2):
            raise ValueError("captions")
        return pa.table({"file_name": names, "label": labels})

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter(self._table.select(columns).to_batches(ROWS))

    def find(self, tree: Tree, path: str) -> File | None:
        """The file of a path; or the one of this name or number, wherever it lies."""
        name = path.replace("\\", "/").rpartition("/")[2]
        return super().find(tree, path) or self._named(path) or self._named(name)

    def _named(self, name: str) -> File | None:
        """The only picture of a name; of several splits' the one in the list's own split."""
        found = [file for file in self._tree.named(name)
                 if file is not self.file and not tasks.is_mark(file)]  # fmt: skip
        if getattr(self, "split", "") in self._roles - {""}:
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


def _name_and_label(line: str) -> tuple[str, str]:
    """The two of them; of several numbers, and of a word and numbers between tabs, the first."""
    name, *rest = line.split("\t") if "\t" in line else line.split()
    are_numbers = all(part.lstrip("-").replace(".", "").isdigit() for part in rest[1:])
    is_first = rest and ("\t" in line or rest[0].isdigit()) and are_numbers
    return name, rest[0] if is_first else " ".join(rest)


def _with_label(table: pa.Table) -> pa.Table:
    """A table with a column of labels, where it has a column of 0 and 1 for each class."""
    table = table.rename_columns([name.strip() for name in table.column_names])
    if has_labels(table.schema) or not len(table):
        return table
    columns = {field.name: table[field.name].to_numpy() for field in table.schema
               if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)}  # fmt: skip
    marks = {name: values for name, values in columns.items() if np.isin(values, (0, 1)).all()}
    if len(marks) < 2 or not (sum(marks.values()) == 1).all():
        return table
    places = np.argmax(list(marks.values()), axis=0)
    return table.append_column("label", pa.array(np.array(list(marks))[places].tolist()))


def _of_json(content: bytes) -> pa.Table:
    """A list of objects, also one a line; or paths with their labels.

    Raises:
        ValueError: it is another.
    """
    try:
        found = json.loads(content)
    except ValueError:
        return pyarrow.json.read_json(io.BytesIO(content))
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return pa.Table.from_pylist(found)
    pairs = found.get("labels", found) if isinstance(found, dict) else found
    rows = list(pairs.items() if isinstance(pairs, dict) else pairs)
    if not all(len(row) == 2 and isinstance(row[1], int | str) for row in rows):
        raise ValueError("no list of objects")
    names, labels = zip(*rows, strict=True)
    return pa.table({"file_name": names, "label": _called(labels, found)})


def _called(labels: tuple[Any, ...], found: Any) -> tuple[Any, ...]:
    """Labels by their names, where those stand beside them."""
    names = found.get("classes") if isinstance(found, dict) else None
    return tuple(names[label] for label in labels) if names else labels


def content(tree: Tree, choices: Choices) -> Content | None:
    """Lists with a column of paths and one of labels; None if there are none.

    A list that gives pictures several labels, as those of objects in them do, is none.
    """
    files = [
        file for end in ENDINGS if len(some := tree.having(end)) <= MOST_LISTS for file in some
    ]
    folders = {file.parts[:-1] for file in tree.files if file.suffix in kinds.PICTURES}
    roles = set(map(splits.role_of, folders))
    tables = [
        table
        for file in files
        if "submission" not in file.name.lower() and (table := _table(file, tree, roles))
        if (has_labels(table.schema) or choices.label) and _leads_somewhere(tree, table, choices)
    ]
    found = of_tables(tree, tables, choices) if tables else None
    return found if found and _are_of_one_class(found.parts) else None


def _are_of_one_class(parts: tuple[Part, ...]) -> bool:
    known: dict[tuple[str, ...], Label] = {}
    return all(
        known.setdefault(file.parts, label) == label
        for part in parts
        for file, label in zip(part.pictures(), part.labels, strict=True)
        if isinstance(file, File)
    )


def _table(file: File, tree: Tree, roles: set[str]) -> ListTable | None:
    try:
        return ListTable(file, tree, roles)
    except (UserError, RecursionError, AttributeError, TypeError, *FAULTS):
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
    """Whether every folder of pictures holds several labels, so that folders are no classes.

    Of a list that only labels pictures to test on it is not known.
    """
    if all(part.role in splits.TESTS for part in listed.parts):
        return False
    labels: dict[tuple[str, ...], set[Label]] = defaultdict(set)
    for part in listed.parts:
        for file, label in zip(part.pictures(), part.labels, strict=True):
            if isinstance(file, File):
                labels[file.parts[:-1]].add(label)
    return bool(labels) and all(len(found) > 1 for found in labels.values())
