"""The glossary: each choice and term that a page asks for is in it, and says more than its name."""

import pytest

from ultimus import glossary
from ultimus.links.pages import RECIPE_CHOICES
from ultimus.recipe import Recipe
from ultimus.ui.controls import settings
from ultimus.ui.pages import attention, predict, test_set, train

BOOK = glossary.book()


@pytest.mark.parametrize("name", [name for name in Recipe.model_fields if name != "preset"])
def test_every_field_of_a_recipe_has_an_account(name):
    assert glossary.choice(name).endswith((".", "?", ")")) and len(glossary.choice(name)) > 10


def test_a_choice_without_an_entry_is_as_the_recipe_describes_it(monkeypatch):
    monkeypatch.setitem(BOOK, "recipe", {})
    assert glossary.choice("flip") == "Chance that an image is mirrored."


def test_every_choice_of_a_recipe_is_explained_by_more_than_its_label():
    assert set(BOOK["recipe"]) >= set(RECIPE_CHOICES) | {"model", "grouping", "grid"}
    for name, label in settings.LABELS.items():
        if name in BOOK["recipe"]:
            assert len(glossary.choice(name)) > len(label) + 15, name


@pytest.mark.parametrize("page", [attention, train, predict, test_set])
def test_the_words_of_each_page_are_in_it(page):
    for name in page.WORDS:
        assert glossary.term(name).endswith("."), name


def test_no_explanation_speaks_of_pictures_where_it_means_the_networks_input():
    for name, about in BOOK["terms"].items():
        assert "picture" not in about.replace("Your pictures", ""), name
