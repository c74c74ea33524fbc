"""What a person has chosen: a typed state for each page, and the link that carries it.

A page's state is a frozen dataclass whose fields are made by `choice`. It is read from the link
when the page is opened by one; from then on the session knows it and writes the link, since what a
browser reports as its link can be older than what this session has set. A link describes a state
wholly: what it leaves out is the default. One that says nothing of a state leaves it as it is,
which is what the menu of pages does.

The same holds for widgets: a browser that is behind sends a widget's former value with its next
message. So with every value that the program sets a widget becomes another one (`key`), and what is
sent for the former one is nobody's.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields, replace
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...links.kinds import MOST, Unfit, quoted
from ...links.state import field_of, name_of
from . import text

State = TypeVar("State")


def arrive(page: str, *states: type) -> None:
    """Take over what the link says of some states, if the page has just been opened, or if the
    person has gone back or forward to another link of it."""
    is_here = st.session_state.get("page_on_show") == page
    st.session_state.page_on_show = page
    if is_here and _went_back():
        for state in states:
            _take_over(state, _said(state))
    elif not is_here:
        take_over(*states)


def _went_back() -> bool:
    """Whether the page is drawn because the browser went back or forward."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def take_over(*states: type) -> None:
    """Take over what the link says of some states; one that it says nothing of stays as it is."""
    for state in states:
        said = _said(state)
        if said or _place(state) not in st.session_state:
            _take_over(state, said)


def links(*states: type) -> int:
    """How many links have said something of some states up to now."""
    return sum(st.session_state.get(_links(state), 0) for state in states)


def _take_over(state: type, said: Mapping[str, list[str]]) -> None:
    is_new = _place(state) not in st.session_state
    _remarks(state).clear()
    st.session_state[_place(state)] = state(**_read(state, said))
    st.session_state[_links(state)] = links(state) + 1
    if not is_new:
        for field in fields(state):
            _renew(state, field.name)


def of(state: type[State]) -> State:
    """The state as it is; sees to it that the link says the same."""
    now = current(state)
    for field in fields(state):
        if field.metadata["in_link"]:
            value = getattr(now, field.name)
            say(
                name_of(field), "" if value == field.default else field.metadata["kind"].text(value)
            )
    return now


def current(state: type[State]) -> State:
    """The state as it is."""
    return st.session_state.setdefault(_place(state), state())


def say(name: str, value: str) -> None:
    """Let the link have a value; none if it is empty."""
    wanted = value.split("\n") if value else []
    if st.query_params.get_all(name) == wanted:
        return
    if wanted:
        st.query_params[name] = wanted if len(wanted) > 1 else value
    else:
        del st.query_params[name]


def texts(state: Any) -> dict[str, str]:
    """The choices of a state that the browser keeps in the link, by their names there."""
    in_browser = [field for field in fields(state) if not field.metadata["in_link"]]
    values = [(field, getattr(state, field.name)) for field in in_browser]
    return {
        name_of(field): "" if value is None else field.metadata["kind"].text(value)
        for field, value in values
    }


def change(state: type, **values: Any) -> None:
    """Make choices for the person: their widgets become others, which begin with the values.

    The link has them from the next `of` on. Written at once, before a rerun, they could be lost: a
    rerun drops messages that are still to be sent.
    """
    now = current(state)
    for name in values:
        _remarks(state).pop(name, None)
        _renew(state, name)
    st.session_state[_place(state)] = replace(now, **values)


# Widgets ------------------------------------------------------------------------------------------


def widget(
    state: type,
    name: str,
    to_value: Callable[[Any], Any] = lambda shown: shown,
    then: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Key and callback of the widget by which a person makes a choice.

    Args:
        state: whose choice.
        name: of the field.
        to_value: from what the widget has to what is chosen.
        then: called after a change.
    """
    st.session_state.setdefault(f"widgets of {state.__name__}", {})[name] = to_value
    return {"key": key(state, name), "on_change": _take, "args": (state, name, then)}


def key(state: type, name: str) -> str:
    """The key of that widget."""
    count = st.session_state.get(_count(state, name), 0)
    first = name_of(field_of(state, name))
    return f"{first} {count}" if count else first


def take_all(state: type) -> None:
    """Take what all widgets have just now.

    A click calls back before the page is drawn, maybe together with other changes, in any order.
    """
    for name in st.session_state.get(f"widgets of {state.__name__}", ()):
        if key(state, name) in st.session_state:
            _take(state, name)


def _take(state: type, name: str, then: Callable[[], None] | None = None) -> None:
    shown = st.session_state[key(state, name)]
    value = st.session_state[f"widgets of {state.__name__}"][name](shown)
    now = current(state)
    if value == getattr(now, name):
        return
    field = field_of(state, name)
    _remarks(state).pop(name, None)
    try:
        value = field.metadata["kind"].fit(value)
    except Unfit as unfit:
        value = getattr(now, name) if unfit.instead is None else unfit.instead
        _remark(state, field, str(shown), str(unfit), value)
        _renew(state, name)  # what is shown is what is used
    st.session_state[_place(state)] = replace(now, **{name: value})
    if then:
        then()


# Sentences ----------------------------------------------------------------------------------------


def put_right(*states: type) -> None:
    """Say which choices could not be made, until others are made."""
    for state in states:
        for sentence in _remarks(state).values():
            st.warning(text.plain(sentence), icon=":material/edit:")


def _remark(state: type, field: Field, given: str, rule: str, value: Any) -> None:
    used = field.metadata["kind"].text(value) if isinstance(value, str | int | float) else ""
    ending = f"{quoted(used)} is used" if used else "it is left out"
    _remarks(state)[field.name] = (
        f"{name_of(field).capitalize()} should be {rule}, not {quoted(given)}: {ending}."
    )


def _remarks(state: type) -> dict[str, str]:
    return st.session_state.setdefault(f"remarks on {state.__name__}", {})


# The link -----------------------------------------------------------------------------------------


def _said(state: type) -> dict[str, list[str]]:
    """What the link says of a state, by the names of its fields."""
    said = {field.name: st.query_params.get_all(name_of(field)) for field in fields(state)}
    return {name: values for name, values in said.items() if values}


def _read(state: type, said: Mapping[str, list[str]]) -> dict[str, Any]:
    """Values of the choices that a link names."""
    values = {}
    for name, given in said.items():
        field = field_of(state, name)
        kind = field.metadata["kind"]
        written = "\n".join(given) if isinstance(field.default, tuple) else given[-1]
        try:
            values[name] = kind.parse(written[:MOST])
            if written is given[-1] and len(given) > 1:
                _remark(state, field, ", ".join(given), "in the link once", values[name])
        except Unfit as unfit:
            values[name] = field.default if unfit.instead is None else unfit.instead
            _remark(state, field, written, str(unfit), values[name])
    return values


def _renew(state: type, name: str) -> None:
    count = _count(state, name)
    st.session_state[count] = st.session_state.get(count, 0) + 1


def _place(state: type) -> str:
    return f"choices of {state.__name__}"


def _links(state: type) -> str:
    return f"links of {state.__name__}"


def _count(state: type, name: str) -> str:
    return f"{state.__name__}.{name} renewed"
