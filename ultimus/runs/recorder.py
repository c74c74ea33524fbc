"""Writes what training yields into the run folder, and obeys the folder's requests."""

import io
import time
from collections.abc import Callable

import torch

from .. import __version__
from ..checkpoints import checkpoint
from ..checkpoints.metadata import Origin
from ..data.augment import preprocess
from ..data.dataset import Dataset
from ..errors import UserError
from ..evaluation import Evaluation, fixed_groups
from ..files import write_atomically
from ..model import entropy
from ..recipe import Recipe
from ..training.trainer import FIRST_STEPS, Progress, Training
from . import metrics
from .info import read_status
from .run import Run, State, Status

REPORT_EVERY = 0.4  # seconds between lines of metrics


LIVE_EVERY = 0.5  # between writes of live.safetensors


RESUME_EVERY = 5.0  # between writes of resume.pt, at least


POLL_EVERY = 0.02  # between looks for a request while paused


LOOK_EVERY = 1.0  # between looks for other runs that wait for a worker


GRACE = 60.0  # seconds a paused run keeps its worker though others wait


PATIENCE = 600.0  # seconds paused before the worker is given back, though nobody waits for it


class Recorder:
    """Writes what training yields into the run folder and obeys the folder's requests."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        dataset: Dataset,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.run = run
        self._clock = clock
        self.patience = patience
        self.snapshot_steps: set[int] = set()
        self.recipe = recipe
        self.dataset = dataset
        self.probe = _probe(recipe, dataset)
        self.training: Training | None = None
        self.steps_allowed: int | None = None  # None: as many as it takes; 0: paused
        self.stopped = self.parked = False
        self._reported = self._lived = self._saved = self._clock()
        self._interval: list[Progress] = []
        self._tested: tuple[int, Evaluation] | None = None  # the last one, and at which step
        self._speed = self._trained = 0.0

    def record(self, progress: Progress) -> None:
        """Take in a step; write what is due."""
        if self.training is None:
            self._begin(progress.training)
        else:
            self._interval.append(progress)
        if progress.epoch_result:
            self._tested = progress.step, progress.epoch_result.test
        now = self._clock()
        is_early = progress.step <= FIRST_STEPS
        if self.steps_allowed is not None:
            self.steps_allowed -= progress.steps
        is_single = self.steps_allowed is not None
        is_due = now - self._reported >= REPORT_EVERY
        reports = is_early or is_single or is_due or progress.epoch_result
        # with a report: one of its own would be the mean of a few steps only, a spike in the curves
        saves = progress.epoch_result or (reports and now - self._saved >= RESUME_EVERY)
        if reports:
            self._report()
        if progress.step in self.snapshot_steps:
            self._snapshot()
        if now - self._lived >= LIVE_EVERY:
            self._live(now)
        if saves:  # last: all that comes before it is then on disk
            self._save(now)

    def obey(self) -> bool:
        """Do what the run is asked to do; whether to make another step."""
        self._listen()
        if self.steps_allowed == 0 and not self.stopped:
            self._wait()
        self.training.limit = self.steps_allowed
        return not (self.stopped or self.parked)

    def finish(self) -> Status:
        """Leave the run folder complete for what happens next; returns how the run stands."""
        self._report()
        self._save(self._clock())
        self._live(self._clock())
        if self.parked:
            return self._set_state("paused")
        self._snapshot()
        return self._set_state("stopped" if self.stopped else "done")

    def keep_last_good(self) -> None:
        """The step that failed changed nothing: report and keep what stood before it."""
        self._report()
        self._live(self._clock())
        self._snapshot()

    def _begin(self, training: Training) -> None:
        self.training = training
        self.probe = self.probe.to(training.device)
        self._trained = training.seconds
        self.snapshot_steps = set(self.recipe.snapshot_steps(training.total))
        self._set_state("running")
        self._live(self._clock())

    def _listen(self) -> None:
        match self.run.take_request():
            case "pause":
                self.steps_allowed = 0
            case "step":
                self.steps_allowed = 1
            case "resume":
                self.steps_allowed = None
            case "stop":
                self.stopped = True

    def _wait(self) -> None:
        """Paused: keep everything on disk, then listen until told to go on."""
        self._report()
        self._save(self._clock())
        self._live(self._clock())
        self._set_state("paused")
        begin = looked = self._clock()
        while self.steps_allowed == 0 and not self.stopped:
            now = self._clock()
            if now - looked > LOOK_EVERY:
                looked = now
                paused = now - begin
                gives_way = paused > min(GRACE, self.patience) and _others_wait(self.run)
                self.parked = paused > self.patience or gives_way
            if self.parked:
                return
            time.sleep(POLL_EVERY)
            self._listen()
        self._reported = self._clock()
        if not self.stopped:
            self._set_state("running")

    def _report(self) -> None:
        """A line of metrics: means over the steps since the last one, if there were any."""
        if not self._interval:
            return
        parts, last = self._interval, self._interval[-1]
        steps = sum(each.steps for each in parts)
        images = steps * self.recipe.batch
        self._speed = images / (self.training.seconds - self._trained)  # without evaluations
        self._trained = self.training.seconds
        row = {
            "step": last.step,
            "epoch": last.epoch,
            "loss": sum(each.loss * each.steps for each in parts) / steps,
            "lr": last.lr,
            "train_accuracy": sum(each.correct for each in parts) / images,
            "grad_norm": sum(each.grad_norm * each.steps for each in parts) / steps,
            "attention_entropy": self._entropy(),
            "images_per_second": self._speed,
            "seconds": self.training.seconds,
        }
        if result := last.epoch_result:
            row |= {
                "epoch_loss": result.loss,
                "epoch_train_accuracy": result.train_accuracy,
                "test_accuracy": result.test.accuracy,
                "test_loss": result.test.loss,
                "test_group": result.test.group,
            }
        metrics.report(self.run.folder, row)
        self._interval = []
        if self.steps_allowed != 0:
            self._set_state("running")
        self._reported = self._clock()  # an evaluation is no training time

    @torch.inference_mode()
    def _entropy(self) -> list[float]:
        """Mean attention entropy of the probe group in each pass, in nats."""
        passes = self.training.model.trace(self.probe).passes
        return [entropy(each.weights).mean().item() for each in passes]

    def _snapshot(self) -> None:
        training = self.training
        checkpoint.save(self.run.snapshot(training.step), training.model, **self._about_weights())

    def _live(self, now: float) -> None:
        checkpoint.save(self.run.live_weights, self.training.model, **self._about_weights())
        self._lived = now

    def _about_weights(self) -> dict[str, str]:
        """What a file of these weights says about them."""
        training = self.training
        step, test = self._tested or (-1, None)
        is_tested = step == training.step
        return Origin(
            run=self.run.id,
            step=training.step,
            epoch=training.step / training.per_epoch,
            recipe=self.recipe,
            data=self.dataset.name,
            fingerprint=self.dataset.fingerprint,
            classes=self.dataset.classes,
            train=len(self.dataset.train),
            test=len(self.dataset.test),
            accuracy=test.accuracy if is_tested else None,
            group=test.group if is_tested else None,
            version=__version__,
        ).metadata()

    def _save(self, now: float) -> None:
        buffer = io.BytesIO()
        torch.save(self.training.state(), buffer)
        write_atomically(self.run.resume_file, buffer.getvalue())
        self._saved = now

    def _set_state(self, state: State) -> Status:
        status = Status(
            state=state,
            step=self.training.step,
            total=self.training.total,
            epoch=self.training.step / self.training.per_epoch,
            images_per_second=self._speed,
            seconds=self.training.seconds,
        )
        self.run.set_status(status)
        return status


def _others_wait(run: Run) -> bool:
    """Whether another run of the same folder waits for a worker."""
    for other in Run.all(run.folder.parent):
        try:
            if read_status(other.folder).state == "queued":
                return True
        except UserError:
            continue  # damaged: nobody trains it
    return False


def _probe(recipe: Recipe, dataset: Dataset) -> torch.Tensor:
    """The fixed group that is watched while training: the first one that testing uses."""
    group = min(recipe.group, len(dataset.test))
    return preprocess(dataset.test.images[fixed_groups(len(dataset.test), group)[0]])
