"""Training as the published notebook does it: what ours is measured against, never what is used.

The architecture, recipe and augmentation of the preset `seed`, written the customary way: a
DataLoader that transforms one picture at a time, the convolutions as they stand, autograd, and an
optimizer that takes the parameters one after the other.
"""

from collections.abc import Iterator
from itertools import chain, islice, repeat

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils import data

from ..data.augment import CUTOUT_FILL
from ..data.dataset import Dataset, Split
from ..model import Transformer
from ..recipe import Recipe

HALF = (0.5, 0.5, 0.5)  # mean and std of red, green and blue


class Cutout:
    """A grey square on some pictures, centred on any pixel, so that some reach over the border.

    Args:
        side: of the square, in pixels.
        chance: that a picture gets it.
    """

    def __init__(self, side: int, chance: float):
        self.side = side
        self.chance = chance

    def __call__(self, picture: Image.Image) -> Image.Image:
        if torch.rand(()) >= self.chance:
            return picture
        pixels = np.array(picture)  # (32, 32, 3)
        top, left = (torch.randint(0, 32, (2,)) - self.side // 2).tolist()
        rows, columns = (slice(max(0, begin), begin + self.side) for begin in (top, left))
        pixels[rows, columns] = CUTOUT_FILL
        return Image.fromarray(pixels)


class Pictures(data.Dataset):
    """A split as a DataLoader takes it: item by item, each transformed when it is taken."""

    def __init__(self, recipe: Recipe, split: Split):
        self.pixels = split.images.permute(0, 2, 3, 1).numpy()  # (N, 32, 32, 3) uint8
        self.labels = split.labels.tolist()
        from ..data.vision import torchvision  # slow to import, and only needed here

        steps = torchvision.transforms
        self.transform = steps.Compose(
            [
                steps.RandomHorizontalFlip(recipe.flip),
                Cutout(recipe.cutout, recipe.cutout_chance),
                steps.ToTensor(),
                steps.Normalize(HALF, HALF),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Input (3, 32, 32) and label."""
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


class Notebook:
    """A network in the notebook's training loop.

    Args:
        recipe: the preset `seed`, maybe with another length. Its optimizer and the shape of its
            schedule are not looked at, since the notebook knows one of each.
        dataset: what to train on.

    Attributes:
        model: the network, with the convolutions as they stand.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset):
        self.total = recipe.total_steps(len(dataset.train))
        self.model = Transformer(len(dataset.classes), folded=False)
        self._batches = data.DataLoader(
            Pictures(recipe, dataset.train), recipe.batch, shuffle=True, drop_last=True
        )
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.lr)
        self._schedule = OneCycleLR(
            self._optimizer, recipe.lr, self.total, pct_start=recipe.warmup,
            anneal_strategy="linear", div_factor=recipe.start_divisor,
            final_div_factor=recipe.end_divisor,
        )  # fmt: skip

    def train(self) -> Iterator[float]:
        """Make a step whenever the next loss is asked for, in nats."""
        batches = chain.from_iterable(repeat(self._batches))  # shuffled anew in each epoch
        for images, labels in islice(batches, self.total):
            yield self.step(images, labels)

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Learn from a batch (N, 3, 32, 32) and its labels (N,); returns the loss before."""
        self._optimizer.zero_grad()
        loss = F.cross_entropy(self.model(images), labels)
        loss.backward()
        self._optimizer.step()
        self._schedule.step()
        return loss.item()
