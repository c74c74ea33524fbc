"""What all pages share: the lab, the runs to choose from, and whose browser this is."""

import atexit
import logging
import os
from pathlib import Path

import streamlit as st

from ...errors import UserError
from ...links.pages import Shown
from ...places import ASSETS, SHIPPED, runs_folder
from ...runs.exchange import adopt_file
from ...runs.run import Run, Status
from ...runs.scheduler import Lab
from . import browser, choices

WEIGHTS = ASSETS / "weights"  # where a deployment may put checkpoints of its own
logger = logging.getLogger(__name__)
LISTED = 50  # runs to choose from; older ones open by their link


@st.cache_resource(show_spinner=False)
def lab() -> Lab:
    """The one lab of this app, started on first use."""
    started = Lab(runs_folder(), os.environ.get("ULTIMUS_SCHEDULER", ""))
    atexit.register(started.close)
    return started


def is_mine(run: Run) -> bool:
    """Whether this browser started the run."""
    return browser.is_me(run.info().owner)


def check_mine(run: Run) -> None:
    """Refuse what only the browser that started a run may do.

    Raises:
        UserError: it is not this one.
    """
    if not is_mine(run):
        raise UserError(
            f"The run {run.id} was started in another browser: only that one controls it. Press "
            "Start to have a run of your own."
        )


def runs() -> list[Run]:
    """The runs to choose from: the newest first, the shipped ones last."""
    if WEIGHTS.is_dir():
        _bring_in(WEIGHTS, runs_folder())
    return Run.all(runs_folder())[:LISTED] + shipped_runs()


def shipped_runs() -> list[Run]:
    """The runs that come with the product, by their names; the first one is shown first."""
    return sorted(Run.all(SHIPPED), key=lambda run: run.id)


@st.cache_resource(show_spinner=False)
def _bring_in(weights: Path, folder: Path) -> None:
    """Make runs of checkpoints, once."""
    for path in sorted(weights.glob("*.*")):
        try:
            adopt_file(path, folder)
        except UserError as error:
            logger.warning("%s", error)


def run_of_link() -> Run:
    """The run that the URL names (`?run=<id>`), else the shipped one.

    Raises:
        UserError: there is no such run.
    """
    if name := choices.of(Shown).run:
        return Run.find(name, runs_folder(), SHIPPED)
    return shipped_run()


def shipped_run() -> Run:
    """A run that comes with the product, so that no page is ever empty."""
    shipped = shipped_runs()
    if not shipped:
        raise UserError("The shipped run is missing from assets/runs: install the product again.")
    return shipped[0]


def status(run: Run) -> Status:
    """How a run stands; one of this app's that is asked to go on gets a worker."""
    if run.folder.parent != runs_folder():
        return run.status()
    keeper = lab()
    keeper.tend(run)
    return keeper.status(run)
