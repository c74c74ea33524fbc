"""Menus of things that may have equal names: runs, pictures, classes.

A menu and not a select box: a browser that is behind would send a select box's former value with
its next message, and so take back what the program has just chosen. What a menu reports is the
label that was clicked, so labels have to differ, whatever the things are called.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def show(
    place: DeltaGenerator,
    label: str,
    names: Mapping[Hashable, str],
    key: str,
    on_choose: Callable[..., None],
    args: Sequence[Any] = (),
    **look: Any,
) -> None:
    """Draw a menu.

    Args:
        place: where.
        label: what the button says.
        names: the label of each option, by the option's id.
        key: unique on the page.
        on_choose: called with the id that was chosen, and with `args`.
        args: what else it is called with.
        look: more that `st.menu_button` takes.
    """
    labels = told_apart(names)

    def choose(*rest: Any) -> None:
        chosen = st.session_state[key]
        if chosen is not None:
            on_choose(chosen, *rest)

    place.menu_button(
        label, list(labels), format_func=labels.__getitem__, key=key, on_click=choose,
        args=tuple(args), **look,
    )  # fmt: skip


def told_apart(names: Mapping[Hashable, str]) -> dict[Hashable, str]:
    """The same names; those that occur more than once have the end of their id, or a number."""
    count, labels, taken = Counter(names.values()), {}, set()
    for option, name in names.items():
        label = name if count[name] == 1 else f"{name} · {str(option)[-4:]}"
        number = 2
        while label in taken:
            label, number = f"{name} ({number})", number + 1
        labels[option] = label
        taken.add(label)
    return labels
