"""How fast ours is beside the notebook's way, measured in one process with alternating turns.

Other programs slow a machine down for seconds at a time. So each round gives every way its turns
of a fraction of a second, and what is compared is compared within a round: a slow spell then hits
both sides, and the median of the rounds leaves out where it did not.

What ours sets for its process, how threads wait and that freed memory is kept, serves the
notebook's way here as well: alone it would be somewhat slower than measured.
"""

import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..data.augment import preprocess
from ..data.dataset import Dataset, Split
from ..data.sources import located
from ..errors import UserError
from ..model import Transformer
from ..places import PACKAGE
from ..recipe import PRESETS, Recipe
from ..runs import machine
from ..runs.recorder import Recorder
from ..runs.run import Run
from ..training.trainer import train
from .baseline import Notebook
from .report import WAYS, Measured, Spread

ROUNDS, SHORT_ROUNDS, MAX_ROUNDS = 100, 17, 10_000  # short: long enough for a run's rarest write
TURN = 0.15  # seconds, about
DRAWS = 1000  # of rounds, to see how far the cost of telemetry is left to chance
MIN_STEPS = 3  # of a turn, whose first finds the caches as another way left them
WARM_UP = 25  # steps of each way that do not count; a run reports each of its first 20
WORK = """
import sys
from pathlib import Path
from ultimus.runs.run import Run
from ultimus.runs.worker import work
work(Run(Path(sys.argv[1])), patience=0)
"""  # what a worker of the lab does, in a process of its own
MEMORY_STEPS = 30  # of the worker whose memory is measured; it then tests, which takes more
LOOK_EVERY = 0.005  # seconds between looks at that memory

ORDERS = (
    ("notebook", "same", "headless", "grouped", "headless", "same", "patches", "trace"),
    ("notebook", "headless", "same", "grouped", "same", "headless", "patches", "trace"),
)
"""The turns of even and of odd rounds. Telemetry costs so little that its two sides have to
surround each other and to change places: what came before shall not favour one of them."""
LIVE_RECIPE = PRESETS["seed"].model_copy(update={"epochs": 1000})  # it outlasts the measurement
GROUPED_RECIPE = PRESETS["steady"].model_copy(update={"epochs": 1000})
PATCHES_RECIPE = GROUPED_RECIPE.model_copy(update={"model": "patches"})

Progress = Callable[[float], None]  # told the fraction that is done
Round = dict[str, float]  # seconds that a step takes, by way


def bench(
    dataset: Dataset,
    rounds: int = ROUNDS,
    progress: Progress = lambda done: None,
    turn: float = TURN,
) -> Measured:
    """Measure all ways; the machine should have nothing else to do.

    Args:
        dataset: what to train on.
        rounds: how many rounds of turns to make.
        progress: told the fraction that is done, 0...1.
        turn: seconds that a turn takes, about.

    Raises:
        UserError: the rounds are out of bounds, or there are fewer images than a step needs.
    """
    if not 1 <= rounds <= MAX_ROUNDS:
        raise UserError(f"The number of rounds, {rounds}, should be 1 to {MAX_ROUNDS:,}.")
    with tempfile.TemporaryDirectory(prefix="ultimus-bench-") as folder:
        clock = Clock()
        ways = _ways(_hardly_tested(dataset), Path(folder), clock)
        times = list(_rounds(ways, rounds, turn, clock, progress))
        ways["same"].close()  # before its folder goes
        memory = worker_memory(dataset.source, Path(folder))
    progress(1)
    return _figures(times, clock, dataset, memory)


# The ways -----------------------------------------------------------------------------------------


class Clock:
    """Time as the recorder reads it: it stands still while the other ways have their turns.

    A live run writes by the clock. Did the others' time count, each of its turns would begin with
    everything due, and telemetry would seem to cost several times what it does.

    Attributes:
        recorded: seconds spent in the recorder.
    """

    def __init__(self):
        self._missed = 0.0
        self._stopped: float | None = time.monotonic()
        self.start_over()

    def start_over(self) -> None:
        """Forget what was measured so far, as after warming up."""
        self.recorded = 0.0
        self._begin = self.monotonic()

    @property
    def share(self) -> float:
        """Time in the recorder over time in the steps proper."""
        return self.recorded / (self.monotonic() - self._begin - self.recorded)

    def monotonic(self) -> float:
        now = self._stopped if self._stopped is not None else time.monotonic()
        return now - self._missed

    def go(self) -> None:
        self._missed += time.monotonic() - self._stopped
        self._stopped = None

    def stop(self) -> None:
        self._stopped = time.monotonic()


def _hardly_tested(dataset: Dataset) -> Dataset:
    """With one group to test on, so that the end of an epoch does not weigh: steps are compared."""
    few = Split(dataset.test.images[:16], dataset.test.labels[:16])
    return replace(dataset, test=few)


def _ways(dataset: Dataset, runs: Path, clock: Clock) -> dict[str, Iterator[None]]:
    """By name, what makes one step whenever the next is asked for, without end."""
    return {
        "notebook": _endless(lambda: Notebook(LIVE_RECIPE, dataset).train()),
        "same": _endless(lambda: _live(dataset, runs, clock)),
        "headless": _endless(lambda: train(LIVE_RECIPE, dataset, device="cpu")),
        "grouped": _endless(lambda: train(GROUPED_RECIPE, dataset, device="cpu")),
        "patches": _endless(lambda: train(PATCHES_RECIPE, dataset, device="cpu")),
        "trace": _traced(dataset),
    }


def _endless(begin: Callable[[], Iterator[Any]]) -> Iterator[None]:
    while True:
        for _ in begin():
            yield


def _live(dataset: Dataset, runs: Path, clock: Clock) -> Iterator[None]:
    """Train as a worker does: what is due is written, what is asked for is looked up."""
    clock.go()
    run = Run.create(runs, LIVE_RECIPE)
    with run.hold():
        recorder = Recorder(run, LIVE_RECIPE, dataset, clock=clock.monotonic)
        for progress in train(LIVE_RECIPE, dataset, device="cpu"):
            begin = time.perf_counter()
            recorder.record(progress)
            recorder.obey()
            clock.recorded += time.perf_counter() - begin
            clock.stop()
            yield
            clock.go()
    clock.stop()


def _traced(dataset: Dataset) -> Iterator[None]:
    model = Transformer(len(dataset.classes))
    while True:
        with torch.inference_mode():
            model.trace(preprocess(dataset.test.images))
        yield


# The turns ----------------------------------------------------------------------------------------


def _rounds(
    ways: dict[str, Iterator[None]], rounds: int, turn: float, clock: Clock, progress: Progress
) -> Iterator[Round]:
    lengths = {name: _length(steps, turn) for name, steps in ways.items()}
    clock.start_over()
    for number in range(rounds):
        progress(number / rounds)
        spent = {name: [] for name in ways}
        for name in ORDERS[number % 2]:
            spent[name].append(_time(ways[name], lengths[name]))
        yield {name: float(np.mean(times)) for name, times in spent.items()}


def _length(steps: Iterator[None], turn: float) -> int:
    """Warm up; returns how many steps make a turn."""
    times = [_time(steps, 1) for _ in range(WARM_UP)]
    return max(MIN_STEPS, round(turn / float(np.median(times))))


def _time(steps: Iterator[None], count: int) -> float:
    """Seconds that a step takes, the mean of `count`."""
    begin = time.perf_counter()
    for _ in islice(steps, count):
        pass
    return (time.perf_counter() - begin) / count


# The figures --------------------------------------------------------------------------------------


def _figures(timed: list[Round], clock: Clock, dataset: Dataset, memory: float | None) -> Measured:
    times = {name: np.array([one[name] for one in timed]) for name in WAYS}  # each (rounds,)
    images = _images(dataset)
    speeds = {name: images[name] / times[name] for name in WAYS}
    return Measured(
        step_ms={name: Spread.of(1e3 * seconds) for name, seconds in times.items()},
        images_per_second={name: Spread.of(speed) for name, speed in speeds.items()},
        ratio_same=Spread.of(times["notebook"] / times["same"]),
        ratio_grouped=Spread.of(speeds["grouped"] / speeds["notebook"]),
        ratio_patches=Spread.of(times["patches"] / times["grouped"]),
        telemetry_cost=_cost(times["same"], times["headless"]),
        recorder_share=clock.share,
        worker_mb=memory,
        data=dataset.name,
        rounds=len(timed),
        threads=torch.get_num_threads(),
        machine=machine.describe(),
        versions={
            "torch": torch.__version__,
            "python": platform.python_version(),
            "ultimus": __version__,
        },
    )


def _images(dataset: Dataset) -> dict[str, int]:
    """Images of a step, by way."""
    few, many = LIVE_RECIPE.batch, GROUPED_RECIPE.batch
    traced = len(_hardly_tested(dataset).test)
    images = {"notebook": few, "same": few, "headless": few, "grouped": many, "patches": many}
    return images | {"trace": traced}


def _cost(dear: np.ndarray, cheap: np.ndarray) -> Spread:
    """By which fraction the first take longer, both (rounds,), over all rounds together."""
    rounds = len(dear)
    draws = np.random.default_rng(0).integers(0, rounds, (DRAWS, rounds))
    return Spread.of(dear[draws].sum(1) / cheap[draws].sum(1) - 1)


def worker_memory(source: str, runs: Path) -> float | None:
    """Train and test in a fresh process as the lab's workers do; watch its memory.

    Args:
        source: the data.
        runs: folder to put the run into.

    Returns:
        The peak in megabytes, shared pages aside; None where the system does not tell.

    Raises:
        UserError: the training failed.
    """
    recipe = Recipe.of(preset="steady", data=located(source), max_steps=MEMORY_STEPS)
    run = Run.create(runs, recipe)
    command = [sys.executable, "-c", WORK, str(run.folder)]
    peak = 0
    with subprocess.Popen(command, cwd=PACKAGE.parent) as process:
        while process.poll() is None:
            peak = max(peak, machine.own_memory(process.pid) or 0)
            time.sleep(LOOK_EVERY)
    if run.status().state != "done":
        raise UserError(f"The worker could not be measured: {run.status().reason or 'it died.'}")
    return peak / 1e6 if peak else None
