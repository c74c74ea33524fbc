"""An app's own Dask scheduler and workers: processes of this machine that end with the app.

They are started by Dask's command as on any cluster, which exists on all systems.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..places import PACKAGE

SETTINGS = {
    "DASK_LOGGING__DISTRIBUTED": "critical",  # that a process has died is said on the pages
    # Dask watches itself: its threads wake up fifty to a hundred times a second and stop the one
    # that trains, which takes 7 % of its speed
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}  # unless whoever starts the app has set them
LEASH = str(PACKAGE / "runs" / "leash.py")
PATIENCE = 60.0  # seconds for the scheduler to begin
LOOK_EVERY = 0.05
REST = 5.0  # seconds from the start of a worker to the next one in its place
LATER = 3.0  # seconds until the second half begins, so that the first is there sooner


class Cluster:
    """A scheduler and workers, each a process.

    Args:
        workers: how many; each trains one run at a time.
    """

    def __init__(self, workers: int):
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._file = Path(self._folder.name) / "scheduler.json"
        self._scheduler = self._start("Scheduler", scheduler_file=str(self._file), port=0)
        now, at_once = time.monotonic(), (workers + 1) // 2
        self._workers: list[tuple[subprocess.Popen | None, float]] = [
            *((self._start_worker(), now) for _ in range(at_once)),
            *((None, now + LATER - REST) for _ in range(workers - at_once)),
        ]

    def address(self) -> str:
        """Where the scheduler listens, once it does.

        Raises:
            UserError: it does not begin.
        """
        end = time.monotonic() + PATIENCE
        while self.is_alive() and time.monotonic() < end:
            try:
                return json.loads(self._file.read_bytes())["address"]
            except (OSError, ValueError):  # not there yet, or half written
                time.sleep(LOOK_EVERY)
        raise UserError(
            "The processes that train could not be started: free some memory, look at what the "
            "app's terminal says, and start the app again."
        )

    def is_alive(self) -> bool:
        """Whether the scheduler runs; without it the workers are of no use."""
        return self._scheduler.poll() is None

    def tend(self) -> None:
        """Start a worker where there is none yet, or where one has ended."""
        now = time.monotonic()
        for index, (process, began) in enumerate(self._workers):
            is_missing = process is None or process.poll() is not None
            if is_missing and now > began + REST:
                if process:
                    process.stdin.close()
                self._workers[index] = self._start_worker(), now

    def close(self) -> None:
        processes = [self._scheduler, *(process for process, _ in self._workers if process)]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            process.stdin.close()
        self._folder.cleanup()

    def _start_worker(self) -> subprocess.Popen:
        return self._start(
            "Worker",
            scheduler_file=str(self._file),  # waited for, while the preloads are imported
            nthreads=1,  # one run at a time
            preload=[LEASH, "ultimus.runs.scheduler"],  # imports torch before the first Start
            memory_limit=0,  # memory-mapped data counts as used; do not stop for it
            local_directory=self._folder.name,
        )

    def _start(self, kind: str, **options: Any) -> subprocess.Popen:
        options = {
            "host": "127.0.0.1",
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",  # else at 8787, for all the world
            "preload": [LEASH],
            **options,
        }
        spec = json.dumps({"cls": f"distributed.{kind}", "opts": options})
        return subprocess.Popen(
            # -P: no file where the app was started takes a library's place
            [sys.executable, "-P", "-m", "distributed.cli.dask_spec", "--spec", spec],
            stdin=subprocess.PIPE,  # the leash
            env=_environment(),
            start_new_session=True,  # neither ended by Ctrl-C before the app, nor in its autogroup
        )


def _environment() -> dict[str, str]:
    """Workers start elsewhere than in the package's folder, and find it all the same."""
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**SETTINGS, **os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
