"""What it takes to look at long runs, by the package that PYTHONPATH names: a line of JSON."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROWS, SHORT, RUNS = 200_000, 2_000, 50
ROW = {
    "step": 0, "epoch": 0.0, "loss": 2.1, "lr": 0.01, "train_accuracy": 0.4, "grad_norm": 1.2,
    "attention_entropy": [2.77, 2.77, 2.77, 2.77], "images_per_second": 9000.5, "seconds": 1.0,
}  # fmt: skip


def write(runs: Path, name: str, rows: int) -> Path:
    folder = runs / name
    folder.mkdir()
    for file, content in (("recipe", {"recipe": {}}), ("status", {"state": "done"})):
        (folder / f"{file}.json").write_text(json.dumps(content))
    lines = (
        ROW | {"step": i + 1, "epoch": i / 390, "loss": 2.3 - i / rows, "seconds": i * 0.4}
        for i in range(rows)
    )
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def viewer(folder: Path) -> Callable[[], object]:
    """What a session does at each look."""
    try:
        from ultimus.runs.metrics import read_metrics

        return lambda: read_metrics(folder).column("loss")
    except ImportError:
        from ultimus.run import Metrics, Run

        reader = Metrics(Run(folder))
        return lambda: reader.read().column("loss")


def follower(runs: Path, name: str) -> Callable[[], object]:
    """What the board's address does at each look."""
    try:
        from ultimus.runs.metrics import read_metrics

        return lambda: read_metrics(runs / name)
    except ImportError:
        from ultimus.ui import feed

        return lambda: feed._newest(runs, name, True)._metrics.read()


def megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    runs = Path(tempfile.mkdtemp())
    folder = write(runs, "long", ROWS)
    viewer(write(runs, "warm", 10))()  # imports
    figures: dict[str, float] = {}
    looks = []  # of sessions that go on
    for number in ("first", "second", "third"):
        before, begin = megabytes(), time.process_time()
        looks.append(viewer(folder))
        looks[-1]()
        figures[f"{number} viewer, CPU s"] = time.process_time() - begin
        figures[f"{number} viewer, MB"] = megabytes() - before
    names = [write(runs, f"run{number}", SHORT).name for number in range(RUNS)]
    for number in ("first", "second"):
        begin = time.process_time()
        for name in names:
            follower(runs, name)()
        figures[f"{RUNS} followers, {number} round, CPU s"] = time.process_time() - begin
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(main())
