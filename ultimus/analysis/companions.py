"""What companions do: the same image in other company, and what becomes of its answer.

Everything starts from features, since the convolutions see each image alone. An image that is not
in the pool, such as an upload, takes part when its features are appended to it.

Shape letters: N images in the pool, K draws, B images in a group, D = 48 features, C classes.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.groups import generator
from ..errors import UserError
from ..model import Transformer
from .ablation import ablate


class Company(NamedTuple):
    """One image among randomly drawn companions.

    Attributes:
        companions: (K, B - 1), who was drawn: indices into the pool.
        probabilities: (K, C), the image's answer in each company.
        alone: (C,), its answer in a group of one.
    """

    companions: Tensor
    probabilities: Tensor
    alone: Tensor

    @property
    def mean(self) -> Tensor:
        """(C,), the average answer."""
        return self.probabilities.mean(dim=0)

    @property
    def std(self) -> Tensor:
        """(C,), the standard deviation over these draws (not an estimate for others)."""
        return self.probabilities.std(dim=0, correction=0)

    @property
    def low(self) -> Tensor:
        """(C,), the least probability that any company gave."""
        return self.probabilities.amin(dim=0)

    @property
    def high(self) -> Tensor:
        """(C,), the greatest probability that any company gave."""
        return self.probabilities.amax(dim=0)

    @property
    def change_rate(self) -> float:
        """The share of draws whose most probable class is not that of the average answer."""
        tops = self.probabilities.argmax(dim=1)  # (K,)
        return (tops != self.mean.argmax()).double().mean().item()


def redraw(
    model: Transformer,
    image: int,
    pool: Tensor,
    draws: int = 32,
    size: int = 16,
    seed: int = 0,
    ablation: str = "learned",
) -> Company:
    """Put one image into random groups.

    Args:
        model: the trained network.
        image: which image of the pool stays.
        pool: (N, D), features of the images that companions are drawn from, and of the image.
        draws: K, how many groups.
        size: B, images per group, the pinned one included; 1 leaves it alone.
        seed: the same for the same companions, 0 or more.
        ablation: a name of `ablation.ABLATIONS`.

    Raises:
        UserError: the image is not in the pool, or the pool is too small for the group; or the
            network's tokens are patches, so that images meet no others.
    """
    check_they_meet(model)
    others = np.delete(np.arange(len(pool)), _place(image, len(pool)))  # (N - 1,)
    companions = draw(others, draws, size - 1, generator(seed))
    return among(model, image, pool, companions, ablation)


def among(
    model: Transformer, image: int, pool: Tensor, companions: Tensor, ablation: str = "learned"
) -> Company:
    """Put one image into given groups.

    Args:
        model: the trained network.
        image: which image of the pool stays.
        pool: (N, D), features of the image and of its companions.
        companions: (K, B - 1), who sits beside it: indices into the pool.
        ablation: a name of `ablation.ABLATIONS`.

    Raises:
        UserError: the image is not in the pool.
    """
    _place(image, len(pool))
    return Company(
        companions,
        _answers(model, pool, _with(image, companions), ablation),
        _answers(model, pool, torch.tensor([[image]]), ablation)[0],
    )


def influence(
    model: Transformer, features: Tensor, image: int, ablation: str = "learned"
) -> Tensor:
    """How the answer to one image changes when a companion leaves the group.

    Args:
        model: the trained network.
        features: (B, D), the group.
        image: whose answer, 0...B-1.
        ablation: a name of `ablation.ABLATIONS`.

    Returns:
        (B, C): row j is the image's probabilities without companion j minus those with all, so
        what is negative is what j had added. Its own row is 0: it cannot leave itself.

    Raises:
        UserError: the image is not in the group, or meets no others, see `redraw`.
    """
    check_they_meet(model)
    count = len(features)
    others = torch.from_numpy(np.delete(np.arange(count), _place(image, count)))  # (B - 1,)
    changes = features.new_zeros(count, model.classes)
    if count > 1:
        stays = ~torch.eye(count - 1, dtype=torch.bool)  # row j: all companions but the j-th
        remaining = others.expand(count - 1, -1)[stays].view(count - 1, count - 2)
        without = _answers(model, features, _with(image, remaining), ablation)  # (B - 1, C)
        complete = _answers(model, features, _with(image, others[None]), ablation)  # (1, C)
        changes[others] = without - complete
    return changes


def check_they_meet(model: Transformer) -> None:
    """Refuse a network whose tokens are patches.

    Raises:
        UserError: it is one.
    """
    if model.kind == "patches":
        raise UserError(
            "In a network of patches an image has no companions, since only the patches of one "
            "image look at each other: choose a network of images."
        )


def draw(others: np.ndarray, draws: int, count: int, rng: np.random.Generator) -> Tensor:
    """Draw companions at random, none twice in a group.

    Args:
        others: (N,), the images to draw from.
        draws: K, how many groups.
        count: B - 1, companions in each.
        rng: what the draws depend on.

    Returns:
        (K, B - 1), taken from the others.

    Raises:
        UserError: no groups are asked for, or there are too few others.
    """
    if draws < 1 or count < 0:
        raise UserError(
            f"{draws} groups of {count + 1} cannot be drawn: ask for one or more, of one image "
            "or more."
        )
    if count > len(others):
        raise UserError(
            f"{count} companions are needed, and there are only {len(others)} to draw from: "
            "choose a smaller group or more images."
        )
    drawn = [rng.choice(others, count, replace=False) for _ in range(draws)]
    return torch.from_numpy(np.stack(drawn))


def _place(image: int, count: int) -> int:
    if not 0 <= image < count:
        raise UserError(f"There is no image {image}: choose from 0 to {count - 1}.")
    return image


def _with(image: int, companions: Tensor) -> Tensor:
    """Groups (K, B) from companions (K, B - 1), with the image in the first place."""
    return torch.cat([torch.full((len(companions), 1), image), companions], dim=1)


@torch.inference_mode()
def _answers(model: Transformer, pool: Tensor, groups: Tensor, ablation: str = "learned") -> Tensor:
    """The probabilities (K, C) of the first image of each group (K, B)."""
    return ablate(model, pool[groups], ablation).logits[-1, :, 0].softmax(dim=-1)
