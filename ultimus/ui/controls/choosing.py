"""The sidebar's data and recipe: to choose, or to read for whoever follows the teacher."""

import streamlit as st

from ...errors import UserError
from ...links.pages import AS_PRESET, AUGMENTATIONS, SOURCES, Train
from ...recipe import Recipe, written
from ..state import choices, lead, text
from . import data, reading, settings
from .reading import Row

ABOUT = "As the teacher has it. To change it for a run of yours, look around on your own."


def show() -> None:
    """Draw them."""
    if lead.is_following():
        _tell()
    else:
        data.choose()
        settings.show()


def _tell() -> None:
    now = choices.of(Train)
    try:
        reading.show(_rows(now, settings.recipe(now, "shapes")))
        data.look(now)
    except UserError as error:
        st.error(text.plain(str(error)))
    st.caption(ABOUT)


def _rows(now: Train, recipe: Recipe) -> list[Row]:
    """What is otherwise than the recipe has it counts as changed."""
    rows = [Row("Data", SOURCES[data.kind(now)]), Row("Recipe", now.preset)]
    for name, label in settings.shown(recipe.model).items():
        is_changed = getattr(now, name) is not AS_PRESET
        if is_changed or name not in settings.MORE:
            rows.append(Row(label, written(getattr(recipe, name)), is_changed))
    augmented = ", ".join(AUGMENTATIONS[name] for name in settings.augmentations(recipe))
    rows.append(Row("Augmentation", augmented or "none", now.augment is not AS_PRESET))
    return rows
