"""Kinds of choices: how a link writes one, and what is made of any other text."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

MOST = 10_000  # characters of a choice that are looked at
SHOWN = 30  # characters of one that a sentence repeats


class Unfit(ValueError):
    """A choice that cannot be made.

    Args:
        rule: what it should be, to follow "should be".
        instead: the nearest that can be chosen; none means the default.
    """

    def __init__(self, rule: str, instead: Any = None):
        super().__init__(rule)
        self.instead = instead


@dataclass(frozen=True)
class Kind:
    """What may be chosen.

    Attributes:
        parse: a value from the text that a link has; raises `Unfit`.
        text: the text of a value.
        fit: the value itself if it may be chosen; raises `Unfit`.
    """

    parse: Callable[[str], Any]
    text: Callable[[Any], str] = str
    fit: Callable[[Any], Any] = lambda value: value


def number(
    kind: type[int] | type[float],
    low: float = -math.inf,
    high: float = math.inf,
    above: bool = False,
    below: bool = False,
) -> Kind:
    """Numbers from `low` to `high`, which themselves may be excluded.

    Args:
        kind: whole numbers, or any.
        low: the smallest.
        high: the largest.
        above: whether it has to be more than `low`.
        below: whether it has to be less than `high`.
    """
    rule = _bounds(kind, low, high, above, below)

    def fit(value: float) -> float:
        if math.isnan(value):
            raise Unfit(rule)
        if value < low or (above and value == low):
            raise Unfit(rule, None if above else kind(low))
        if value > high or (below and value == high):
            raise Unfit(rule, None if below else kind(high))
        if not math.isfinite(value):
            raise Unfit(rule)
        return kind(value)

    def parse(text: str) -> float:
        try:
            return fit(int(text) if kind is int else float(text))
        except (ValueError, OverflowError) as error:
            raise error if isinstance(error, Unfit) else Unfit(rule) from error

    return Kind(parse, lambda value: str(value).removesuffix(".0"), fit)


def whole(low: int, high: int) -> Kind:
    """Whole numbers within bounds."""
    return number(int, low, high)


def _bounds(kind: type, low: float, high: float, above: bool, below: bool) -> str:
    name = "a whole number" if kind is int else "a number"
    least = f"more than {low:,.15g}" if above else f"{low:,.15g} or more"
    most = f"less than {high:,.15g}" if below else f"at most {high:,.15g}"
    if math.isinf(high):
        return name if math.isinf(low) else f"{name}, {least}"
    if above or below:
        return f"{name}, {least} and {most}"
    return f"{name} from {low:,.15g} to {high:,.15g}"


def one_of(options: Mapping[Hashable, str]) -> Kind:
    """One of some options, each with a label; links have the option, former ones had the label."""
    known = {str(name).lower(): name for name in options}
    known |= {label.lower(): name for name, label in options.items()}
    rule = f"one of {', '.join(map(str, options))}"

    def parse(text: str) -> Hashable:
        if text.lower() not in known:
            raise Unfit(rule)
        return known[text.lower()]

    return Kind(parse)


def some_of(options: Mapping[str, str]) -> Kind:
    """Any of some options, as a tuple; in a link there are commas between them."""

    def parse(text: str) -> tuple[str, ...]:
        names = [] if text == "none" else [name.strip() for name in text.split(",")]
        known = tuple(name for name in options if name in names)
        if len(known) < len(names):
            raise Unfit(f"some of {', '.join(options)}, with commas between", known or None)
        return known

    return Kind(parse, lambda names: ",".join(names) or "none")


def optional(kind: Kind) -> Kind:
    """The same, or None, which the link calls "none"; so does 0, where it could not be chosen."""

    def fit(value: Any) -> Any:
        try:
            return None if value is None else kind.fit(value)
        except Unfit:
            if value == 0:
                return None
            raise

    def parse(text: str) -> Any:
        if text == "none" or (text == "0" and fit(0) is None):
            return None
        return kind.parse(text)

    return Kind(parse, lambda value: "none" if value is None else kind.text(value), fit)


def pair(parse: Callable[[str], Any], text: Callable[[Any], str] = str, rule: str = "") -> Kind:
    """Two values with a line between them."""

    def both(given: str) -> tuple[Any, Any]:
        try:
            first, second = given.split("-")
            return parse(first), parse(second)
        except (ValueError, KeyError) as error:
            raise Unfit(rule) from error

    return Kind(both, lambda values: "-".join(map(text, values)))


def several(known: Callable[[str], bool] = bool) -> Kind:
    """Names, as a tuple; a link repeats its parameter for each."""
    return Kind(lambda text: tuple(name for name in text.split("\n") if known(name)), "\n".join)


FREE = Kind(lambda text: text)  # any text, which whoever uses it has to check
SWITCH = Kind(
    lambda text: one_of({"true": "1", "false": "0"}).parse(text) == "true",
    lambda value: str(value).lower(),
)


def quoted(text: str) -> str:
    """The beginning of a text, on one line."""
    return repr(text[:SHOWN] + "…" if len(text) > SHOWN else text)
