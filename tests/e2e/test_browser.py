"""What belongs to the browser: who it is, what it types, and a server that comes again."""

import functools
import http.server
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.hands import PATIENCE, button, start_training
from support.servers import free_port, served

from ultimus.runs.run import Run

ROOT = Path(__file__).parents[2]


def ready(page, address: str) -> None:
    page.goto(address)
    expect(button(page, "Start")).to_be_enabled(timeout=PATIENCE)


def new_run(runs: Path, before: set[str]) -> Run:
    (run,) = [run for run in Run.all(runs) if run.id not in before]
    return run


def test_a_double_click_on_start_makes_one_run(server: str, runs: Path, person: Callable[[], Page]):
    page, before = person(), {run.id for run in Run.all(runs)}
    ready(page, f"{server}/?max_steps=3&preset=seed")
    button(page, "Start").dblclick()
    expect(page.get_by_text("step 3 of 3")).to_be_visible(timeout=PATIENCE)
    new_run(runs, before)


def test_start_uses_the_numbers_that_are_shown(server: str, runs: Path, person: Callable[[], Page]):
    """Typed just before the click, beyond the bounds, and with a comma."""
    page, before = person(), {run.id for run in Run.all(runs)}
    ready(page, f"{server}/?max_steps=3&preset=seed")
    rate, epochs, seed = (
        page.get_by_role("spinbutton", name=name, exact=True)
        for name in ("Peak learning rate", "Epochs", "Seed")
    )
    rate.fill("")
    rate.press_sequentially("0,0005")
    epochs.fill("5000")
    epochs.press("Enter")
    expect(page.get_by_text("should be a whole number from 1 to 1,000")).to_be_visible()
    seed.fill("7")
    button(page, "Start").click()
    expect(page.get_by_text("step 3 of 3")).to_be_visible(timeout=PATIENCE)
    recipe = new_run(runs, before).info().recipe
    assert (recipe.lr, recipe.epochs, recipe.seed) == (0.0005, 1000, 7)
    assert [float(field.input_value()) for field in (rate, epochs, seed)] == [0.0005, 1000, 7]


def test_a_run_is_still_followed_when_the_menu_of_pages_leads_to_attention(
    server: str, person: Callable[[], Page]
):
    """The menu leaves out what the link says."""
    page = start_training(person, server, epochs=300)
    menu = page.get_by_test_id("stHeader")
    newest = page.locator(".explorer:has(.follow[aria-pressed=true]) .scrubber .step")
    menu.get_by_role("link", name="Attention").click()
    expect(newest).to_be_visible(timeout=PATIENCE)
    moment = newest.inner_text()
    expect(newest).not_to_have_text(moment)
    menu.get_by_role("link", name="Train", exact=True).click()
    expect(button(page, "Stop")).to_be_enabled(timeout=PATIENCE)
    menu.get_by_role("link", name="Attention").click()
    expect(newest).to_be_visible(timeout=PATIENCE)


@pytest.fixture
def another_site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a page of another site, and its file."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}/", tmp_path / "index.html"
    site.shutdown()


def test_in_another_sites_frame_a_reload_keeps_control(
    server: str, person: Callable[[], Page], another_site: tuple[str, Path]
):
    address, file = another_site
    frame = '<iframe id="app" width="1300" height="900" src="{}"></iframe>'
    file.write_text(frame.format(f"{server}/?epochs=200"))
    page = person()
    page.goto(address)
    app = page.frame_locator("#app")
    expect(button(app, "Start")).to_be_enabled(timeout=PATIENCE)
    button(app, "Start").click()
    expect(app.get_by_text("images/s")).to_be_visible(timeout=PATIENCE)
    file.write_text(frame.format(next(part.url for part in page.frames if server in part.url)))
    page.goto(address)
    expect(button(app, "Stop")).to_be_enabled(timeout=PATIENCE)
    secret = next(jar["value"] for jar in page.context.cookies() if "ultimus" in jar["name"])
    assert secret not in "".join(part.url for part in page.frames)
    button(app, "Stop").click()
    expect(app.get_by_text("Stopped")).to_be_visible(timeout=PATIENCE)


def test_an_open_page_is_drawn_anew_once_another_server_runs(
    tmp_path: Path, home: Path, person: Callable[[], Page]
):
    environment = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
    environment |= {"ULTIMUS_RUNS": str(tmp_path), "ULTIMUS_HOME": str(home)}
    start = functools.partial(
        served, [sys.executable, "-m", "streamlit", "run", "app.py"], ROOT, environment, free_port()
    )
    with start() as address:
        page = start_training(person, address, epochs=300)
    with start():
        expect(page.get_by_text("Interrupted")).to_be_visible(timeout=PATIENCE)
        expect(button(page, "Resume")).to_be_enabled()
        expect(page).to_have_url(re.compile("run="))
