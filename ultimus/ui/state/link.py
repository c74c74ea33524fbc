"""Choices that the link in the address bar carries, besides those of widgets that bind to it.

The link is read once. From then on the session knows, and writes into the link: what a browser
reports as its link can be older than what this session has set.

The same holds for widgets: a browser that is behind sends a widget's former value with its next
message. So a widget whose value the program sets too takes its key from here: with every value
that the program sets it becomes another widget, and what is sent for the former one is nobody's.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st


def read(name: str) -> str:
    """The value of a choice, empty if there is none; sees to it that the link has it."""
    kept = _kept(name)
    if kept not in st.session_state:
        st.session_state[kept] = st.query_params.get(name, "")
    value = st.session_state[kept]
    if st.query_params.get(name, "") != value:
        if value:
            st.query_params[name] = value
        else:
            del st.query_params[name]
    return value


def whole(name: str, default: int, low: int, high: int) -> int:
    """A choice as a whole number within bounds; the default where the link has none."""
    try:
        return min(max(int(read(name)), low), high)
    except ValueError:
        return default


def write(name: str, value: str) -> None:
    """Make a choice for the person. The link has it from the next `read` on.

    Written into the link at once, before a rerun, it could be lost: a rerun drops messages that
    are still to be sent.
    """
    if st.session_state.get(_kept(name)) != value:
        _set(name, value)


def reset(name: str) -> None:
    """Take a choice back: the widget is a new one, with its default."""
    _set(name, "")


def key(name: str) -> str:
    """The key of the widget by which the person makes this choice."""
    count = st.session_state.get(_count(name), 0)
    return f"{name} {count}" if count else name


def take(name: str, text: Callable[[Any], str] = str) -> None:
    """What that widget does on a change: the link gets the text of its value."""
    st.session_state[_kept(name)] = text(st.session_state[key(name)])


def _set(name: str, value: str) -> None:
    st.session_state[_kept(name)] = value
    st.session_state[_count(name)] = st.session_state.get(_count(name), 0) + 1


def _kept(name: str) -> str:
    return f"link-{name}"


def _count(name: str) -> str:
    return f"link-{name}-written"
