"""A recipe: every choice of a training run, validated, as JSON in and out.

The command line's flags, the page's widgets and the run folder's recipe.json all derive from the
fields below.
"""

import json
import math
from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from .errors import UserError

Fraction = Annotated[float, Field(ge=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
MAX_PROBLEMS = 5  # named in one sentence
LEAST_FACTOR, MOST_FACTOR = 1e-3, 1e3  # by which a rate may be multiplied
Grouping = Literal["random", "pairs", "fours", "one class"]


def _model(given: Any) -> Any:
    """The only network had this name, before there was another kind."""
    return "images" if given == "ultimus" else given


@lru_cache(maxsize=64)
def _segments(rate_changes: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Steps from which on the rate is multiplied, in order, and by how much from each of them.

    Raises:
        ValueError: the text says nothing of the kind.
    """
    parts = [part.partition(":") for part in rate_changes.split()]
    try:
        steps = tuple(int(step) for step, _, _ in parts)
        factors = tuple(float(factor) for _, _, factor in parts)
    except ValueError:
        steps, factors = (-1,), ()
    in_order = all(first < second for first, second in zip((-1, *steps), steps, strict=False))
    if not in_order or not all(LEAST_FACTOR <= factor <= MOST_FACTOR for factor in factors):
        raise ValueError(
            "rate_changes should be steps in their order, each with a factor from "
            f"{LEAST_FACTOR:g} to {MOST_FACTOR:g}, as in 3000:0.5 4000:0.1, not "
            f"{_shown(rate_changes)}"
        )
    return steps, factors


OF_A_RUN = (
    "data", "seed", "epochs", "max_steps", "max_seconds", "target", "snapshots", "rate_changes",
)  # fmt: skip
"""Choices that say on what and how long one run trains: with others it is still the same preset."""


class Recipe(BaseModel):
    """Every choice of a run. Immutable; an invalid one cannot be made.

    Raises:
        pydantic.ValidationError: (a ValueError) on construction; `Recipe.of` says the same in
            one sentence.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )

    preset: str = Field("steady", max_length=40, description="name of the preset it started from")
    model: Annotated[Literal["images", "patches"], BeforeValidator(_model)] = Field(
        "images",
        description="what attends to what: the images of a group, or the patches of one image",
    )
    grid: int = Field(4, ge=2, le=8, description="patches along a side, where patches attend")
    data: str = Field(
        "shapes", min_length=1, max_length=1000, description="shapes, cifar10 or a folder"
    )
    group: int = Field(16, ge=1, le=1024, description="images that attend to each other")
    groups: int = Field(8, ge=1, le=1024, description="groups per step")
    grouping: Grouping = Field(
        "random",
        description="who meets in a group: anybody, pairs or fours of one class, or one class only",
    )
    optimizer: Literal["adam", "adamw", "sgd", "soap"] = Field("adamw", description="optimizer")
    lr: float = Field(0.006, gt=0, le=10, description="peak learning rate")
    block_rate: float = Field(
        1.0, gt=0, le=10, description="learning rate of the attention block / that of all else"
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="weight decay")
    beta1: Momentum = Field(0.9, description="momentum (first beta of Adam)")
    beta2: Momentum = Field(0.999, description="second beta of Adam")
    beta1_at_peak: Momentum | None = Field(
        None, description="momentum where the learning rate peaks; none keeps it constant"
    )
    schedule: Literal["linear", "cosine", "constant", "geometric"] = Field(
        "cosine",
        description="shape of the learning-rate curve; geometric rises by the same factor at each "
        "step, to find out which rates suit",
    )
    warmup: Fraction = Field(0.1, description="fraction of the steps in which the rate rises")
    start_divisor: float = Field(25, ge=1, le=1e6, description="peak rate / first rate")
    end_divisor: float = Field(1e4, ge=1, le=1e9, description="first rate / last rate")
    rate_changes: str = Field(
        "",
        max_length=600,
        description="from which steps on the rate is multiplied, and by what, as in "
        "3000:0.5 4000:0.1; for good, or until the next one",
    )
    clip: float | None = Field(1.0, gt=0, description="largest gradient norm; none for no limit")
    flip: Fraction = Field(0.5, description="chance that an image is mirrored")
    shift: int = Field(0, ge=0, le=16, description="pixels by which an image is moved at most")
    cutout: int = Field(0, ge=0, le=32, description="side of the grey square put on an image")
    cutout_chance: Fraction = Field(0.5, description="chance that an image gets the square")
    precision: Literal["float32", "mixed"] = Field(
        "float32",
        description="mixed computes the convolutions in bfloat16 where the processor can",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="of initial weights, order, augmentation")
    epochs: int = Field(24, ge=1, le=1000, description="passes over the training images")
    max_steps: int | None = Field(None, ge=1, le=10**9, description="stop after this many steps")
    max_seconds: float | None = Field(None, gt=0, description="stop after this training time")
    target: Fraction | None = Field(
        None, description="stop after the epoch in which this share of the test images is right"
    )
    snapshots: int = Field(40, ge=2, le=500, description="about how many snapshots to keep")

    @model_validator(mode="after")
    def _together(self) -> "Recipe":
        _segments(self.rate_changes)
        if self.batch > 4096:
            raise ValueError(
                f"{self.groups} groups of {self.group} make {self.batch} images per step, "
                "more than 4096: lower one of them"
            )
        if self.grouping != "random" and self.model == "patches":
            raise ValueError(
                "grouping says which images meet, and in a network of patches none do: leave it at "
                "random"
            )
        alike = {"pairs": 2, "fours": 4}.get(self.grouping, 1)
        if self.group % alike:
            raise ValueError(
                f"groups of {self.group} cannot be made of {self.grouping}: choose a multiple of "
                f"{alike}"
            )
        return self

    @classmethod
    def of(cls, *, preset: str = "steady", **choices: Any) -> "Recipe":
        """A preset with some choices changed.

        Raises:
            UserError: an unknown preset, or choices out of bounds, each named.
        """
        if preset not in PRESETS:
            raise UserError(
                f"There is no preset {preset!r}: choose one of {', '.join(sorted(PRESETS))}."
            )
        return cls.parse({**PRESETS[preset].model_dump(), **choices})

    @property
    def title(self) -> str:
        """The preset's name, and what differs from it besides data, length and seed: the choice,
        where it is one, or that some do."""
        preset = PRESETS.get(self.preset)
        if preset is None:
            return self.preset
        changes = [
            name for name in type(self).model_fields
            if name not in OF_A_RUN and getattr(self, name) != getattr(preset, name)
        ]  # fmt: skip
        if len(changes) != 1:
            return f"{self.preset}, changed" if changes else self.preset
        return f"{self.preset}, {changes[0]} {written(getattr(self, changes[0]))}"

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe from JSON.

        Raises:
            UserError: the text is not a valid recipe.
        """
        try:
            choices = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"The recipe is not readable as JSON: {error}.") from error
        return cls.parse(choices)

    @classmethod
    def parse(cls, choices: Any) -> "Recipe":
        """A recipe from any mapping.

        Raises:
            UserError: it is not a valid recipe; each problem is named.
        """
        try:
            return cls.model_validate(choices)
        except ValidationError as error:
            raise UserError(explain(error)) from error

    def with_data(self, source: str) -> "Recipe":
        """The same choices on other data.

        Raises:
            UserError: the name of the source is too long.
        """
        return self.parse({**self.model_dump(), "data": source})

    @property
    def tokens_along_a_side(self) -> int:
        """The `grid` of the network: 1 where images are its tokens."""
        return self.grid if self.model == "patches" else 1

    @property
    def attending(self) -> int:
        """Images that attend to each other: 1 where the patches of each do."""
        return 1 if self.model == "patches" else self.group

    @property
    def batch(self) -> int:
        """Images per step."""
        return self.group * self.groups

    def steps_per_epoch(self, images: int) -> int:
        """Whole batches in so many training images; the incomplete last one is left out.

        Raises:
            UserError: there are fewer images than one step needs.
        """
        if images < self.batch:
            raise UserError(
                f"One step needs {self.batch} images ({self.groups} groups of {self.group}), "
                f"but the data has {images} to train on: lower the group size or the groups "
                "per step."
            )
        return images // self.batch

    def total_steps(self, images: int) -> int:
        """The steps of the whole run, which is also what the schedule spans."""
        steps = self.epochs * self.steps_per_epoch(images)
        return min(steps, self.max_steps or steps)

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a step (counted from 0) in a run of `total` steps.

        One cycle (Smith & Topin 2017, as `torch.optim.lr_scheduler.OneCycleLR` computes it): a
        rise from lr / start_divisor to lr, then a fall to lr / start_divisor / end_divisor. A
        geometric schedule rises from the same first rate to lr at the last step. All of it is
        multiplied from the steps on that `rate_changes` names.
        """
        return self.factor(step) * self._scheduled(step, total)

    def factor(self, step: int) -> float:
        """By what the rate of a step (counted from 0) is multiplied."""
        steps, factors = _segments(self.rate_changes)
        place = bisect_right(steps, step)
        return factors[place - 1] if place else 1.0

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Steps (counted from 0) from which on the factor is another."""
        return _segments(self.rate_changes)[0]

    def with_factor(self, step: int, factor: float) -> "Recipe":
        """The same, but for the rates from a step on, which are multiplied by another factor.

        Raises:
            UserError: the factor is out of bounds, or the rate was changed too often.
        """
        former = zip(*_segments(self.rate_changes), strict=True)
        changes = [change for change in former if change[0] < step] + [(step, factor)]
        text = " ".join(f"{step}:{factor:g}" for step, factor in changes)
        return self.parse({**self.model_dump(), "rate_changes": text})

    def _scheduled(self, step: int, total: int) -> float:
        if self.schedule == "constant":
            return self.lr
        first = self.lr / self.start_divisor
        if self.schedule == "geometric":
            return first * self.start_divisor ** (step / max(total - 1, 1))
        return self._cycle(step, total, first, self.lr, first / self.end_divisor)

    def momentum(self, step: int, total: int) -> float:
        """β1 of a step; it dips to `beta1_at_peak` where the learning rate peaks."""
        if self.schedule in ("constant", "geometric") or self.beta1_at_peak is None:
            return self.beta1
        return self._cycle(step, total, self.beta1, self.beta1_at_peak, self.beta1)

    def _cycle(self, step: int, total: int, start: float, peak: float, end: float) -> float:
        """Start to peak during the warm-up, peak to end in the rest."""
        top = self.warmup * total - 1  # the step of the peak
        if step <= top:
            return self._anneal(start, peak, step / top if top else 1)
        fall = total - 1 - top  # steps from the peak to the last one
        return self._anneal(peak, end, (step - top) / fall if fall > 0 else 1)

    def _anneal(self, start: float, end: float, progress: float) -> float:
        if self.schedule == "linear":
            return start + (end - start) * progress
        return end + (start - end) / 2 * (1 + math.cos(math.pi * progress))

    def snapshot_steps(self, total: int) -> tuple[int, ...]:
        """When to keep the weights: dense early, sparser later, always step 0 and the last.

        The k-th of n lies at the fraction (k / n)³ of the run.
        """
        last = self.snapshots - 1
        return tuple(sorted({round(total * (k / last) ** 3) for k in range(self.snapshots)}))


SOAP = Recipe(
    optimizer="soap",
    lr=0.015,
    block_rate=0.3,
    weight_decay=0,
    beta1=0.95,
    beta2=0.95,
    precision="mixed",
)
PRESETS = {
    "demo": SOAP.model_copy(update={"preset": "demo", "epochs": 4}),
    "steady": Recipe(precision="mixed"),
    "best": SOAP.model_copy(update={"preset": "best", "epochs": 100, "shift": 2}),
    "patches": SOAP.model_copy(
        update={"preset": "patches", "model": "patches", "epochs": 8, "shift": 2}
    ),
    "seed": Recipe(
        preset="seed",
        group=16,
        groups=1,
        optimizer="adam",
        lr=0.01,
        weight_decay=0,
        beta1=0.95,
        beta1_at_peak=0.85,
        schedule="linear",
        warmup=0.2,
        start_divisor=10,
        end_divisor=100,
        clip=None,
        cutout=8,
        precision="mixed",
    ),
}
"""`demo`: past the seed's 41 % within its first epoch. `steady`: a plain, stable recipe. `best`:
the most that was found for images as tokens. `patches`: the patches of a picture attend to each
other. `seed`: the published notebook's, which collapses. The figures on CIFAR-10 are in
docs/accuracy.md."""


def written(value: Any) -> str:
    """A choice of a recipe as people read it, and may type it: 0.00001 and not 1e-05."""
    if isinstance(value, float):
        return plain(value)
    return "none" if value is None else str(value)


def plain(number: float, digits: int = 6) -> str:
    """A number with so many digits that count, and without a power of ten."""
    return f"{Decimal(f'{number:.{digits}g}'):f}"


def explain(error: ValidationError) -> str:
    """A validation error in one sentence: each field, what it was and what it should be."""
    return f"The recipe is out of bounds: {problems(error)}."


def problems(error: ValidationError) -> str:
    """The part of such a sentence that names the fields, of a recipe or of anything else."""
    found = [_problem(detail) for detail in error.errors(include_url=False)]
    if len(found) > MAX_PROBLEMS:
        found[MAX_PROBLEMS:] = [f"and {len(found) - MAX_PROBLEMS} more"]
    return "; ".join(found)


def _problem(detail: ErrorDetails) -> str:
    field = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("extra_forbidden", "invalid_key"):
        return f"{_shown(field)} is not a choice of a recipe"
    if not field:
        return f"it should be an object of choices, not {_shown(detail['input'])}"
    _, should, reason = detail["msg"].partition(" should ")  # "Input should be", "List should have"
    if not should:
        return f"{field} cannot be {_shown(detail['input'])} ({reason or detail['msg']})"
    return f"{field} should {reason}, not {_shown(detail['input'])}"


def _shown(value: Any) -> str:
    """The beginning of a value, on one line, whatever it is."""
    try:
        text = repr(str(value)[:40])
    except (ValueError, RecursionError):  # a number or a nesting too long to write out
        text = f"what was given ({type(value).__name__})"
    return text
