"""The app as a process, as somebody starts it."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

TEACHER = "the key of these tests"


@contextmanager
def served(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], port: int | None = None
) -> Iterator[str]:
    """Start the app, on a free port if none is named; gives its address once it answers."""
    port = port or free_port()
    process = subprocess.Popen(
        [*command, "--server.headless=true", f"--server.port={port}"],
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    address = f"http://localhost:{port}"
    try:
        _wait_until_healthy(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(address: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended at once"
        try:
            urllib.request.urlopen(f"{address}/_stcore/health")
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server did not start within 60 s")
