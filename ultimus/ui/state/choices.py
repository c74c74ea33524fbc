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

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields, replace
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...links.kinds import MOST, Unfit, quoted
from ...links.state import field_of, name_of
from . import text

State = TypeVar("State")
KEY = "choices"  # in the session


@dataclass
class _Choices:
    """What a session knows of a state. Under one key for all of them, since Streamlit goes through
    a session's keys for each field that it draws.

    Attributes:
        now: the state.
        links: how many have said something of it.
        remarks: sentences on what could not be chosen, by the names of fields.
        widgets: by the same names, from what the widget shows to what is chosen.
        renewed: how often each widget became another one.
    """

    now: Any
    links: int = 0
    remarks: dict[str, str] = dataclasses.field(default_factory=dict)
    widgets: dict[str, Callable[[Any], Any]] = dataclasses.field(default_factory=dict)
    renewed: Counter[str] = dataclasses.field(default_factory=Counter)

    def renew(self, name: str) -> None:
        """Let a field have another widget."""
        self.renewed[name] += 1


def _all() -> dict[str, _Choices]:
    return st.session_state.setdefault(KEY, {})


def _known(state: type) -> _Choices:
    known = _all().get(state.__name__)
    if known is None:
        known = _all()[state.__name__] = _Choices(state())
    return known


def states() -> list[Any]:
    """All states of this session, as they are."""
    return [known.now for known in _all().values()]


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
        if said or state.__name__ not in _all():
            _take_over(state, said)


def links(*states: type) -> int:
    """How many links have said something of some states up to now."""
    return sum(_all()[state.__name__].links for state in states if state.__name__ in _all())


def _take_over(state: type, said: Mapping[str, list[str]]) -> None:
    is_new = state.__name__ not in _all()
    known = _known(state)
    known.remarks.clear()
    known.now = state(**_read(state, said))
    known.links += 1
    if not is_new:
        for field in fields(state):
            known.renew(field.name)


def of(state: type[State]) -> State:
    """The state as it is; sees to it that the link says the same."""
    now, link = current(state), _link()
    for field in fields(state):
        if field.metadata["in_link"]:
            value = getattr(now, field.name)
            written = "" if value == field.default else field.metadata["kind"].text(value)
            _say(name_of(field), written, link)
    return now


def current(state: type[State]) -> State:
    """The state as it is."""
    return _known(state).now


def say(name: str, value: str) -> None:
    """Let the link have a value; none if it is empty."""
    _say(name, value, _link())


def _say(name: str, value: str, link: Mapping[str, list[str]]) -> None:
    wanted = value.split("\n") if value else []
    if link.get(name, []) == wanted:
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
    known = _known(state)
    for name in values:
        known.remarks.pop(name, None)
        known.renew(name)
    known.now = replace(known.now, **values)


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
    _known(state).widgets[name] = to_value
    return {"key": key(state, name), "on_change": _take, "args": (state, name, then)}


def key(state: type, name: str) -> str:
    """The key of that widget."""
    count = _known(state).renewed[name]
    first = name_of(field_of(state, name))
    return f"{first} {count}" if count else first


def take_all(state: type) -> None:
    """Take what all widgets have just now.

    A click calls back before the page is drawn, maybe together with other changes, in any order.
    """
    for name in _known(state).widgets:
        _take(state, name)


def _take(state: type, name: str, then: Callable[[], None] | None = None) -> None:
    if key(state, name) not in st.session_state:  # sent for a former widget, so nobody's
        return
    shown = st.session_state[key(state, name)]
    known = _known(state)
    value = known.widgets[name](shown)
    if value == getattr(known.now, name):
        return
    field = field_of(state, name)
    known.remarks.pop(name, None)
    try:
        value = field.metadata["kind"].fit(value)
    except Unfit as unfit:
        value = getattr(known.now, name) if unfit.instead is None else unfit.instead
        known.remarks[name] = _remark(field, str(shown), str(unfit), value)
        known.renew(name)  # what is shown is what is used
    known.now = replace(known.now, **{name: value})
    if then:
        then()


# Sentences ----------------------------------------------------------------------------------------


def put_right(*states: type) -> None:
    """Say which choices could not be made, until others are made."""
    for state in states:
        for sentence in _known(state).remarks.values():
            st.warning(text.plain(sentence), icon=":material/edit:")


def _remark(field: Field, given: str, rule: str, value: Any) -> str:
    used = field.metadata["kind"].text(value) if isinstance(value, str | int | float) else ""
    ending = f"{quoted(used)} is used" if used else "it is left out"
    return f"{name_of(field).capitalize()} should be {rule}, not {quoted(given)}: {ending}."


# The link -----------------------------------------------------------------------------------------


def _link() -> dict[str, list[str]]:
    """What the link says, read once: to ask it for each of many names takes longer."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _said(state: type) -> dict[str, list[str]]:
    """What the link says of a state, by the names of its fields."""
    link = _link()
    return {field.name: link[name] for field in fields(state) if (name := name_of(field)) in link}


def _read(state: type, said: Mapping[str, list[str]]) -> dict[str, Any]:
    """Values of the choices that a link names; remarks on those that it has wrong."""
    values, remarks = {}, _known(state).remarks
    for name, given in said.items():
        field = field_of(state, name)
        kind = field.metadata["kind"]
        written = "\n".join(given) if isinstance(field.default, tuple) else given[-1]
        try:
            values[name] = kind.parse(written[:MOST])
            if written is given[-1] and len(given) > 1:
                every = ", ".join(given)
                remarks[name] = _remark(field, every, "in the link once", values[name])
        except Unfit as unfit:
            values[name] = field.default if unfit.instead is None else unfit.instead
            remarks[name] = _remark(field, written, str(unfit), values[name])
    return values
