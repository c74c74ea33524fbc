"""Writes what training yields into the run folder, and obeys the folder's requests."""

import io
import time
from collections.abc import Callable
from contextlib import suppress

import torch

from .. import __version__
from ..checkpoints import checkpoint
from ..checkpoints.metadata import Origin
from ..data.dataset import Dataset
from ..errors import UserError
from ..evaluation import Evaluation
from ..files import write_atomically
from ..recipe import Recipe
from ..training.training import Progress, Training
from . import metrics
from .control import PATIENCE, Control
from .due import Schedule
from .report import Report
from .run import Run, State, Status


class Recorder:
    """Between a run's training and its folder.

    Args:
        run: the run, held by this process.
        recipe: what it does.
        dataset: what it trains on.
        patience: seconds to stand paused before the worker is given to another run.
        clock: tells the time in seconds.

    Attributes:
        control: what the run is asked to do.
    """

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        dataset: Dataset,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.control = Control(run, patience, clock, self._multiply_rate)
        self._run = run
        self._recipe = recipe
        self._dataset = dataset
        # where the rate changes fast, no two steps are alike
        self._schedule = Schedule(clock, each_step=recipe.schedule == "geometric")
        self._training: Training | None = None
        self._report: Report | None = None
        self._tested: tuple[int, Evaluation] | None = None  # the last one, and at which step

    def record(self, progress: Progress) -> None:
        """Take in a step; write what is due."""
        if self._training is None:
            self._begin(progress.training)
        else:
            self._report.add(progress)
        if progress.epoch_result:
            self._tested = progress.step, progress.epoch_result.test
        self.control.count(progress.steps)
        due = self._schedule.due(progress, is_single=self.control.allowed is not None)
        if "report" in due:
            self._write_report()
        if "snapshot" in due:
            self._write_snapshot()
        if "live" in due:
            self._write_live()
        if "state" in due:  # last: all that comes before it is then on disk
            self._write_state()

    def obey(self) -> bool:
        """Do what the run is asked to do; whether to make another step."""
        control = self.control
        control.listen()
        if control.is_paused:
            self._write_all()
            self._stand("paused")
            control.wait()
            self._schedule.wrote("report")
            if control.goes_on:
                self._stand("running")
        self._training.limit = 1 if self._schedule.each_step else control.allowed
        return control.goes_on

    def finish(self) -> Status:
        """Leave the run folder complete for what happens next; returns how the run stands."""
        self._write_all()
        if self.control.parked:
            return self._stand("paused")
        self._write_snapshot()
        return self._stand("stopped" if self.control.stopped else "done")

    def keep_last_good(self) -> None:
        """The step that failed changed nothing: report and keep what stood before it."""
        self._write_report()
        self._write_live()
        self._write_snapshot()

    def _multiply_rate(self, factor: float) -> None:
        """Change the recipe of the steps to come, on disk first: a run that is killed then makes
        the same steps again."""
        with suppress(UserError):  # more changes than a recipe holds
            recipe = self._recipe.with_factor(self._training.step, factor)
            self._run.ran_with(recipe=recipe.model_dump())
            self._recipe = recipe
            self._training.take(recipe)

    def _begin(self, training: Training) -> None:
        self._training = training
        self._report = Report(self._recipe, self._dataset, training)
        self._schedule.snapshots = frozenset(self._recipe.snapshot_steps(training.total))
        self._stand("running")
        self._write_live()

    def _write_all(self) -> None:
        self._write_report()
        self._write_state()
        self._write_live()

    def _write_report(self) -> None:
        line = self._report.line()
        if not line:
            return
        metrics.report(self._run.folder, line)
        if self.control.allowed != 0:
            self._stand("running")
        self._schedule.wrote("report")

    def _write_snapshot(self) -> None:
        training = self._training
        checkpoint.save(self._run.snapshot(training.step), training.model, **self._about_weights())

    def _write_live(self) -> None:
        checkpoint.save(self._run.live_weights, self._training.model, **self._about_weights())
        self._schedule.wrote("live")

    def _write_state(self) -> None:
        buffer = io.BytesIO()
        torch.save(self._training.state(), buffer)
        write_atomically(self._run.resume_file, buffer.getvalue())
        self._schedule.wrote("state")

    def _about_weights(self) -> dict[str, str]:
        """What a file of these weights says about them."""
        training = self._training
        step, test = self._tested or (-1, None)
        is_tested = step == training.step
        return Origin(
            run=self._run.id,
            step=training.step,
            epoch=training.step / training.per_epoch,
            recipe=self._recipe,
            data=self._dataset.name,
            fingerprint=self._dataset.fingerprint,
            classes=self._dataset.classes,
            train=len(self._dataset.train),
            test=len(self._dataset.test),
            accuracy=test.accuracy if is_tested else None,
            group=test.group if is_tested else None,
            grouping=test.grouping if is_tested else "",
            version=__version__,
        ).metadata()

    def _stand(self, state: State) -> Status:
        """Say how the run stands."""
        training = self._training
        status = Status(
            state=state,
            step=training.step,
            total=training.total,
            epoch=training.step / training.per_epoch,
            images_per_second=self._report.speed,
            seconds=training.seconds,
        )
        self._run.set_status(status)
        return status
