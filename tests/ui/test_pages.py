"""What holds for every page."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support import pages
from support.data_sets import encoded, noise, write_class_folders

from ultimus.data import sources
from ultimus.data.dataset import open_dataset
from ultimus.places import SHIPPED
from ultimus.recipe import PRESETS
from ultimus.runs.run import Run, Status
from ultimus.ui.controls import data, starting
from ultimus.ui.state import session

WEIGHTS = SHIPPED / "best-cifar10" / "weights"
SHIPPED_RUNS = len(list(SHIPPED.iterdir()))


@pytest.fixture
def runs(runs: Path) -> Path:
    open_dataset("shapes")  # a page would prepare it in the background
    return runs


def a_run(runs: Path, name: str = "", **about: str) -> Run:
    """A run of the demo recipe that was stopped at step 7."""
    run = Run.create(runs, PRESETS["demo"], **about)
    if name:
        run = Run(run.folder.rename(runs / name))
    run.set_status(Status("stopped", step=7, total=11))
    shutil.copy(WEIGHTS / "39000.safetensors", run.snapshot(7))
    return run


@pytest.mark.parametrize("name", pages.NAMES)
def test_two_runs_of_one_recipe_from_one_second_stand_beside_each_other(runs: Path, name: str):
    first = a_run(runs, "20260101-101010-demo-aaaa")
    second = a_run(runs, "20260101-101010-demo-bbbb")
    for shown, other in ((first, second), (second, first)):
        page = pages.open_page(name, run=shown.id)
        assert not page.exception
        menu = page.get("menu_button")[0]
        assert len({*menu.proto.options}) == len(menu.proto.options) == 2 + SHIPPED_RUNS
        assert any("best (69.0%) · cifar10" in option for option in menu.proto.options)
        assert menu.proto.label in menu.proto.options
        menu.click(other.id).run()
        assert not page.exception
        assert page.query_params["run"] == other.id


def press(page: AppTest, label: str) -> AppTest:
    next(each for each in page.main.button if each.label == label).click().run()
    assert not page.exception
    return page


@pytest.mark.parametrize(
    ("state", "label"),
    [("running", "Pause"), ("running", "Step"), ("running", "Stop"), ("running", "Restart"),
     ("stopped", "Resume"), ("paused", "Restart")],
)  # fmt: skip
def test_only_the_browser_that_started_a_run_controls_it(runs: Path, state: str, label: str):
    run = a_run(runs, owner=pages.OWNER)
    with run.hold():  # as its worker
        run.set_status(Status(state, step=7, total=11))
        page = pages.open_page("train", run=run.id)
        run.ran_with(owner="somebody else")  # what the browser shows is not asked
        press(page, label)
        assert "started in another browser" in page.error[0].value
        assert not run.has_request()
        assert run.status().state == state
    assert len(Run.all(runs)) == 1


@pytest.fixture
def a_lab(runs: Path) -> Iterator[None]:
    """A lab of these runs, not of a former test's."""
    session.lab.clear()
    yield
    session.lab().close()
    session.lab.clear()


@pytest.mark.usefixtures("a_lab")
def test_two_quick_clicks_on_start_make_one_run(runs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(starting, "DOUBLE_CLICK", 3600)  # as quick as any machine is
    page = pages.open_page("train", max_steps="1")
    press(press(page, "Start"), "Start")
    assert len(Run.all(runs)) == 1
    page.sidebar.number_input(key="seed").set_value(1).run()
    press(page, "Start")  # another recipe is another run
    assert len(Run.all(runs)) == 2


def a_secret_path() -> str:
    raise RuntimeError("/srv/secret/path")


IN_FRAGMENTS = "ultimus.ui.figures.board.to_json_plotly"


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, "ultimus.runs.run.Run.info") for name in pages.NAMES]
    + [(name, IN_FRAGMENTS) for name in pages.NAMES if name != "attention"],  # a browser draws it
)
def test_an_unexpected_error_is_a_sentence_and_is_logged(
    runs: Path, monkeypatch: pytest.MonkeyPatch, caplog, name: str, place: str
):
    """In what the whole page needs, and in what its fragments draw with."""
    monkeypatch.setattr(place, lambda *given, **more: a_secret_path())
    page = pages.open_page(name)
    assert not page.exception
    assert "went wrong" in page.error[0].value
    assert "secret" not in "".join(each.value for each in page.error)
    assert "/srv/secret/path" in caplog.text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of pictures that is ready to use."""
    pictures = write_class_folders(tmp_path / "pictures", {"cat": 20, "dog": 20})
    open_dataset(str(pictures))
    return pictures


def test_a_folder_is_walked_once_for_all_who_look_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    walks: list[str] = []
    walk = sources._state
    monkeypatch.setattr(sources, "_state", lambda path: walks.append(path) or walk(path))
    monkeypatch.setattr(sources, "FRESH", math.inf)
    opened = data.ready(str(folder))
    walks.clear()
    assert all(data.ready(str(folder)) is opened for _ in range(30))
    sources.glance(str(folder))  # as what says what was understood of it
    assert not walks


def test_a_folder_that_changes_is_another_data_set(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "FRESH", 0)
    before = data.ready(str(folder))
    (folder / "cat" / "one more.png").write_bytes(encoded(noise(1)[0]))
    assert data.ready(str(folder)) is None
    open_dataset(str(folder))
    assert len(data.ready(str(folder)).train) > len(before.train) > 0


def test_its_owner_names_and_deletes_a_run(runs: Path):
    run = a_run(runs, owner=pages.OWNER)
    page = pages.open_page("train", run=run.id)
    page.text_input(key=f"name {run.id}").set_value("The first one").run()
    assert not page.exception
    assert "The first one" in page.get("menu_button")[0].proto.label
    press(page, "Delete this run for good")
    assert not run.folder.exists()
    assert "run" not in page.query_params


def test_a_run_of_others_can_neither_be_named_nor_deleted(runs: Path):
    run = a_run(runs, owner=pages.OWNER)
    page = pages.open_page("train", run=run.id)
    run.ran_with(owner="somebody else")
    press(page, "Delete this run for good")
    assert "started in another browser" in page.error[0].value
    assert run.folder.exists()
    page.run()
    assert "Delete this run for good" not in [each.label for each in page.main.button]
