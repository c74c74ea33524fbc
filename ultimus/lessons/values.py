"""The numbers in a lesson's texts: computed by the network, or read from what was measured.

A placeholder is a name in braces, with what it needs behind it:

    {weight}                    of the cell that the card shows
    {weight pass=2 cell=3-5}    of another one, said as the page's link says it
    {measured NAME: key}        a figure of assets/measured/NAME.json
    {measured NAME: a - b}      the difference of two
    {notebook: loss 6}          what the notebook's log says of an epoch
    {recipe: lr}                a choice of the run's recipe
    {card: NAME}                where the card of that name stands
"""

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping
from difflib import get_close_matches
from statistics import mean, stdev
from typing import NamedTuple

from ..analysis.measured import Measured, measured, notebook_log
from ..analysis.test_report import wilson
from ..errors import UserError
from ..links.kinds import Unfit
from ..links.pages import Attention, Shown
from ..links.state import opened, understood
from ..model import HEAD, Transformer, count_parameters
from ..recipe import Recipe, plain, written
from ..runs.outcome import outcome
from ..runs.run import Run
from .curves import unit_of
from .moment import Moment, named_run

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_MOMENT = (Shown, Attention)
CARD = "card"


class Value(NamedTuple):
    """A number and how it stands in a text; shares are in percent.

    Attributes:
        number: NaN for what is no number.
        text: for people.
    """

    number: float
    text: str


def placeholders(text: str) -> list[str]:
    """What stands in braces in a text."""
    return _PLACEHOLDER.findall(text)


def replaced(text: str, by: Callable[[str], str]) -> str:
    """A text with something else for each placeholder."""
    return _PLACEHOLDER.sub(lambda found: by(found[1]), text)


def check(placeholder: str, states: Iterable[type], cards: Container[str] = ()) -> None:
    """See to it that a placeholder can be computed on a page with these states.

    Args:
        placeholder: what stands in the braces.
        states: of the card's page.
        cards: names of the lesson's cards.

    Raises:
        UserError: it cannot be; a part of a sentence.
    """
    name, argument = _parts(placeholder)
    if name == CARD:
        if argument not in cards:
            raise UserError(f"no card has the name {argument[:40]!r}")
    elif name in OF_FIGURES:
        OF_FIGURES[name](argument)
    elif name in OF_RUN:
        _recipe_choice(argument)
    elif Attention not in states:
        raise UserError(f"{{{placeholder}}} speaks of a cell, which the attention page alone has")
    else:
        _overridden({}, argument)


def is_of_cell(placeholder: str) -> bool:
    """Whether it speaks of the group that a card shows."""
    return _line(placeholder).partition(":")[0].partition(" ")[0] in OF_CELL


def names_no_cell(placeholder: str) -> bool:
    """Whether it speaks of the cell that a card shows, and not of another one."""
    name, _, argument = _line(placeholder).partition(" ")
    return name.removesuffix(":") not in OF_GROUP and is_of_cell(name) and "cell=" not in argument


def check_number(placeholder: str) -> None:
    """See to it that a placeholder, checked, stands for a number, which can be drawn.

    Raises:
        UserError: it stands for a name; a part of a sentence.
    """
    name, argument = _parts(placeholder)
    is_word = name in OF_RUN and isinstance(getattr(Recipe(), argument), str)
    if is_word or name in {*WORDS, CARD}:
        raise UserError(f"{{{placeholder[:60]}}} is no number")


def known(placeholder: str) -> Value | None:
    """What a placeholder, checked, stands for wherever a lesson runs; None if that depends."""
    name, argument = _parts(placeholder)
    return OF_FIGURES[name](argument) if name in OF_FIGURES and name != "accuracy" else None


def value(placeholder: str, link: Mapping[str, str], find: Callable[[Shown, Attention], Moment]
          ) -> Value:  # fmt: skip
    """Compute a placeholder.

    Args:
        placeholder: what stands in the braces, checked.
        link: what the card's page shows.
        find: the network and its pictures at a state.

    Raises:
        UserError: the run or its pictures are not here, or there is no such cell.
    """
    name, argument = _parts(placeholder)
    if name in OF_FIGURES:
        return OF_FIGURES[name](argument)
    if name in OF_RUN:
        shown = {key: text for key, text in link.items() if key in understood([Shown])}
        return OF_RUN[name](named_run(_overridden(shown, "")[0].run), argument)
    return OF_CELL[name](find(*_overridden(link, argument)))


def named_card(placeholder: str) -> str:
    """The name of the card that a placeholder speaks of; empty if it speaks of none."""
    name, argument = _parts(placeholder)
    return argument if name == CARD else ""


def _parts(placeholder: str) -> tuple[str, str]:
    """The name of a placeholder, and what stands behind it."""
    line = _line(placeholder)
    name, argument = re.fullmatch(r"([\w-]*):?(.*)", line).groups()
    names = [*OF_CELL, *OF_FIGURES, *OF_RUN, CARD]
    if name not in names:
        near = get_close_matches(name, names, 1) or ["weight"]
        raise UserError(
            f"{{{line[:40]}}} is no placeholder, such as {{{near[0]}}}: braces hold nothing else"
        )
    return name, argument.strip()


def _line(placeholder: str) -> str:
    """On one line, though an editor may have wrapped it."""
    return " ".join(placeholder.split())


def _overridden(link: Mapping[str, str], argument: str) -> list:
    """The states of a link, some of it said anew, such as "step=0 pass=2"."""
    anew = dict(part.partition("=")[::2] for part in argument.split())
    try:
        return opened({**link, **anew}, _MOMENT)
    except Unfit as unfit:
        raise UserError(str(unfit)) from unfit


# What the network computes ------------------------------------------------------------------------


def _share(share: float, digits: int = 1) -> Value:
    return Value(100 * share, f"{_fixed(100 * share, digits)}\u00a0%")


def _number(number: float, digits: int) -> Value:
    return Value(number, _fixed(number, digits))


def _fixed(number: float, digits: int) -> str:
    return f"{number:.{digits}f}".replace("-", "−")


def _count(count: int) -> Value:
    return Value(count, f"{count:,}")


OF_CELL: dict[str, Callable[[Moment], Value]] = {
    "looks": lambda m: Value(math.nan, m.name(m.i)),
    "looked": lambda m: Value(math.nan, m.name(m.j)),
    "size": lambda m: _count(m.size),
    "step": lambda m: _count(m.step),
    "product": lambda m: _number(m.product, 2),
    "score": lambda m: _number(m.score, 2),
    "weight": lambda m: _share(m.weight),
    "weight-undivided": lambda m: _share(m.weight_if_divided(1)),
    "weight-by-8": lambda m: _share(m.weight_if_divided(HEAD)),
    "product-size": lambda m: _number(m.product_size, 1),
    "term-size": lambda m: _number(m.term_size, 1),
    "growth": lambda m: _number(m.product_size / m.term_size, 1),
    "root": lambda _: _number(math.sqrt(HEAD), 1),
    "even": lambda m: _share(1 / m.size, 2),
    "keeps": lambda m: _share(m.keeps),
    "own-class": lambda m: _share(m.own_class),
    "by-chance": lambda m: _share(m.by_chance),
    "to-itself": lambda m: _share(m.to_itself),
    "to-own-class": lambda m: _share(m.own_class - m.to_itself),
    "to-others": lambda m: _share(1 - m.own_class),
    "mostly-itself": lambda m: _count(m.mostly_itself),
    "entropy": lambda m: _number(m.entropy, 2),
    "highest-entropy": lambda m: _number(math.log(m.size), 2),
    "class": lambda m: Value(math.nan, m.truth),
    "says": lambda m: Value(math.nan, m.says),
    "sure": lambda m: _share(m.sure, 0),
    "right-class": lambda m: _share(m.right_class, 0),
    "says-alone": lambda m: Value(math.nan, m.alone.says),
    "sure-alone": lambda m: _share(m.alone.sure, 0),
    "right": lambda m: _count(m.right),
}
"""By name, what a cell of a pass and its picture are, at the step and in the group of a card."""
OF_GROUP = (
    "size", "step", "product-size", "term-size", "growth", "root", "even", "own-class", "by-chance",
    "to-itself", "to-own-class", "to-others", "mostly-itself", "entropy", "highest-entropy",
    "right",
)  # fmt: skip
"""Those that are the same in all cells of a pass."""
WORDS = ("looks", "looked", "class", "says", "says-alone")
"""Those that are no numbers."""


# What the run is ----------------------------------------------------------------------------------


def _recipe_choice(name: str) -> str:
    if name not in Recipe.model_fields:
        raise UserError(f"a recipe has no {name[:40]!r}")
    return name


def _recipe(run: Run, name: str) -> Value:
    chosen = getattr(run.info().recipe, _recipe_choice(name))
    if isinstance(chosen, int | float):
        return Value(chosen, f"{chosen:,g}")
    return Value(math.nan, written(chosen))


OF_RUN: dict[str, Callable[[Run, str], Value]] = {"recipe": _recipe}


# What was measured --------------------------------------------------------------------------------

_FIGURE = re.compile(r"([A-Za-z0-9][\w.-]*)\s*:\s*(.+)")
_OF_TESTS = 10_000  # test images of CIFAR-10


def _columns(argument: str) -> tuple[str, list[list[float]]]:
    """The unit of figures, and of each one value for each seed: of the first, and of what is
    taken from it."""
    found = _FIGURE.fullmatch(argument)
    if not found:
        raise UserError("a measured figure is written as {measured NAME: key}")
    known = _known(found[1])
    keys = found[2].split(" - ")
    for key in keys:
        if key not in known.values:
            raise UserError(f"{found[1]} has no {key[:60]!r}: it has {', '.join(known.values)}")
    return known.unit, [known.values[key] for key in keys]


def _figures(argument: str) -> tuple[str, list[float]]:
    """The unit of a figure, and one value for each seed."""
    unit, columns = _columns(argument)
    return unit, _taken_off(columns)


def _taken_off(columns: list[list[float]]) -> list[float]:
    """The first column less all others, seed by seed."""
    return [first - sum(rest) for first, *rest in zip(*columns, strict=True)]


def _known(name: str) -> Measured:
    try:
        return measured(name)
    except UserError as error:
        raise UserError(f"there are no figures {name[:60]!r} in assets/measured") from error


def _in_unit(number: float, unit: str) -> Value:
    if unit == "share":
        return _share(number)
    return Value(number, plain(number, 2 if unit == "rate" else 3))


_ON_CURVE = re.compile(r"([A-Za-z0-9][\w.-]*)\s*:\s*(.+),\s*([^,]+),\s*([^,=]+)=([^,=]+)")


def _at(argument: str) -> Value:
    """What one column of a curve is where another has a value."""
    found = _ON_CURVE.fullmatch(argument)
    if not found:
        raise UserError("a point of a curve is written as {at NAME: curve, column, other=value}")
    name, curve, column, other, wanted = (part.strip() for part in found.groups())
    known = _known(name)
    columns = known.curves.get(curve, {})
    if column not in columns or other not in columns:
        raise UserError(
            f"{name} has no columns {column[:40]!r} and {other[:40]!r} of {curve[:40]!r}"
        )
    places = [place for place, x in enumerate(columns[other]) if f"{x:g}" == wanted]
    if not places:
        raise UserError(f"{other[:40]} of {name} is nowhere {wanted[:40]!r}")
    return _in_unit(columns[column][places[-1]], unit_of(known, column))


def _measured(argument: str) -> Value:
    """The mean over the seeds, with their standard deviation where there are several.

    A difference is that of the means as they are shown, so that whoever reads them can check it.
    """
    unit, columns = _columns(argument)
    factor, digits = (100, 1) if unit == "share" else (1, 3)
    first, *rest = (factor * mean(column) for column in columns)
    middle = round(first, digits) - sum(round(other, digits) for other in rest) if rest else first
    text = _fixed(middle, digits)
    if len(columns[0]) > 1:
        text += f" ± {_fixed(factor * stdev(_taken_off(columns)), digits)}"
    behind = {"share": "\u00a0points" if rest else "\u00a0%"}.get(unit, f" {unit}".rstrip())
    return Value(middle, text + behind)


def _one(which: Callable[[list[float]], float]) -> Callable[[str], Value]:
    def found(argument: str) -> Value:
        unit, values = _figures(argument)
        return _in_unit(which(values), unit)

    return found


def _interval(argument: str) -> Value:
    """Where a share of the test images may lie, if others of their kind were taken (95 %)."""
    return _between(mean(_figures(argument)[1]), _OF_TESTS)


def _between(share: float, count: int) -> Value:
    low, high = (float(end) for end in wilson(share * count, count))
    return Value(100 * share, f"{100 * low:.1f} to {100 * high:.1f} %")


DIGITS = tuple("0123")


def _notebook(argument: str) -> Value:
    """A column of the published log at an epoch, or its one test accuracy."""
    argument, _, digits = argument.partition(" digits=")
    log = notebook_log()
    if argument == "test_accuracy":
        return _share(log["test_accuracy"], 0)
    column, _, epoch = argument.rpartition(" ")
    rows = {str(row["epoch"]): row for row in log["epochs"]}
    if epoch not in rows or column not in rows[epoch]:
        raise UserError(
            "the notebook's log is asked as {notebook: loss 6}, of loss, train_accuracy or lr, "
            f"epochs 1 to {len(rows)}, or {{notebook: test_accuracy}}"
        )
    number = rows[epoch][column]
    if column == "train_accuracy":
        return _share(number, int(digits) if digits in DIGITS else 1)
    return Value(number, plain(number, 2) if column == "lr" else f"{number:g}")


def _accuracy(name: str) -> Value:
    """The last test accuracy of a run."""
    found = outcome(named_run(name))
    if found.accuracy is None:
        raise UserError(f"the run {name[:80]} has no test accuracy yet")
    return _share(found.accuracy)


def _parameters(_: str) -> Value:
    """How many the network has, for ten classes."""
    return _count(count_parameters(Transformer()))


OF_FIGURES: dict[str, Callable[[str], Value]] = {
    "measured": _measured,
    "at": _at,
    "lowest": _one(min),
    "highest": _one(max),
    "interval": _interval,
    "accuracy": _accuracy,
    "notebook": _notebook,
    "parameters": _parameters,
    "notebook-interval": lambda _: _between(notebook_log()["test_accuracy"], _OF_TESTS),
}
"""By name, what was measured before; none of it is computed here."""
