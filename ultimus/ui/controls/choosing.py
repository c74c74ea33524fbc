"""The sidebar's data and recipe: to choose, or to read for whoever follows the teacher."""

from html import escape

import streamlit as st

from ...errors import UserError
from ...links.pages import AS_PRESET, AUGMENTATIONS, SOURCES, Train
from ...recipe import Recipe, written
from ..state import choices, lead, text
from . import data, settings

ABOUT = "As the teacher has it. To change it for a run of yours, look around on your own."


def show() -> None:
    """Draw them."""
    if lead.is_following():  # fields take longest of a page, and a class draws thirty at once
        _tell()
    else:
        data.choose()
        settings.show()


def _tell() -> None:
    now = choices.of(Train)
    try:
        st.html(_table(now, settings.recipe(now, "shapes")))
        data.look(now)
    except UserError as error:
        st.error(text.plain(str(error)))
    st.caption(ABOUT)


def _table(now: Train, recipe: Recipe) -> str:
    rows = [_row("Data", SOURCES[data.kind(now)]), _row("Recipe", now.preset)]
    for name, label in settings.shown(recipe.model).items():
        is_changed = getattr(now, name) is not AS_PRESET
        if is_changed or name not in settings.MORE:
            rows.append(_row(label, written(getattr(recipe, name)), is_changed))
    augmented = ", ".join(AUGMENTATIONS[name] for name in settings.augmentations(recipe))
    rows.append(_row("Augmentation", augmented or "none", now.augment is not AS_PRESET))
    return f'<table class="told">{"".join(rows)}</table>'


def _row(label: str, value: str, is_changed: bool = False) -> str:
    """In bold where it is not as the recipe has it."""
    mark = ' class="changed"' if is_changed else ""
    return f"<tr{mark}><th>{escape(label)}</th><td>{escape(value)}</td></tr>"
