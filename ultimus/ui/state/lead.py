"""Everybody follows the teacher's view: a page with its link, and back again.

The teacher's browser tells where it is; those of the others learn it with the look by which they
ask anyway whether the server still runs (browser.js), so that to follow costs next to nothing. They
go there within the session, as by a click, and return to where they were once it is over.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import fields
from threading import Lock
from urllib.parse import parse_qs, quote

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response

from . import choices, teacher

PATH = "live/view"  # where the teacher's browser tells it
MAX_VIEW = 4000  # characters
GONE = 90.0  # seconds of silence; a browser may look once a minute only where its tab is hidden
CLASS = "class"  # the page from which it is led, where nobody follows
VIEW = re.compile(r"/([a-z_]{0,40})(?:\?([^\s#]*))?", re.ASCII)
HEADER, TOKEN = "x-ultimus-view", "x-ultimus-leads"


class Lead:
    """The view that all follow. Used by many threads at once.

    Args:
        clock: tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = Lock()
        self._token, self._view = "", ""
        self._turn, self._number = 0, 0  # how often it has begun or ended; the same of views
        self._heard, self._left = 0.0, ""  # who has left without a word

    def begin(self) -> str:
        """Let somebody lead, whoever did before; what their browser has to show with each view."""
        with self._lock:
            self._token, self._view = secrets.token_urlsafe(16), ""
            self._turn += 1
            self._heard, self._left = self._clock(), ""
            return self._token

    def end(self) -> None:
        """Let nobody lead any more."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        self._token, self._view, self._left = "", "", ""
        self._turn += 1

    def _look(self) -> None:
        """End it where whoever leads was not heard for long."""
        if self._token and self._clock() - self._heard > GONE:
            silent = self._token
            self._end()
            self._left = silent

    @property
    def left(self) -> str:
        """The token of whoever led and has gone without a word; empty if nobody has."""
        with self._lock:
            self._look()
            return self._left

    @property
    def has_begun(self) -> bool:
        """Whether somebody leads, though there may be no view yet."""
        with self._lock:
            self._look()
            return bool(self._token)

    def is_led_by(self, token: str) -> bool:
        with self._lock:
            self._look()
            return bool(self._token) and hmac.compare_digest(self._token.encode(), token.encode())

    def show(self, view: str) -> None:
        """Take over where the leader is; what is no view of this app is left out."""
        with self._lock:
            self._heard = self._clock()
        found = VIEW.fullmatch(view)
        if found and len(view) <= MAX_VIEW and found[1] != CLASS:
            with self._lock:
                if view != self._view:
                    self._view, self._number = view, self._number + 1

    @property
    def is_on(self) -> bool:
        """Whether there is a view to follow."""
        with self._lock:
            self._look()
            return bool(self._view)

    @property
    def turn(self) -> str:
        """What `now` begins with until somebody else leads, or nobody."""
        with self._lock:
            self._look()
            return f"{self._turn}."

    def now(self) -> str:
        """A number that is another with each view, and the view, if there is one."""
        with self._lock:
            self._look()
            view = quote(self._view, safe="/?&=%+,.-_~:")
            return f"{self._turn}.{self._number} {view}".strip()


lead = Lead()  # of this app


async def take(request: Request) -> Response:
    """The teacher's browser tells where it is."""
    if not lead.is_led_by(request.headers.get(TOKEN, "")):
        return Response(status_code=403)
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_VIEW:
            return Response(status_code=413)
    lead.show(content.decode(errors="replace"))
    return Response(status_code=204)


# In a session -------------------------------------------------------------------------------------


def start() -> None:
    """Let all follow this session.

    Raises:
        UserError: it is not a teacher's.
    """
    teacher.check()
    st.session_state.leads = lead.begin()


def stop() -> None:
    """Let all return.

    Raises:
        UserError: this session is not a teacher's.
    """
    teacher.check()
    lead.end()
    st.session_state.pop("leads", None)


def leads() -> bool:
    """Whether all follow this session."""
    return lead.is_led_by(st.session_state.get("leads", ""))


def is_led_elsewhere() -> bool:
    """Whether all follow another window, maybe this one before it was reloaded."""
    return lead.has_begun and not leads()


def has_lost() -> bool:
    """Whether all followed this session until somebody else ended that, or it was silent."""
    return bool(st.session_state.get("leads")) and not leads()


def was_silent() -> bool:
    """Whether they did until it was silent for too long."""
    return has_lost() and st.session_state.leads == lead.left


def note_lost() -> None:
    """It was read that nobody follows any more."""
    st.session_state.pop("leads", None)


def for_browser() -> dict[str, str | bool]:
    """What browser.js has to know."""
    return {
        "lead": PATH,
        "leads": st.session_state.get("leads", "") if leads() else "",
        "turn": lead.turn,
        "view": st.session_state.setdefault("view_seen", "" if lead.is_on else lead.now()),
        "header": HEADER,
        "token": TOKEN,
    }


def follow(heard: bool, here: str) -> None:
    """Go where the browser has heard that the teacher is, or return.

    Args:
        heard: whether the browser says that there is something new; what it is, the server knows.
        here: title of the page on show; from Class, where the key is typed, nobody is led.
    """
    now = lead.now()
    if not heard or now == st.session_state.get("view_seen") or leads():
        return
    st.session_state.view_seen = now
    view = now.partition(" ")[2]
    found = VIEW.fullmatch(view)
    if not found and lead.left:
        _stay_here()
    elif not found:
        _return()
    elif not (here == "Class" or teacher.is_here() or st.session_state.get("alone")):
        _go(found[1], parse_qs(found[2] or "", keep_blank_values=True), here)


def stay() -> None:
    """Follow no more, until the teacher begins anew."""
    st.session_state.alone = True
    st.session_state.pop("before_following", None)


def stay_behind() -> None:
    """The same, and return to where this session was."""
    st.session_state.alone = True
    _go_back()


def is_following() -> bool:
    return "before_following" in st.session_state


def _go(path: str, query: dict[str, list[str]], here: str) -> None:
    pages = st.session_state.pages
    wanted = next((page for page in pages.values() if page.url_path == path), None)
    if wanted is None:
        return
    note_left()
    states = {type(state): state for state in choices.states()}
    st.session_state.setdefault("before_following", (here, states))
    for state in states:  # what the view says nothing of is as at first for the teacher, too
        choices.change(state, **{field.name: field.default for field in fields(state)})
    st.session_state.pop("page_on_show", None)
    st.switch_page(wanted, query_params=query)


def was_left() -> bool:
    """Whether the teacher whom this session followed has gone without a word."""
    return bool(st.session_state.get("was_left"))


def note_left() -> None:
    """It was read that the teacher has gone."""
    st.session_state.pop("was_left", None)


def _stay_here() -> None:
    """Stay at what is on show, which the one who has gone may just have spoken about."""
    st.session_state.pop("alone", None)
    if st.session_state.pop("before_following", None):
        st.session_state.was_left = True
        st.rerun()


def _return() -> None:
    st.session_state.pop("alone", None)
    _go_back()


def _go_back() -> None:
    here, states = st.session_state.pop("before_following", ("", {}))
    if not here:
        return
    for state, former in states.items():
        choices.change(
            state, **{field.name: getattr(former, field.name) for field in fields(state)}
        )
    st.session_state.pop("page_on_show", None)
    page = next(page for page in st.session_state.pages.values() if page.title == here)
    st.switch_page(page)
