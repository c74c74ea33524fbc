"""Curves in a lesson, epoch by epoch: what was measured, or what the notebook's log says.

{curve seed-preset: seed 0, test, accuracy}     a column of a curve of assets/measured/NAME.json
{curve notebook: loss}                          a column of the log
"""

import re
from typing import NamedTuple

from ..analysis.measured import Measured, measured, notebook_log
from ..errors import UserError

OVER = "epoch"
NO_SHARES = ("loss", "grad_norm", "lr", "rate")  # columns beside others that are shares
_CURVE = re.compile(r"\{\s*curve\s+([A-Za-z0-9][\w.-]*)\s*:\s*(.+?)\s*\}")
_COLUMN = re.compile(r"(.+),\s*([^,]+)")


class Curve(NamedTuple):
    """A curve.

    Attributes:
        points: (epoch, value), in order.
        is_share: whether a value is a fraction 0...1.
        is_log: whether it is the notebook's.
    """

    points: list[tuple[float, float]]
    is_share: bool
    is_log: bool


def curve(placeholder: str) -> Curve:
    """The curve that a placeholder names, in its braces.

    Raises:
        UserError: there is none; a part of a sentence.
    """
    found = _CURVE.fullmatch(placeholder)
    if not found:
        raise UserError(
            "a curve is written as {curve NAME: curve, column} or {curve notebook: column}"
        )
    name, what = found.groups()
    return _of_log(what) if name == "notebook" else _of_measured(name, what)


def _of_log(column: str) -> Curve:
    rows = notebook_log()["epochs"]
    if column not in rows[0]:
        raise UserError(f"the notebook's log has no {column[:40]!r}: it has {', '.join(rows[0])}")
    return Curve([(row[OVER], row[column]) for row in rows], column.endswith("accuracy"), True)


def _of_measured(name: str, what: str) -> Curve:
    try:
        known = measured(name)
    except UserError as error:
        raise UserError(f"there are no figures {name[:60]!r} in assets/measured") from error
    found = _COLUMN.fullmatch(what)
    columns = known.curves.get(found[1], {}) if found else {}
    if not found or not {OVER, found[2]} <= columns.keys():
        raise UserError(
            f"{name} has no curve {what[:60]!r} by {OVER}: it has {', '.join(known.curves)}"
        )
    points = zip(columns[OVER], columns[found[2]], strict=True)
    return Curve(list(points), unit_of(known, found[2]) == "share", False)


def unit_of(known: Measured, column: str) -> str:
    """The unit of a column of a measured curve."""
    return "" if column in NO_SHARES and known.unit == "share" else known.unit
