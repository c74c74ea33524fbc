"""The glossary: each choice and term that a page asks for is in it, and says more than its name."""

import tomllib
from pathlib import Path

import pytest

import ultimus
from ultimus.links.pages import RECIPE_CHOICES
from ultimus.ui import glossary
from ultimus.ui.controls import settings
from ultimus.ui.pages import predict, test_set, train

BOOK = tomllib.loads((Path(ultimus.__file__).parent / "ui" / "glossary.toml").read_text())


def test_every_choice_of_a_recipe_is_explained_by_more_than_its_label():
    assert set(BOOK["recipe"]) >= set(RECIPE_CHOICES) | {"model", "grouping", "grid"}
    for name, label in settings.LABELS.items():
        if name in BOOK["recipe"]:
            assert len(glossary.choice(name)) > len(label) + 15, name


@pytest.mark.parametrize("page", [train, predict, test_set])
def test_the_words_of_each_page_are_in_it(page):
    for name in page.WORDS:
        assert glossary.term(name).endswith("."), name


def test_no_explanation_speaks_of_pictures_where_it_means_the_networks_input():
    for name, about in BOOK["terms"].items():
        assert "picture" not in about.replace("Your pictures", ""), name
