"""A network in training: what one step does, what the next one depends on, and what it tells."""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data.augment import Epoch
from ..data.dataset import Dataset
from ..errors import UserError
from ..evaluation import Evaluation, evaluate
from ..model import Transformer
from ..recipe import Recipe
from .gradients import loss_and_gradients
from .memory import keep_freed
from .optimizers import optimizer_of
from .parameters import Flat

FIRST_STEPS = 20  # each of these is yielded and reported, since much happens in them


class DivergedError(UserError):
    """The loss or the gradient is no longer a finite number; the weights before it are kept."""


@dataclass(frozen=True)
class EpochResult:
    """An epoch's means over the steps that trained it, and the test after it."""

    epoch: int
    loss: float
    train_accuracy: float
    test: Evaluation


@dataclass(frozen=True)
class Progress:
    """The step that was made, or several (step 0: none yet).

    Attributes:
        step: how many steps have been made.
        epoch: the same in epochs.
        loss: mean cross-entropy of the steps' batches, each before its update, in nats; NaN at
            step 0.
        correct: how many of their images were classified rightly, likewise.
        lr: the learning rate of the last step.
        grad_norm: length of the gradient, before clipping; the mean over the steps.
        epoch_result: where the last step ends an epoch or the run.
        training: the live state, with the model.
        steps: how many were made since the progress before; on a processor always 1, but for 0 in
            the first.
    """

    step: int
    epoch: float
    loss: float
    correct: int
    lr: float
    grad_norm: float
    epoch_result: EpochResult | None
    training: "Training"
    steps: int


class Training:
    """A model in training: its weights, its optimizer and its place in the data.

    Attributes:
        model: the network.
        flat: its weights and gradients.
        optimizer: what changes them.
        device: where it is.
        precision: what the convolutions are computed in.
        step: steps made.
        total: steps planned.
        seconds: time spent in steps, over all resumptions.
        limit: how many steps `advance` makes at most; None for as many as suit.
        reached: whether the accuracy that the recipe aims at was measured.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        device: str = "cpu",
        model: Transformer | None = None,
    ):
        keep_freed()
        self.recipe = recipe
        self.dataset = dataset
        self.device = torch.device(device)
        self.per_epoch = recipe.steps_per_epoch(len(dataset.train))
        self.total = recipe.total_steps(len(dataset.train))
        model = model or _initial_model(recipe, len(dataset.classes))
        self.model = model.to(self.device)
        self.flat = Flat(self.model)
        self.optimizer = optimizer_of(recipe, self.model, self.flat)
        self.precision = _precision(recipe, self.device)
        self.limit: int | None = None
        self.reached = False
        self.step = 0
        self.seconds = 0.0
        self._epoch: Epoch | None = None
        self._epoch_number = -1
        self._epoch_loss = 0.0
        self._epoch_correct = 0

    @property
    def finished(self) -> bool:
        limit = self.recipe.max_seconds
        too_long = limit is not None and self.seconds >= limit
        return self.reached or self.step >= self.total or too_long

    @torch.inference_mode()
    def advance(self) -> Progress:
        """Make one step."""
        begin = time.perf_counter()
        inputs, labels = self._next_batch()
        lr = self._set_rates(self.step)
        logits, mean, gradient = loss_and_gradients(
            self.model, inputs, labels, self.recipe.group, self.precision, self.flat.gradient
        )
        loss, grad_norm = mean.item(), self._clip(gradient)
        self._check_finite(loss, grad_norm, lr)
        self.optimizer.step()
        correct = int((logits.argmax(dim=1) == labels).sum())
        self._count(1, loss, correct, time.perf_counter() - begin)
        return self.progress(loss, correct, lr, grad_norm, steps=1)

    def _count(self, steps: int, loss: float, correct: int, seconds: float) -> None:
        """Note steps that were made, with the sums of their losses and right answers."""
        self.step += steps
        self.seconds += seconds
        self._epoch_loss += loss
        self._epoch_correct += correct

    def progress(
        self,
        loss: float = math.nan,
        correct: int = 0,
        lr: float = 0.0,
        grad_norm: float = 0.0,
        steps: int = 0,
    ) -> Progress:
        ends_epoch = self.step > 0 and (self.step % self.per_epoch == 0 or self.finished)
        result = self._end_epoch() if ends_epoch and not math.isnan(loss) else None
        epoch = self.step / self.per_epoch
        return Progress(self.step, epoch, loss, correct, lr, grad_norm, result, self, steps)

    def state(self) -> dict:
        """Everything that the next step depends on, in a copy that later steps leave alone.

        It is the same on every device, so that what one began another can go on with.
        """
        state = {
            "model": self.model.state_dict(),
            **self.model.signature,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "epoch_loss": self._epoch_loss,
            "epoch_correct": self._epoch_correct,
            "reached": self.reached,
        }
        return _copied(state)

    def restore(self, state: dict) -> None:
        """Go back to where `state` was taken.

        Raises:
            UserError: it does not belong to this recipe and data.
        """
        try:
            self._load(state)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(
                "The saved state does not fit this run's recipe: restart the run instead."
            ) from error

    def _load(self, state: dict) -> None:
        if state.get("network", "images") != self.model.kind:
            raise ValueError("a network of another kind")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self._epoch_loss = float(state["epoch_loss"])
        self._epoch_correct = int(state["epoch_correct"])
        self.reached = bool(state.get("reached"))  # a former version does not say

    def take(self, recipe: Recipe) -> None:
        """Go on with a recipe whose rates are others from the next step on, and nothing else."""
        self.recipe = recipe

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        number, index = divmod(self.step, self.per_epoch)
        if number != self._epoch_number:
            self._epoch = Epoch(self.recipe, self.dataset.train, number)
            self._epoch_number = number
        return self._epoch.batch(index)

    def _set_rates(self, step: int) -> float:
        """Tell the optimizer the rates of a step (counted from 0); returns the learning rate."""
        lr = self.recipe.rate(step, self.total)
        momentum = self.recipe.momentum(step, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["relative_rate"]
            if "betas" in group:
                group["betas"] = (momentum, self.recipe.beta2)
            else:
                group["momentum"] = momentum
        return lr

    def _clip(self, gradient: Tensor) -> float:
        """Limit the length of all gradients together (W,); returns what it was."""
        norm, limit = gradient.norm().item(), self.recipe.clip
        if limit is not None and norm > limit:
            gradient.mul_(limit / norm)
        return norm

    def _check_finite(self, loss: float, grad_norm: float, lr: float) -> None:
        if math.isfinite(loss) and math.isfinite(grad_norm):
            return
        what = "gradient" if math.isfinite(loss) else "loss"
        remedy = "lower the peak learning rate"
        if self.recipe.clip is None:
            remedy += " or limit the gradient (clip)"
        raise DivergedError(
            f"At step {self.step + 1} the {what} was no longer a finite number, at the learning "
            f"rate {lr:.3g}: the steps had become so large that training blew up. Restart, "
            f"{remedy} and start again; everything before this step is kept."
        )

    def _end_epoch(self) -> EpochResult:
        steps = (self.step - 1) % self.per_epoch + 1
        result = EpochResult(
            epoch=math.ceil(self.step / self.per_epoch),
            loss=self._epoch_loss / steps,
            train_accuracy=self._epoch_correct / (steps * self.recipe.batch),
            test=evaluate(self.model, self.dataset.test, self.recipe.group, self.recipe.grouping),
        )
        self._epoch_loss, self._epoch_correct = 0.0, 0
        target = self.recipe.target
        self.reached = target is not None and result.test.accuracy >= target
        return result


def _copied(value: Any) -> Any:
    """A state's copy, in the main memory."""
    match value:
        case Tensor():
            return value.detach().to("cpu", copy=True)
        case dict():
            return {key: _copied(entry) for key, entry in value.items()}
        case list():
            return [_copied(entry) for entry in value]
    return value


def _initial_model(recipe: Recipe, classes: int) -> Transformer:
    """The same weights for the same seed, whatever else drew random numbers before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return Transformer(classes, grid=recipe.tokens_along_a_side)


def _precision(recipe: Recipe, device: torch.device) -> torch.dtype:
    """bfloat16 takes half the time where a processor computes in it, and far more elsewhere."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if recipe.precision == "mixed" and has_bfloat16 else torch.float32
