"""The choice of a recipe: a preset, what matters for a lesson, and the rest under "More"."""

import math
from collections.abc import Callable
from typing import Any

import streamlit as st

from ...recipe import PRESETS, Recipe
from ..state import link

PRESET_NOTES = {
    "demo": "Short: within its first epoch it passes what the notebook reached in 24.",
    "steady": "A plain recipe: small batches of groups, gradients limited, the rate rises gently.",
    "best": "The most that was found for this network: longer, on images that move a little.",
    "seed": "The published notebook's recipe. It collapses in the middle: watch it happen.",
}
NONE = "none"  # how links call an empty choice
AUGMENTATIONS = {"flip": "mirror", "shift": "shift", "cutout": "cutout"}
USUAL = {"flip": 0.5, "shift": 4, "cutout": 8}  # what choosing one means
OTHER = {"preset", "model", "data", "flip", "shift", "cutout", "cutout_chance"}
CHOICES = (Recipe.model_fields.keys() - OTHER) | {"augment"}  # as links call them


def choose(data: str) -> Recipe:
    """Let the person choose a recipe for the data.

    Raises:
        UserError: the choices do not make a recipe.
    """
    preset = st.segmented_control(
        "Recipe",
        list(PRESETS),
        default=next(iter(PRESETS)),
        required=True,
        key="preset",
        bind="query-params",
        on_change=_forget_changes,
        width="stretch",
    )
    st.caption(PRESET_NOTES[preset])
    start = PRESETS[preset]  # what the link need not say
    left, right = st.columns(2)
    with left:
        choices = {
            "epochs": _whole(start, "epochs", "Epochs"),
            "group": _whole(start, "group", "Group size"),
            "lr": _number(start, "lr", "Peak learning rate", step=0.001),
        }
    with right:
        choices["seed"] = _whole(start, "seed", "Seed")
        choices["groups"] = _whole(start, "groups", "Groups per step")
        choices["optimizer"] = _option(start, "optimizer", "Optimizer")
    augmentations = st.pills(
        "Augmentation",
        list(AUGMENTATIONS),
        default=_linked("augment", _augmentations(start), _listed),
        selection_mode="multi",
        format_func=AUGMENTATIONS.get,
        **_kept("augment", _augmentations(start), lambda names: ",".join(names) or NONE),
        help="Chance changes to the training images: mirrored, moved by a few pixels, or a grey "
        "square put on them.",
    )
    with st.expander("More"):
        choices |= _more(start)
    choices |= {name: _strength(start, name, name in augmentations) for name in AUGMENTATIONS}
    return Recipe.of(preset=preset, data=data, **choices)


def _forget_changes() -> None:
    """A preset starts with its own choices."""
    for name in CHOICES:
        link.reset(name)


def _more(start: Recipe) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        choices = {
            "schedule": _option(start, "schedule", "Schedule"),
            "start_divisor": _number(start, "start_divisor", "Peak / first rate"),
            "beta1": _number(start, "beta1", "Momentum", step=0.01),
            "beta2": _number(start, "beta2", "Second beta", step=0.001),
            "clip": _limit(start),
            "precision": _option(start, "precision", "Precision"),
            "max_steps": _whole(start, "max_steps", "At most … steps"),
        }
    with right:
        choices |= {
            "warmup": _number(start, "warmup", "Warm-up share", step=0.05),
            "end_divisor": _number(start, "end_divisor", "First / last rate"),
            "beta1_at_peak": _number(start, "beta1_at_peak", "… at the peak", step=0.01),
            "block_rate": _number(start, "block_rate", "Block's rate / all else", step=0.1),
            "weight_decay": _number(start, "weight_decay", "Weight decay", step=0.01),
            "snapshots": _whole(start, "snapshots", "Snapshots"),
            "max_seconds": _number(start, "max_seconds", "At most … seconds", step=10.0),
        }
    return choices


def _augmentations(recipe: Recipe) -> list[str]:
    return [name for name in AUGMENTATIONS if getattr(recipe, name)]


def _strength(start: Recipe, name: str, chosen: bool) -> float:
    """The preset's own where it has one."""
    return (getattr(start, name) or USUAL[name]) if chosen else 0


def _listed(text: str) -> list[str]:
    names = [] if text == NONE else text.split(",")
    if not set(names) <= AUGMENTATIONS.keys():
        raise ValueError(text)
    return names


def _whole(start: Recipe, name: str, label: str) -> int | None:
    return st.number_input(label, step=1, placeholder="none", **_number_of(start, name, int))


def _number(start: Recipe, name: str, label: str, step: float = 1.0) -> float | None:
    return st.number_input(
        label, step=step, format="%g", placeholder="none", **_number_of(start, name, float)
    )


def _limit(start: Recipe) -> float | None:
    default = start.clip or 0.0
    return (
        st.number_input(
            "Gradient limit",
            value=_linked("clip", default, float),
            min_value=0.0,
            step=0.1,
            format="%g",
            help=f"{_help('clip')[:-1].replace('none', '0')}.",
            **_kept("clip", default),
        )
        or None
    )


def _option(start: Recipe, name: str, label: str) -> str:
    options = list(Recipe.model_fields[name].annotation.__args__)
    default = getattr(start, name)
    place = _linked(name, options.index(default), options.index)
    return st.selectbox(label, options, place, help=_help(name), **_kept(name, default))


def _number_of(start: Recipe, name: str, kind: type) -> dict[str, Any]:
    """Value, bounds and help of a number, as the recipe's field has them."""
    default = getattr(start, name)
    default = default if default is None else kind(default)
    limits = {}
    for rule in Recipe.model_fields[name].metadata:
        if hasattr(rule, "ge"):
            limits["min_value"] = kind(rule.ge)
        if hasattr(rule, "le"):
            limits["max_value"] = kind(rule.le)

    def bounded(text: str) -> float | None:
        value = None if text == NONE else kind(text)
        low, high = limits.get("min_value", value), limits.get("max_value", value)
        if value is not None and not (math.isfinite(value) and low <= value <= high):
            raise ValueError(text)
        return value

    value = _linked(name, default, bounded)
    return {"value": value, "help": _help(name), **limits, **_kept(name, default)}


def _linked(name: str, default: Any, parse: Callable[[str], Any]) -> Any:
    """A choice as the link has it; the default where it has none, or nonsense."""
    try:
        text = link.read(name)
        return parse(text) if text else default
    except (ValueError, OverflowError):
        return default


def _kept(name: str, default: Any, text: Callable[[Any], str] = str) -> dict[str, Any]:
    """What makes the link keep a widget's value, where it is not the preset's."""

    def told(value: Any) -> str:
        if value == default:
            return ""
        return NONE if value is None else text(value)

    return {"key": link.key(name), "on_change": link.take, "args": (name, told)}


def _help(name: str) -> str:
    text = Recipe.model_fields[name].description
    return f"{text[0].upper()}{text[1:]}."
