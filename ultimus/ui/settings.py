"""The choice of a recipe: a preset, what matters for a lesson, and the rest under "More"."""

from typing import Any

import streamlit as st

from ..recipe import PRESETS, Recipe

PRESET_NOTES = {
    "steady": "Stable: small batches of groups, gradients limited, the rate rises gently.",
    "seed": "The published notebook's recipe. It collapses in the middle: watch it happen.",
}
AUGMENTATIONS = {"flip": "mirror", "cutout": "grey square"}
DEFAULTS = PRESETS["steady"]


def choose(data: str) -> Recipe:
    """Let the person choose a recipe for the data.

    Raises:
        UserError: the choices do not make a recipe.
    """
    preset = st.segmented_control(
        "Recipe",
        list(PRESETS),
        default="steady",
        required=True,
        key="preset",
        bind="query-params",
        on_change=lambda: fill_in(PRESETS[st.session_state.preset]),
        width="stretch",
    )
    st.caption(PRESET_NOTES[preset])
    left, right = st.columns(2)
    with left:
        choices = {
            "epochs": _whole("epochs", "Epochs"),
            "group": _whole("group", "Group size"),
            "lr": _number("lr", "Peak learning rate", step=0.001),
        }
    with right:
        choices["seed"] = _whole("seed", "Seed")
        choices["groups"] = _whole("groups", "Groups per step")
        choices["optimizer"] = _option("optimizer", "Optimizer")
    augmentations = st.pills(
        "Augmentation",
        list(AUGMENTATIONS),
        default=_augmentations(DEFAULTS),
        selection_mode="multi",
        format_func=AUGMENTATIONS.get,
        key="augment",
        bind="query-params",
        help="Changes made to the training images, so that the network sees each one anew.",
    )
    with st.expander("More"):
        choices |= _more()
    choices["flip"] = 0.5 if "flip" in augmentations else 0
    choices["cutout"] = 8 if "cutout" in augmentations else 0
    return Recipe.of(preset=preset, data=data, **choices)


def fill_in(recipe: Recipe) -> None:
    """Set the widgets to a recipe's choices."""
    for name, value in recipe.model_dump().items():
        if name not in ("data", "preset", "model", "flip", "cutout", "cutout_chance"):
            st.session_state[name] = value
    st.session_state.preset = recipe.preset if recipe.preset in PRESETS else "steady"
    st.session_state.augment = _augmentations(recipe)


def _more() -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        choices = {
            "schedule": _option("schedule", "Schedule"),
            "start_divisor": _number("start_divisor", "Peak / first rate"),
            "beta1": _number("beta1", "Momentum", step=0.01),
            "beta2": _number("beta2", "Second beta", step=0.001),
            "clip": _number("clip", "Gradient limit", step=0.1),
            "max_steps": _whole("max_steps", "At most … steps"),
        }
    with right:
        choices |= {
            "warmup": _number("warmup", "Warm-up share", step=0.05),
            "end_divisor": _number("end_divisor", "First / last rate"),
            "beta1_at_peak": _number("beta1_at_peak", "… at the peak", step=0.01),
            "weight_decay": _number("weight_decay", "Weight decay", step=0.01),
            "snapshots": _whole("snapshots", "Snapshots"),
            "max_seconds": _number("max_seconds", "At most … seconds", step=10.0),
        }
    return choices


def _augmentations(recipe: Recipe) -> list[str]:
    return [name for name in AUGMENTATIONS if getattr(recipe, name)]


def _whole(name: str, label: str) -> int | None:
    return st.number_input(label, step=1, **_common(name, int))


def _number(name: str, label: str, step: float = 1.0) -> float | None:
    return st.number_input(label, step=step, format="%g", **_common(name, float))


def _option(name: str, label: str) -> str:
    options = list(Recipe.model_fields[name].annotation.__args__)
    default = options.index(getattr(DEFAULTS, name))
    help_text = _help(name)
    return st.selectbox(label, options, default, key=name, bind="query-params", help=help_text)


def _common(name: str, kind: type) -> dict[str, Any]:
    """Default, bounds and help of a number, as the recipe's field has them."""
    default = getattr(DEFAULTS, name)
    limits = {}
    for rule in Recipe.model_fields[name].metadata:
        if hasattr(rule, "ge"):
            limits["min_value"] = kind(rule.ge)
        if hasattr(rule, "le"):
            limits["max_value"] = kind(rule.le)
    return {
        "value": default if default is None else kind(default),
        "key": name,
        "bind": "query-params",
        "help": _help(name),
        "placeholder": "none",
        **limits,
    }


def _help(name: str) -> str:
    text = Recipe.model_fields[name].description
    return f"{text[0].upper()}{text[1:]}."
