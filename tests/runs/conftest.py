"""What the tests of runs share."""

from pathlib import Path

import pytest
from support.pictures import write_pictures


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in three classes."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    write_pictures(folder)
    return folder
