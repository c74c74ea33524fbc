"""Ultimus: see attention happen. Start with `streamlit run app.py`, or `ultimus app`."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

# Before torch is loaded. The server, its workers and the browser may share a few cores, and waiting
# threads that spin would keep the others from them: a run whose second core something else takes is
# two fifths faster so.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import pandas  # noqa: F401  whole, before two sessions at once import parts of it through Streamlit
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from ultimus.places import PACKAGE
from ultimus.ui.controls import data
from ultimus.ui.figures import plotly_js
from ultimus.ui.live import feed
from ultimus.ui.server import explorer_files, leaving, scenes, see
from ultimus.ui.server.polls import Polls
from ultimus.ui.state import browser, lead, teacher

BASE = st.get_option("server.baseUrlPath").strip("/")


def _route(path: str, answer: Callable, method: str = "GET") -> Route:
    return Route(f"/{BASE}/{path}".replace("//", "/"), answer, methods=[method])


POLLED = (
    _route(browser.ALIVE, browser.answer),
    _route(feed.PATH, feed.answer),
    _route(scenes.NEWEST, scenes.newest),
)


@asynccontextmanager
async def lifespan(served: st.App) -> AsyncIterator[None]:
    """Have what first visitors ask for ready before they come, and forget who leaves."""
    data.prepare_first()
    see.warm()
    teacher.announce()
    async with leaving.forgotten(served) as state:
        yield state


app = st.App(
    PACKAGE / "ui" / "server" / "script.py",
    lifespan=lifespan,
    routes=[
        _route(plotly_js.ADDRESS, plotly_js.answer),
        _route(see.PATH, see.answer),
        _route(explorer_files.SCENE, explorer_files.first_scene),
        _route(explorer_files.PATCHES, explorer_files.patches_scene),
        _route(explorer_files.MODULE, explorer_files.module),
        _route(scenes.OPENING, scenes.opening),
        _route(scenes.STEP, scenes.step),
        _route(scenes.NETWORK, scenes.network),
        _route(scenes.COMPANIONS, scenes.companions),
        _route(lead.PATH, lead.take, "POST"),
    ],
    middleware=[Middleware(Polls, routes=POLLED)],
)
