"""Whose browser this is, and whether the server still runs that drew its page."""

import hashlib
import re
import secrets
from functools import lru_cache
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ...runs.run import Run
from .. import beat
from . import lead

NAME = "ultimus_browser"  # of the cookie, and of the entry in the browser's storage
KEY = "browser-of-this-page"
ALIVE = "live/server"  # where a browser finds which server runs
EVERY = 3  # seconds between a browser's looks at it
EVERY_LED = 1  # the same while somebody leads
SERVER = secrets.token_hex(8)  # another one with each start

_mount = st.components.v2.component(
    NAME, js=(Path(__file__).parent / "browser.js").read_text(encoding="utf-8")
)


def owner() -> str:
    """Who this browser is, as run folders know it: the hash of a secret that it keeps."""
    if "browser" not in st.session_state:
        st.session_state.browser = _cookie() or secrets.token_urlsafe(24)
    return _hash(st.session_state.browser)


def is_me(some_owner: str) -> bool:
    """Whether an owner is this browser.

    One that keeps no cookies tells who it is when its page is drawn. What it has done before, in
    the first half second, stays its own for this session.
    """
    return some_owner in {owner(), *map(_hash, st.session_state.get("former_browsers", ()))}


def has_started(request: Request, run: Run) -> bool:
    """Whether a request comes from the browser that started a run, where that keeps cookies."""
    secret = _sound(request.cookies.get(NAME))
    return bool(secret) and _hash(secret) == run.info().owner


def attend(page: str) -> None:
    """Let the browser keep its secret or tell the one it keeps, draw the page anew once another
    server runs, and follow the teacher's view. For the beginning of each page, outside of all
    fragments: who is led elsewhere has no page drawn in vain.

    Args:
        page: its title.
    """
    owner()
    st.session_state.here = page
    secret = st.session_state.browser
    known = secret == _cookie() or st.session_state.get("browser_told", False)
    data = {"name": NAME, "secret": secret, "known": known, "server": SERVER, "alive": ALIVE}
    data["wait"] = beat.HEADER
    heard = _mount(
        key=KEY,
        data=data | lead.for_browser(),
        height=1,  # what stands for it while it loads would move the page
        on_secret_change=_take,
        on_again_change=lambda: None,
        on_view_change=_follow,
    )
    lead.follow(bool(heard.view), page)


async def answer(request: Request) -> Response:
    """Which server runs and which view all follow, for browser.js. Not in a thread of its own,
    which would take as long again."""
    every = EVERY_LED if lead.lead.has_begun else EVERY
    headers = {"cache-control": "no-store", lead.HEADER: lead.lead.now()} | beat.header(every)
    return PlainTextResponse(SERVER, headers=headers)


def _follow() -> None:
    """Follow before the page that is left is begun anew, which would be for nothing."""
    lead.follow(True, st.session_state.here)


def _take() -> None:
    """The browser tells who it is."""
    secret = _sound(st.session_state[KEY].get("secret"))
    if secret and not st.session_state.get("browser_told"):
        former = st.session_state.get("browser")
        st.session_state.former_browsers = [former] if former else []
        st.session_state.update(browser=secret, browser_told=True)


def _cookie() -> str:
    return _sound(st.context.cookies.get(NAME))


def _sound(secret: object) -> str:
    """The secret if it is as we made it; what a browser sends may be anything."""
    return (
        secret if isinstance(secret, str) and re.fullmatch(r"[\w-]{20,100}", secret, re.A) else ""
    )


@lru_cache(maxsize=1024)  # for each run that a page lists
def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
