"""The choice of a recipe: a preset, what matters for a lesson, and the rest under "More"."""

from typing import Any

import streamlit as st

from ...analysis.measured import measured
from ...errors import counted
from ...glossary import choice
from ...links.pages import AS_PRESET, AUGMENTATIONS, RECIPE_CHOICES, Train
from ...recipe import PRESETS, Recipe
from ..state import choices
from . import data

PRESET_NOTES = {
    "demo": "Short: four epochs with the optimizer SOAP.",
    "steady": "A plain recipe: AdamW, gradients clipped, the learning rate rises gently.",
    "best": "The best that was found for this network: longer, on images that move a little.",
    "patches": "Ours, not the notebook's: the patches of one picture look at each other, as in a "
    "vision transformer, with as many weights.",
    "seed": "The published notebook's recipe: a high learning rate, and gradients are not clipped.",
}
LOOKS = {"images": "whole images", "patches": "the patches of one picture"}
MEASURED_ON = {"CIFAR-10": "seed-preset", "Shapes": "seed-preset-shapes"}
USUAL = {"flip": 0.5, "shift": 4, "cutout": 8}  # what choosing an augmentation means
ATTENDING = {"model": "Who looks at whom"}
ATTENDING_OF = {"images": {"grouping": "Groups are"}, "patches": {"grid": "Patches a side"}}
FIRST = {
    "epochs": "Epochs",
    "seed": "Seed",
    "group": "Group size",
    "groups": "Groups per step",
    "lr": "Peak learning rate",
    "optimizer": "Optimizer",
}
MORE = {
    "schedule": "Schedule",
    "warmup": "pct_start (warm-up)",
    "start_divisor": "div_factor",
    "end_divisor": "final_div_factor",
    "beta1": "β₁ (momentum)",
    "beta1_at_peak": "β₁ at the peak",
    "beta2": "β₂",
    "block_rate": "Block's rate factor",
    "clip": "Gradient clipping",
    "weight_decay": "Weight decay",
    "precision": "Precision",
    "snapshots": "Snapshots",
    "max_steps": "At most … steps",
    "max_seconds": "At most … seconds",
    "target": "Stop at accuracy",
}
LABELS = FIRST | MORE | {"flip": "Mirror", "shift": "Shift"}
STEPS = {
    "lr": 0.001, "beta1": 0.01, "beta2": 0.001, "clip": 0.1, "warmup": 0.05, "beta1_at_peak": 0.01,
    "block_rate": 0.1, "weight_decay": 0.01, "max_seconds": 10.0,
    "target": 0.05,
}  # fmt: skip
"""What the arrows of a number add; else 1."""


def show() -> None:
    """Let the person choose a recipe."""
    now = choices.of(Train)
    st.segmented_control(
        "Recipe", list(PRESETS), default=now.preset, required=True, width="stretch",
        **choices.widget(Train, "preset", then=_forget_changes),
    )  # fmt: skip
    preset = PRESETS[now.preset]
    model = preset.model if now.model is AS_PRESET else now.model
    if model == preset.model:
        st.caption(_note(now.preset, data.name_of(now)))
    else:
        st.caption(f"The recipe {now.preset}, changed: here {LOOKS[model]} look at each other.")
    _widgets(st, _first(model), now, preset)
    usual = augmentations(preset)
    st.pills(
        "Augmentation", list(AUGMENTATIONS), selection_mode="multi",
        default=usual if now.augment is AS_PRESET else now.augment, format_func=AUGMENTATIONS.get,
        help="Chance changes to the training images: mirrored, moved by a few pixels, or a grey "
        "square put on them.",
        **choices.widget(Train, "augment", lambda names: _or_preset(_ordered(names), usual)),
    )  # fmt: skip
    more = st.expander("More", key="more", on_change="rerun")
    if more.open:  # fifteen fields, which would take as long as half of the page
        _widgets(more, MORE, now, preset)
    st.button(
        "Undo changes", icon=":material/undo:", on_click=_forget_changes,
        disabled=not _is_changed(now), help="All choices are again as the recipe has them.",
    )  # fmt: skip
    choices.put_right(Train)


def _first(model: str) -> dict[str, str]:
    """The fields that stand there before "More", and their labels."""
    return ATTENDING | ATTENDING_OF[model] | FIRST


def shown(model: str) -> dict[str, str]:
    """All fields and their labels."""
    return _first(model) | MORE


def _note(preset: str, on: str) -> str:
    """What a preset is, and what it reached on such data, where that was measured."""
    about = PRESET_NOTES[preset]
    if preset == "seed" and (name := MEASURED_ON.get(on)):
        return f"{about} {_collapse(name, on)}"
    if on != "CIFAR-10":
        return about
    if preset == "demo":
        return f"{about} Within its first epoch it passes the 41 % that the notebook reached in 24."
    if preset == "best":
        reached = measured("trained-best-cifar10").percent("in groups of 16")
        return f"{about} It reached {reached} of the test images."
    return about


def _collapse(name: str, on: str) -> str:
    """What the notebook's recipe did when we trained with it."""
    found = measured(name)
    seeds = counted(len(found.seeds), "seed")
    best, low, last = (
        found.percent(which, 0)
        for which in (
            "test accuracy before the collapse",
            "lowest later test accuracy",
            "last test accuracy",
        )
    )
    return (
        f"On {on} it collapses ({seeds}): test accuracy rises to {best}, falls to {low} and ends "
        f"at {last}. Watch it happen."
    )


def recipe(now: Train, data: str) -> Recipe:
    """What is chosen, for the data.

    Raises:
        UserError: the choices do not make a recipe.
    """
    preset = PRESETS[now.preset]
    changes = {name: getattr(now, name) for name in RECIPE_CHOICES}
    changes = {name: value for name, value in changes.items() if value is not AS_PRESET}
    if changes.get("model", preset.model) == "patches":
        changes["grouping"] = "random"  # it is not shown, since images do not meet
    if now.augment is not AS_PRESET:
        changes |= {name: _strength(preset, name, name in now.augment) for name in AUGMENTATIONS}
    return Recipe.of(preset=now.preset, data=data, **changes)


def _is_changed(now: Train) -> bool:
    return any(getattr(now, name) is not AS_PRESET for name in ("augment", *RECIPE_CHOICES))


def _forget_changes() -> None:
    """A preset starts with its own choices."""
    choices.change(Train, augment=AS_PRESET, **dict.fromkeys(RECIPE_CHOICES, AS_PRESET))


def _widgets(place: Any, labels: dict[str, str], now: Train, preset: Recipe) -> None:
    """Fields in pairs that stand on one line, however long their names are (page.css)."""
    pairs = place.container(key=f"pairs from {next(iter(labels))}")
    for name, label in labels.items():
        usual, chosen = getattr(preset, name), getattr(now, name)
        _widget(pairs, name, label, usual if chosen is AS_PRESET else chosen, usual)


def _widget(place: Any, name: str, label: str, value: Any, usual: Any) -> None:
    """A field of the recipe. It has no bounds of its own: a browser would keep what is beyond them
    to itself, and show one number while another is used."""
    field = Recipe.model_fields[name]
    about = choice(name)
    widget = choices.widget(Train, name, lambda shown: _or_preset(shown, usual))
    if isinstance(value, str):
        options = list(field.annotation.__args__)
        place.selectbox(label, options, options.index(value), help=about, **widget)
    elif _is_whole(field.annotation):
        place.number_input(label, value=value, step=1, placeholder="none", help=about, **widget)
    else:
        place.number_input(
            label, value=None if value is None else float(value), step=STEPS.get(name, 1.0),
            format="%g", placeholder="none", help=about, **widget,
        )  # fmt: skip


def _is_whole(annotation: Any) -> bool:
    return int in (annotation, *getattr(annotation, "__args__", ()))


def _or_preset(shown: Any, usual: Any) -> Any:
    return AS_PRESET if shown == usual else shown


def augmentations(recipe: Recipe) -> tuple[str, ...]:
    """Names of those that a recipe uses."""
    return tuple(name for name in AUGMENTATIONS if getattr(recipe, name))


def _ordered(names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in AUGMENTATIONS if name in names)


def _strength(preset: Recipe, name: str, chosen: bool) -> float:
    """The preset's own where it has one."""
    return (getattr(preset, name) or USUAL[name]) if chosen else 0
