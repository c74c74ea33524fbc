"""A run on show: how it stands, its controls, its numbers and its curves."""

import html
import json
import math
from functools import cache

import numpy as np
import streamlit as st

from .. import plots
from ..errors import UserError
from ..recipe import Recipe
from ..run import LIVE, RESUMABLE, Metrics, Run, State, Status
from . import audience, board, figure, link, session

WIDE = 132  # pixels of a button: rows of them wrap in a narrow window
REFRESH = 0.5  # seconds
BADGES = {
    "queued": ("Waiting", "gray"),
    "running": ("Training", "blue"),
    "paused": ("Paused", "orange"),
    "done": ("Done", "green"),
    "stopped": ("Stopped", "gray"),
    "failed": ("Failed", "red"),
    "interrupted": ("Interrupted", "orange"),
}
SEED_NOTE = """
<p>The dashed grey line is the <b>seed run</b>: the log that the published notebook printed, its
only one.</p>
<ul>
<li>Its <i>loss</i> is the mean over the first 2,000 of the 3,125 steps of an epoch.</li>
<li>Its <i>accuracy</i> is on the 50,000 <b>training</b> images, so its “best accuracy of 47.7 % on
the test images” is a training accuracy. On the test images it reached <b>41 %</b>.</li>
<li>In epoch 7 it <b>collapses</b>: the loss jumps from 1.42 to 2.36, and ends no lower than 1.68.
</li>
</ul>
"""
OTHER_DATA = "The seed run saw CIFAR-10, not the data of this run: compare shapes only."


def show(run: Run, recipe: Recipe | None) -> None:
    """Show a run, following it while it is live.

    Args:
        run: what to show.
        recipe: what Start would start; None while it cannot.
    """
    if problem := st.session_state.pop("problem", ""):
        st.error(problem)
    status = _status(run)
    _controls(run, recipe, status)
    st.fragment(_panel)(run, status.state)


def _panel(run: Run, state: State) -> None:
    status = _status(run)
    if status.state != state:
        st.rerun()  # the controls, and whether the board asks again, depend on the state
    every = audience.every(run, REFRESH) if status.state in LIVE else None
    _explain(status)
    if "loaded" in run.about:
        board.show([[board.html(_standing(run, status))]], "live")
        st.caption("A file of weights does not tell how training went, so there are no curves.")
        return
    metrics = session.metrics(run)
    if metrics.unreadable:
        st.warning(f"{metrics.unreadable} damaged lines of metrics.jsonl are left out.")
    summary = board.html(_standing(run, status) + _numbers(metrics))
    board.show([[summary], *_curves(run, metrics)], "live", every)


def _status(run: Run) -> Status:
    if run.folder.parent == session.runs_folder():
        lab = session.lab()
        lab.tend(run)
        return lab.status(run)
    return run.status()


def _controls(run: Run, recipe: Recipe | None, status: Status) -> None:
    """Start, Pause or Resume, Step, Stop, Rewind: always in the same places."""
    mine = session.is_mine(run)
    live, runs = mine and status.state in LIVE, mine and status.state == "running"
    resumable = mine and (status.state == "paused" or status.state in RESUMABLE)
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.button(
        "Start", type="primary", icon=":material/play_arrow:", disabled=recipe is None,
        width=WIDE, on_click=_begin, args=(recipe,),
        help="Start a new run with the data and recipe on the left.",
    )  # fmt: skip
    name, icon = ("Resume", ":material/resume:") if resumable else ("Pause", ":material/pause:")
    row.button(
        name, icon=icon, disabled=not (resumable or runs), width=WIDE,
        on_click=_ask, args=(run, name.lower()),
    )  # fmt: skip
    row.button(
        "Step", icon=":material/skip_next:", disabled=not (resumable or runs), width=WIDE,
        on_click=_ask, args=(run, "step"), help="Train on one batch, then stand still.",
    )  # fmt: skip
    row.button(
        "Stop", icon=":material/stop:", disabled=not live, width=WIDE,
        on_click=_ask, args=(run, "stop"), help="End the run here and keep it for a Resume.",
    )  # fmt: skip
    row.button(
        "Rewind", icon=":material/replay:",
        disabled=not mine or status.state == "queued" or "loaded" in run.about,
        width=WIDE, on_click=_rewind, args=(run, live),
        help="Back to the same initial weights and the same order of images. The run so far is "
        "kept in the list.",
    )  # fmt: skip
    row.toggle("Seed run", value=True, key="seed_run", bind="query-params")


# What a click does, before the page is drawn anew. The controls are outside of what the timer
# draws: a click is then never lost between two of its updates.


def _begin(recipe: Recipe, paused: bool = False) -> None:
    try:
        run = session.lab().start(recipe, paused=paused, owner=session.owner())
        link.write("run", run.id)
    except UserError as error:
        st.session_state.problem = str(error)


def _ask(run: Run, request: str) -> None:
    try:
        session.lab().ask(run, request)
    except UserError as error:
        st.session_state.problem = str(error)


def _rewind(run: Run, live: bool) -> None:
    if live:
        _ask(run, "stop")
    _begin(run.recipe, paused=True)


def _explain(status: Status) -> None:
    """Why the run does not go on, where there is more to it than that it has ended."""
    if status.state == "failed":
        st.error(status.reason)
    elif status.reason:
        st.warning(f"{status.reason} Press Resume to go on from step {status.step:,}.")


def _standing(run: Run, status: Status) -> str:
    """In words and a bar how far the run is, as HTML."""
    label, color = BADGES[status.state]
    done = min(status.step / status.total, 1.0) if status.total else 0.0
    look = f"color: var(--st-{color}-text-color); background: var(--st-{color}-background-color)"
    return (
        f'<p class="standing"><span class="badge" style="{look}">{label}</span> '
        f"{html.escape(_where(run, status))}</p>"
        '<div class="bar" role="progressbar" aria-label="Progress" '
        f'aria-valuenow="{100 * done:.0f}"><div style="width: {done:.2%}"></div></div>'
    )


def _where(run: Run, status: Status) -> str:
    if status.state == "queued":
        before = session.lab().place(run) or 0
        return "next in line" if not before else f"{before} before this one"
    if not status.total:
        return status.doing
    epochs = round(status.total * status.epoch / status.step) if status.step else 0
    parts = [
        f"epoch {status.epoch:.2f}" + (f" of {epochs}" if epochs else ""),
        f"step {status.step:,} of {status.total:,}",
    ]
    if status.state == "running" and status.images_per_second:
        left = (status.total - status.step) / status.step * status.seconds if status.step else 0
        parts += [f"{status.images_per_second:,.0f} images/s", f"{_duration(left)} left"]
    elif status.seconds:
        parts.append(f"trained for {_duration(status.seconds)}")
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def _numbers(metrics: Metrics) -> str:
    """The newest numbers, as HTML."""
    group = _last(metrics.column("test_group"))
    test_label = "Test accuracy" if math.isnan(group) else f"Test, groups of {group:.0f}"
    numbers = (
        ("Loss", _last(plots.smooth(metrics.column("loss"), 20)), ".3f"),
        ("Training accuracy", _last(plots.smooth(metrics.column("train_accuracy"), 20)), ".1%"),
        (test_label, _last(metrics.column("test_accuracy")), ".2%"),
        ("Learning rate", _last(metrics.column("lr")), ".3g"),
        ("Gradient norm", _last(metrics.column("grad_norm")), ".3g"),
    )
    cells = (
        f"<div><dt>{label}</dt><dd>{'–' if math.isnan(value) else format(value, form)}</dd></div>"
        for label, value, form in numbers
    )
    return f'<dl class="numbers">{"".join(cells)}</dl>'


def _last(values: np.ndarray) -> float:
    """The last measured value, NaN if there is none."""
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else math.nan


def _curves(run: Run, metrics: Metrics) -> list[list[dict]]:
    """Two rows of a board: loss and accuracy; the learning rate, and what was run."""
    recipe, about = run.recipe, run.about
    data = about.get("dataset", {})
    epoch, loss = metrics.column("epoch"), metrics.column("loss")
    shared = {"epochs": _epochs(recipe, data), "uirevision": run.id}
    losses = plots.loss_curve(epoch, loss, reference=_reference("loss"), **shared)
    accuracies = plots.accuracy_curve(
        epoch,
        metrics.column("train_accuracy"),
        *_measured(metrics, "test_accuracy"),
        group=recipe.group,
        chance=1 / len(data.get("classes", range(10))),
        reference=_reference("train_accuracy"),
        **shared,
    )
    rates = plots.rate_curve(
        epoch,
        metrics.column("lr"),
        planned=_planned(recipe, data),
        reference=_reference("lr"),
        **shared,
    )
    over = f"over the epochs of the run {run.id}"
    return [
        [
            figure.part(losses, "loss", f"Loss {over}", height=330),
            figure.part(accuracies, "accuracy", f"Accuracy {over}", height=330),
        ],
        [
            figure.part(rates, "learning-rate", "Learning rate, so far and planned", height=270),
            board.html(_about(recipe, data)),
        ],
    ]


def _measured(metrics: Metrics, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values of a number that only some rows have."""
    values = metrics.column(name)
    known = ~np.isnan(values)
    return metrics.column("epoch")[known], values[known]


def _epochs(recipe: Recipe, data: dict) -> float:
    """The length that the run is planned to have."""
    if recipe.max_steps and "train" in data:
        return recipe.total_steps(data["train"]) / recipe.steps_per_epoch(data["train"])
    return recipe.epochs


def _planned(recipe: Recipe, data: dict) -> tuple[np.ndarray, np.ndarray] | None:
    """The whole schedule: epochs and learning rates."""
    if "train" not in data:
        return None
    total, per_epoch = recipe.total_steps(data["train"]), recipe.steps_per_epoch(data["train"])
    steps = np.unique(np.linspace(0, total - 1, 300).round())
    return steps / per_epoch, np.array([recipe.rate(step, total) for step in steps])


def _reference(name: str) -> plots.Reference | None:
    if not st.session_state.get("seed_run", True):
        return None
    label = "seed run (training)" if name == "train_accuracy" else "seed run"
    rows = _seed_log()
    return [row["epoch"] for row in rows], [row[name] for row in rows], label


@cache
def _seed_log() -> list[dict]:
    return json.loads((session.ASSETS / "seed_log.json").read_text())["epochs"]


def _about(recipe: Recipe, data: dict) -> str:
    """What was run, on what, and what the grey line is, as HTML."""
    clip = f"gradient limit {recipe.clip:g}" if recipe.clip else "no gradient limit"
    name, preset = (html.escape(each) for each in (data.get("name", recipe.data), recipe.preset))
    facts = [
        f"<b>{name}</b>",
        f"recipe <i>{preset}</i>, seed {recipe.seed}",
        f"{recipe.groups} × {recipe.group} images per step",
        f"{recipe.optimizer}, {recipe.schedule} to {recipe.lr:g}, {clip}",
    ]
    text = f"<p>{'&ensp;·&ensp;'.join(facts)}</p>"
    if st.session_state.get("seed_run", True):
        text += SEED_NOTE
        if data.get("name", "").split(" (")[0] != "CIFAR-10":
            text += f'<p class="caption">{OTHER_DATA}</p>'
    return text
