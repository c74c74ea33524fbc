"""Training on from weights that there are: a new run begins with a snapshot of another.

The new run keeps a copy of the weights, `start.safetensors`, and names the run and the step that
they come from. The other run stays as it is, and may be removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..checkpoints import checkpoint
from ..checkpoints.checkpoint import Checkpoint
from ..data.dataset import Dataset
from ..errors import UserError, counted
from ..files import write_atomically
from ..model import Transformer
from ..recipe import Recipe
from .info import Parent
from .run import Run


@dataclass(frozen=True)
class Start:
    """Weights that a run begins with.

    Attributes:
        parent: where they come from.
        content: of a file of weights.
    """

    parent: Parent
    content: bytes

    @property
    def about(self) -> dict[str, Any]:
        """What recipe.json says of it."""
        return {"parent": self.parent.model_dump()}

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return checkpoint.loads(self.content, f"step {self.parent.step}")

    @property
    def model(self) -> Transformer:
        """The network.

        Raises:
            UserError: the file is damaged.
        """
        return self._checkpoint.model

    @property
    def classes(self) -> tuple[str, ...]:
        """What the network told apart; none where that is not known.

        Raises:
            UserError: the file is damaged.
        """
        return self._checkpoint.origin.classes

    def keep(self, run: Run) -> None:
        """Put the weights into the new run's folder.

        Raises:
            OSError: it cannot be written.
        """
        write_atomically(run.start_weights, self.content)


def from_snapshot(run: Run, step: int) -> Start:
    """The weights of a step of a run.

    Raises:
        UserError: they are not there, or damaged.
    """
    if step not in run.snapshots:
        raise UserError(f"The run {run.id} has no snapshot {step}: choose a step that it kept.")
    return Start(Parent(run=run.id, step=step), checkpoint.content_of(run.snapshot(step)))


def again(run: Run) -> Start | None:
    """What a run began with; None where that were new weights.

    Raises:
        UserError: it is not there any more.
    """
    if parent := run.info().parent:
        return Start(parent, checkpoint.content_of(run.start_weights))
    return None


def model_of(run: Run, dataset: Dataset) -> Transformer | None:
    """The network that a run begins with; None where it is a new one.

    Raises:
        UserError: the weights are damaged, or do not fit the recipe or the data.
    """
    if run.info().parent is None:
        return None
    model = checkpoint.load(run.start_weights)
    check(model, run.info().recipe, dataset)
    return model


def check(model: Transformer, recipe: Recipe, dataset: Dataset) -> None:
    """See to it that a network can be trained on so.

    Raises:
        UserError: it cannot.
    """
    if model.classes != len(dataset.classes):
        raise UserError(
            f"These weights tell {counted(model.classes, 'class', 'classes')} apart, and the data "
            f"has {len(dataset.classes)}: choose the data they were trained on."
        )
    if model.grid != recipe.tokens_along_a_side:
        raise UserError(
            f"These weights are of the network for {_kind(model.grid)}, and the recipe is for "
            f"{_kind(recipe.tokens_along_a_side)}: choose the same in the recipe."
        )


def remark(former: Sequence[str], classes: Sequence[str]) -> str:
    """What is to be known of weights that go on with such classes; empty for nothing.

    Args:
        former: what they told apart; none where that is not known.
        classes: of the data to train on.
    """
    if not former or [*former] == [*classes]:
        return ""
    return (
        f"These weights told other classes apart ({', '.join(former[:3])}, …): the features go on, "
        "while the answers have to be learned anew."
    )


def _kind(grid: int) -> str:
    return "images" if grid == 1 else f"{grid} × {grid} patches"
