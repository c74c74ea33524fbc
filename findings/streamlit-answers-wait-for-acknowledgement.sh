#!/usr/bin/env bash
# Streamlit 1.67.0 binds its socket without naming TCP as its protocol, so that asyncio leaves Nagle's
# algorithm on for what it accepts there. An answer leaves in two parts, and the second waits until the
# first is acknowledged: on Linux each request that follows another one takes 40 ms longer, in browsers
# too. A client that acknowledges at once, or uvloop in the server's environment, does not wait.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet streamlit==1.67.0
"$place/venv/bin/python" - "$place" <<'PYTHON'
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import streamlit

REQUEST = b"GET /_stcore/health HTTP/1.1\r\nHost: localhost\r\n\r\n"

def times(port, at_once):
    """Milliseconds that requests take which follow each other on one connection."""
    found = []
    with socket.create_connection(("localhost", port)) as client:
        for _ in range(60):
            begin = time.perf_counter()
            client.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"ok"):
                if at_once:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                answer += client.recv(65536)
            found.append(1000 * (time.perf_counter() - begin))
    return median(found)

script = Path(sys.argv[1]) / "script.py"
script.write_text("import streamlit as st\nst.write('hello')\n")
flags = ["--server.headless=true", "--server.port=0", "--browser.gatherUsageStats=false"]
command = [sys.executable, "-m", "streamlit", "run", str(script), *flags]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
try:
    port = int(next(filter(None, (re.search(r"localhost:(\d+)", line) for line in server.stdout)))[1])
    usual, acknowledged = times(port, False), times(port, True)
finally:
    server.terminate()
    server.wait()
print(f"Streamlit {streamlit.__version__}: {usual:.1f} ms a request; {acknowledged:.1f} ms where each "
      "part is acknowledged at once (medians of 60)")
assert usual > 35, "answers no longer wait"
assert acknowledged < usual / 2, "something else takes the time"
PYTHON
