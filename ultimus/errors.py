"""The one exception that is meant to be read by the person at the screen."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")


class UserError(ValueError):
    """Bad input or a bad surrounding: one sentence that says what is wrong and what to do.

    Pages show its text, the command line prints it and exits with 2; neither shows a traceback.
    """


def reason(error: BaseException) -> str:
    """What a library says went wrong, short enough to stand in brackets in a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().splitlines()[0][:200].rstrip(".")


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 picture", "1,200 pictures", "3 classes"."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def with_all(things: Iterable[Thing], does: Callable[[Thing], object]) -> None:
    """Do something with all of them, also with those after one that it cannot be done with.

    Raises:
        UserError: it could not be done with some of them, of which the first is told.
    """
    problems = []
    for thing in things:
        try:
            does(thing)
        except UserError as error:
            problems.append(str(error))
    if problems:
        others = len(problems) - 1
        also = f" So it is with {counted(others, 'other')}." if others else ""
        raise UserError(problems[0] + also)
