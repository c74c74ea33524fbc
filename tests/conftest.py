"""What all tests share."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from ultimus import UserError

Refused = Callable[..., AbstractContextManager[None]]


REAL_DATA = os.environ.get("ULTIMUS_DATA")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files of each folder over the session, the largest first.

    Where tests run in parallel, those that wait (for browsers, for workers) then run beside those
    that compute, and the last ones are short.
    """
    folders: defaultdict[Path, set[Path]] = defaultdict(set)
    for item in items:
        folders[item.path.parent].add(item.path)
    places: dict[Path, float] = {}
    for files in folders.values():
        by_size = sorted(files, key=lambda file: (-file.stat().st_size, file))
        places |= {file: (rank + 0.5) / len(files) for rank, file in enumerate(by_size)}
    items.sort(key=lambda item: (places[item.path], item.path))


@pytest.fixture(scope="session", autouse=True)
def ultimus_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for all processes of the session: never the user's, and data is decoded only once.

    No page finds real data there, unless a test brings it.
    """
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"
    home.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ULTIMUS_DATA", raising=False)
        patch.setenv("ULTIMUS_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page under test becomes the program's main module, which new processes would import."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The tests of a module compute with one thread, as others may need the cores."""
    import torch  # not before ultimus, which sets how threads wait

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def real_data() -> str:
    """The folder of CIFAR-10 as parquet files that ULTIMUS_DATA names."""
    if not REAL_DATA:
        pytest.skip("needs CIFAR-10 as parquet files: set ULTIMUS_DATA to their folder")
    return REAL_DATA


@pytest.fixture(scope="session")
def refused() -> Refused:
    """`with refused("row 7"):` expects one clear sentence that names each of the words."""

    @contextmanager
    def expect(*words: str) -> Iterator[None]:
        with pytest.raises(UserError) as caught:
            yield
        sentence = str(caught.value)
        assert re.fullmatch(r"[^\n]+[:;,.] .+\.", sentence), sentence  # what, and what to do
        assert not sentence.endswith(".."), sentence
        for word in words:
            assert word in sentence

    return expect
