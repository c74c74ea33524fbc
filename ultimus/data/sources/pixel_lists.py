"""Lists that hold the pixels themselves: a row of numbers for each picture, as MNIST's CSV."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv

from ...errors import UserError
from ..limits import MAX_MEMBER_BYTES
from . import kinds, pixels, splits
from .columns import LABELS, SPLITS, is_called
from .content import Content, Label, Part
from .tree import File, Tree

LEAST = 64  # numbers in a row, from which on they may be pixels
LOOKED_AT = 2**18  # bytes of a list, in which its first line is
LISTED = "pixels"  # a column that holds all of them, between blanks, as FER-2013 has it


def content(tree: Tree) -> Content | None:
    """What the CSV files of a source hold, if they hold pixels; None if they do not.

    Raises:
        UserError: one is damaged, or its numbers are no pixels.
    """
    if any(file.suffix in kinds.PICTURES for file in tree.files):
        return None
    parts: list[Part] = []
    notes: dict[str, None] = {}
    for file in tree.having(".csv"):
        if names := _names(file):
            if any(is_called(name, LABELS) for name in names):
                found, said = _parts(file, names)
                parts += found
                notes |= dict.fromkeys(said)
            else:
                notes[f"Left out: {file.shown}, which has no labels."] = None
    return Content(tree.name, tuple(parts), notes=tuple(notes)) if parts else None


def _names(file: File) -> list[str]:
    """The columns of a list of pixels, named here where it has no head; none if it is none."""
    first = file.read(LOOKED_AT).decode("utf-8-sig", "replace").partition("\n")[0].strip()
    cells = [cell.strip(' "') for cell in first.split(",")]
    if LISTED in cells:
        return cells
    if len(cells) > LEAST and all(cell.isdigit() for cell in cells):
        cells = ["label", *map(str, range(len(cells) - 1))]
        return cells if pixels.side_of(len(cells) - 1) else []
    rest = [cell for cell in cells if not is_called(cell, (*LABELS, *SPLITS))]
    return cells if len(rest) >= LEAST and pixels.side_of(len(rest)) else []


def _parts(file: File, names: list[str]) -> tuple[list[Part], Sequence[str]]:
    table = _table(file, names)
    label = next(name for name in names if is_called(name, LABELS))
    splits_in = next((name for name in names if is_called(name, SPLITS)), None)
    rows = _rows(table, [name for name in names if name not in (label, splits_in)], file)
    images, notes = pixels.pictures(rows, file.shown)
    labels: list[Label] = table[label].to_pylist()
    roles = [splits.role(str(name)) for name in table[splits_in].to_pylist()] if splits_in else []
    of_file = splits.role_of(file.parts)
    roles = roles if roles and not of_file else [of_file] * len(labels)
    parts = []
    for split in dict.fromkeys(roles):
        places = [place for place, role in enumerate(roles) if role == split]
        parts.append(
            Part(
                split,
                [labels[place] for place in places],
                lambda places=places: iter(images[places]),
                lambda place, places=places: f"row {places[place]} of {file.shown}",
            )
        )
    return parts, notes


def _table(file: File, names: list[str]) -> pa.Table:
    content = file.read(MAX_MEMBER_BYTES)
    is_headless = content[:1].isdigit()
    narrow = {name: pa.uint8() for name in names
              if not is_called(name, (*LABELS, *SPLITS)) and name != LISTED}  # fmt: skip
    try:
        return pyarrow.csv.read_csv(
            io.BytesIO(content),
            pyarrow.csv.ReadOptions(column_names=names if is_headless else None),
            convert_options=pyarrow.csv.ConvertOptions(column_types=narrow),
        )
    except (pa.ArrowException, ValueError) as error:
        raise UserError(
            f"{file.shown} does not hold a label and whole numbers from 0 to 255 in each row: "
            "correct it, or save the arrays with numpy.savez as train_images and train_labels."
        ) from error


def _rows(table: pa.Table, names: list[str], file: File) -> np.ndarray:
    """The pixels (N, M) uint8."""
    if LISTED not in names:
        return np.stack([table[name].to_numpy() for name in names], axis=1)
    try:
        rows = [np.array(text.split(), dtype=np.uint8) for text in table[LISTED].to_pylist()]
        return np.stack(rows)
    except (ValueError, OverflowError, AttributeError) as error:
        raise UserError(
            f"{file.shown} holds rows of several lengths, or no numbers from 0 to 255, in the "
            f"column {LISTED}: correct it."
        ) from error
