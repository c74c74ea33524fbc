"""Which images sit together: a group is a tuple of indices into a data set, in the order shown.

Every function gives the same group for the same seed, so that a link can carry it.

Shape letters: N images in the data, B images in a group.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError

SMALLEST, LARGEST = 2, 64
"""How many images a group that is shown may have."""

Group = tuple[int, ...]

ALIKE = {"random": 1, "pairs": 2, "fours": 4, "one class": None}
"""How groups can be composed: how many images of one class stand together, None for all. What an
image's companions are then tells something about its class."""
SORTED = "sorted"
"""A way to compose groups that is only measured with: images class by class, as files often lie."""


def draw(labels: Tensor, size: int, seed: int, classes: Collection[int] | None = None) -> Group:
    """A random group. A larger one drawn with the same seed begins with the same images.

    Args:
        labels: (N,), the classes of all images.
        size: B, from SMALLEST to LARGEST.
        seed: 0 or more.
        classes: only images of these; None for all.

    Raises:
        UserError: the size is out of range, a class has no images, or they are too few.
    """
    _check_size(size)
    candidates = _of_classes(labels.numpy(force=True), classes)
    if size > len(candidates):
        raise UserError(
            f"A group of {size} images was asked for, but there are only {len(candidates)} to "
            "draw from: choose a smaller group or more classes."
        )
    return tuple(generator(seed).permutation(candidates)[:size].tolist())


def pick(indices: Sequence[int], images: int) -> Group:
    """A group picked by hand, checked.

    Args:
        indices: the images, in the order in which they are shown.
        images: N, how many images there are.

    Raises:
        UserError: too few or too many, one that does not exist, or one picked twice.
    """
    _check_size(len(indices))
    for index in indices:
        if not 0 <= index < images:
            raise UserError(f"There is no image {index}: choose from 0 to {images - 1}.")
    if len(set(indices)) < len(indices):
        raise UserError("An image stands in this group twice: pick each image once.")
    return tuple(indices)


def shuffle(indices: Sequence[int], seed: int) -> Group:
    """The same images in another order; for the network it is the same group."""
    return tuple(generator(seed).permutation(indices).tolist())


def sort_by_class(indices: Sequence[int], labels: Tensor) -> Group:
    """The same images, class by class; within a class they keep their order."""
    return tuple(sorted(indices, key=lambda index: int(labels[index])))


def swap(indices: Sequence[int], place: int, count: int, seed: int) -> Group:
    """The same group with one image replaced by a random one from outside it.

    Args:
        indices: the group.
        place: which of its images goes, 0...B-1.
        count: of all images.
        seed: 0 or more.

    Raises:
        UserError: there is no such place, or no image is left to take it.
    """
    if not 0 <= place < len(indices):
        raise UserError(f"There is no place {place} in this group: choose 0 to {len(indices) - 1}.")
    candidates = np.setdiff1d(np.arange(count), indices)
    if not len(candidates):
        raise UserError(
            "There is nothing to swap this image with, as the group holds all others already: "
            "choose a smaller group."
        )
    newcomer = int(generator(seed).choice(candidates))
    return (*indices[:place], newcomer, *indices[place + 1 :])


def compose(
    order: np.ndarray, labels: Tensor, group: int, grouping: str, draw: np.random.Generator
) -> np.ndarray:
    """Images in an order in which consecutive groups are composed as asked for.

    Args:
        order: (N,), indices of images in a random order.
        labels: the classes of all images that are indexed.
        group: B.
        grouping: a name of ALIKE.
        draw: shuffles the pairs, or whatever stands together.

    Returns:
        (N,), the same indices; those for which a class has too few others come last.

    Raises:
        UserError: the group is no multiple of what stands together.
    """
    alike = ALIKE[grouping] or group
    if group % alike:
        raise UserError(
            f"Groups of {group} cannot be made of {grouping}: choose a multiple of {alike}."
        )
    classes = labels.numpy(force=True)[order]
    together, rest = [], []
    for label in np.unique(classes):
        same = order[classes == label]
        whole = len(same) // alike * alike
        together.append(same[:whole].reshape(-1, alike))
        rest.append(same[whole:])
    return np.concatenate([draw.permutation(np.concatenate(together)).ravel(), *rest])


def conditions(group: int, grouping: str = "random") -> str:
    """Who meets whom, to follow an accuracy; said beside each one, since it depends on that.

    Args:
        group: B; 1 where an image meets none.
        grouping: a name of ALIKE or SORTED; empty where it is not known, as of former versions'
            random ones.
    """
    return "each alone" if group == 1 else f"in groups of {group}{composition(grouping)}"


def composition(grouping: str) -> str:
    """How groups are composed, to follow their size."""
    words = {"": "", "random": "", "one class": " of one class", SORTED: ", sorted by class"}
    return words.get(grouping, f" made of {grouping} of one class")


def same_class_mass(weights: Tensor, labels: Tensor) -> Tensor:
    """The attention that each image gives to images of its own class.

    An image is always of its own class, so a group of strangers still gives what each keeps for
    itself.

    Args:
        weights: (..., B, B), rows that sum to one.
        labels: (B,), or (..., B) of as many groups.

    Returns:
        (..., B), 0...1.
    """
    same = labels[..., :, None] == labels[..., None, :]  # (..., B, B)
    return (weights * same).sum(dim=-1)


def chance_mass(labels: Tensor) -> Tensor:
    """What `same_class_mass` is where every image looks at all alike.

    With n images of its class among B, an image gives them n / B by chance.

    Returns:
        (..., B), as the labels.
    """
    images = labels.shape[-1]
    uniform = torch.full((images, images), 1 / images, device=labels.device)
    return same_class_mass(uniform, labels)


def generator(seed: int) -> np.random.Generator:
    """The random numbers of a seed.

    Raises:
        UserError: the seed is negative.
    """
    if seed < 0:
        raise UserError(f"A seed is a whole number from 0 on: {seed} is none.")
    return np.random.default_rng(seed)


def _check_size(size: int) -> None:
    if not SMALLEST <= size <= LARGEST:
        raise UserError(
            f"A group has {SMALLEST} to {LARGEST} images, and {size} were asked for: choose a "
            "size between."
        )


def _of_classes(labels: np.ndarray, classes: Collection[int] | None) -> np.ndarray:
    """The indices of all images of some classes."""
    if classes is None:
        return np.arange(len(labels))
    present = np.unique(labels).tolist()
    for label in classes:
        if label not in present:
            known = ", ".join(map(str, present))
            raise UserError(f"There are no images of class {label}: choose among {known}.")
    return np.flatnonzero(np.isin(labels, list(classes)))
