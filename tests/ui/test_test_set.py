"""The Test set page through Streamlit's AppTest: its numbers, its pictures, its link, bad input."""

import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.boards import numbers, sent
from support.shipped import BEST

from ultimus.analysis import measured as figures
from ultimus.analysis.test_report import Verdict, companions, measure, select
from ultimus.checkpoints import checkpoint
from ultimus.data.dataset import Dataset, Split, open_dataset
from ultimus.data.sources import CIFAR10_CLASSES
from ultimus.evaluation import evaluate, features_of
from ultimus.model import Transformer
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status
from ultimus.ui.pages import verdicts
from ultimus.ui.state import pool

EARLY, LAST = 6089, 39000  # steps of its snapshots
FIGURES = {"confusion", "classes", "calibration"}
BY_SIZE = {"sizes"}


@pytest.fixture(scope="module")
def shapes() -> Dataset:
    return open_dataset("shapes")


@pytest.fixture
def of_shapes(runs: Path, shapes: Dataset) -> Run:
    """A run that has seen shapes, with a network that knows nothing yet and one with a habit."""
    run = Run.create(runs, Recipe(data="shapes"))
    about = {"name": shapes.name, "fingerprint": shapes.fingerprint}
    run.ran_with(dataset=about | {"classes": list(shapes.classes)})
    run.set_status(Status("stopped", step=7, total=11))
    model = Transformer(len(shapes.classes))
    checkpoint.save(run.snapshot(0), model)
    model.cap.bias.data[3] += 5
    checkpoint.save(run.snapshot(7), model)
    return run


def testset_page() -> None:
    """As app.py, but this page is the first: AppTest cannot go to another."""
    import streamlit

    from ultimus.ui.pages import attention, test_set

    pages = {
        "Attention": streamlit.Page(attention.page, title="Attention", url_path="attention"),
        "Test set": streamlit.Page(test_set.page, title="Test set", default=True),
    }
    streamlit.session_state.pages = pages
    streamlit.navigation(list(pages.values())).run()


def visit(**link: str) -> AppTest:
    page = AppTest.from_function(testset_page, default_timeout=60)
    page.query_params.update(link)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    assert set(sent(page)) - BY_SIZE == FIGURES
    return page


def confusions(page: AppTest) -> np.ndarray:
    """The counts that hovering tells."""
    words = sent(page)["confusion"]["figure"]["data"][0]["hovertext"]
    told = [[re.search(r"<b>([\d,]+)</b>", cell) for cell in row] for row in words]
    return np.array([[int(c[1].replace(",", "")) if c else 0 for c in row] for row in told])


def frames(page: AppTest) -> int:
    """How many shapes are drawn over the confusion matrix."""
    return len(sent(page)["confusion"]["figure"]["layout"]["shapes"])


def metrics(page: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in page.metric}


def gallery(page: AppTest) -> list:
    """The links of the pictures that are shown."""
    links = [each.proto for each in page.get("page_link")]
    return [each for each in links if each.label.startswith("![")]


def images(page: AppTest) -> list[int]:
    """Which pictures are shown."""
    return [group_of(each)[0] for each in gallery(page)]


def group_of(link) -> list[int]:
    return [int(part) for part in parse_qs(link.query_string)["images"][0].split(",")]


def heading(page: AppTest) -> str:
    return page.subheader[0].value


def errors(page: AppTest) -> str:
    return "\n".join(each.value for each in page.error)


def click(page: AppTest, label: str) -> AppTest:
    found = [each for each in page.button if each.label == label]
    assert found, label
    return checked(found[0].click().run())


def judged(step: int = LAST, group: int = 16, split: Split | None = None) -> Verdict:
    """What the core says about the example pictures and the shipped weights."""
    model = checkpoint.load(BEST / "weights" / f"{step}.safetensors").eval()
    return measured(model, split or pool.examples(), group)


def measured(model: Transformer, split: Split, group: int = 16) -> Verdict:
    return measure(model, features_of(model, split.images), split.labels, group)


# The numbers --------------------------------------------------------------------------------------


def test_a_first_visit_judges_the_shipped_run_by_the_example_pictures(runs: Path):
    page = visit()
    assert not page.error
    group, alone = judged(), judged(group=1)
    found = metrics(page)
    assert found["In groups of 16"] == f"{group.accuracy:.1%}"
    assert found["Each alone"] == f"{alone.accuracy:.1%}"
    assert found["By chance"] == "10.0%"
    assert found["Loss, in groups"] == f"{group.loss:.3f}"
    assert np.array_equal(confusions(page), group.confusion.numpy())
    assert page.query_params["step"] == str(LAST)


def test_twenty_pictures_are_called_few(runs: Path):
    page = visit()
    assert "20 images tell little" in page.warning[0].value
    said = "\n".join(each.value for each in page.markdown)
    assert "**20 example pictures**" in said
    assert "these are examples" in said


def test_a_whole_test_set_agrees_with_the_evaluation(of_shapes: Run, shapes: Dataset):
    page = visit(run=of_shapes.id)
    model = checkpoint.load(of_shapes.snapshot(7)).eval()
    expected = evaluate(model, shapes.test)
    assert metrics(page)["In groups of 16"] == f"{expected.accuracy:.1%}"
    assert metrics(page)["Loss, in groups"] == f"{expected.loss:.3f}"
    assert confusions(page).sum() == len(shapes.test)
    assert not page.warning
    said = "\n".join(each.value for each in page.markdown)
    assert f"**{len(shapes.test):,} test images of {shapes.name}**" in said


def test_without_test_images_group_sizes_are_those_that_were_measured_of_the_shipped_run(
    runs: Path,
):
    page = visit()
    shuffled, by_class = sent(page)["sizes"]["figure"]["data"]
    told = figures.measured("groups-best-cifar10").curves["by size"]
    assert numbers(shuffled["y"]) == pytest.approx(told["shuffled"])
    assert numbers(by_class["y"]) == pytest.approx(told["sorted"])
    said = "\n".join(each.value for each in page.caption)
    assert "10,000 test images of CIFAR-10" in said and "changes 565 to 590 answers" in said
    gains = figures.measured("mirrored-best-cifar10")
    assert f"right for {gains.percent('averaged')} of 10,000 test images" in said
    assert f"instead of {gains.percent('as they are')}" in said


def test_group_sizes_are_measured_on_request_and_kept(of_shapes: Run, shapes: Dataset):
    page = visit(run=of_shapes.id)
    assert "sizes" not in sent(page)
    page = click(page, "Measure by group size")
    shuffled, by_class = sent(page)["sizes"]["figure"]["data"]
    model = checkpoint.load(of_shapes.snapshot(7)).eval()
    place = numbers(shuffled["x"]).tolist().index(16)
    assert numbers(shuffled["y"])[place] == pytest.approx(evaluate(model, shapes.test).accuracy)
    assert numbers(by_class["y"])[place] == pytest.approx(
        evaluate(model, shapes.test, 16, "sorted").accuracy
    )
    assert "sizes" in sent(visit(run=of_shapes.id))


def test_every_figure_has_words(runs: Path):
    for name, message in sent(visit()).items():
        assert len(message["alt"]) > 10, name


def test_each_alone_is_another_verdict(runs: Path):
    page = visit()
    checked(page.button_group(key="seat").set_value("alone").run())
    alone = judged(group=1)
    assert np.array_equal(confusions(page), alone.confusion.numpy())
    assert images(page) == select(alone).tolist()
    assert images(visit(seat="each alone")) == images(page)


def test_classes_by_accuracy(of_shapes: Run):
    page = visit(run=of_shapes.id)
    plain = sent(page)["classes"]["figure"]["data"][0]["customdata"]
    checked(page.button_group(key="order").set_value("accuracy").run())
    bars = sent(page)["classes"]["figure"]["data"][0]
    assert sorted(bars["customdata"]) == sorted(plain)
    favourite = pool.of(of_shapes)[0].classes[3]  # all else is taken for it
    assert bars["customdata"][0][0] == favourite


# Measuring ----------------------------------------------------------------------------------------


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures went through the convolutions at each measurement."""
    counts = []

    def watched(model, images, progress):
        counts.append(len(images))
        return features_of(model, images, progress)

    monkeypatch.setattr(verdicts, "features_of", watched)
    verdicts._slot.clear()
    return counts


def test_a_snapshot_is_measured_once_for_all(runs: Path, measurements: list[int]):
    page = visit()
    assert measurements == [20]
    checked(page.button_group(key="seat").set_value("alone").run())
    click(page, "Previous")
    click(page, "Next")
    visit(pair="3-5")
    assert measurements == [20, 20]  # the last one and the one before


def test_a_measurement_that_was_left_can_be_made_again(
    runs: Path, monkeypatch: pytest.MonkeyPatch, measurements: list[int]
):
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "features_of", lambda *rest: st.stop())
        assert not AppTest.from_function(testset_page, default_timeout=60).run().exception
    visit()
    assert measurements == [20]


# The pictures -------------------------------------------------------------------------------------


def test_the_surest_mistakes_come_first(runs: Path):
    page = visit()
    assert heading(page) == "Mistakes"
    assert images(page) == select(judged()).tolist()


def test_a_picture_tells_what_it_is_taken_for(runs: Path):
    verdict = judged()
    image = select(verdict)[0]
    label = gallery(visit())[0].label
    sure, own = verdict.confidence[image], verdict.probabilities[image, verdict.labels[image]]
    called, true = verdict.guesses[image], verdict.labels[image]
    assert f"**{CIFAR10_CLASSES[called]} {float(sure):.0%}** " in label
    assert label.endswith(f" {CIFAR10_CLASSES[true]} {float(own):.0%}")


def test_a_picture_leads_to_its_group(runs: Path):
    page = visit(step=str(EARLY))
    for each in gallery(page):
        assert group_of(each) == list(companions(20, 16, group_of(each)[0]))
        link = parse_qs(each.query_string)
        assert (link["run"], link["step"]) == (["best-cifar10"], [str(EARLY)])
        assert each.page == "attention"


@pytest.mark.parametrize(
    ("pair", "name"),
    [
        ((3, 5), "True class cat, predicted as dog"),
        ((8, 8), "True class ship, correct"),
        ((3, None), "True class cat, predicted as something else"),
        ((None, 5), "Predicted as dog, and none"),
        ((0, 9), "True class airplane, predicted as truck"),  # of which there are none
    ],
)
def test_a_link_restores_a_cell(runs: Path, pair: tuple, name: str):
    text = "-".join("" if each is None else str(each) for each in pair)
    page = visit(pair=text)
    assert heading(page) == name
    assert images(page) == select(judged(), *pair).tolist()
    assert page.query_params["pair"] == text
    framed = frames(page)
    assert frames(click(page, "All mistakes")) == framed - 2
    assert heading(page) == "Mistakes"
    assert "pair" not in page.query_params


def test_sheets_are_turned(of_shapes: Run, shapes: Dataset):
    page = visit(run=of_shapes.id)
    model = checkpoint.load(of_shapes.snapshot(7)).eval()
    everything = select(measured(model, shapes.test)).tolist()
    assert images(page) == everything[:30]
    click(page, "Next page")
    assert images(page) == everything[30:60]
    assert page.query_params["sheet"] == "2"
    click(page, "Previous page")
    assert images(page) == everything[:30]
    last = -(-len(everything) // 30)
    page = visit(run=of_shapes.id, sheet="9999")
    assert images(page) == everything[(last - 1) * 30 :]
    assert next(each for each in page.button if each.label == "Next page").disabled


@pytest.mark.parametrize(
    "link",
    [
        {"run": "no-such-run"}, {"run": "../../etc"}, {"step": "soon"}, {"step": "-5"},
        {"pair": "99-99"}, {"pair": "x"}, {"pair": "1-2-3"}, {"pair": "-"}, {"pair": "-1-2"},
        {"pair": "9" * 5000 + "-1"}, {"pair": "²-1"}, {"sheet": "x"}, {"sheet": "-3"},
        {"sheet": "9" * 5000}, {"seat": "x"}, {"order": "x"}, {"pair": "10-0"},
    ],
    ids=lambda link: "-".join(f"{name}={value}"[:24] for name, value in link.items()),
)  # fmt: skip
def test_nonsense_in_a_link_leaves_the_page_usable(runs: Path, link: dict):
    page = visit(**link)
    assert gallery(page)
    for error in page.error:
        assert re.fullmatch(r"[^\n]+\.", error.value)
        assert len(error.value) < 300


# The snapshot -------------------------------------------------------------------------------------


def test_another_step_is_another_verdict(runs: Path):
    page = click(visit(), "Previous")
    step = Run(BEST).snapshots[-2]
    assert np.array_equal(confusions(page), judged(step).confusion.numpy())
    assert page.query_params["step"] == str(step)


def test_a_followed_run_is_measured_at_its_newest_snapshot(of_shapes: Run, shapes: Dataset):
    of_shapes.set_status(Status("running", step=9, total=11))
    checkpoint.save(of_shapes.live_weights, Transformer(len(shapes.classes)))
    with of_shapes.hold():
        page = visit(run=of_shapes.id)
    said = "\n".join(each.value for each in page.caption)
    assert "at step 9" in said and "of step 7" in said
    model = checkpoint.load(of_shapes.snapshot(7)).eval()
    assert np.array_equal(confusions(page), measured(model, shapes.test).confusion.numpy())


def test_damaged_weights_get_a_sentence_and_the_shipped_ones(runs: Path):
    shutil.copytree(BEST, runs / "damaged")
    Run(runs / "damaged").snapshot(EARLY).write_bytes(b"nothing")
    page = visit(run="damaged", step=str(EARLY))
    assert "What follows" in errors(page)
    assert np.array_equal(confusions(page), judged().confusion.numpy())


def test_a_waiting_run_is_no_error_and_its_data_no_path(runs: Path):
    run = Run.create(runs, Recipe(data="/some/where/pets"))
    run.set_status(Status("queued"))
    page = visit(run=run.id)
    assert not page.error
    (said,) = (each.value for each in page.info)
    assert run.id in said and "has no weights yet" in said and "goes on by itself" in said
    assert np.array_equal(confusions(page), judged().confusion.numpy())
    assert run.info().data_name == "pets"


def test_a_run_without_weights_gets_a_sentence(runs: Path):
    run = Run.create(runs, Recipe())
    run.set_status(Status("stopped"))
    page = visit(run=run.id)
    assert "has kept no weights" in errors(page)
    assert np.array_equal(confusions(page), judged().confusion.numpy())


@pytest.mark.parametrize("classes", [["cat", "dog", "hamster"], list(CIFAR10_CLASSES)])
def test_a_network_never_judges_pictures_of_other_classes(runs: Path, classes: list[str]):
    run = Run.create(runs, Recipe(data="/no/such/folder"))
    run.ran_with(dataset={"name": "pets", "fingerprint": "none", "classes": classes})
    run.set_status(Status("stopped", step=3, total=11))
    checkpoint.save(run.snapshot(3), Transformer(classes=3))
    page = visit(run=run.id)
    assert page.error
    assert np.array_equal(confusions(page), judged().confusion.numpy())


def test_the_shipped_network_never_judges_other_classes_either(of_shapes: Run):
    """Where a run's pictures are there but its weights are not."""
    of_shapes.snapshot(7).write_bytes(b"nothing")
    page = visit(run=of_shapes.id)
    assert page.error
    assert np.array_equal(confusions(page), judged().confusion.numpy())
