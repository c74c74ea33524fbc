"""A run whose tokens are patches, as the Attention page shows it."""

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from ...runs.run import Run
from ..server import explorer_files

_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "ultimus_patches",
    html='<div class="frame"><div class="explorer"></div></div>',
    css=(explorer_files.FOLDER / "page.css").read_text().replace(":root", ".explorer")
    + (explorer_files.FOLDER / "patches.css").read_text(),
    js=f'const MODULES = "{explorer_files.modules()}";\n' + (_HERE / "patches.js").read_text(),
)
ABOUT = """
Each patch of the picture turns into 48 numbers and looks at all patches of the same picture, four
times; no other picture has a part in it. What the selected patch looks at stays bright. Point at
another patch, or choose a row of the matrix. Where a network looks is not why it answers.
"""


def show(run: Run) -> None:
    """Draw it; every snapshot that the run has kept so far can be looked at."""
    steps = run.snapshots
    st.markdown(ABOUT)
    query = urlencode({"run": run.id, "step": steps[-1] if steps else ""})  # anew with each one
    _mount(key="patches", height="content", data={"scene": f"{explorer_files.PATCHES}?{query}"})
