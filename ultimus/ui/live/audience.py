"""How often each of many who watch gets news, so that a class does not stop what it watches.

An update that runs a part of the script takes the app about 16 ms, of which Streamlit itself needs
three quarters: thirty who watch at 1 Hz would keep half a core busy.
"""

import secrets
import time

import streamlit as st

from ...runs.run import Run
from ..state import session

UPDATES = 20  # a second, for all who watch together: a third of a core


class Audience:
    """Who watches at present. Used by many threads at once."""

    def __init__(self):
        self._until: dict[str, float] = {}  # who counts as watching until when

    def share(self, who: str, seconds: float, now: float) -> float:
        """Seconds until the next update of one who watches.

        Args:
            who: asks for an update just now.
            seconds: what they are as long as few watch.
            now: the time in seconds, from any beginning.
        """
        for visitor, until in list(self._until.items()):
            if until < now:
                self._until.pop(visitor, None)
        every = max(seconds, len(self._until.keys() | {who}) / UPDATES)
        self._until[who] = now + 3 * every  # who is silent for so long has gone
        return every


def every(run: Run, seconds: float) -> float:
    """Seconds until the next update of this session: as asked for whoever trains the run, and as
    long as few watch."""
    if session.is_mine(run):
        return seconds
    who = st.session_state.setdefault("watches_as", secrets.token_hex(8))
    return _audience().share(who, seconds, time.monotonic())


@st.cache_resource(show_spinner=False)
def _audience() -> Audience:
    return Audience()
