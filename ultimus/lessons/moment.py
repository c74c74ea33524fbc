"""A network at a step, a group of its pictures, a pass and a cell: what placeholders speak of."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ..analysis.ablation import ablate
from ..analysis.prediction import examples
from ..checkpoints import checkpoint
from ..data.dataset import Split
from ..data.groups import Group, chance_mass, pick, same_class_mass
from ..data.sources import CIFAR10_CLASSES
from ..errors import UserError
from ..evaluation import features_of
from ..explorer.scene import Pictures, pictures
from ..links.pages import FOLLOW, Attention, Shown
from ..model import Pass, Trace, Transformer, entropy
from ..places import SHIPPED, runs_folder
from ..runs.run import Run

FIRST = (0, 1)  # the cell of a card that names none


@dataclass(frozen=True)
class Moment:
    """What a card of a lesson shows.

    Attributes:
        step: of the weights.
        model: the network.
        features: (B, D) of the group's pictures.
        labels: (B,) their classes.
        classes: names of all classes.
        number: of the pass, 1...P.
        passes: after how many the answer is read.
        cell: (i, j), who looks and who is looked at; None for FIRST.
    """

    step: int
    model: Transformer
    features: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    number: int
    passes: int
    cell: tuple[int, int] | None

    @cached_property
    def trace(self) -> Trace:
        """All that the network computes for the group."""
        return ablate(self.model, self.features, passes=self.passes)

    @cached_property
    def now(self) -> Pass:
        """The pass that is spoken of."""
        with torch.inference_mode():
            return self.model.trace_features(self.features).passes[self.number - 1]

    @property
    def size(self) -> int:
        """B."""
        return len(self.labels)

    @property
    def i(self) -> int:
        """The place of the picture that looks."""
        return (self.cell or FIRST)[0]

    @property
    def j(self) -> int:
        """The place of the picture that is looked at."""
        return (self.cell or FIRST)[1]

    def name(self, place: int) -> str:
        """What pages call a picture of the group."""
        return f"{self.classes[self.labels[place]]} #{place}"

    # The cell ----------------------------------------------------------------------------------

    @property
    def product(self) -> float:
        """q · k of the cell."""
        return float(self.now.q[self.i] @ self.now.k[self.j])

    @property
    def score(self) -> float:
        """The product divided by √8."""
        return float(self.now.scores[self.i, self.j])

    @property
    def weight(self) -> float:
        """The share of its attention that i gives to j."""
        return float(self.now.weights[self.i, self.j])

    def weight_if_divided(self, by: float) -> float:
        """The same share, were the row's products divided by something else than √8."""
        products = self.now.q[self.i] @ self.now.k.T  # (B,)
        return float((products / by).softmax(dim=-1)[self.j])

    @property
    def keeps(self) -> float:
        """The share that i gives to itself."""
        return float(self.now.weights[self.i, self.i])

    # The group ---------------------------------------------------------------------------------

    @property
    def product_size(self) -> float:
        """How large q · k is: the root mean square of all pairs."""
        return _size(self.now.q @ self.now.k.T)

    @property
    def term_size(self) -> float:
        """The same of each of the eight terms that q · k sums."""
        return _size(self.now.q[:, None] * self.now.k)  # of (B, B, H)

    @property
    def own_class(self) -> float:
        """The share that goes to one's own class, oneself included; the mean of the group."""
        return float(same_class_mass(self.now.weights, self.labels).mean())

    @property
    def to_itself(self) -> float:
        """The share that stays with oneself; the mean of the group."""
        return float(self.now.weights.diagonal().mean())

    @property
    def mostly_itself(self) -> int:
        """How many pictures of the group look at none more than at themselves."""
        return int((self.now.weights.argmax(dim=-1) == torch.arange(self.size)).sum())

    @property
    def by_chance(self) -> float:
        """The same if all looked at all alike."""
        return float(chance_mass(self.labels).mean())

    @property
    def entropy(self) -> float:
        """How evenly a picture looks, in nats; the mean of the group."""
        return float(entropy(self.now.weights).mean())

    @property
    def right(self) -> int:
        """How many pictures of the group get the right answer."""
        return int((self.trace.logits[-1].argmax(dim=-1) == self.labels).sum())

    # The answer of the picture that looks ------------------------------------------------------

    @cached_property
    def _answer(self) -> Tensor:
        return self.trace.logits[-1][self.i].softmax(dim=-1)  # (C,)

    @property
    def truth(self) -> str:
        """Its class."""
        return self.classes[self.labels[self.i]]

    @property
    def says(self) -> str:
        """The class that it is taken for."""
        return self.classes[self._answer.argmax()]

    @property
    def sure(self) -> float:
        """The probability of that class."""
        return float(self._answer.max())

    @property
    def right_class(self) -> float:
        """The probability of its own class."""
        return float(self._answer[self.labels[self.i]])

    @property
    def alone(self) -> "Moment":
        """The same for this picture in a group of its own."""
        one = slice(self.i, self.i + 1)
        return replace(self, features=self.features[one], labels=self.labels[one], cell=(0, 0))


def _size(numbers: Tensor) -> float:
    return float(numbers.square().mean().sqrt())


class Moments:
    """Finds moments; what several of them share is computed once."""

    def __init__(self):
        self._known: dict[tuple[Path, int, int], tuple[Transformer, Tensor]] = {}

    def find(self, shown: Shown, attention: Attention) -> Moment:
        """What a state of the attention page shows.

        Raises:
            UserError: the run, its weights or its pictures are not here, or there is no such cell.
        """
        run = named_run(shown.run)
        if not run.snapshots:
            raise UserError(f"The run {run.id} has kept no weights yet: let it train first.")
        wanted = run.snapshots[-1] if shown.step == FOLLOW else shown.step
        step = min(run.snapshots, key=lambda step: abs(step - wanted))
        classes, split, _ = shown_pictures(run, attention.pictures)
        where = list(_members(attention, len(split)))
        cell = attention.cell
        if cell and max(cell) >= len(where):
            raise UserError(f"There is no cell {cell[0]}-{cell[1]} in a group of {len(where)}.")
        model, features = self._computed(run, step, split)
        return Moment(
            step, model, features[where], split.labels[where], classes,
            attention.number, attention.passes, cell,
        )  # fmt: skip

    def _computed(self, run: Run, step: int, split: Split) -> tuple[Transformer, Tensor]:
        """The network at a step, and the features of all pictures."""
        key = (run.folder, step, len(split))
        if key not in self._known:
            model = checkpoint.load(run.snapshot(step)).eval()
            if model.kind == "patches":
                raise UserError(f"{run.id} has no group of pictures, whose cells could be told of.")
            self._known[key] = model, features_of(model, split.images)
        return self._known[key]


def named_run(name: str) -> Run:
    """The run of that name, or the one that comes with Ultimus.

    Raises:
        UserError: there is none of that name.
    """
    if name:
        return Run.find(name, runs_folder(), SHIPPED)
    return min(Run.all(SHIPPED), key=lambda run: run.id)


def shown_pictures(run: Run, which: str) -> Pictures:
    """The pictures of a run that a card shows: its own, or the examples where these suit.

    Raises:
        UserError: they are not on this machine.
    """
    own = pictures(run)
    if which == "examples" and own[0] == CIFAR10_CLASSES:
        return own[0], examples(), "the example pictures, of CIFAR-10"
    return own


def _members(attention: Attention, count: int) -> Group:
    """The pictures that are picked by hand, or the first ones."""
    try:
        picked = [int(part) for part in attention.images.split(",") if part.strip()]
    except ValueError as error:
        raise UserError(f"{attention.images[:40]!r} is no list of image numbers.") from error
    return pick(picked, count) if picked else tuple(range(min(attention.size, count)))
