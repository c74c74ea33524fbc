"""Training on an NVIDIA card: whether its recorded steps are right, and how fast they are.

All of it takes at most six minutes: each run ends after its share of the time, and what a whole one
would take is then told from the steps that it made.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .. import __version__
from ..analysis.measured import Measured
from ..data.dataset import Dataset
from ..errors import UserError
from ..recipe import PRESETS, Recipe
from ..runs import machine
from ..training.strides import GraphTraining
from ..training.trainer import train

SECONDS = {"seed": 120, "best": 110, "patches": 40}  # that a run's steps may take, by preset
CHECKED = 24  # steps that are made both ways: enough for all that a step could leave behind
TOLERANCE = 2e-5  # of a weight after these


@dataclass(frozen=True)
class Timed:
    """A run, as far as its time went.

    Attributes:
        recipe: what it did.
        steps: that it made.
        total: that a whole run has.
        seconds: spent in steps.
        seconds_in_all: with tests and preparations.
        accuracy: of the last test.
    """

    recipe: Recipe
    steps: int
    total: int
    seconds: float
    seconds_in_all: float
    accuracy: float

    @property
    def whole(self) -> float:
        """Seconds that the steps of a whole run take."""
        return self.seconds * self.total / self.steps


def require_card() -> None:
    """See to it that there is a card.

    Raises:
        UserError: there is none that torch can use.
    """
    if not torch.cuda.is_available():
        raise UserError(
            "There is no NVIDIA card here that torch can use: run this where one is, with a torch "
            "built for CUDA, or leave out --gpu to measure the processor."
        )


def difference(recipe: Recipe, dataset: Dataset, device: str = "cuda") -> float:
    """The largest difference of a weight after steps replayed from a recording and eager ones.

    The key's bias aside: softmax ignores it, so its gradient is rounding noise, and Adam makes full
    steps of that.
    """
    recipe = recipe.model_copy(update={"max_steps": CHECKED})
    recorded, eager = (
        _trained(GraphTraining(recipe, dataset, device, is_recorded))
        for is_recorded in (True, False)
    )
    names = [name for name in eager if name != "ultimusBlock.k.bias"]
    return max((recorded[name] - eager[name]).abs().max().item() for name in names)


def _trained(training: GraphTraining) -> dict[str, torch.Tensor]:
    while not training.finished:
        training.advance()
    return training.model.state_dict()


def timed(recipe: Recipe, dataset: Dataset, seconds: float, device: str = "cuda") -> Timed:
    """Train until the run, or its time, ends.

    Args:
        recipe: what to do.
        dataset: what to train on.
        seconds: that its steps may take.
        device: where.
    """
    begin = time.perf_counter()
    limited = recipe.model_copy(update={"max_seconds": seconds})
    for progress in train(limited, dataset, device=device):
        if progress.epoch_result:
            accuracy = progress.epoch_result.test.accuracy
    training = progress.training
    in_all = time.perf_counter() - begin
    return Timed(recipe, training.step, training.total, training.seconds, in_all, accuracy)


def bench(
    dataset: Dataset,
    progress: Callable[[str], None] = lambda doing: None,
    device: str = "cuda",
    seconds: dict[str, float] | None = None,
) -> tuple[Measured, list[Timed]]:
    """Check and measure.

    Args:
        dataset: what to train on.
        progress: told what is done next.
        device: where.
        seconds: that the steps of a run may take, by preset; `SECONDS` unless given.

    Returns:
        What assets/measured keeps, and the runs.

    Raises:
        UserError: recorded steps are not the eager ones, so that their speed means nothing.
    """
    seconds = SECONDS if seconds is None else seconds
    values, runs = {}, []
    for preset in seconds:
        progress(f"checking {preset}")
        values[f"{preset}: difference"] = _checked(preset, dataset, device)
    for preset, share in seconds.items():
        progress(f"training {preset}")
        run = timed(PRESETS[preset], dataset, share, device)
        runs.append(run)
        for name in ("steps", "total", "seconds", "whole", "seconds_in_all", "accuracy"):
            values[f"{preset}: {name}"] = getattr(run, name)
    return _measured(dataset, device, values), runs


def _checked(preset: str, dataset: Dataset, device: str) -> float:
    worst = difference(PRESETS[preset], dataset, device)
    if not worst <= TOLERANCE:
        raise UserError(
            f"On this card the recorded steps of {preset} are not the eager ones: after {CHECKED} "
            f"steps a weight differs by {worst:.2g}. Nothing was measured; train with "
            "CUDA_VISIBLE_DEVICES= on the processor, and report this with the card's name."
        )
    return worst


def card(device: str) -> str:
    """What computes there, by name."""
    on_card = torch.device(device).type == "cuda"
    return torch.cuda.get_device_name(device) if on_card else str(machine.describe()["cpu"])


def _measured(dataset: Dataset, device: str, values: dict[str, float]) -> Measured:
    versions = f"torch {torch.__version__}, CUDA {torch.version.cuda}, ultimus {__version__}"
    return Measured(
        about="Training on an NVIDIA card: the largest difference of a weight after steps recorded "
        "and eager, steps made, seconds they took, seconds of the steps of a whole run, seconds "
        "with tests and preparations, and test accuracy",
        unit="as named",
        data=dataset.name,
        machine=f"{card(device)}; {versions}",
        command=f"ultimus bench --gpu --data {dataset.source} --out FILE",
        seeds=(0,),
        values={name: (value,) for name, value in values.items()},
    )


def as_text(measured: Measured, runs: list[Timed]) -> str:
    """The machine, and the rows of a table like the README's."""
    header = (
        "| recipe | epochs | steps | test accuracy | trained in |\n| --- | --- | --- | --- | --- |"
    )
    return "\n".join([f"{measured.machine}; {measured.data}", header, *map(_row, runs)])


def _row(run: Timed) -> str:
    ended = run.steps == run.total
    steps = f"{run.total:,}" if ended else f"{run.steps:,} of {run.total:,}"
    whole = f"{run.seconds:.1f} s of steps" if ended else f"{run.whole:.0f} s if all were made"
    recipe = run.recipe
    return f"| `{recipe.preset}` | {recipe.epochs} | {steps} | {run.accuracy:.1%} | {whole} |"
