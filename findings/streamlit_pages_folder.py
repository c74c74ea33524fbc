"""Streamlit lists a folder `pages/` beside its script as pages, also where st.navigation is used.

An address that the script's own navigation knows as well is then answered on the first load by the
file in the folder, run as a script of its own: its relative imports fail.

It needs playwright and chromium.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import streamlit
from playwright.sync_api import sync_playwright

SCRIPT = """
import streamlit as st
st.navigation([
    st.Page(lambda: st.write("home"), title="Home", url_path="home", default=True),
    st.Page(lambda: st.write("the page of st.navigation"), title="More", url_path="more"),
]).run()
"""
PAGE = "from . import helpers\n"


def first_load(folder: Path) -> str:
    """What a browser shows first at /more, with the server started in a folder."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    flags = ["--server.headless=true", f"--server.port={port}", "--browser.gatherUsageStats=false"]
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "script.py"), *flags]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout:
            if "URL" in line:
                break
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.goto(f"http://localhost:{port}/more")
            shown = page.get_by_test_id("stException").or_(page.get_by_test_id("stMarkdown"))
            return shown.first.inner_text().splitlines()[0]
    finally:
        server.terminate()
        server.wait()


with tempfile.TemporaryDirectory() as place:
    folder = Path(place)
    (folder / "script.py").write_text(SCRIPT)
    print("streamlit", streamlit.__version__)
    print("without pages/:", first_load(folder))
    (folder / "pages").mkdir()
    (folder / "pages" / "more.py").write_text(PAGE)
    print("with pages/more.py:", first_load(folder))
