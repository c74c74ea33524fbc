"""What a run has reported, line by line."""

import json
from typing import Any

from ultimus.runs.run import Run


def lines(run: Run) -> list[dict[str, Any]]:
    """The lines of a run's metrics that are written whole."""
    path = run.folder / "metrics.jsonl"
    content = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith("\n")]
