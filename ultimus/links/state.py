"""States that a link can hold: frozen dataclasses whose fields are made by `choice`."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from .kinds import MOST, Kind, Unfit, quoted


def choice(default: Any, kind: Kind, name: str = "", in_link: bool = True) -> Any:
    """A field of a state.

    Args:
        default: what is chosen at first.
        kind: what may be chosen.
        name: in links; that of the field if none is given.
        in_link: whether the link always follows; else a page names it where it knows more.
    """
    return dataclasses.field(
        default=default, metadata={"kind": kind, "name": name, "in_link": in_link}
    )


def field_of(state: type, name: str) -> Field:
    """A field of a state by its own name."""
    field = state.__dataclass_fields__[name]
    assert field.default is not MISSING, name
    return field


def name_of(field: Field) -> str:
    """What links call a field."""
    return field.metadata["name"] or field.name


def query(*states: Any) -> dict[str, str | list[str]]:
    """The parameters of a link that opens a page with these states."""
    said = {
        name_of(field): field.metadata["kind"].text(value)
        for state in states
        for field in fields(state)
        if (value := getattr(state, field.name)) != field.default
    }
    return {name: value.split("\n") if "\n" in value else value for name, value in said.items()}


def opened(link: Mapping[str, str], states: Iterable[type]) -> list[Any]:
    """The states that a link opens a page with, where nothing may be wrong.

    Raises:
        Unfit: a name that no state has, or a value that cannot be chosen.
    """
    left, states_opened = dict(link), []
    for state in states:
        named = {name_of(field): field for field in fields(state)}
        said = {name: left.pop(name) for name in named if name in left}
        states_opened.append(
            state(**{named[name].name: _parsed(named[name], said[name]) for name in said})
        )
    if left:
        known = sorted(name_of(field) for state in states for field in fields(state))
        raise Unfit(
            f"{quoted(next(iter(left)))} is no choice of this page: it has {', '.join(known)}"
        )
    return states_opened


def understood(states: Iterable[type]) -> set[str]:
    """The names that a link may use for some states."""
    return {name_of(field) for state in states for field in fields(state)}


def _parsed(field: Field, text: str) -> Any:
    try:
        return field.metadata["kind"].parse(text[:MOST])
    except Unfit as unfit:
        raise Unfit(f"{name_of(field)} should be {unfit}, not {quoted(text)}") from unfit
