"""Menus of things that may have equal names."""

import pytest
from streamlit.testing.v1 import AppTest

from ultimus.ui.controls.menu import told_apart


def script():
    import streamlit as st

    from ultimus.ui.controls import menu

    def choose(option: str, more: str):
        st.session_state.chosen = option, more

    names = {"run-aa11": "one", "run-bb22": "one", "run-cc33": "two"}
    menu.show(st.container(), "Menu", names, key="menu", on_choose=choose, args=("more",))


def test_what_is_clicked_is_what_is_chosen_among_equal_names():
    page = AppTest.from_function(script, default_timeout=60).run()
    labels = page.get("menu_button")[0].proto.options
    assert list(labels) == ["one · aa11", "one · bb22", "two"]
    page.get("menu_button")[0].click("run-bb22").run()
    assert not page.exception
    assert page.session_state.chosen == ("run-bb22", "more")


@pytest.mark.parametrize(
    "names",
    [
        {1: "a", 2: "a", 3: "a · 1", 4: "a · 2"},
        {"x-same": "a", "y-same": "a", "z-same": "a · same"},
        dict.fromkeys(range(200), ""),
        {},
    ],
)
def test_labels_always_differ(names):
    labels = told_apart(names)
    assert list(labels) == list(names)
    assert len(set(labels.values())) == len(names)


def test_a_name_that_stands_alone_stays_as_it_is():
    assert told_apart({1: "cat", 2: "dog"}) == {1: "cat", 2: "dog"}
