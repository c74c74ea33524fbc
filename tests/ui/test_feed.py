"""What browsers fetch of a live run."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from support.waiting import until

from ultimus.recipe import Recipe
from ultimus.runs import metrics
from ultimus.runs.run import Run, Status
from ultimus.ui.figures import board, plotly_js
from ultimus.ui.live import curves, feed

STATUS = Status("running", step=7, total=1170, epoch=7 / 390, seconds=1.5, images_per_second=313)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """One that trains: this process holds it, as its worker would."""
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    run = Run.create(
        tmp_path, Recipe(epochs=3), dataset={"name": "CIFAR-10 (JPEG copy)", "train": 49999}
    )
    with run.hold():
        run.set_status(STATUS)
        report(run, 7)
        yield run


def report(run: Run, step: int) -> None:
    metrics.report(
        run.folder,
        {"step": step, "epoch": step / 390, "loss": 2.25, "train_accuracy": 0.125, "lr": 0.1},
    )


def fetch(run: Run, state: str = "running", seed_run: bool = True, query: str = "") -> Response:
    """What the address of a board answers."""
    names = ("server", "run", "state", "seed_run")
    parts = feed.address(run, state, seed_run).split("/")[1:]
    path = dict(zip(names, parts, strict=True))
    return feed.answer(
        Request(
            {"type": "http", "query_string": query.encode(), "headers": [], "path_params": path}
        )
    )


def content(answer: Response) -> bytes:
    assert answer.status_code == 200
    return gzip.decompress(answer.body)


def test_it_is_what_the_page_itself_would_show(run: Run):
    rows = curves.rows(run, run.status(), run.metrics(), seed_run=True)
    source = feed.address(run, "running", True)
    assert content(fetch(run)) == board.message(rows, feed.REFRESH, source)


@pytest.mark.parametrize("shown", [True, False])
def test_the_seed_run_is_drawn_where_it_is_asked_for(run: Run, shown: bool):
    assert (b'"notebook log"' in content(fetch(run, seed_run=shown))) == shown


@pytest.mark.parametrize("beyond", ["", "beyond=-Infinity", f"beyond={7 / 390}", "beyond=soon"])
def test_curves_are_in_it_where_they_would_look_longer(run: Run, beyond: str):
    assert content(fetch(run, query=beyond)) == content(fetch(run))


@pytest.mark.parametrize("beyond", [str(7 / 390 + 1e-9), "1", "Infinity", "nan"])
def test_where_they_would_not_the_summary_is_enough(run: Run, beyond: str):
    summary = content(fetch(run, query=f"beyond={beyond}"))
    whole = content(fetch(run))
    header, row = summary.split(b"\n\n")
    assert b'"begins":true' in header and b'"begins":false' in whole
    assert row == whole.split(b"\n\n")[1]
    run.set_status(replace(STATUS, step=11))
    assert b"step 7 of" in summary
    until(lambda: b"step 11 of" in content(fetch(run, query=f"beyond={beyond}")))


def test_curves_that_do_not_grow_are_always_in_it(run: Run):
    run.set_status(Status("paused", step=7, total=1170))
    assert content(fetch(run, "paused", query="beyond=1")) == content(fetch(run, "paused"))


def test_all_who_ask_at_once_get_the_same_version(run: Run):
    first = fetch(run).body
    report(run, 11)
    assert fetch(run).body is first


def test_a_page_that_is_drawn_begins_with_it(run: Run):
    assert feed.newest(run, "running", True) == content(fetch(run))
    assert feed.newest(run, "paused", True) is None


def test_what_was_measured_since_is_in_a_later_version(run: Run):
    first = fetch(run).body
    report(run, 11)
    until(lambda: fetch(run).body != first)


def test_a_run_in_another_state_asks_for_the_whole_page(run: Run):
    assert fetch(run, state="paused").status_code == 204
    fetch(run)
    run.set_status(Status("paused", step=7, total=1170))
    until(lambda: fetch(run).status_code == 204)
    assert fetch(run, state="paused").status_code == 200


@pytest.mark.parametrize("name", ["20260101-000000-nothing", "..", "%2e%2e%2fetc", "a b?"])
def test_a_run_that_is_not_there_gets_a_sentence(run: Run, name: str):
    answer = fetch(Run(run.folder.parent / name))
    assert answer.status_code == 404
    assert b"run" in answer.body


def test_a_damaged_run_gets_a_sentence(run: Run):
    (run.folder / "recipe.json").write_text("{")
    answer = fetch(run)
    assert answer.status_code == 404
    assert b"is damaged" in answer.body


def test_plotly_comes_compressed_and_may_be_kept_for_ever():
    answer = plotly_js.answer(Request({"type": "http"}))
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert len(answer.body) < 1.6e6
