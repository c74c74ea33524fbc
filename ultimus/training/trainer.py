"""Training: a recipe and a data set in, progress out, one step at a time.

`train` is a generator. To pause is not to ask for the next step; to step by one batch is to ask
once; to stop is to close it; to resume is to start it from a saved state. On a GPU it yields after
a stride of several steps, since to look at each would take longer than to make it.
"""

from collections.abc import Iterator

import torch

from ..data.dataset import Dataset
from ..model import Transformer
from ..recipe import Recipe
from .strides import GraphTraining
from .training import Progress, Training


def train(
    recipe: Recipe,
    dataset: Dataset,
    state: dict | None = None,
    device: str | None = None,
    model: Transformer | None = None,
) -> Iterator[Progress]:
    """Train a network, yielding before the first step and after each one.

    On a GPU it yields after a tenth of a second, at each of the first steps, at each snapshot and
    at the end of each epoch, or as often as `Training.limit` says.

    Args:
        recipe: what to do.
        dataset: what to train and test on.
        state: what `Training.state` returned, to go on from there with bit-identical results
            (same machine, same number of threads).
        device: "cpu" or "cuda"; None for the GPU where there is one.
        model: to be trained on; None for new weights, drawn from the recipe's seed.

    Raises:
        DivergedError: the loss or gradient is not finite; the model keeps the weights before it.
        UserError: the data is too small for the recipe.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind = Training if device == "cpu" else GraphTraining
    training = kind(recipe, dataset, device, model=model)
    if state:
        training.restore(state)
    yield training.progress()
    while not training.finished:
        yield training.advance()
