"""A real server and a real browser."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.browsers import chromium
from support.servers import TEACHER, served

ROOT = Path(__file__).parents[2]

expect.set_options(timeout=60_000)  # a busy machine is no fault


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def home(ultimus_home: Path) -> Path:
    """Where data is decoded, once for all servers."""
    return ultimus_home


@pytest.fixture(scope="session")
def server(runs: Path, home: Path) -> Iterator[str]:
    """The app as `streamlit run app.py` starts it, without any data or run."""
    surroundings = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
    surroundings |= {"ULTIMUS_RUNS": str(runs), "ULTIMUS_HOME": str(home)}
    surroundings |= {"ULTIMUS_TEACHER": TEACHER}
    with served(
        [sys.executable, "-m", "streamlit", "run", "app.py"], ROOT, surroundings
    ) as address:
        yield address


@pytest.fixture(autouse=True)
def _no_run_is_left(runs: Path) -> Iterator[None]:
    """A test that fails leaves no run behind for which the next one would have to wait."""
    yield
    for status in runs.glob("*/status.json"):
        (status.parent / "request").write_text("stop")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Makes persons: each is a page in a browser of their own, whose console shows no error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def arrive() -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield arrive
    for context in contexts:
        context.close()
    assert not errors
