"""The Lab page through Streamlit's AppTest: what is planned, what is started, what it shows."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.boards import figures, numbers, parts, sent, words
from support.pages import OWNER, open_page

from ultimus.analysis import range_test
from ultimus.analysis.measured import measured
from ultimus.data.dataset import open_dataset
from ultimus.plots.words import number
from ultimus.recipe import Recipe
from ultimus.runs import metrics
from ultimus.runs import sweep as sweeps
from ultimus.runs.run import Run, Status
from ultimus.runs.scheduler import Lab
from ultimus.runs.sweep import Sweep
from ultimus.ui.state import session


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The one lab of an app, with the folder of its runs."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ULTIMUS_RUNS", str(folder))
        session.lab.clear()
        yield folder
        session.lab().close()
        session.lab.clear()


@pytest.fixture
def runs(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder, empty."""
    monkeypatch.setenv("ULTIMUS_RUNS", str(lab))
    for found in lab.iterdir():
        shutil.rmtree(found)
    open_dataset("shapes")  # a page would prepare it in the background
    return lab


def visit(**link: str) -> AppTest:
    page = open_page("lab", **link)
    assert not page.exception
    return page


def button(page: AppTest, key: str):
    return next(found for found in page.main.button if found.key == key)


def a_sweep(runs: Path, owner: str = "", states: str = "done done failed") -> Sweep:
    """One whose runs were trained, but for those that are missing."""
    sweep = sweeps.plan(Recipe.of(preset="demo"), {"lr": [0.1, 0.3, 0.9]}, owner=owner)
    sweeps.save(sweep, runs)
    for point, state in zip(sweep.points, states.split(), strict=False):
        status = Status(state, reason="It blew up." if state == "failed" else "")
        about = {"sweep": sweep.id, "owner": owner}
        run = Run.create(
            runs, point.recipe, lambda run, status=status: run.set_status(status), **about
        )
        line = {"step": 1, "test_accuracy": point.recipe.lr, "test_group": 16}
        metrics.report(run.folder, line)
    return sweep


def test_where_no_range_test_was_made_one_that_comes_with_ultimus_is_shown(runs):
    page = visit(tool="range")
    kept = measured("range-test-seed-shapes")
    assert "press Start" in page.info[0].value
    suggested, end = (kept.curves["read"][name][0] for name in ("suggestion", "diverging"))
    (figure,) = (part for part in parts(page) if "figure" in part)
    assert f"at a learning rate of {number(suggested, 2)}" in figure["alt"]
    assert f"diverges from {number(end, 2)}" in figure["alt"] and "10 seeds" in words(page)
    lowest, highest = (choose(kept.values["suggestion"]) for choose in (min, max))
    assert f"says {number(lowest, 2)} to {number(highest, 2)}" in words(page)


def test_an_empty_lab_says_what_to_do(runs):
    page = visit()
    assert "press Start" in page.info[0].value
    assert button(page, "start sweep").label == "Start 9 runs"


@pytest.mark.parametrize(
    ("link", "label"),
    [
        ({"values": "0.1, 0.2", "seeds": "2"}, "Start 4 runs"),
        ({"vary": "optimizer", "seeds": "1"}, "Start 4 runs"),
        ({"vary": "lr", "also": "clip", "also_values": "none,1", "seeds": "1"}, "Start 6 runs"),
        ({"also": "lr", "seeds": "1"}, "Start 3 runs"),
        ({"values": "fast"}, "Start runs"),
        ({"values": ",,,"}, "Start runs"),
        ({"values": "1,2,3,4,5,6,7,8,9", "also": "clip", "seeds": "50"}, "Start runs"),
        ({"vary": "<script>", "values": "`$x$`", "also": "seed", "seeds": "1e9"}, "Start runs"),
    ],
)
def test_a_link_plans_a_sweep_or_says_why_it_cannot(runs, link, label):
    page = visit(**link)
    assert button(page, "start sweep").label == label
    assert bool(page.error) == (label == "Start runs")


def test_start_starts_what_is_planned(runs, monkeypatch):
    started = []
    monkeypatch.setattr(Lab, "start", lambda lab, recipe, **about: started.append((recipe, about)))
    page = visit(values="0.1, 0.2", seeds="2")
    button(page, "start sweep").click().run()
    assert not page.exception and [error.value for error in page.error] == []
    assert [(recipe.lr, recipe.seed) for recipe, _ in started] == [
        (0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1),
    ]  # fmt: skip
    assert {about["owner"] for _, about in started} == {OWNER}
    (sweep,) = sweeps.saved(runs)
    assert page.query_params["sweep"] == sweep.id
    assert {about["sweep"] for _, about in started} == {sweep.id}


def test_more_runs_than_a_browser_may_have_are_refused_before_one_is_started(runs):
    page = visit(values="1,2,3,4,5,6,7,8", seeds="3")
    button(page, "start sweep").click().run()
    assert "These are 24 runs" in page.error[0].value
    assert Run.all(runs) == []


def test_a_sweep_shows_its_runs_as_points_and_links(runs):
    page = visit(sweep=a_sweep(runs).id)
    means, dots = figures(page)["sweep"]["data"]
    assert numbers(means["y"]).tolist() == [0.1, 0.3]  # what failed is no part of a mean
    assert dots["marker"]["symbol"] == ["circle", "circle", "x"]
    assert {*dots["customdata"]} == {run.id for run in Run.all(runs)}
    assert "0.1: 10.0% (1 runs)" in sent(page)["sweep"]["alt"]
    table = next(part["html"] for part in parts(page) if "html" in part)
    assert all(f'href="train?run={run.id}"' in table for run in Run.all(runs))
    assert "3 of 3 runs have ended" in words(page) and "It blew up." in words(page)


def test_only_who_started_a_sweep_goes_on_with_it(runs, monkeypatch):
    asked = []
    monkeypatch.setattr(sweeps, "carry_on", lambda sweep, lab: asked.append(sweep.id))
    others = a_sweep(runs, "somebody", "done")
    assert button(visit(sweep=others.id), "go on with sweep").disabled
    mine = a_sweep(runs, OWNER, "done")
    page = visit()  # the newest one of this browser
    assert not button(page, "go on with sweep").disabled
    button(page, "go on with sweep").click().run()
    assert asked == [mine.id]


def test_a_sweep_leads_to_its_runs_beside_each_other(runs):
    page = visit(sweep=a_sweep(runs).id)
    button(page, "compare sweep").click().run()
    assert not page.exception and page.query_params["tool"] == "compare"
    assert {*page.query_params["runs"]} == {run.id for run in Run.all(runs)}


def test_a_sweep_that_is_not_there_is_told(runs):
    assert "no sweep" in visit(sweep="../../etc").error[0].value


# Range tests ----------------------------------------------------------------------------------


def a_range_test(runs: Path, seeds: int = 2) -> Sweep:
    """One whose loss falls up to a rate of 0.01, and then rises."""
    recipe = range_test.recipe_for(Recipe.of(preset="demo"), 12_800, 1e-5, 1.0, 200)
    sweep = sweeps.plan(recipe, {}, seeds)
    sweeps.save(sweep, runs)
    for point in sweep.points:
        run = Run.create(runs, point.recipe, sweep=sweep.id)
        run.set_status(Status("done"))
        for step in range(200):
            rate = point.recipe.rate(step, 200)
            loss = 2.3 - math.exp(-((math.log10(rate / 0.01) / 0.8) ** 2))
            metrics.report(run.folder, {"step": step + 1, "lr": rate, "loss": loss})
    return sweep


def test_a_range_test_shows_its_curve_and_what_is_read_from_it(runs):
    page = visit(tool="range", sweep=a_range_test(runs).id)
    figure = figures(page)["range-test"]
    names = [trace["name"] for trace in figure["data"]]
    assert names == [*["one seed"] * 2, "mean of the seeds", "steepest point of one seed"]
    steepest, diverging = (shape["x0"] for shape in figure["layout"]["shapes"])
    assert 1e-4 < steepest < 0.03 < diverging
    said = " ".join(words(page).split())
    assert f"most steeply at {number(steepest, 2)} ." in said and "2 of 2 seeds done" in said
    assert f"rate of {number(steepest, 2)}" in sent(page)["range-test"]["alt"]


def test_three_runs_show_what_a_range_test_means(runs, monkeypatch):
    started = []
    monkeypatch.setattr(Lab, "start", lambda lab, recipe, **about: started.append(recipe))
    page = visit(tool="range", sweep=a_range_test(runs).id, epochs="1")
    button(page, "three rates").click().run()
    assert not page.exception and not page.error
    low, good, high = (recipe.lr for recipe in started)
    assert low == pytest.approx(good / 10) and good < high
    assert {(recipe.seed, recipe.epochs, recipe.schedule) for recipe in started} == {
        (0, 1, "cosine")
    }
    assert page.query_params["sweep"].startswith("lr-") and "tool" not in page.query_params


@pytest.mark.parametrize("link", [{"low": "1", "high": "0.1"}, {"low": "1e-8", "high": "1"}])
def test_rates_that_make_no_range_test_are_told(runs, link):
    page = visit(tool="range", **link)
    assert page.error and button(page, "start range test").disabled


def test_sweeps_and_range_tests_are_listed_apart(runs):
    swept, tested = a_sweep(runs), a_range_test(runs)
    assert "sweep" in figures(visit(sweep=tested.id))  # of the other kind: the newest of this one
    assert "range-test" in figures(visit(tool="range", sweep=swept.id))


def test_runs_are_compared_by_a_link(runs):
    page = visit(tool="compare", runs=["best-cifar10", "steady-cifar10", "gone"])
    assert "There is no run 'gone' here" in page.warning[0].value
    told = words(page)
    assert "preset best" in told and "optimizer" in told and "69.0%, in groups of 16" in told
    assert "warmup" not in told  # which is the same in both
    names = [part["alt"] for part in parts(page) if "figure" in part]
    assert len(names) == 2 and all("2 runs" in name for name in names)
    assert all(run in page.query_params["runs"] for run in ("best-cifar10", "steady-cifar10"))
    page.multiselect[0].set_value(["best-cifar10"]).run()
    assert page.info[0].value.startswith("Choose two to 8 runs")
    assert page.query_params["runs"] == "best-cifar10"


def test_runs_that_cannot_be_read_any_more_leave_the_others_beside_each_other(runs):
    ids = [Run.create(runs, Recipe.of(seed=seed)).id for seed in range(3)]
    (runs / ids[1] / "metrics.jsonl").mkdir()
    page = visit(tool="compare", runs=ids)
    assert [ids[1] in warning.value for warning in page.warning] == [True]
    assert "seed 0" in words(page) and "seed 2" in words(page) and "seed 1" not in words(page)


def test_a_range_test_says_what_it_cannot_tell_and_why_runs_could_not_begin(runs):
    sweep = a_range_test(runs, seeds=3)
    oldest, middle, newest = Run.all(runs)[::-1]
    (oldest.folder / "metrics.jsonl").unlink()
    (oldest.folder / "metrics.jsonl").mkdir()
    page = visit(tool="range", sweep=sweep.id)
    said = " ".join(words(page).split())
    assert "most steeply at" in said and "metrics.jsonl cannot be used" in said
    for run in (middle, newest):
        (run.folder / "metrics.jsonl").unlink()
        metrics.report(run.folder, {"step": 1, "lr": 1e-5, "loss": 2.3})
    page = visit(tool="range", sweep=sweep.id)
    assert "No rate is suggested" in words(page)
    assert "three rates" not in [found.key for found in page.main.button]
