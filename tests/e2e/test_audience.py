"""What a class that watches costs the run that it watches, measured by Streamlit's protocol.

Thirty browsers do not fit on one machine, so a viewer here is what a browser is to the server: it
opens the page, then asks for the next update of the run's board when its page would.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hands import start_training
from pace import newest_metrics, speed
from playwright.sync_api import Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import websocket_connect

from ultimus.ui.live import REFRESH

SETTLED, MEASURED = 8, 10  # seconds


@pytest.mark.skipif("ULTIMUS_BENCH" not in os.environ, reason="measures: set ULTIMUS_BENCH=1")
@pytest.mark.parametrize("viewers", [1, 10, 30])
def test_what_a_class_costs(
    server: str,
    runs: Path,
    person: Callable[[], Page],
    capsys: pytest.CaptureFixture,
    viewers: int,
):
    teacher = start_training(person, server, epochs=900)
    watched, metrics = teacher.url, newest_metrics(runs)
    teacher.goto("about:blank")
    time.sleep(SETTLED)
    alone = speed(metrics, _measured)
    watching = _class(server, watched.partition("?")[2], metrics, viewers)
    with ThreadPoolExecutor(1) as elsewhere:  # the browser's loop runs in this thread
        together, answers = elsewhere.submit(asyncio.run, watching).result()
    teacher.goto(watched)
    teacher.get_by_role("button", name="Stop", exact=True).click()
    middle, late = statistics.median(answers), statistics.quantiles(answers, n=20)[-1]
    with capsys.disabled():
        print(
            f"\n{viewers} viewers: {together / alone:.2f} of the speed unwatched; for each "
            f"{len(answers) / viewers / (SETTLED + MEASURED):.2f} updates a second, answered in "
            f"{1000 * middle:.0f} ms (median), {1000 * late:.0f} ms (95th percentile)"
        )


def _measured() -> None:
    time.sleep(MEASURED)


async def _class(server: str, link: str, metrics: Path, viewers: int) -> tuple[float, list[float]]:
    """The run's speed while all watch, and the seconds that their updates took."""
    address = server.replace("http", "ws", 1) + "/_stcore/stream"
    end = time.monotonic() + SETTLED + MEASURED
    each = [
        asyncio.create_task(_watch(address, link, REFRESH * number / viewers, end))
        for number in range(viewers)
    ]
    await asyncio.sleep(SETTLED)
    together = await asyncio.to_thread(speed, metrics, _measured)
    return together, [seconds for taken in await asyncio.gather(*each) for seconds in taken]


async def _watch(address: str, link: str, later: float, end: float) -> list[float]:
    """Open the page, then ask for updates; the seconds that each took."""
    socket = await websocket_connect(address, max_message_size=10**8)
    opened = BackMsg()
    opened.rerun_script.query_string = link
    await socket.write_message(opened.SerializeToString(), binary=True)
    every, fragment = await _answer(socket)
    await asyncio.sleep(later)
    taken = []
    while (begin := time.monotonic()) < end:
        asked = BackMsg()
        asked.rerun_script.query_string = link
        asked.rerun_script.fragment_id = fragment
        await socket.write_message(asked.SerializeToString(), binary=True)
        every, fragment = await _answer(socket)
        taken.append(time.monotonic() - begin)
        await asyncio.sleep(max(0.0, every - taken[-1]))
    socket.close()
    return taken


async def _answer(socket) -> tuple[float, str]:
    """All messages of one run of the script: what the run's board says of the next update."""
    told = None
    while True:
        message = ForwardMsg.FromString(await socket.read_message())
        board = message.delta.new_element.bidi_component
        if board.id.endswith("board-live"):
            told = json.loads(board.bytes.split(b"\n")[0])["every"], message.delta.fragment_id
        if message.WhichOneof("type") == "script_finished":
            return told
