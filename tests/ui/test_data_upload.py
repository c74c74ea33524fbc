"""A data set that is uploaded on the Train page: understood, corrected, shown."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.data_sets import some_rows
from support.pages import open_page

from ultimus.data import dataset, uploads
from ultimus.data.dataset import open_dataset
from ultimus.locks import lock
from ultimus.runs.preparation import Preparation
from ultimus.ui.controls import data


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("ULTIMUS_PUBLIC", "1")


def a_zip(classes: int, splits: tuple[str, ...] = ("train", "test")) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, content in enumerate(some_rows(12 * classes)[0]):
            for split in splits:
                name = f"{split}/kind {number % classes:02}/{number}.png"
                archive.writestr(zipfile.ZipInfo(name), content)  # the same at whatever time
    return buffer.getvalue()


def upload(content: bytes) -> AppTest:
    page = open_page("train", data="Upload")
    page.sidebar.file_uploader[0].upload("pets.zip", content)
    page.run()
    assert not page.exception
    return page


def said(page: AppTest) -> str:
    text = "\n".join(each.value for each in [*page.sidebar.caption, *page.sidebar.warning])
    return text.replace("\\", "")  # which keeps Markdown from reading names


def test_what_was_understood_is_said_and_the_pictures_are_shown(tmp_path):
    content = a_zip(3)
    open_dataset(uploads.keep([("pets.zip", content)]))  # a page would prepare it in the background
    page = upload(content)
    assert "Trained on: train; tested on: test." in said(page)
    assert "kind 00, kind 01, kind 02" in said(page)
    assert "pets.zip: 36 to train on, 36 to test" in said(page)


def test_some_of_many_classes_are_chosen_by_hand(tmp_path):
    content = a_zip(12)
    chosen = uploads.keep([("pets.zip", content)]) + "?classes=kind 03,kind 07"
    open_dataset(chosen)
    page = upload(content)
    assert "has 12 classes: choose 2 to 10 of them." in said(page)
    page.sidebar.multiselect[0].set_value(["kind 03", "kind 07"])
    next(each for each in page.sidebar.button if each.label == "Use these").click()
    page.run()
    assert "pets.zip: 24 to train on, 24 to test" in said(page)


def test_what_cannot_be_read_gets_a_sentence(tmp_path):
    page = upload(b"no archive")
    assert "is not a whole zip or tar archive" in page.sidebar.error[0].value


@contextmanager
def held_up(*sources: str) -> Iterator[dict[str, Preparation]]:
    """What the app prepares, with uploads in it whose decoding waits as for another process."""
    running = data._preparations()
    with ExitStack() as doors:
        for source in sources:
            copy = dataset._copy_of(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            door = doors.enter_context(open(dataset._beside(copy, ".lock"), "a"))
            assert lock(door, patience=0)
            running[source] = Preparation(source)
        try:
            yield running
        finally:
            for preparation in running.values():
                preparation.cancel()
            running.clear()


def test_two_uploads_are_prepared_at_a_time_and_the_third_waits(tmp_path):
    others = [uploads.keep([(f"{n}.zip", a_zip(2 + n, ("train",)))]) for n in range(data.PREPARED)]
    content = a_zip(5)  # which no other test has had decoded
    own = uploads.keep([("pets.zip", content)])
    with held_up(*others) as running:
        page = upload(content)
        assert page.sidebar.info[0].value.startswith("Other people's pictures are being prepared")
        assert own not in running
        running.pop(others[0]).cancel()
        page.run()
        assert own in running and not page.sidebar.info


def test_a_preparation_is_cancelled_and_shapes_are_chosen(tmp_path):
    source = uploads.keep([("pets.zip", a_zip(4))])
    with held_up(source) as running:
        preparation = running[source]
        page = open_page("train", data="upload", upload=source)
        next(button for button in page.sidebar.button if button.label == "Cancel").click().run()
        assert source not in running and preparation.done == 1
        assert page.sidebar.selectbox[0].value == "shapes"


def test_a_link_names_no_folder_of_this_machine(tmp_path):
    page = open_page("train", data="Upload", upload=str(tmp_path))
    assert not page.exception and str(tmp_path) not in said(page)
    assert page.sidebar.file_uploader
