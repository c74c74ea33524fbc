"""How fast a run trains, as its own metrics tell."""

import json
from collections.abc import Callable
from pathlib import Path


def newest_metrics(runs: Path) -> Path:
    """The metrics that were written last: those of the run that trains."""
    return max(runs.glob("*/metrics.jsonl"), key=lambda file: file.stat().st_mtime)


def speed(metrics: Path, wait: Callable[[], object]) -> float:
    """Steps a second of training, from before a wait until after it."""
    before = _last_row(metrics)
    wait()
    after = _last_row(metrics)
    return (after["step"] - before["step"]) / (after["seconds"] - before["seconds"])


def _last_row(metrics: Path) -> dict:
    return json.loads(metrics.read_text().rstrip("\n").rsplit("\n", 1)[-1])
