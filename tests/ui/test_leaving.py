"""The server and those who left."""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from support.servers import served
from support.sessions import visitor
from support.waiting import until

ROOT = Path(__file__).parents[2]


def test_who_left_is_forgotten_without_another_visitor(tmp_path: Path):
    surroundings = {name: value for name, value in os.environ.items() if name != "ULTIMUS_DATA"}
    surroundings |= {"ULTIMUS_RUNS": str(tmp_path)}
    surroundings |= {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    with served(command, ROOT, surroundings) as server:
        with visitor(server) as guest:
            guest.open("", "predict")
            guest.look()
            answers = server + guest.files["Save as CSV"]
            assert _is_there(answers)
        until(lambda: not _is_there(answers))


def _is_there(address: str) -> bool:
    try:
        return urllib.request.urlopen(address).status == 200
    except urllib.error.HTTPError:
        return False
