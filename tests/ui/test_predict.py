"""The Predict page through Streamlit's AppTest: uploads, answers and sentences."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.boards import figures

import ultimus
from ultimus.analysis.prediction import draw_companions, examples, predict
from ultimus.checkpoints import checkpoint
from ultimus.data import image_files, limits
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status

SHIPPED = Run(Path(ultimus.__file__).parents[1] / "assets" / "runs" / "best-cifar10")


def script():
    import streamlit as st

    from ultimus.ui.pages import predict

    st.session_state.pages = {}
    predict.page()


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, ultimus_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path / "runs"))
    return tmp_path


def visit(**link: str) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    page.query_params.update(link)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def upload(page: AppTest, **files: bytes) -> AppTest:
    named = [(name, content, "image/png") for name, content in files.items()]
    return checked(page.file_uploader[0].set_value(named).run())


def png(seed: int, size: tuple[int, int] = (37, 53)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def table(page: AppTest):
    return page.dataframe[0].value


def core(images: np.ndarray):
    """What the core says, without any page."""
    model = checkpoint.load(SHIPPED.snapshot(SHIPPED.snapshots[-1])).eval()
    return predict(model, images, draw_companions(model, examples().images))


def test_nothing_uploaded_shows_the_examples():
    page = visit()
    assert len(table(page)) == 20
    assert set(figures(page)) == {
        "predicted", "predicted-company", "evidence", "predicted-influence",
    }  # fmt: skip
    assert any("classified correctly" in each.value for each in page.caption)


def test_a_network_of_other_classes_is_shown_pictures_of_these():
    from ultimus.ui.pages.predict import _shown
    from ultimus.ui.state import pool

    own = replace(pool.examples(), classes=tuple("abcdefghij"), name="test images of Letters")
    names = [picture.name for picture in _shown(own)]
    assert len(names) == 20 and names[0] == f"example 0: {'abcdefghij'[own.labels[0]]}"


def test_the_pages_numbers_are_the_cores():
    files = {f"{n}.png": png(n) for n in range(3)}
    page = upload(visit(), **files)
    seen = np.stack([image_files.shrink(image_files.read(each)) for each in files.values()])
    own = core(seen)
    assert table(page)["name"].tolist() == list(files)
    told = [float(each.probabilities.max()) for each in own]
    assert table(page)["probability"].tolist() == pytest.approx(told, abs=1e-6)
    assert table(page)["changes"].tolist() == [each.change_rate for each in own]
    assert any("Together with the other 2" in each.value for each in page.markdown)


def test_the_file_has_every_digit():
    from ultimus.ui.pages.predict import Shown, _csv

    images = examples().images[:3].numpy()
    made = core(images)
    classes = tuple("abcdefghij")
    shown = [Shown(name, image) for name, image in zip(("x", "=1+1", "y"), images, strict=True)]
    rows = list(csv.DictReader(io.StringIO(_csv(shown, made, classes))))
    assert [row["file"] for row in rows] == ["x", "'=1+1", "y"]  # no spreadsheet runs a name
    for row, answer in zip(rows, made, strict=True):
        told = torch.tensor([float(row[f"company {name}"]) for name in classes])
        torch.testing.assert_close(told, answer.probabilities, rtol=0, atol=1e-7)
        assert row["class"] == classes[answer.top]


def test_without_test_images_a_blank_picture_is_called_unlike_them():
    assert (table(visit())["warning"] == "").sum() >= 17  # of the 20 examples
    blank = io.BytesIO()
    Image.new("RGB", (90, 60), "white").save(blank, "PNG")
    page = upload(visit(), **{"blank.png": blank.getvalue()})
    assert table(page)["warning"].tolist() == ["unlike the test images"]
    (warning,) = (each.value for each in page.warning)
    assert "unlike all test images" in warning and "3,333 test images" in warning


def test_what_is_no_picture_gets_its_sentence_and_the_others_stay():
    page = upload(visit(), **{"good.png": png(1), "bad.png": b"no picture", "empty.png": b""})
    assert table(page)["name"].tolist() == ["good.png"]
    problems = [each.value for each in page.error]
    assert len(problems) == 2
    assert any("bad.png" in each for each in problems)
    assert any("empty.png" in each for each in problems)


def test_it_is_said_how_a_picture_was_read():
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG")
    page = upload(visit(), **{"cut.jpg": buffer.getvalue()[:-2], "whole.jpg": buffer.getvalue()})
    told = [each.value for each in page.caption if ".jpg" in each.value]
    assert told == ["cut.jpg\\: its last bytes are missing."] and not page.error


def test_the_same_picture_is_kept_once_and_all_can_be_removed():
    page = upload(visit(), **{"a.png": png(1), "b.png": png(1), "c.png": png(2)})
    assert table(page)["name"].tolist() == ["a.png", "c.png"]
    page = upload(page, **{"d.png": png(3)})
    assert table(page)["name"].tolist() == ["d.png", "a.png", "c.png"]
    remove = {each.label: each for each in page.button}
    checked(remove["Remove this picture"].click().run())
    assert table(page)["name"].tolist() == ["a.png", "c.png"]
    checked({each.label: each for each in page.button}["Remove all"].click().run())
    assert len(table(page)) == 20


def test_what_is_brought_last_is_shown():
    page = upload(visit(), **{"a.png": png(1), "b.png": png(2)})
    assert page.subheader[0].value == "a.png"
    page = upload(page, **{"c.png": png(3), "d.png": png(4)})
    assert page.subheader[0].value == "c.png"
    assert table(page)["name"].tolist() == ["c.png", "d.png", "a.png", "b.png"]
    page = upload(page, **{"again.png": png(2)})  # which is kept already
    assert page.subheader[0].value == "b.png" and len(table(page)) == 4


def test_an_example_meets_the_other_nineteen_and_a_stranger_all_twenty():
    page = visit()
    assert any("15 of the other 19 example" in each.value for each in page.markdown)
    page = upload(page, **{"a.png": png(1)})
    assert any("15 of the 20 example" in each.value for each in page.markdown)


def test_evidence_adds_up_from_the_mean_of_the_examples():
    from ultimus.analysis.evidence import baseline, evidence

    model = checkpoint.load(SHIPPED.snapshot(SHIPPED.snapshots[-1])).eval()
    images = examples().images
    found = evidence(model, images[0], None, baseline(model, images)).contrast()
    page = visit()
    (sentence,) = (each.value for each in page.caption if "logit" in each.value)
    logit, constant, places = map(float, re.findall(r"[+-]\d+\.\d+", sentence))
    top = core(images[:1].numpy())[0].top
    assert logit == pytest.approx(float(found.logits[top]), abs=1e-3)
    assert constant == pytest.approx(float(found.constants[top]), abs=1e-3)
    assert constant + places == pytest.approx(logit, abs=2e-3)
    assert "The answer above is in company" in sentence


def test_a_waiting_run_is_no_error(runs: Path):
    run = Run.create(runs / "runs", Recipe(data="shapes"))
    run.set_status(Status("queued"))
    page = visit(run=run.id)
    assert not page.error and len(table(page)) == 20
    assert "has no weights yet" in page.info[0].value


def test_too_many_pictures_are_left_out():
    files = {f"{n}.png": png(n, (5, 5)) for n in range(limits.MAX_FILES + 1)}
    page = upload(visit(), **files)
    assert len(table(page)) == limits.MAX_FILES
    assert "left out" in page.error[0].value


@pytest.mark.parametrize("fit", ["pad", "box"])
def test_what_is_used_of_a_picture_can_be_chosen(fit: str):
    content = png(5, (40, 80))
    page = upload(visit(), **{"a.png": content})
    control = next(each for each in page.button_group if each.label == "What is used")
    checked(control.set_value(fit).run())
    box = "pad" if fit == "pad" else (0.25, 0.25, 0.75, 0.75)
    own = core(image_files.shrink(image_files.read(content), box)[None])[0]
    told = table(page)["probability"].tolist()
    assert told == pytest.approx([float(own.probabilities.max())], abs=1e-6)


def test_a_hostile_name_is_only_text():
    page = upload(visit(), **{"../../<script>alert(1)</script>*x*.png": png(1)})
    assert "<script>" not in table(page)["name"][0]
    html = "".join(each.proto.body for each in page.get("html"))
    assert "alert(1)" not in html
