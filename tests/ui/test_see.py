"""The page in a file at an address of its own."""

import gzip

import pytest
from starlette.requests import Request
from starlette.responses import Response
from support.shipped import part_of_it

from ultimus.explorer.page import page
from ultimus.runs.run import Run
from ultimus.ui.server import see

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    return part_of_it(tmp_path)


def fetch(query: str, tag: str = "") -> Response:
    headers = [(b"if-none-match", tag.encode())] if tag else []
    return see.answer(Request({"type": "http", "query_string": query.encode(), "headers": headers}))


def test_it_is_the_file_compressed(run):
    answer = fetch(f"run={run.id}")
    assert answer.status_code == 200 and answer.media_type == "text/html"
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == page(run)


def test_who_has_it_is_sent_nothing_until_the_run_goes_on(run):
    tag = fetch(f"run={run.id}").headers["etag"]
    again = fetch(f"run={run.id}", tag)
    assert (again.status_code, again.body) == (304, b"")
    run.snapshot(39000).unlink()
    anew = fetch(f"run={run.id}", tag)
    assert anew.status_code == 200 and anew.headers["etag"] != tag


@pytest.mark.parametrize("run_id", ["nothing", "../best-in-part", "%00", "a" * 500])
def test_a_run_that_is_not_there_is_one_sentence(run, run_id):
    answer = fetch(f"run={run_id}")
    assert answer.status_code == 404 and answer.media_type == "text/plain"
    assert answer.body.decode().count(".") >= 1 and b"Traceback" not in answer.body


def test_the_first_visitor_finds_it_made(run, monkeypatch):
    monkeypatch.setattr(see.session, "shipped_run", lambda: run)
    see.warm().join()
    made = see._version.cache_info().misses
    assert fetch("").status_code == 200
    assert see._version.cache_info().misses == made
