"""A data set that is uploaded on the Train page: understood, corrected, shown."""

import io
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.data_sets import some_rows
from support.pages import open_page

from ultimus.data import uploads
from ultimus.data.dataset import open_dataset


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("ULTIMUS_PUBLIC", "1")


def a_zip(classes: int, splits: tuple[str, ...] = ("train", "test")) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, content in enumerate(some_rows(12 * classes)[0]):
            for split in splits:
                archive.writestr(f"{split}/kind {number % classes:02}/{number}.png", content)
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


def test_a_link_names_no_folder_of_this_machine(tmp_path):
    page = open_page("train", data="Upload", upload=str(tmp_path))
    assert not page.exception and str(tmp_path) not in said(page)
    assert page.sidebar.file_uploader
