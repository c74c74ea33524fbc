"""What a person chooses of a source: FOLDER?classes=cat,dog&test=validation.

A source with choices is one text, so that a recipe, a link and the command line hold it alike.
"""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import quote, unquote

from ...errors import UserError
from ...places import home

NONE = "none"
BUILT_IN = ("shapes", "cifar10")
UPLOAD = "upload:"  # begins a source that was uploaded; what follows names its content


@dataclass(frozen=True)
class Choices:
    """Choices; what is empty is decided by what the source looks like.

    Attributes:
        classes: those to use, where there are more.
        train: splits to train on; "none" to measure only.
        test: splits to test on; "none" to hold pictures of the training ones out.
        image: the column of pictures.
        label: the column of labels.
        held: share of each class that is held out to test on, where there is no such split.
    """

    classes: tuple[str, ...] = ()
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def held_share(self) -> float | None:
        """The share as a number.

        Raises:
            UserError: it is none between 0 and 1.
        """
        if not self.held:
            return None
        try:
            share = float(self.held[0])
        except ValueError:
            share = 0
        if not 0 < share < 1:
            raise UserError(
                f"The held-out share {self.held[0]!r} is no fraction: give one such as 0.2."
            )
        return share

    def added_to(self, place: str) -> str:
        """The source that stands for a place with these choices."""
        pairs = [
            f"{field.name}={','.join(quote(value, safe=' ') for value in values)}"
            for field in fields(self)
            if (values := getattr(self, field.name))
        ]
        return f"{place}?{'&'.join(pairs)}" if pairs else place


def parted(source: str) -> tuple[str, Choices]:
    """The place and the choices of a source.

    Raises:
        UserError: there is no such choice.
    """
    place, mark, query = source.rpartition("?")
    if not mark or _exists(source):
        return source, Choices()
    known = {field.name for field in fields(Choices)}
    chosen: dict[str, tuple[str, ...]] = {}
    for pair in filter(None, query.split("&")):
        name, _, values = pair.partition("=")
        if name not in known:
            raise UserError(
                f"{name[:40]!r} is nothing that can be chosen of a source: choose "
                f"{', '.join(sorted(known))}."
            )
        chosen[name] = tuple(filter(None, map(unquote, values.split(","))))
    return place, Choices(**chosen)


def _exists(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))


def path_of(source: str) -> str:
    """Where a source lies on this machine; empty for what is built in."""
    place, _ = parted(source)
    if place in BUILT_IN:
        return ""
    if place.startswith(UPLOAD):
        return str(upload_path(place.removeprefix(UPLOAD)))
    return place


def upload_path(key: str) -> Path:
    """Where an uploaded data set lies; `key` names its content."""
    return home() / "uploads" / key


def located(source: str) -> str:
    """A source as every process finds it later: a relative path is meant from here."""
    place, choices = parted(source)
    if place in BUILT_IN or place.startswith(UPLOAD):
        return source
    return choices.added_to(str(Path(os.path.expanduser(place)).absolute()))
