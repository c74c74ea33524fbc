"""A network's classes and those of a data set, matched by their names and not by their places."""

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import UserError
from .dataset import Dataset, Split
from .limits import one_line


def matched(dataset: Dataset, classes: tuple[str, ...], count: int) -> tuple[Dataset, str]:
    """The same images with labels that index a network's classes.

    A data set may have some of the classes only. Names are compared without regard to capitals,
    spaces, hyphens and underscores.

    Args:
        dataset: any.
        classes: the network's, in its order; empty where it does not name them.
        count: how many it tells apart.

    Returns:
        The data, and a note where nothing but the order says which class is which.

    Raises:
        UserError: the data has classes that the network does not know.
    """
    if dataset.classes == classes:
        return dataset, ""
    places = _places(dataset.classes, classes)
    if places:
        return _relabelled(dataset, classes, torch.tensor(places)), ""
    if len(dataset.classes) != count:
        raise UserError(
            f"The network tells {count} classes apart, but {dataset.name} has "
            f"{len(dataset.classes)}: give the data it was trained on."
        )
    if classes and not _are_numbers(classes) and not _are_numbers(dataset.classes):
        raise UserError(
            f"The network's classes are {one_line(', '.join(classes), 150)}, but those of "
            f"{dataset.name} are {one_line(', '.join(dataset.classes), 150)}: give data with the "
            "classes it was trained on."
        )
    return dataset, "Classes are matched by their order, since not both sides name them."


def _places(names: tuple[str, ...], classes: tuple[str, ...]) -> list[int]:
    """Where the classes of the data stand among those of a network; empty if some are not there."""
    for alike in (str, _plain):
        known = {alike(name): place for place, name in enumerate(classes)}
        wanted = [alike(name) for name in names]
        distinct = len(known) == len(classes) and len(set(wanted)) == len(wanted)
        if distinct and all(name in known for name in wanted):
            return [known[name] for name in wanted]
    return []


def _plain(name: str) -> str:
    return "".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _are_numbers(names: tuple[str, ...]) -> bool:
    return names == tuple(map(str, range(len(names))))


def _relabelled(dataset: Dataset, classes: tuple[str, ...], places: Tensor) -> Dataset:
    train, test = (
        Split(split.images, places[split.labels]) for split in (dataset.train, dataset.test)
    )
    return replace(dataset, classes=classes, train=train, test=test)
