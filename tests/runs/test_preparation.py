"""A data source is prepared in a process of its own, which tells how far it is."""

import time

from support.pictures import write_pictures
from support.waiting import until

from ultimus.runs.preparation import Preparation


def test_a_source_is_prepared_in_a_process_of_its_own(tmp_path, monkeypatch):
    write_pictures(tmp_path / "new", seed=7)
    monkeypatch.chdir(tmp_path)
    preparation = Preparation("new")
    seen = [preparation.done]
    while preparation.done < 1:
        seen.append(preparation.done)
        time.sleep(0.005)
    assert seen == sorted(seen) and all(0 <= each <= 1 for each in seen)
    assert preparation.done == 1 and preparation.problem == ""


def test_a_source_that_cannot_be_prepared_says_why(tmp_path):
    preparation = Preparation(str(tmp_path / "nowhere"))
    until(lambda: preparation.done == 1)
    assert preparation.problem.startswith("There is no data folder")
    assert preparation.problem.endswith(".")


def test_a_preparation_can_be_cancelled():
    preparation = Preparation("shapes")
    preparation.cancel()
    assert preparation.done == 1
