"""Errors become sentences, wherever a page, a fragment of it or a click raises them.

Streamlit would show a traceback with the server's paths, and a fragment passes no error on to the
page that holds it.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import streamlit as st

from ...errors import UserError
from . import text

UNEXPECTED = (
    "Something went wrong here, through no fault of yours: it has been written down for whoever "
    "runs this app. Reload the page, or choose another run."
)
logger = logging.getLogger(__name__)


def guarded(draw: Callable[..., None]) -> Callable[..., None]:
    """The same, with a sentence in its place where it cannot go on."""

    @wraps(draw)
    def drawn(*args: Any, **choices: Any) -> None:
        if problem := _sentence(draw, *args, **choices):
            st.error(problem)

    return drawn


def fragment(draw: Callable[..., None], run_every: float | None = None) -> Callable[..., None]:
    """`st.fragment`, guarded."""
    return st.fragment(guarded(draw), run_every=run_every)


def click(does: Callable[..., None]) -> Callable[..., None]:
    """A callback whose sentence the next drawing of the page shows; see `show_problem`."""

    @wraps(does)
    def callback(*args: Any) -> None:
        if problem := _sentence(does, *args):
            st.session_state.problem = problem

    return callback


def show_problem() -> None:
    """Say why the last click could not do what it should."""
    if problem := st.session_state.pop("problem", ""):
        st.error(problem)


def _sentence(do: Callable[..., None], *args: Any, **choices: Any) -> str:
    """Do it; why it cannot be done, if so."""
    try:
        do(*args, **choices)
    except UserError as error:
        return text.plain(str(error))
    except Exception:
        logger.exception("%s failed", do.__qualname__)
        return UNEXPECTED
    return ""
