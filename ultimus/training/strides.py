"""Training on a GPU, in strides of many steps, since to look at each would take longer."""

import time
from bisect import bisect_right

from torch import Tensor

from ..data.augment import Epoch
from ..data.dataset import Dataset
from ..evaluation import exactly
from ..model import Transformer
from ..recipe import Recipe
from .cuda_graph import Steps
from .training import FIRST_STEPS, Progress, Training

STRIDE = 0.1  # seconds of training, at most and about, between two progresses


class Stride:
    """How many steps to make before the next look, where nothing ends them earlier.

    Args:
        seconds: how long that many should take, at most and about, on whatever device.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.length = 1

    def fit(self, steps: int, seconds: float) -> None:
        """Learn from some steps how long they took."""
        if seconds > self.seconds:
            self.length = max(1, self.length // 2)
        elif steps == self.length and seconds < self.seconds / 2:
            self.length *= 2


class GraphTraining(Training):
    """A model in training on a GPU, which makes strides of many steps without being watched.

    Args:
        recipe: what to do.
        dataset: what to train and test on.
        device: where.
        recorded: whether steps are replayed from a recording, which only a GPU can.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        device: str = "cuda",
        recorded: bool = True,
        model: Transformer | None = None,
    ):
        super().__init__(recipe, dataset, device, model)
        self._steps = Steps(
            recipe, dataset.train, self.model, self.flat, self.optimizer, self.precision, recorded
        )
        self._snapshots = recipe.snapshot_steps(self.total)
        self._stride = Stride(STRIDE)

    def advance(self) -> Progress:
        """Make a stride; the steps before one that fails count as one of their own."""
        begin = time.perf_counter()
        index, asked = self._begin_epoch(), self._steps_to_the_next_look()
        with exactly():
            self._steps.make(index, asked, self._optimize)
        results = self._finite(self._steps.read(index, asked))  # (steps, 3)
        steps, (loss, grad_norm, correct) = len(results), results.sum(dim=0).tolist()
        seconds = time.perf_counter() - begin
        self._count(steps, loss, int(correct), seconds)
        self._stride.fit(asked, seconds)
        lr = self.recipe.rate(self.step - 1, self.total)
        return self.progress(loss / steps, int(correct), lr, grad_norm / steps, steps)

    def _finite(self, results: Tensor) -> Tensor:
        """The results (steps, 3) before the first step that failed.

        Raises:
            DivergedError: that is the first one of all.
        """
        steps = int(results.isfinite().all(dim=1).cumprod(dim=0).sum())
        if not steps:
            loss, grad_norm, _ = results[0].tolist()
            self._check_finite(loss, grad_norm, self.recipe.rate(self.step, self.total))
        return results[:steps]

    def state(self) -> dict:
        self._steps.note(self.step)
        return super().state()

    def _load(self, state: dict) -> None:
        super()._load(state)
        self._steps.adopt()

    def take(self, recipe: Recipe) -> None:
        super().take(recipe)
        self._steps.take(recipe, self._epoch_number)

    def _begin_epoch(self) -> int:
        """Have the next step's epoch on the device; returns which step of the epoch it is."""
        number, index = divmod(self.step, self.per_epoch)
        if number != self._epoch_number:
            self._steps.begin(Epoch(self.recipe, self.dataset.train, number), number)
            self._epoch_number = number
        return index

    def _steps_to_the_next_look(self) -> int:
        """A stride, but no further than to the next snapshot or the epoch's end."""
        length = self._stride.length
        longest = 1 if self.step < FIRST_STEPS else min(length, self.limit or length)
        epoch_end = (self.step // self.per_epoch + 1) * self.per_epoch
        snapshot = self._snapshots[bisect_right(self._snapshots, self.step)]  # one is the last step
        return min(self.step + longest, epoch_end, snapshot) - self.step

    def _optimize(self, number: int) -> None:
        """Make the optimizer's part of a stride's step, where that is not recorded with it."""
        self._set_rates(self.step + number)
        self.optimizer.step()
