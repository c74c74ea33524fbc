"""Where weights come from, as the text metadata of a checkpoint tells it.

Anybody can write such metadata, so what is read is bounded, plain and of the right kind, or it is
left out. It remains a claim: nothing in the file proves it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..data.groups import ALIKE
from ..data.limits import MAX_CLASSES, MIN_CLASSES, shown
from ..errors import UserError
from ..recipe import Recipe

MAX_TEXT = 4096  # characters of an entry; a recipe has 600
MOST = 10**9  # steps or images
BUILT_IN = ("shapes", "cifar10")  # sources of data that are no folders
UNKNOWN_DATA = "unknown data"  # stands in a recipe for a folder, which is another machine's


@dataclass(frozen=True)
class Origin:
    """What is known about weights; what is not is empty or None.

    Attributes:
        run: id of the run that they are from.
        step: how many steps it had made.
        epoch: the same in epochs.
        recipe: how it trained; a folder of data is called UNKNOWN_DATA in it.
        data: name of the data that it trained on.
        fingerprint: of that data.
        classes: its class names.
        train: how many images it trained on.
        test: how many images it was tested on.
        accuracy: on the test images, measured with these very weights, 0...1.
        group: how many images attended to each other in that measurement.
        grouping: how these groups were composed, see `data.groups.ALIKE`.
        version: of Ultimus.
    """

    run: str = ""
    step: int | None = None
    epoch: float | None = None
    recipe: Recipe | None = None
    data: str = ""
    fingerprint: str = ""
    classes: tuple[str, ...] = ()
    train: int | None = None
    test: int | None = None
    accuracy: float | None = None
    group: int | None = None
    grouping: str = ""
    version: str = ""

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> "Origin":
        """What a file's metadata claims, as far as it is in order."""
        read = {field.name: _tried(field.name, metadata) for field in fields(cls)}
        return cls(**{name: value for name, value in read.items() if value is not None})

    def metadata(self) -> dict[str, str]:
        """The same as text, for `read`; what is not known is left out."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _text(value) for name, value in known.items() if value not in (None, "", ())}


def portable(recipe: Recipe) -> Recipe:
    """A recipe without a folder of this machine."""
    return recipe.model_copy(
        update={"data": recipe.data if recipe.data in BUILT_IN else UNKNOWN_DATA}
    )


def _text(value: Any) -> str:
    if isinstance(value, Recipe):
        return portable(value).model_dump_json()
    if isinstance(value, tuple):
        return "\n".join(" ".join(line.split()) for line in value)
    return str(value)


def _tried(name: str, metadata: Mapping[str, Any]) -> Any:
    """An entry, None where it is missing or not in order."""
    text = metadata.get(name)
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
        return None
    try:
        return READERS[name](text)
    except (UserError, ValueError):
        return None


def _whole(text: str) -> int:
    return int(_within(int(text), MOST))


def _within(number: float, most: float) -> float:
    if not 0 <= number <= most:  # neither is NaN
        raise ValueError(f"{number} is not within 0 and {most}")
    return number


def _recipe(text: str) -> Recipe:
    recipe = portable(Recipe.from_json(text))
    return recipe.model_copy(update={"preset": shown(recipe.preset)})


def _fingerprint(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        raise ValueError("no fingerprint")
    return shown(text)


def _classes(text: str) -> tuple[str, ...]:
    names = tuple(shown(line) for line in text.split("\n") if line.strip())
    if not MIN_CLASSES <= len(names) <= MAX_CLASSES or len(set(names)) < len(names):
        raise ValueError("no class names")
    return names


def _grouping(text: str) -> str:
    if text not in ALIKE:
        raise ValueError("no such grouping")
    return text


READERS: dict[str, Callable[[str], Any]] = {
    "run": shown,
    "step": _whole,
    "epoch": lambda text: _within(float(text), MOST),
    "recipe": _recipe,
    "data": shown,
    "fingerprint": _fingerprint,
    "classes": _classes,
    "train": _whole,
    "test": _whole,
    "accuracy": lambda text: _within(float(text), 1),
    "group": _whole,
    "grouping": _grouping,
    "version": shown,
}
