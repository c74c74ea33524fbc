"""A run whose tokens are the patches of one picture, on the pages through Streamlit's AppTest."""

from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from support.boards import group, sent, words
from support.explorers import opening
from support.pages import open_page

from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.data.dataset import open_dataset
from ultimus.data.sources import CIFAR10_CLASSES
from ultimus.evaluation import evaluate
from ultimus.model import Transformer
from ultimus.recipe import Recipe
from ultimus.runs.exchange import adopt
from ultimus.runs.run import Run, Status


@pytest.fixture
def run(runs: Path) -> Run:
    """Its data is not on this machine, so that the example pictures stand in."""
    run = Run.create(runs, Recipe.of(preset="patches", data="/nowhere"))
    about = {"name": "CIFAR-10", "fingerprint": "ab", "classes": list(CIFAR10_CLASSES)}
    run.ran_with(dataset=about)
    run.set_status(Status("stopped", step=7, total=11))
    torch.manual_seed(3)
    checkpoint.save(run.snapshot(7), Transformer(grid=4))
    return run


def visit(name: str, **link: str) -> AppTest:
    page = open_page(name, **link)
    assert not page.exception
    return page


def _told(page: AppTest) -> str:
    """All of its texts."""
    texts = (page.markdown, page.caption, page.warning)
    return words(page) + " ".join(each.value for kind in texts for each in kind)


def test_the_test_set_page_measures_each_picture_alone(run: Run):
    page = visit("test_set", run=run.id)
    found = {metric.label: metric.value for metric in page.metric}
    expected = evaluate(checkpoint.load(run.snapshot(7)), examples())
    assert found["Each alone"] == f"{expected.accuracy:.1%}"
    assert found["Loss"] == f"{expected.loss:.3f}"
    assert not any(label.startswith("In groups") for label in found)
    assert "each alone" in _told(page) and "Images meet no others" in _told(page)
    assert not [group for group in page.main.button_group if group.label == "Look at the answers"]


def test_the_predict_page_says_that_companions_have_no_part(run: Run):
    page = visit("predict", run=run.id)
    assert "does not depend on other pictures" in _told(page)
    assert "Companions come from" not in _told(page)
    assert {"predicted", "evidence"} <= set(sent(page))
    assert not {"predicted-company", "predicted-influence"} & set(sent(page))
    columns = page.dataframe[0].value.columns
    assert "probability" in columns and not {"alone", "changes", "together"} & set(columns)


def test_the_train_page_shows_the_probe_groups_pictures(run: Run):
    page = visit("train", run=run.id)
    assert "each a group of 4 × 4 patches" in _told(page)
    scene = opening(group(page)["scene"])
    assert scene["grid"] == 4 and len(scene["numbers"]) == min(16, len(examples()))


def test_who_looks_at_whom_is_a_choice_of_the_recipe(runs: Path):
    open_dataset("shapes")  # a page would prepare it in the background
    page = visit("train", data="shapes", preset="demo", grouping="pairs")
    menus = {menu.key.split(" ")[0]: menu for menu in page.sidebar.selectbox}
    assert menus["model"].value == "images" and menus["grouping"].value == "pairs"
    page = menus["model"].set_value("patches").run()
    assert not page.exception and not page.error
    assert page.sidebar.number_input(key="grid").value == 4
    assert not [menu for menu in page.sidebar.selectbox if menu.key.startswith("grouping")]
    assert page.query_params["model"] == "patches"
    page.sidebar.number_input(key="grid").set_value(9).run()
    assert "Grid should be a whole number from 2 to 8, not '9'" in _told(page)


def test_weights_of_patches_become_a_run_of_patches(runs: Path):
    for content in (
        checkpoint.to_bytes(Transformer(7, grid=3)),
        checkpoint.to_seed_bytes(Transformer(7, grid=3)),
        checkpoint.to_bytes(Transformer(7, grid=3), recipe=Recipe(group=5).model_dump_json()),
    ):
        recipe = adopt(content, "it", runs).info().recipe
        assert (recipe.model, recipe.grid, recipe.attending) == ("patches", 3, 1)
    images = adopt(checkpoint.to_bytes(Transformer(7)), "it", runs)
    assert images.info().recipe.model == "images"


def test_what_other_attention_does_to_patches_is_told_with_their_own_figures(runs: Path):
    page = visit("attention", run="patches-cifar10")
    page.session_state["measured"] = True
    page.run()
    told = _told(page)
    assert "run of patches" in told and "random companions" not in told
    assert "each alone, with the weights of step 39,000" in told
