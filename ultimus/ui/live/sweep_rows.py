"""The rows of a sweep's board: its figure, and a table with a link to each run."""

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ...plots import sweep as plots
from ...plots.axes import alt
from ...recipe import written
from ...runs import sweep as sweeps
from ...runs.sweep import Entry, Row, Sweep, Value
from ..controls.sweep import label
from ..figures import board, figure


def rows(sweep: Sweep, found: Sequence[Entry]) -> list[dict[str, Any]]:
    """The parts of its row."""
    fig = _figure(sweep, found)
    return [
        figure.part(fig, "sweep", alt(fig), plots.HEIGHT, share=1.4),
        board.html(_table(sweep, found)),
    ]


def _figure(sweep: Sweep, found: Sequence[Entry]) -> go.Figure:
    along, *others = sweep.values or {"seed": ()}
    dots = [
        plots.Dot(
            _along(entry), _line(others, entry), entry.outcome.accuracy, entry.outcome.state,
            entry.run.id, entry.point.recipe.seed,
        )
        for entry in found
        if entry.run and entry.outcome.accuracy is not None
    ]  # fmt: skip
    values = list(dict.fromkeys(map(_along, found)))
    return plots.accuracy_by_value(values, label(along).lower(), dots, uirevision=sweep.id)


def _along(entry: Entry) -> Value:
    """What a run has of the choice along the axis."""
    return entry.point.values[0] if entry.point.values else entry.point.recipe.seed


def _line(others: Sequence[str], entry: Entry) -> str:
    """What it has of the other choice."""
    return ", ".join(
        f"{label(name).lower()} {written(value)}"
        for name, value in zip(others, entry.point.values[1:], strict=True)
    )


# The table ----------------------------------------------------------------------------------------


def _table(sweep: Sweep, found: Sequence[Entry]) -> str:
    """A row for each value, with a link to each of its runs, as HTML."""
    heads = [*(label(name) for name in sweep.values), "Test accuracy", "Runs"]
    cells = "".join(f"<th>{html.escape(head)}</th>" for head in heads)
    body = "".join(_row(row, found) for row in sweeps.rows(found))
    reasons = dict.fromkeys(
        entry.outcome.reason for entry in found if entry.outcome and entry.outcome.reason
    )
    notes = "".join(f'<p class="caption">{html.escape(reason)}</p>' for reason in reasons)
    ended = sum(not sweeps.is_open(entry) for entry in found)
    return (
        f'<p class="standing">{ended} of {len(found)} runs have ended.</p>'
        f'<table class="sweep"><tr>{cells}</tr>{body}</table>{notes}'
    )


def _row(row: Row, found: Sequence[Entry]) -> str:
    runs = "".join(_link(entry) for entry in found if entry.point.values == row.values)
    spread = "" if row.deviation is None else f" ± {row.deviation:.1%}"
    accuracy = "–" if row.mean is None else f"{row.mean:.1%}{spread}"
    values = "".join(f"<td>{html.escape(written(value))}</td>" for value in row.values)
    return f"<tr>{values}<td>{accuracy}</td><td>{runs}</td></tr>"


def _link(entry: Entry) -> str:
    """A run's seed as a link to the run, and how it stands."""
    seed = entry.point.recipe.seed
    if entry.run is None:
        return f'<span class="run" title="not started">{seed}</span>'
    state, progress = entry.outcome.state, entry.outcome.progress
    title = f"seed {seed}: {state}, {progress:.0%} trained"
    return (
        f'<a class="run {state}" href="train?run={html.escape(entry.run.id)}" title="{title}" '
        f'style="--done: {progress:.0%}">{seed}</a>'
    )
