"""Runs beside each other in the lab: the same curves, what differs, and where each ended."""

import html

import streamlit as st

from ...errors import UserError
from ...links.pages import MOST_COMPARED, Attention, Lab, Shown
from ...links.state import query
from ...places import SHIPPED, runs_folder
from ...plots import comparison as plots
from ...plots.comparison import Series
from ...recipe import written
from ...runs import comparison
from ...runs.comparison import Member
from ...runs.run import Run
from ..controls import header, menu
from ..figures import board, figure
from ..state import choices, guard, session, text

REFRESH = 2.0  # seconds, while one of them trains


def show() -> None:
    """Let runs be chosen, and draw what is chosen."""
    chosen = [run for name in choices.of(Lab).runs if (run := _found(name))]
    known = {run.id: run for run in [*session.runs(), *chosen]}
    labels = menu.told_apart({name: header.label(run) for name, run in known.items()})
    st.multiselect(
        "Runs", list(known), [run.id for run in chosen], format_func=labels.get,
        max_selections=MOST_COMPARED, placeholder=f"two to {MOST_COMPARED} runs",
        **choices.widget(Lab, "runs", tuple),
    )  # fmt: skip
    if len(chosen) < 2:
        st.info(f"Choose two to {MOST_COMPARED} runs, to see their curves and what differs.")
        return
    _offer_attention(*chosen[:2])
    is_live = any(comparison.outcome(run).is_live for run in chosen)
    guard.fragment(_panel, run_every=REFRESH if is_live else None)(chosen, is_live)


def _offer_attention(one: Run, other: Run) -> None:
    """The way to the attention of two runs to the same pictures, side by side."""
    try:
        comparison.check_fit(one, other)
    except UserError as error:
        st.caption(text.plain(str(error)))
        return
    st.page_link(
        st.session_state.pages["Attention"], icon=":material/compare:",
        label="The attention of the first two to the same pictures, side by side",
        query_params=query(Shown(one.id), Attention(other=other.id)),
    )  # fmt: skip


def _found(name: str) -> Run | None:
    try:
        run = Run.find(name, runs_folder(), SHIPPED)
        run.info()
        return run
    except UserError as error:
        st.warning(text.plain(str(error)))
        return None


def _panel(runs: list[Run], was_live: bool) -> None:
    members = [one for run in runs if (one := _member(run))]
    if was_live and not any(one.outcome.is_live for one in members):
        st.rerun()  # which ends the timer
    names = comparison.names(members)
    rows = [_curves(members, names), [board.html(_table(members, names))]]
    board.show(board.message(rows), "comparison")


def _member(run: Run) -> Member | None:
    """A run as it stands; a sentence where it cannot be read any more."""
    try:
        return comparison.member(Run.find(run.id, run.folder.parent))
    except UserError as error:
        st.warning(text.plain(str(error)))
        return None


def _curves(members: list[Member], names: list[str]) -> list[dict]:
    losses = plots.curves(
        "Training loss", _series(members, names, "loss"), smoothing=plots.SMOOTHING
    )
    accuracies = plots.curves(
        "Test accuracy", _series(members, names, "test_accuracy"), is_share=True
    )
    return [
        figure.part(losses, "losses", plots.words("Training loss", names), plots.HEIGHT),
        figure.part(accuracies, "accuracies", plots.words("Test accuracy", names), plots.HEIGHT),
    ]


def _series(members: list[Member], names: list[str], column: str) -> list[Series]:
    return [Series(name, one.metrics.column("epoch"), one.metrics.column(column))
            for name, one in zip(names, members, strict=True)]  # fmt: skip


def _table(members: list[Member], names: list[str]) -> str:
    """A line for each run: its colour, what is its own, and where it ended; as HTML."""
    different = comparison.differences(members)
    heads = ["", "run", *different, "state", "steps", "test accuracy"]
    lines = []
    for place, (one, color) in enumerate(zip(members, plots.colors(len(members)), strict=True)):
        outcome = one.outcome
        sign = f'<i class="swatch" style="background:{color}"></i>'
        link = f'<a href="train?run={one.run.id}" target="_self">{html.escape(names[place])}</a>'
        own = [html.escape(written(values[place])) for values in different.values()]
        cells = [sign, link, *own, outcome.state, f"{outcome.step:,}", _accuracy(one)]
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in heads)
    table = f'<div class="wide"><table class="sweep"><tr>{head}</tr>{"".join(lines)}</table></div>'
    return table + _spread(members, names) + _same(different)


def _accuracy(one: Member) -> str:
    accuracy, group = one.outcome.accuracy, one.outcome.group
    return "–" if accuracy is None else f"{accuracy:.1%}, in groups of {group}"


def _spread(members: list[Member], names: list[str]) -> str:
    """What differs by the seed alone, in a sentence each."""
    sentences = []
    for family in comparison.families(members):
        who = ", ".join(html.escape(names[place]) for place in family.places)
        sentences.append(
            f"<p>{who} differ only by the seed: <b>{100 * family.mean:.1f} ± "
            f"{100 * family.spread:.1f} %</b>, mean and standard deviation of "
            f"{len(family.places)} runs.</p>"
        )
    return "".join(sentences)


def _same(different: dict) -> str:
    rest = "Their recipes are the same." if not different else "All else in their recipes is equal."
    return f'<p class="caption">{rest}</p>'
