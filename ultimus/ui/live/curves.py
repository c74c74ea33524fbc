"""The board of a run: how far it is, its newest numbers, its curves, its probe group."""

import html
import math
from typing import Any

import numpy as np

from ...analysis.measured import notebook_log
from ...data.groups import composition, conditions
from ...data.sources import CIFAR10_CLASSES, is_cifar10
from ...plots import curves as plots
from ...recipe import Recipe
from ...runs.control import GRACE
from ...runs.info import RunInfo
from ...runs.metrics import Metrics
from ...runs.run import LIVE, Run, Status
from ..figures import board, figure
from ..server import scenes
from ..state import session

HEIGHT = 300  # pixels of a figure
BADGES = {
    "queued": ("Waiting", "gray"),
    "running": ("Training", "blue"),
    "paused": ("Paused", "orange"),
    "done": ("Done", "green"),
    "stopped": ("Stopped", "gray"),
    "failed": ("Failed", "red"),
    "interrupted": ("Interrupted", "orange"),
}
LOG_NOTE = """
<p>The dashed grey line is the <b>notebook log</b>: what the published notebook printed, once.</p>
<ul>
<li>Its <i>loss</i> is the mean over the first 2,000 of the 3,125 steps of an epoch.</li>
<li>Its <i>accuracy</i> is on the 50,000 <b>training</b> images, so its “best accuracy of 47.7 % on
the test images” is a training accuracy. On the test images it reached <b>41 %</b>.</li>
<li>In epoch 7 it <b>collapses</b>: the loss jumps from 1.42 to 2.36, and ends no lower than 1.68.
</li>
</ul>
"""
TRAINING_NOTE = (
    "Training accuracy is on augmented images, each answered before the step that learns from it: "
    "by weights that were still changing. Test accuracy is on images as they are, by the weights "
    "at the end of an epoch. So the two are not of one kind, and the first may well be lower."
)


def has_log(info: RunInfo) -> bool:
    """Whether the notebook's log can be compared with a run: it saw CIFAR-10."""
    return is_cifar10(info.data_name)


def rows(run: Run, status: Status, metrics: Metrics, seed_run: bool) -> list[list[dict[str, Any]]]:
    """Rows of the board.

    Args:
        run: what to show.
        status: how it stands.
        metrics: what it has measured up to now.
        seed_run: whether the published notebook's log is drawn beside it, where that saw the same.
    """
    seed_run = seed_run and has_log(run.info())
    probe = board.group(scenes.probe_address(run), status.state in LIVE)
    if run.info().loaded:  # a file of weights does not tell how training went
        return [[board.html(_standing(run, status, metrics))], [probe]]
    losses, accuracies, rates = _curves(run, status, metrics, seed_run)
    about = board.html(_about(run.info(), seed_run))
    return [summary(run, status, metrics), [losses, probe, accuracies], [rates, about]]


def summary(run: Run, status: Status, metrics: Metrics) -> list[dict[str, Any]]:
    """The first of the rows, which is new each time."""
    return [
        board.html(_standing(run, status, metrics) + _numbers(metrics, run.info().recipe.grouping))
    ]


def reach(status: Status, metrics: Metrics) -> float | None:
    """The epoch that the curves of a run in training go up to; None if none grows."""
    epoch = metrics.column("epoch")
    return float(epoch[-1]) if status.state == "running" and len(epoch) else None


def _standing(run: Run, status: Status, metrics: Metrics) -> str:
    """In words and a bar how far the run is, as HTML."""
    label, color = BADGES[status.state]
    look = f"color: var(--st-{color}-text-color); background: var(--st-{color}-background-color)"
    return (
        f'<p class="standing"><span class="badge" style="{look}">{label}</span> '
        f"{html.escape(_where(run, status) + _ending(run, status, metrics))}</p>"
        '<div class="bar" role="progressbar" aria-label="Progress" '
        f'aria-valuenow="{100 * status.progress:.0f}">'
        f'<div style="width: {status.progress:.2%}"></div></div>'
    )


def _where(run: Run, status: Status) -> str:
    if status.state == "queued":
        if status.reason:  # why nothing is trained at present
            return status.reason
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
        parts += [f"{status.images_per_second:,.0f} images/s", f"{_left(run, status)} left"]
    elif status.state == "paused":
        parts.append(f"keeps its place for {GRACE:.0f} s, then others may go first")
    elif status.seconds:
        parts.append(f"trained for {duration(status.seconds)}")
    return " · ".join(parts)


def _left(run: Run, status: Status) -> str:
    """How long it will train, or what ends it before that."""
    recipe = run.info().recipe
    left = (status.total - status.step) / status.step * status.seconds if status.step else 0
    if recipe.max_seconds:
        left = min(left, max(0, recipe.max_seconds - status.seconds))
    if recipe.target is None:
        return duration(left)
    return (
        f"until {100 * recipe.target:.3g} % of the test images are right, at most {duration(left)}"
    )


def _ending(run: Run, status: Status, metrics: Metrics) -> str:
    """Why a run ended before its last step, or that it has not reached what it aims at."""
    recipe = run.info().recipe
    if status.state != "done" or not status.total:
        return ""
    if recipe.target is not None:
        is_reached = _last(metrics.column("test_accuracy")) >= recipe.target
        what = "reached" if is_reached else "did not reach"
        return f" · {what} the {100 * recipe.target:.3g} % of the test images that it aimed at"
    is_early = status.step < status.total and recipe.max_seconds
    return f" · its {recipe.max_seconds:g} s were over" if is_early else ""


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as a person says them."""
    whole = round(seconds)  # at first, so that 119.7 is not 1 min 60 s
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _numbers(metrics: Metrics, grouping: str) -> str:
    """The newest numbers, as HTML."""
    group = _last(metrics.column("test_group"))
    test_label = "Test accuracy"
    if not math.isnan(group):
        test_label = f"Test, {conditions(int(group), grouping).removeprefix('in ')}"
    numbers = (
        ("Loss", _last(plots.smooth(metrics.column("loss"), 20)), ".3f"),
        ("Training (augmented)", _last(plots.smooth(metrics.column("train_accuracy"), 20)), ".1%"),
        (test_label, _last(metrics.column("test_accuracy")), ".2%"),
        ("Learning rate", _last(metrics.column("lr")), ".3g"),
        ("Gradient norm", _last(metrics.column("grad_norm")), ".3g"),
    )
    cells = (
        f"<div><dt>{label}</dt><dd>{_number(value, form)}</dd></div>"
        for label, value, form in numbers
    )
    return f'<dl class="numbers">{"".join(cells)}</dl>'


def _number(value: float, form: str) -> str:
    """A number as people write it, as HTML: 6 × 10⁻⁸ and not 6e-08."""
    if math.isnan(value):
        return "–"
    digits, _, power = format(value, form).partition("e")
    return f"{digits} × 10<sup>{int(power)}</sup>".replace("-", "−") if power else digits


def _last(values: np.ndarray) -> float:
    """The last measured value, NaN if there is none."""
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else math.nan


def _curves(run: Run, status: Status, metrics: Metrics, seed_run: bool) -> list[dict]:
    """Parts of a board: loss, accuracy and the learning rate."""
    info = run.info()
    epoch, loss = metrics.column("epoch"), metrics.column("loss")
    shared = {"epochs": _epochs(info), "uirevision": run.id}
    grown = reach(status, metrics)
    reference = _reference if seed_run else lambda name: None
    losses = plots.loss_curve(epoch, loss, reference=reference("loss"), **shared)
    accuracies = plots.accuracy_curve(
        epoch,
        metrics.column("train_accuracy"),
        *_measured(metrics, "test_accuracy"),
        group=_group(metrics, info.recipe),
        composed=composition(info.recipe.grouping),
        chance=1 / len(info.dataset.classes or CIFAR10_CLASSES),
        reference=reference("train_accuracy"),
        **shared,
    )
    rates = plots.rate_curve(
        epoch,
        metrics.column("lr"),
        planned=_planned(info),
        reference=reference("lr"),
        **shared,
    )
    per_epoch = info.steps_per_epoch or math.inf  # not known before it has begun
    changed = [step / per_epoch for step in info.recipe.changed_at]
    losses, accuracies, rates = (
        plots.with_changes(figure, changed) for figure in (losses, accuracies, rates)
    )
    over = f"over the epochs of the run {run.id}"
    planned = "Learning rate, so far and planned"
    return [
        figure.part(losses, "loss", f"Loss {over}", height=HEIGHT, reach=grown),
        figure.part(accuracies, "accuracy", f"Accuracy {over}", height=HEIGHT, reach=grown),
        figure.part(rates, "learning-rate", planned, height=HEIGHT, reach=grown),
    ]


def _group(metrics: Metrics, recipe: Recipe) -> int:
    """Of how many images the groups were that the test accuracy was measured in: of fewer than the
    recipe's where there are not as many test images."""
    group = _last(metrics.column("test_group"))
    return recipe.attending if math.isnan(group) else int(group)


def _measured(metrics: Metrics, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values of a number that only some rows have."""
    values = metrics.column(name)
    known = ~np.isnan(values)
    return metrics.column("epoch")[known], values[known]


def _epochs(info: RunInfo) -> float:
    """The length that the run is planned to have."""
    if info.recipe.max_steps and info.total_steps:
        return info.total_steps / info.steps_per_epoch
    return info.recipe.epochs


def _planned(info: RunInfo) -> tuple[np.ndarray, np.ndarray] | None:
    """The whole schedule: epochs after each step, and the rates of the steps."""
    if not info.total_steps:
        return None
    steps = np.unique(np.linspace(0, info.total_steps - 1, 300).round())
    rates = [info.recipe.rate(step, info.total_steps) for step in steps]
    return (steps + 1) / info.steps_per_epoch, np.array(rates)


def _reference(name: str) -> plots.Reference:
    label = "notebook log (training)" if name == "train_accuracy" else "notebook log"
    rows = notebook_log()["epochs"]
    return [row["epoch"] for row in rows], [row[name] for row in rows], label


def _attending(recipe: Recipe) -> str:
    """How many images make a step, and what attends to what."""
    if recipe.model == "patches":
        grid = f"{recipe.grid} × {recipe.grid}"
        return f"{recipe.batch} images per step, each a group of {grid} patches"
    composed = composition(recipe.grouping)
    images = f"{recipe.groups} × {recipe.group} images per step"
    return f"{images}, groups{composed}" if composed else images


def _changes(recipe: Recipe) -> list[str]:
    """Where the rate was changed by hand, as the dotted lines of the figures show it."""
    return [f"rate × {recipe.factor(step):g} from step {step + 1:,} on"
            for step in recipe.changed_at]  # fmt: skip


def _about(info: RunInfo, seed_run: bool) -> str:
    """What was run, on what, and what the grey line is, as HTML."""
    recipe = info.recipe
    clip = f"gradients clipped at {recipe.clip:g}" if recipe.clip else "no gradient clipping"
    name, preset = (html.escape(text) for text in (info.data_name, recipe.preset))
    facts = [
        f"<b>{name}</b>",
        f"recipe <i>{preset}</i>, seed {recipe.seed}",
        _attending(recipe),
        f"{recipe.optimizer}, {recipe.schedule} to {recipe.lr:g}, {clip}",
        *_changes(recipe),
    ]
    text = f"<p>{'&ensp;·&ensp;'.join(facts)}</p>"
    text += f'<p class="caption">{TRAINING_NOTE}</p>'
    return text + LOG_NOTE if seed_run else text
