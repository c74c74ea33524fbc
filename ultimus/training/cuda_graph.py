"""Training steps that a GPU makes on its own.

A step of so small a network is some hundred operations of a few microseconds each: less time than
a processor needs to ask for them, and far less than to wait for each loss. So all that a step
depends on lies on the device: the images, what was drawn for the epoch, the rates of its steps,
and which of them is next. A step is then the same operations on the same memory every time. It is
recorded once, as a CUDA graph, and replayed; the host asks for as many as it likes and looks at
their numbers afterwards.

Whatever a step would take from a Python number is frozen into the recording, so that nothing that
changes from step to step may be one. On a processor the same code runs without a recording.

Shape letters: S steps in an epoch, N images of a step, W all weights.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.augment import Epoch, preprocess, take
from ..data.dataset import Split
from ..model import Transformer
from ..recipe import Recipe
from .gradients import loss_and_gradients
from .parameters import Flat, parts

EPSILON = 1e-8  # of Adam
WARM_UP = 3  # steps before a recording, in which libraries choose their ways and take memory


class Rates(NamedTuple):
    """What Adam needs to know of a step, each () on the device.

    Attributes:
        lr: the learning rate.
        fresh: 1 - β1, the share of the gradient in its running mean.
        mean_scale: 1 / (1 - β1ᵗ), what the mean of t gradients lacks, since it began at zero.
        square_scale: 1 / (1 - β2ᵗ), likewise of the squares.
    """

    lr: Tensor
    fresh: Tensor
    mean_scale: Tensor
    square_scale: Tensor

    @classmethod
    def table(cls, recipe: Recipe, steps: Iterable[int], total: int) -> Tensor:
        """(S, 4), the rates of some steps (counted from 0) of a run of `total`."""
        rows = []
        for step in steps:
            beta1, number = recipe.momentum(step, total), step + 1
            scales = (1 / (1 - beta**number) for beta in (beta1, recipe.beta2))
            rows.append((recipe.rate(step, total), 1 - beta1, *scales))
        return torch.tensor(rows)


class Adam:
    """Adam and AdamW (as `torch.optim` computes them) on all weights at once.

    `torch.optim` takes its momentum as a Python number, which a recording would freeze.

    Args:
        recipe: the choices.
        optimizer: whose state this keeps and which it takes the rates of parameters from; it
            makes no step itself, but saves and loads.
        weights: (W,), the values of its parameters in order, which are changed.
    """

    def __init__(self, recipe: Recipe, optimizer: torch.optim.Optimizer, weights: Tensor):
        self.recipe = recipe
        self.optimizer = optimizer
        self.weights = weights
        self.mean = torch.zeros_like(weights)  # (W,) of the gradients
        self.square = torch.zeros_like(weights)  # (W,) of their squares
        self.parameters = []
        relative = []
        for group in optimizer.param_groups:
            self.parameters += group["params"]
            size = sum(parameter.numel() for parameter in group["params"])
            relative.append(torch.full((size,), group["relative_rate"]))
        self.relative_rate = torch.cat(relative).to(weights)  # (W,)
        self.adopt()

    def adopt(self) -> None:
        """Go on from the optimizer's state, and be it from now on."""
        for name, buffer in (("exp_avg", self.mean), ("exp_avg_sq", self.square)):
            for weight, part in zip(self.parameters, parts(buffer, self.parameters), strict=True):
                state = self.optimizer.state[weight]
                part.copy_(state.get(name, torch.zeros(())))  # none before the first step
                state[name] = part

    def note(self, steps: int) -> None:
        """Let the optimizer's state say how many steps have been made."""
        for state in self.optimizer.state.values():
            state["step"] = torch.tensor(float(steps))

    def update(self, gradient: Tensor, rates: Rates, failed: Tensor) -> None:
        """Make a step with a gradient (W,), or change nothing where it has failed ()."""
        recipe, weights = self.recipe, self.weights
        lr = rates.lr * self.relative_rate  # (W,)
        if recipe.optimizer == "adam":
            gradient = gradient + recipe.weight_decay * weights
        else:
            weights = weights * (1 - recipe.weight_decay * lr)
        mean = torch.lerp(self.mean, gradient, rates.fresh)
        square = torch.lerp(self.square, gradient * gradient, 1 - recipe.beta2)
        scale = (square * rates.square_scale).sqrt_().add_(EPSILON)
        weights = weights - lr * rates.mean_scale * mean / scale
        for former, new in ((self.mean, mean), (self.square, square), (self.weights, weights)):
            torch.where(failed, former, new, out=former)


class Steps:
    """The steps of one epoch after the other, on the model's device.

    Args:
        recipe: what to do.
        split: the images to train on.
        model: on its device.
        flat: its weights and gradients.
        optimizer: of them, in their order. Where it is Adam's, its steps are part of the
            recording, else it makes them itself.
        precision: of the convolutions.
        recorded: whether to record a step and replay it, for which the device has to be a GPU.
    """

    def __init__(
        self,
        recipe: Recipe,
        split: Split,
        model: Transformer,
        flat: Flat,
        optimizer: torch.optim.Optimizer,
        precision: torch.dtype,
        recorded: bool,
    ):
        self.recipe = recipe
        self.model = model
        self.flat = flat
        self.optimizer = optimizer
        self.precision = precision
        self.recorded = recorded
        self.per_epoch = recipe.steps_per_epoch(len(split))
        self.total = recipe.total_steps(len(split))
        device = flat.weights.device
        self.split = Split(split.images.to(device), split.labels.to(device))
        self.adam: Adam | None = None
        if recipe.optimizer in ("adam", "adamw"):
            self.adam = Adam(recipe, optimizer, flat.weights)
        self._next = torch.zeros(1, dtype=torch.int64, device=device)  # which step of the epoch
        self._failed = torch.zeros((), dtype=torch.bool, device=device)
        self._results = torch.zeros(self.per_epoch, 3, device=device)  # (S, 3)
        self._draws: list[Tensor] = []  # each (S, N, ...)
        self._rates = torch.zeros(self.per_epoch, len(Rates._fields), device=device)  # (S, 4)
        self._step: Callable[[], None] | None = None

    def begin(self, epoch: Epoch, number: int) -> None:
        """Bring what was drawn for an epoch, and its steps' rates, onto the device."""
        images = self.per_epoch * self.recipe.batch
        draws = [draw[:images].unflatten(0, (self.per_epoch, -1)) for draw in epoch.draws]
        if not self._draws:
            self._draws = [torch.empty_like(draw, device=self._next.device) for draw in draws]
        for place, draw in zip(self._draws, draws, strict=True):
            place.copy_(draw)
        self.take(self.recipe, number)

    def take(self, recipe: Recipe, number: int) -> None:
        """Have a recipe's rates of the steps of an epoch on the device.

        Args:
            recipe: the same as before but for its rates.
            number: of the epoch; below 0 as long as none has begun.
        """
        self.recipe = recipe
        if number < 0:
            return
        first = number * self.per_epoch
        steps = [min(first + step, self.total - 1) for step in range(self.per_epoch)]
        self._rates.copy_(Rates.table(self.recipe, steps, self.total))

    def adopt(self) -> None:
        """Go on from what the optimizer has loaded."""
        if self.adam:
            self.adam.adopt()

    def note(self, steps: int) -> None:
        """Let the optimizer's state be complete, after so many steps of the run."""
        if self.adam:
            self.adam.note(steps)

    def make(self, index: int, count: int, update: Callable[[int], None]) -> None:
        """Ask for some steps, without waiting for them.

        From the first one on whose loss or gradient is not finite, they change no weights. (An
        optimizer that makes its steps itself has then been told of gradients of 0.)

        Args:
            index: the first one, counted in the epoch that has begun.
            count: how many.
            update: makes the optimizer's step, told which it is of these, where that is not part
                of the recording.
        """
        if self._step is None:
            self._step = self._record() if self.recorded else self._make_one
        self._next.fill_(index)
        self._failed.zero_()
        for number in range(count):
            self._step()
            if self.adam is None:
                weights = self.flat.weights
                former = weights.clone()
                update(number)
                torch.where(self._failed, former, weights, out=weights)

    def read(self, index: int, count: int) -> Tensor:
        """Wait for some steps; returns their losses, gradient norms and numbers of images
        classified rightly, (count, 3) float64 on the host."""
        return self._results[index : index + count].cpu().double()

    @torch.no_grad()
    def _make_one(self) -> None:
        """The next step. All that changes from one to the next is on the device."""
        rates = Rates(*self._of_next(self._rates))
        images, labels = take(self.split, *(self._of_next(draw) for draw in self._draws))
        logits, loss, gradient = loss_and_gradients(
            self.model,
            preprocess(images),
            labels,
            self.recipe.group,
            self.precision,
            self.flat.gradient,
        )
        correct = (logits.argmax(dim=1) == labels).sum()
        norm = gradient.norm()
        self._failed.logical_or_(torch.stack([loss, norm]).isfinite().all().logical_not())
        if self.recipe.clip is not None:
            gradient.mul_((self.recipe.clip / norm).clamp_(max=1))
        if self.adam:
            self.adam.update(gradient, rates, self._failed)
        else:
            gradient.masked_fill_(self._failed, 0)  # no optimizer meets what is not a number
        self._results.index_copy_(0, self._next, torch.stack([loss, norm, correct])[None])
        self._next.add_(1)

    def _of_next(self, table: Tensor) -> Tensor:
        """The next step's row of a table (S, ...)."""
        return table.index_select(0, self._next)[0]

    def _record(self) -> Callable[[], None]:
        """Record a step; nothing is changed by it. Returns what makes the next one."""
        with self._kept():
            return record(self._make_one, before=self._next.zero_)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Whatever is done to the weights and all else that a step changes, undo it."""
        places = [self.flat.weights, self._next, self._failed, self._results]
        if self.adam:
            places += [self.adam.mean, self.adam.square]
        former = [values.clone() for values in places]
        yield
        for place, values in zip(places, former, strict=True):
            place.copy_(values)


def record(step: Callable[[], None], before: Callable[[], object]) -> Callable[[], None]:
    """Record what a step asks of the GPU (as torch's notes on CUDA graphs prescribe).

    Args:
        step: it is made a few times, and then once more without effect.
        before: called before each of the former.

    Returns:
        What asks the GPU for the same again, on the same memory.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            before()
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        step()
    return graph.replay
