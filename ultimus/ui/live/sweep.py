"""A sweep on show: its figure and its table, which fill while its runs train."""

import html
from collections.abc import Sequence

import streamlit as st

from ...errors import UserError, counted
from ...links.pages import FOLLOW, Lab, Shown
from ...links.state import query
from ...places import runs_folder
from ...plots import sweep as plots
from ...plots.axes import alt
from ...runs import sweep as sweeps
from ...runs.sweep import Entry, Row, Sweep
from ..controls import menu
from ..controls.sweep import label
from ..figures import board, figure
from ..state import browser, choices, guard, session, text

REFRESH = 1.0  # seconds
LISTED = 30  # sweeps to choose from
WIDE = 132  # pixels of a button


def show() -> None:
    """Draw the sweep that is chosen, or the newest one of this browser."""
    known = {sweep.id: sweep for sweep in sweeps.saved(runs_folder())[:LISTED]}
    try:
        sweep = _chosen(known)
    except UserError as error:
        st.error(text.plain(str(error)))
        return
    if sweep is None:
        st.info("Nobody has tried anything here yet: choose values above, and press Start.")
        return
    row = st.container(horizontal=True, vertical_alignment="center")
    names = {found.id: _name(found) for found in [sweep, *known.values()]}
    menu.show(
        row, menu.told_apart(names)[sweep.id], names, key="sweep on show", on_choose=_choose,
        help="Choose another sweep.",
    )  # fmt: skip
    live = _is_live(_entries(sweep))
    _controls(row, sweep, live)
    guard.fragment(_panel)(sweep, live)


def _chosen(known: dict[str, Sweep]) -> Sweep | None:
    wanted = choices.of(Lab).sweep
    if wanted:
        return known.get(wanted) or sweeps.find(wanted, runs_folder())
    mine = [sweep for sweep in known.values() if browser.is_me(sweep.owner)]
    return next(iter([*mine, *known.values()]), None)


def _choose(sweep_id: str) -> None:
    choices.change(Lab, sweep=sweep_id)


def _name(sweep: Sweep) -> str:
    tried = " × ".join(f"{len(values)} of {label(name).lower()}"
                       for name, values in sweep.values.items())  # fmt: skip
    recipe = sweep.recipe
    whose = "mine" if browser.is_me(sweep.owner) else "of others"
    what = " × ".join(filter(None, [tried, counted(sweep.seeds, "seed")]))
    length = counted(recipe.epochs, "epoch")
    return f"{what} · {text.plain(recipe.preset)}, {length}, from seed {recipe.seed} · {whose}"


def _entries(sweep: Sweep) -> list[Entry]:
    return sweeps.entries(sweep, runs_folder(), session.lab())


def _is_live(found: Sequence[Entry]) -> bool:
    return any(entry.run and entry.outcome.is_live for entry in found)


def _controls(row, sweep: Sweep, live: bool) -> None:
    """Stop or go on, for the browser that started it."""
    mine = browser.is_me(sweep.owner)
    is_open = any(map(sweeps.is_open, _entries(sweep)))
    row.button(
        "Stop all", icon=":material/stop:", width=WIDE, disabled=not (mine and live),
        on_click=_stop, args=(sweep,), key="stop sweep",
    )  # fmt: skip
    row.button(
        "Go on", icon=":material/resume:", width=WIDE, disabled=not mine or live or not is_open,
        on_click=_go_on, args=(sweep,), key="go on with sweep",
        help="Train what was stopped, interrupted or removed.",
    )  # fmt: skip


def _check_mine(sweep: Sweep) -> None:
    if not browser.is_me(sweep.owner):
        raise UserError("This sweep was started in another browser: only that one controls it.")


@guard.click
def _stop(sweep: Sweep) -> None:
    _check_mine(sweep)
    sweeps.stop(sweep, session.lab())


@guard.click
def _go_on(sweep: Sweep) -> None:
    _check_mine(sweep)
    sweeps.carry_on(sweep, session.lab())


def _panel(sweep: Sweep, live: bool) -> None:
    found = _entries(sweep)
    if _is_live(found) != live:
        st.rerun()  # the buttons depend on it
    rows = [[figure.part(fig := _figure(sweep, found), "sweep", alt(fig), plots.HEIGHT, 1.4),
             board.html(_table(sweep, found))]]  # fmt: skip
    click = board.show(rows, "sweep", REFRESH if live else None)
    if click and click.get("customdata"):
        choices.change(Shown, run=click["customdata"], step=FOLLOW)
        st.switch_page(
            st.session_state.pages["Train"], query_params=query(Shown(click["customdata"]))
        )


def _figure(sweep: Sweep, found: Sequence[Entry]):
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


def _along(entry: Entry):
    return entry.point.values[0] if entry.point.values else entry.point.recipe.seed


def _line(others: Sequence[str], entry: Entry) -> str:
    return ", ".join(
        f"{label(name).lower()} {_value(value)}"
        for name, value in zip(others, entry.point.values[1:], strict=True)
    )


def _value(value) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


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
    values = "".join(f"<td>{html.escape(_value(value))}</td>" for value in row.values)
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
