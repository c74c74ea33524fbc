"""Twelve runs of a sweep on a Dask scheduler with three workers, of which one is killed: JSON.

python tests/bench/sweep_with_a_kill.py FOLDER [DATA [STEPS]]

Everything is a process of its own, as somebody would start it by hand. Four rates times three seeds
are trained in FOLDER/runs; where the worker that trains the third run is killed, nobody is told.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
RATES = "0.001,0.003,0.01,0.03"
SEEDS, WORKERS = 3, 3
MIDDLE = 0.2, 0.7  # of its steps a run has made when its worker is killed
PATIENCE = 400  # seconds


def main(folder: Path, data: str = "shapes", steps: int = 300) -> dict:
    """Train it, kill, and tell how it went."""
    runs = folder / "runs"
    port = free_port()
    cluster = [
        start(folder, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    ]
    address = f"tcp://127.0.0.1:{port}"
    options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"]
    cluster += [start(folder, "worker", address, *options) for _ in range(WORKERS)]
    try:
        begin = time.monotonic()
        sweep = swept(folder, runs, address, data, steps)
        killed = kill_one(runs, {worker.pid for worker in cluster[1:]}, sweep, steps)
        said = sweep.communicate(timeout=PATIENCE)[0]
        return judged(runs, steps, killed) | {
            "exit": sweep.returncode, "seconds": round(time.monotonic() - begin, 1),
            "rows": json.loads(said)["rows"],
        }  # fmt: skip
    finally:
        for process in cluster:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "ULTIMUS_HOME": str(folder / "home"),
    }


def start(folder: Path, *command: str) -> subprocess.Popen:
    """A process of the cluster."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *command], cwd=folder, env=settings(folder), **quiet
    )


def swept(folder: Path, runs: Path, address: str, data: str, steps: int) -> subprocess.Popen:
    """`ultimus sweep`, which submits all and shows them as they end."""
    command = [
        sys.executable, "-m", "ultimus", "sweep", "--preset", "steady", "--data", data,
        "--lr", RATES, "--seeds", str(SEEDS), "--max-steps", str(steps), "--groups", "2",
        "--json", "--runs", str(runs),
    ]  # fmt: skip
    surroundings = settings(folder) | {"ULTIMUS_SCHEDULER": address}
    return subprocess.Popen(
        command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, text=True
    )


def kill_one(runs: Path, workers: set[int], sweep: subprocess.Popen, steps: int) -> dict:
    """Kill the worker of a run that is in the middle, once two others have ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and sweep.poll() is None:
        states = statuses(runs)
        ended = sum(status["state"] == "done" for status in states.values())
        for name, status in states.items():
            is_amid = MIDDLE[0] < status["step"] / steps < MIDDLE[1]
            if ended >= 2 and is_amid and (worker := holder(runs / name)) in workers:
                os.kill(worker, signal.SIGKILL)
                return {"run": name, "step": status["step"], "ended before": ended}
        time.sleep(0.02)
    raise SystemExit("no worker could be killed in the middle of a run: take more steps")


def statuses(runs: Path) -> dict[str, dict]:
    return {file.parent.name: json.loads(file.read_text()) for file in runs.glob("*/status.json")}


def holder(run: Path) -> int | None:
    """The process that has the lock of a run's folder."""
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    inodes = {str(file.stat().st_ino) for file in run.iterdir() if file.is_file()}
    return next((int(lock[4]) for lock in locks if lock[5].split(":")[-1] in inodes), None)


def judged(runs: Path, steps: int, killed: dict) -> dict:
    """Whether all have ended, each once."""
    recipes = [json.loads(file.read_text())["recipe"] for file in runs.glob("*/recipe.json")]
    states = statuses(runs)
    lines = [
        json.loads(line)["step"]
        for line in (runs / killed["run"] / "metrics.jsonl").read_text().splitlines()
    ]
    return {
        "killed": killed, "runs": len(recipes),
        "different": len({(recipe["lr"], recipe["seed"]) for recipe in recipes}),
        "states": Counter(status["state"] for status in states.values()),
        "complete": sum(status["step"] == steps for status in states.values()),
        "steps of the killed run rise": lines == sorted(set(lines)),
    }  # fmt: skip


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    place.mkdir(parents=True, exist_ok=True)
    print(json.dumps(main(place, *sys.argv[2:3], *map(int, sys.argv[3:4])), indent=2))
