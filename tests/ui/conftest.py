"""What tests of pages share."""

from pathlib import Path

import pytest


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of runs, empty."""
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    return tmp_path
