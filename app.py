"""Ultimus: see attention happen. Start with `streamlit run app.py`, or `ultimus app`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Before torch is loaded. The server, its workers and the browser may share a few cores, and waiting
# threads that spin would keep the others from them: a run whose second core something else takes is
# two fifths faster so.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import pandas  # noqa: F401  whole, before two sessions at once import parts of it through Streamlit
import streamlit as st
from starlette.routing import Route

from ultimus.places import PACKAGE
from ultimus.ui.controls import data
from ultimus.ui.figures import plotly_js
from ultimus.ui.live import feed
from ultimus.ui.server import explorer_files, leaving, scenes, see
from ultimus.ui.state import browser, lead, teacher

BASE = st.get_option("server.baseUrlPath").strip("/")


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
        Route(f"/{BASE}/{path}".replace("//", "/"), answer)
        for path, answer in (
            (plotly_js.ADDRESS, plotly_js.answer),
            (browser.ALIVE, browser.answer),
            (feed.PATH, feed.answer),
            (see.PATH, see.answer),
            (explorer_files.SCENE, explorer_files.first_scene),
            (explorer_files.PATCHES, explorer_files.patches_scene),
            (explorer_files.MODULE, explorer_files.module),
            (scenes.OPENING, scenes.opening),
            (scenes.NEWEST, scenes.newest),  # before all other steps
            (scenes.STEP, scenes.step),
            (scenes.NETWORK, scenes.network),
            (scenes.COMPANIONS, scenes.companions),
        )
    ]
    + [Route(f"/{BASE}/{lead.PATH}".replace("//", "/"), lead.take, methods=["POST"])],
)
