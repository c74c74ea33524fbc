"""What a person can choose on each page."""

from dataclasses import dataclass, make_dataclass
from typing import Any, Final, Literal, get_args, get_origin

from ..analysis.ablation import ABLATIONS, MOST_PASSES
from ..analysis.range_test import HIGH, HIGHEST, LEAST_STEPS, LOW, MOST_STEPS, STEPS
from ..data import groups
from ..model import PASSES
from ..recipe import PRESETS, Recipe
from . import kinds
from .kinds import FREE, Kind, Unfit, number, one_of, optional, some_of, whole
from .state import choice

FOLLOW: Final = "follow"
LAST_STEP = 10**12
LAST_SEED = 2**31 - 1
MOST_CLASSES = 64


def _step(text: str) -> int | Literal["follow"]:
    return FOLLOW if text == FOLLOW else whole(0, LAST_STEP).parse(text)


@dataclass(frozen=True)
class Shown:
    """What is on show, on whichever page.

    Attributes:
        run: its id; empty for the one that comes with Ultimus.
        step: of the snapshot that is looked at, or the newest weights there are.
    """

    run: str = choice("", FREE)
    step: int | Literal["follow"] = choice(FOLLOW, Kind(_step), in_link=False)


# Train --------------------------------------------------------------------------------------------

SOURCES = {"shapes": "Shapes", "cifar10": "CIFAR-10", "folder": "Folder", "upload": "Upload"}
AUGMENTATIONS = {"flip": "mirror", "shift": "shift", "cutout": "cutout"}


class AsPreset:
    """Stands for what the preset has."""

    def __repr__(self) -> str:
        return "as the preset"


AS_PRESET: Final = AsPreset()
BOUNDS = {"ge": "low", "gt": "low", "le": "high", "lt": "high"}
EXCLUDED = {"gt": {"above": True}, "lt": {"below": True}}
PART_OF_OTHERS = {"preset", "data", "cutout_chance", "rate_changes", *AUGMENTATIONS}
RECIPE_CHOICES = tuple(name for name in Recipe.model_fields if name not in PART_OF_OTHERS)


def kind_of(name: str) -> Kind:
    """What may be chosen for a field of a recipe, as the field itself says."""
    field = Recipe.model_fields[name]
    if get_origin(field.annotation) is Literal:
        return one_of({option: option for option in get_args(field.annotation)})
    types = get_args(field.annotation) or (field.annotation,)
    inner = [part for option in types for part in get_args(option)[1:]]  # of an optional one
    rules = [*field.metadata, *(rule for part in inner for rule in part.metadata)]
    bounds = {}
    for rule in rules:
        for attribute, bound in BOUNDS.items():
            if (limit := getattr(rule, attribute, None)) is not None:
                bounds |= {bound: limit, **EXCLUDED.get(attribute, {})}
    found = number(int if int in types else float, **bounds)
    return optional(found) if type(None) in types else found


def _kept(kind: Kind) -> Kind:
    """The same; the preset's own choice is left as it is, and stands for what a link has wrong."""

    def fit(value: Any) -> Any:
        return value if value is AS_PRESET else kind.fit(value)

    def parse(text: str) -> Any:
        try:
            return kind.parse(text)
        except Unfit as unfit:
            raise Unfit(str(unfit)) from unfit

    return Kind(parse, kind.text, fit)


AUGMENT = _kept(some_of(AUGMENTATIONS))
_Recipe = make_dataclass(
    "_Recipe",
    [(name, Any, choice(AS_PRESET, _kept(kind_of(name)))) for name in RECIPE_CHOICES],
    frozen=True,
)


@dataclass(frozen=True)
class Train(_Recipe):
    """The data and recipe that Start would start; besides, every choice of a recipe by its name.

    Attributes:
        data: kind of source; None for the one that is offered first.
        folder: of the data; None for the one that is offered first.
        upload: the source that stands for a data set that was uploaded.
        chosen: what is chosen of the folder or the upload, as its source says it.
        preset: what the recipe starts from.
        augment: names of AUGMENTATIONS.
        seed_run: whether the notebook's log is drawn.
    """

    data: str | None = choice(None, one_of(SOURCES))
    folder: str | None = choice(None, FREE)
    upload: str = choice("", FREE)
    chosen: str = choice("", FREE)
    preset: str = choice(next(iter(PRESETS)), one_of({name: name for name in PRESETS}))
    augment: tuple[str, ...] = choice(AS_PRESET, AUGMENT)
    seed_run: bool = choice(True, kinds.SWITCH)


# Lab ----------------------------------------------------------------------------------------------

TOOLS = {"sweep": "Sweep", "range": "Range test", "compare": "Compare runs"}
NOT_SWEPT = {"preset", "data", "seed", "snapshots", "max_seconds", "rate_changes"}
SWEPT = tuple(sorted({*Recipe.model_fields} - NOT_SWEPT, key=lambda name: name != "lr"))
NOTHING = "nothing"
MOST_COMPARED = 8  # runs that can still be told apart


def _compared(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, text.split("\n"))))
    if len(names) > MOST_COMPARED:
        raise Unfit(f"{MOST_COMPARED} runs at most", names[:MOST_COMPARED])
    return names


@dataclass(frozen=True)
class Lab:
    """What is tried in the lab, with the data and recipe of the Train page.

    Attributes:
        tool: which of TOOLS.
        vary: the choice of a recipe that has several values.
        values: as written, with commas; none for some that suit.
        also: another such choice, or NOTHING.
        also_values: of that.
        seeds: runs of each value.
        low: the first rate of a range test.
        high: its last rate.
        steps: that it makes.
        sweep: the id of the sweep or range test on show; none for this browser's newest.
        runs: ids of those that are compared.
    """

    tool: str = choice("sweep", one_of(TOOLS))
    vary: str = choice("lr", one_of({name: name for name in SWEPT}))
    values: str = choice("", FREE)
    also: str = choice(NOTHING, one_of({name: name for name in (NOTHING, *SWEPT)}))
    also_values: str = choice("", FREE)
    seeds: int = choice(3, whole(1, 50))
    low: float = choice(LOW, number(float, 1e-8, HIGHEST))
    high: float = choice(HIGH, number(float, 1e-7, HIGHEST))
    steps: int = choice(STEPS, whole(LEAST_STEPS, MOST_STEPS))
    sweep: str = choice("", FREE)
    runs: tuple[str, ...] = choice((), Kind(_compared, "\n".join))


# Attention ----------------------------------------------------------------------------------------

MATRICES = {"products": "q · k", "scores": "÷ √8", "weights": "softmax"}
TABS = {
    "walk": "One cell, step by step",
    "passes": "The answer, pass by pass",
    "company": "Change the company",
    "ablations": "Ablations",
}
"""By their ids; links of former versions have the labels. The walk now stands beside them all."""
POOLS = {"test": "test images", "examples": "20 examples"}
WALK = 8  # steps; 0 for all of them


def _place(text: str) -> int:
    return whole(0, groups.LARGEST - 1).parse(text)


def _browsers(default: Any, kind: Kind, name: str = "") -> Any:
    """A choice that is made in the browser, which also keeps it in the link (explorer/view.js)."""
    return choice(default, kind, name, in_link=False)


@dataclass(frozen=True)
class Attention:
    """What is looked at on the Attention page.

    The script knows which group it is; the rest it reads from a link and hands on.

    Attributes:
        pictures: which of POOLS groups are made from; the examples are the same everywhere.
        size: of the group.
        classes: that the group is drawn from; none for all.
        draw: seed of the draw.
        images: picked by hand, as written.
        other: id of the run whose attention stands beside; empty for none.
        other_step: of its snapshot, or its newest weights.
        number: of the pass, 1...P.
        show: which of MATRICES.
        drawn: as a matrix or as lines.
        fit: whether colours reach to the largest weight shown.
        picture: of the group, whose patches are looked at where tokens are patches; a place.
        cell: (i, j), who looks and who is looked at; None for the strongest of one class.
        view: which of TABS.
        walk: step of the walk.
        passes: after how many the answer is shown.
        draws: groups that companions are drawn for.
        redraw: seed of those draws.
        ablation: which of ABLATIONS.
    """

    pictures: str = choice("test", one_of(POOLS))
    size: int = choice(16, whole(groups.SMALLEST, groups.LARGEST))
    classes: tuple[str, ...] = choice((), kinds.several())
    draw: int = choice(0, whole(0, LAST_SEED))
    images: str = choice("", FREE)
    other: str = choice("", FREE, "with")
    other_step: int | Literal["follow"] = _browsers(FOLLOW, Kind(_step), "with_step")
    number: int = _browsers(1, whole(1, PASSES), "pass")
    show: str = _browsers("weights", one_of(MATRICES))
    drawn: str = _browsers("matrix", one_of({"matrix": "Matrix", "lines": "Lines"}), "as")
    fit: str = _browsers("0", one_of({"0": "fixed", "1": "fitted"}))
    picture: int = _browsers(0, whole(0, groups.LARGEST - 1))
    cell: tuple[int, int] | None = _browsers(
        None, kinds.pair(_place, rule="two places in the group, such as 0-3")
    )
    view: str = _browsers("passes", one_of(TABS))
    walk: int = _browsers(1, whole(0, WALK))
    passes: int = _browsers(PASSES, whole(0, MOST_PASSES))
    draws: int = _browsers(32, whole(8, 128))
    redraw: int = _browsers(0, whole(0, 10**6))
    ablation: str = _browsers(
        next(iter(ABLATIONS)),
        one_of({name: ablation.title for name, ablation in ABLATIONS.items()}),
    )


# Test set -----------------------------------------------------------------------------------------

SEATS = {"groups": "in groups", "alone": "each alone"}
ORDERS = {"class": "by class", "accuracy": "by accuracy"}


def _class(text: str) -> int | None:
    return None if text == "" else whole(0, MOST_CLASSES).parse(text)


@dataclass(frozen=True)
class TestSet:
    """What is looked at on the Test set page.

    Attributes:
        seat: which of SEATS the pictures have.
        order: which of ORDERS the classes have.
        pair: a true class and the one it is taken for; None for any.
        sheet: page of the pictures, from 1.
    """

    seat: str = choice("groups", one_of(SEATS))
    order: str = choice("class", one_of(ORDERS))
    pair: tuple[int | None, int | None] = choice(
        (None, None),
        kinds.pair(
            _class, lambda pair: "" if pair is None else str(pair), "two classes, such as 3-5"
        ),
    )
    sheet: int = choice(1, whole(1, 10**6))


# Lessons ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """The lesson that runs beside the pages.

    Attributes:
        lesson: its name; empty for none.
        card: which of its cards, from 1.
    """

    lesson: str = choice("", FREE)
    card: int = choice(1, whole(1, 1000))


PAGES: Final[dict[str, tuple[type, ...]]] = {
    "look": (),
    "train": (Shown, Train),
    "lab": (Lab, Train),
    "attention": (Shown, Attention),
    "predict": (Shown,),
    "testset": (Shown, TestSet),
}
"""The pages by the names that lessons call them, and the states that a link to each holds."""
