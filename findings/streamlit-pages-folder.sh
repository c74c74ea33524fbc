#!/usr/bin/env bash
# Streamlit 1.67.0: a folder pages/ beside the script is listed as pages also where st.navigation is
# used. An address that both know is answered on the first load by the file in the folder, run as a
# script of its own: its relative imports fail. A folder of another name is left alone.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet streamlit==1.67.0 websockets==17.4
"$place/venv/bin/python" - "$place" <<'PYTHON'
import re
import subprocess
import sys
from pathlib import Path

import streamlit
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

SCRIPT = """
import streamlit as st
st.navigation([
    st.Page(lambda: st.write("home"), title="Home", url_path="home", default=True),
    st.Page(lambda: st.write("the page of st.navigation"), title="More", url_path="more"),
]).run()
"""

def drawn(port):
    """What a browser is first sent at /more: texts, and the messages of exceptions."""
    asked = BackMsg()
    asked.rerun_script.page_name = "more"
    with connect(f"ws://localhost:{port}/_stcore/stream", max_size=None) as socket:
        socket.send(asked.SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket.recv(timeout=60))
            element = message.delta.new_element
            yield from filter(None, [element.markdown.body, element.exception.message])
            if message.WhichOneof("type") == "script_finished":
                return

def first_load(script):
    flags = ["--server.headless=true", "--server.port=0", "--browser.gatherUsageStats=false"]
    flags += ["--client.showErrorDetails=full"]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *flags]
    server = subprocess.Popen(command, cwd=script.parent, stdout=subprocess.PIPE, text=True)
    try:
        port = next(filter(None, (re.search(r"localhost:(\d+)", line) for line in server.stdout)))[1]
        return " ".join(drawn(port))
    finally:
        server.terminate()
        server.wait()

folder = Path(sys.argv[1]) / "app"
folder.mkdir()
script = folder / "script.py"
script.write_text(SCRIPT)
found = {}
print(f"Streamlit {streamlit.__version__}; what is drawn first at /more")
for name in (None, "views", "pages"):
    if name:
        (folder / name).mkdir()
        (folder / name / "more.py").write_text("from . import helpers\n")
    found[name] = first_load(script)
    print(f"with {name}/more.py:" if name else "without a folder:", found[name])
assert found[None] == found["views"] == "the page of st.navigation", "st.navigation draws otherwise"
assert "relative import" in found["pages"], "Streamlit now leaves pages/ to st.navigation"
PYTHON
