"""The choice of a recipe: a preset, what matters for a lesson, and the rest under "More"."""

from typing import Any

import streamlit as st

from ..recipe import PRESETS, Recipe

PRESET_NOTES = {
    "steady": "Stable: small batches of groups, gradients limited, the rate rises gently.",
    "seed": "The published notebook's recipe. It collapses in the middle: watch it happen.",
}
AUGMENTATIONS = {"flip": "mirror", "cutout": "cutout"}
NO_WIDGET = {"preset", "model", "data", "flip", "cutout", "cutout_chance"}  # or one of their own


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
        on_change=lambda: _fill_in(PRESETS[st.session_state.preset]),
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
        default=_augmentations(start),
        selection_mode="multi",
        format_func=AUGMENTATIONS.get,
        key="augment",
        bind="query-params",
        help="Chance changes to the training images: mirrored, or a grey square put on them.",
    )
    with st.expander("More"):
        choices |= _more(start)
    choices["flip"] = 0.5 if "flip" in augmentations else 0
    choices["cutout"] = 8 if "cutout" in augmentations else 0
    return Recipe.of(preset=preset, data=data, **choices)


def _fill_in(preset: Recipe) -> None:
    """Set the widgets to a preset's choices."""
    choices = preset.model_dump() | {"augment": _augmentations(preset), "clip": preset.clip or 0.0}
    for name in choices.keys() - NO_WIDGET:
        st.session_state[name] = choices[name]


def _more(start: Recipe) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        choices = {
            "schedule": _option(start, "schedule", "Schedule"),
            "start_divisor": _number(start, "start_divisor", "Peak / first rate"),
            "beta1": _number(start, "beta1", "Momentum", step=0.01),
            "beta2": _number(start, "beta2", "Second beta", step=0.001),
            "clip": _limit(start),
            "max_steps": _whole(start, "max_steps", "At most … steps"),
        }
    with right:
        choices |= {
            "warmup": _number(start, "warmup", "Warm-up share", step=0.05),
            "end_divisor": _number(start, "end_divisor", "First / last rate"),
            "beta1_at_peak": _number(start, "beta1_at_peak", "… at the peak", step=0.01),
            "weight_decay": _number(start, "weight_decay", "Weight decay", step=0.01),
            "snapshots": _whole(start, "snapshots", "Snapshots"),
            "max_seconds": _number(start, "max_seconds", "At most … seconds", step=10.0),
        }
    return choices


def _augmentations(recipe: Recipe) -> list[str]:
    return [name for name in AUGMENTATIONS if getattr(recipe, name)]


def _whole(start: Recipe, name: str, label: str) -> int | None:
    return st.number_input(label, step=1, **_common(start, name, int))


def _number(start: Recipe, name: str, label: str, step: float = 1.0) -> float | None:
    return st.number_input(label, step=step, format="%g", **_common(start, name, float))


def _limit(start: Recipe) -> float | None:
    return (
        st.number_input(
            "Gradient limit",
            value=start.clip or 0.0,
            min_value=0.0,
            step=0.1,
            format="%g",
            key="clip",
            bind="query-params",
            help=f"{_help('clip')[:-1].replace('none', '0')}.",
        )
        or None
    )


def _option(start: Recipe, name: str, label: str) -> str:
    options = list(Recipe.model_fields[name].annotation.__args__)
    default = options.index(getattr(start, name))
    help_text = _help(name)
    return st.selectbox(label, options, default, key=name, bind="query-params", help=help_text)


def _common(start: Recipe, name: str, kind: type) -> dict[str, Any]:
    """Default, bounds and help of a number, as the recipe's field has them."""
    default = getattr(start, name)
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
