"""How often each of many who watch gets news, so that a class does not stop what it watches.

An update takes the app about 16 ms, of which Streamlit itself needs three quarters: thirty who
watch at 2 Hz would keep a whole core busy.
"""

import secrets
import time

import streamlit as st

UPDATES = 20  # a second, for all who watch together: a third of a core


def share(seconds: float) -> float:
    """Seconds from one update of this session to the next.

    Args:
        seconds: What they are as long as few watch.
    """
    watching, now = _watching(), time.monotonic()
    for who, until in list(watching.items()):  # a copy: other sessions write meanwhile
        if until < now:
            watching.pop(who, None)
    me = st.session_state.setdefault("watching_as", secrets.token_hex(8))
    every = max(seconds, len(watching.keys() | {me}) / UPDATES)
    watching[me] = now + 3 * every  # who is silent for so long has gone
    return every


@st.cache_resource(show_spinner=False)
def _watching() -> dict[str, float]:
    """Until when each session counts as watching."""
    return {}
