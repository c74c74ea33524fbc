"""Who teaches: the browsers in which the key was typed that the one who starts the app sees.

The key is ULTIMUS_TEACHER, or another one with each start, printed where the app was started. It is
never part of a link, and what it opens is asked again at each click. A browser is known again after
a reload or a break, until its teacher's page is closed.
"""

import hmac
import math
import os
import secrets
import time
from collections import deque
from functools import cache

import streamlit as st

from ...errors import UserError

TRIES, WITHIN = 10, 60  # wrong keys in so many seconds, of all who try; then nobody may
MAX_KEY = 200  # characters that are looked at
REMEMBERED = 3 * 3600.0  # seconds since a browser drew a page: a lecture with its breaks
_wrong: deque[float] = deque(maxlen=TRIES)
_seen: dict[str, float] = {}  # by teachers' browsers, as run folders know them: when last


@cache
def key() -> str:
    """The key of this app."""
    return os.environ.get("ULTIMUS_TEACHER", "").strip() or secrets.token_urlsafe(9)


def announce() -> None:
    """Tell the key to whoever starts the app, who knows it where it was set."""
    if not os.environ.get("ULTIMUS_TEACHER", "").strip():
        print(f"  Teacher's key for the page Class: {key()}\n", flush=True)


def is_here() -> bool:
    """Whether this session is a teacher's."""
    return bool(st.session_state.get("teaches"))


def recognize(owner: str) -> None:
    """Make this session a teacher's just if its browser is one. For the beginning of each page.

    Args:
        owner: the browser, as run folders know it.
    """
    now = time.monotonic()
    st.session_state.session_of = owner
    if now - _seen.get(owner, -math.inf) < REMEMBERED:
        _seen[owner] = now
        st.session_state.teaches = True
    else:
        st.session_state.pop("teaches", None)


def enter(given: str) -> None:
    """Make this browser a teacher's.

    Raises:
        UserError: it is not the key, or too many wrong ones were tried.
    """
    now = time.monotonic()
    if len(_wrong) == TRIES and now - _wrong[0] < WITHIN:
        raise UserError("Too many wrong keys were tried: wait for a minute, then try again.")
    if not hmac.compare_digest(given[:MAX_KEY].strip().encode(), key().encode()):
        _wrong.append(now)
        raise UserError(
            "This is not the teacher's key: it stands where the app was started, or in "
            "ULTIMUS_TEACHER."
        )
    _seen[st.session_state.get("session_of", "")] = now
    st.session_state.teaches = True


def leave() -> None:
    """Make it anybody's again."""
    _seen.pop(st.session_state.get("session_of", ""), None)
    st.session_state.pop("teaches", None)


def check() -> None:
    """Refuse what only a teacher may do.

    Raises:
        UserError: this session is none.
    """
    if not is_here():
        raise UserError("Only the teacher may do this: open the page Class with the key first.")
