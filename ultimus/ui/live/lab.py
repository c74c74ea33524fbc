"""What was tried in the lab: a sweep or a range test on show, which fills while its runs train."""

from collections.abc import Sequence

import streamlit as st

from ...errors import UserError, counted
from ...links.pages import FOLLOW, MOST_COMPARED, Lab, Shown
from ...links.state import query
from ...places import runs_folder
from ...recipe import written
from ...runs import sweep as sweeps
from ...runs.sweep import Entry, Sweep
from ..controls import menu
from ..controls.sweep import label
from ..figures import board
from ..state import browser, choices, guard, session, text
from . import range_test, sweep_rows

REFRESH = 1.0  # seconds
LISTED = 30  # sweeps to choose from
WIDE = 132  # pixels of a button


def show() -> None:
    """Draw the sweep or range test that is chosen, or the newest one of this browser."""
    is_range = choices.of(Lab).tool == "range"
    kind = [sweep for sweep in sweeps.saved(runs_folder()) if sweep.is_range_test == is_range]
    known = {sweep.id: sweep for sweep in kind[:LISTED]}
    try:
        sweep = _chosen(known, is_range)
    except UserError as error:
        st.error(text.plain(str(error)))
        return
    if sweep is None:
        st.info("Nothing was tried here yet: choose above, and press Start.")
        if is_range:
            range_test.example()
        return
    row = st.container(horizontal=True, vertical_alignment="center")
    names = {found.id: _name(found) for found in [sweep, *known.values()]}
    menu.show(
        row, menu.told_apart(names)[sweep.id], names, key="sweep on show", on_choose=_choose,
        help="Choose another one.",
    )  # fmt: skip
    live = _is_live(_entries(sweep))
    _controls(row, sweep, live)
    guard.fragment(_panel)(sweep, live)


def _chosen(known: dict[str, Sweep], is_range: bool) -> Sweep | None:
    if wanted := choices.of(Lab).sweep:
        found = known.get(wanted) or sweeps.find(wanted, runs_folder())
        if found.is_range_test == is_range:
            return found
    mine = [sweep for sweep in known.values() if browser.is_me(sweep.owner)]
    return next(iter([*mine, *known.values()]), None)


def _choose(sweep_id: str) -> None:
    choices.change(Lab, sweep=sweep_id)


def _name(sweep: Sweep) -> str:
    """What tells it from others, in a menu."""
    tried = " × ".join(f"{len(values)} of {label(name).lower()}"
                       for name, values in sweep.values.items())  # fmt: skip
    recipe = sweep.recipe
    whose = "mine" if browser.is_me(sweep.owner) else "of others"
    what = " × ".join(filter(None, [tried, counted(sweep.seeds, "seed")]))
    length = counted(recipe.epochs, "epoch")
    if sweep.is_range_test:
        length = f"{written(recipe.lr / recipe.start_divisor)} to {written(recipe.lr)}"
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
    if not sweep.is_range_test:
        _compare(row, _entries(sweep))


def _compare(row, found: Sequence[Entry]) -> None:
    """The way to the curves of its runs beside each other."""
    begun = [entry for entry in found if entry.run]
    if len(begun) > MOST_COMPARED:  # one of each value
        begun = list({entry.point.values: entry for entry in reversed(begun)}.values())[::-1]
    ids = tuple(entry.run.id for entry in begun[:MOST_COMPARED])
    row.button(
        "Compare these", icon=":material/stacked_line_chart:", disabled=len(ids) < 2,
        on_click=choices.change, args=(Lab,), kwargs={"tool": "compare", "runs": ids},
        key="compare sweep", help=f"Their curves beside each other; of more than {MOST_COMPARED} "
        "runs the first seed of each value.",
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
    rows = range_test.rows if sweep.is_range_test else sweep_rows.rows
    content = board.message([rows(sweep, found)], REFRESH if live else None)
    click = board.show(content, "lab")
    if click and click.get("customdata"):
        run = click["customdata"]
        choices.change(Shown, run=run, step=FOLLOW)
        st.switch_page(st.session_state.pages["Train"], query_params=query(Shown(run)))
    if sweep.is_range_test and not live:
        range_test.three(found)
