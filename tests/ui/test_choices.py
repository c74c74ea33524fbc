"""What a person chooses, and the links that carry it."""

from dataclasses import Field, fields
from itertools import product

import pytest
from streamlit.testing.v1 import AppTest
from support import pages

from ultimus.links.pages import AS_PRESET, FOLLOW, Attention, Shown, TestSet, Train, kind_of
from ultimus.links.state import query

ALL = (Shown, Train, Attention, TestSet)
STATES = {"train": (Shown, Train), "attention": (Shown, Attention), "predict": (Shown,),
          "test_set": (Shown, TestSet)}  # fmt: skip
HOSTILE = (
    "", " ", "-1", "0", "1e22", "inf", "-inf", "nan", "none", "None", "null", "true", "9" * 10_000,
    "x" * 10_000, "../../etc/passwd", "<script>alert(1)</script>", "[a](b) $x$ `c` :red[d]", "3-5",
    "-", "0-99", "1,1", "1,999", "٣", "½", "\x00\n\r\t", "💥" * 300, "a\u202eb", "'\"", "%00", "--",
)  # fmt: skip


def script():
    import streamlit as st

    from ultimus.links.pages import Attention, Shown, TestSet, Train
    from ultimus.links.state import query
    from ultimus.ui.state import choices

    states = (Shown, Train, Attention, TestSet)
    choices.arrive(st.session_state.get("page", "first"), *states)
    st.session_state.now = [choices.of(state) for state in states]
    st.session_state.link = query(*st.session_state.now)
    st.number_input("Seed", value=choices.of(Attention).draw, step=1,
                    **choices.widget(Attention, "draw"))  # fmt: skip
    st.button("set", on_click=choices.change, args=(Attention,), kwargs={"draw": 7})
    choices.put_right(*states)


def visit(**link: str | list[str]) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    page.query_params.update(link)
    page.run()
    assert not page.exception
    return page


def attention(page: AppTest) -> Attention:
    return page.session_state.now[2]


def names(*states: type) -> list[str]:
    return [each.metadata["name"] or each.name for state in states for each in fields(state)]


def seed(page: AppTest):
    return page.number_input[0]


def test_the_persons_change_is_kept_by_the_same_widget():
    page = visit()
    seed(page).set_value(5).run()
    assert page.query_params["draw"] == "5"
    assert (seed(page).value, seed(page).key) == (5, "draw")


def test_the_programs_change_makes_another_widget():
    page = visit(draw="5")
    former = seed(page).key
    page.button[0].click().run()
    assert page.query_params["draw"] == "7"
    assert seed(page).value == 7
    assert seed(page).key != former  # what a browser still sends for it counts for nothing


def led():
    import streamlit as st

    from ultimus.links.pages import Attention
    from ultimus.ui.state import choices

    st.button("lead away", on_click=choices.change, args=(Attention,), kwargs={"draw": 7})
    choices.of(Attention)
    st.number_input("Seed", step=1, **choices.widget(Attention, "draw"))
    st.session_state.draw = choices.current(Attention).draw


def test_what_a_widget_says_after_the_program_has_replaced_it_is_nobodys():
    page = AppTest.from_function(led, default_timeout=60).run()
    page.number_input[0].set_value(3)
    page.button[0].click().run()  # of both the browser tells at once
    assert not page.exception and page.session_state.draw == 7


def test_the_default_is_not_in_the_link():
    page = visit(draw="5")
    seed(page).set_value(0).run()
    assert "draw" not in page.query_params


def test_what_is_out_of_bounds_is_put_right_on_screen_and_said():
    page = visit()
    seed(page).set_value(-4).run()
    assert (attention(page).draw, seed(page).value) == (0, 0)
    assert "should be a whole number from 0 to 2,147,483,647, not '-4'" in page.warning[0].value
    seed(page).set_value(3).run()
    assert not page.warning


def test_a_link_is_read_when_its_page_is_opened_and_not_again():
    page = visit(draw="5")
    page.query_params["draw"] = "6"  # a browser that is behind
    page.run()
    assert (attention(page).draw, page.query_params["draw"]) == (5, "5")
    page.session_state.page = "second"
    page.query_params["draw"] = "6"  # a link from one page to another
    page.run()
    assert attention(page).draw == seed(page).value == 6


def test_a_link_describes_a_state_wholly_and_the_menu_of_pages_none():
    page = visit(draw="5", size="7", seat="alone")
    page.session_state.page = "second"
    page.query_params.clear()
    page.run()
    assert (attention(page).draw, attention(page).size) == (5, 7)
    page.session_state.page = "third"
    page.query_params.clear()
    page.query_params["images"] = "1, 2"
    page.run()
    assert attention(page) == Attention(images="1, 2")
    assert page.session_state.now[3].seat == "alone"


@pytest.mark.parametrize(
    ("link", "state"),
    [
        ({"show": "÷ √8", "view": "Ablations"}, Attention(show="scores", view="ablations")),
        ({"ablation": "identity", "cell": "2-4"}, Attention(ablation="identity", cell=(2, 4))),
        ({"classes": ["cat", "ship"], "pass": "3"}, Attention(classes=("cat", "ship"), number=3)),
        ({"seat": "each alone", "order": "by accuracy"}, TestSet("alone", "accuracy")),
        ({"pair": "-3"}, TestSet(pair=(None, 3))),
        ({"data": "Folder", "seed_run": "false"}, Train(data="folder", seed_run=False)),
        ({"clip": "0", "augment": "none", "beta1_at_peak": "none"},
         Train(clip=None, augment=(), beta1_at_peak=None)),
        ({"step": "390"}, Shown(step=390)),
        ({"run": "a", "step": FOLLOW}, Shown("a")),
    ],
)  # fmt: skip
def test_links_of_today_and_before_are_understood(link: dict, state: object):
    page = visit(**link)
    assert state in page.session_state.now
    assert not page.warning


@pytest.mark.parametrize(
    "state",
    [
        Shown("20260101-101010-demo-aaaa", 390),
        Train(data="folder", folder="/a b/ü", lr=0.0005, max_steps=None, augment=("shift",)),
        Attention(
            pictures="examples", size=7, classes=("a, b", "c"), draw=3, images="1, 2",
            other="steady-cifar10", other_step=390, number=4, show="products", drawn="lines",
            fit="1", picture=5, cell=(0, 63), view="company", walk=0, passes=8, draws=16, redraw=9,
        ),
        TestSet("alone", "accuracy", (None, 9), 2),
    ],
    ids=lambda state: type(state).__name__,
)  # fmt: skip
def test_a_state_comes_back_from_its_link(state: object):
    assert state in visit(**query(state)).session_state.now


FREE = ("run", "images", "folder")  # what these may be is known to those who use them


def test_any_text_for_any_choice_is_put_right_and_said():
    page, silent, known = visit(), [], names(*ALL)
    halves = [[*known][::2], [*known][1::2]]  # Streamlit bounds the length of a whole link
    texts = (*HOSTILE, ["1", "2"], ["", ""], ["cat", "dog"])
    for number, (given, half) in enumerate(product(texts, halves)):
        page.session_state.page = number
        page.query_params.clear()
        page.query_params.update(dict.fromkeys(half, given))
        page.run()
        assert not page.exception
        assert all(len(each.value) < 400 for each in page.warning)
        said = "\n".join(each.value for each in page.warning).replace("\\", "")
        silent += [
            (name, given, value)
            for state in page.session_state.now
            for each in fields(state)
            if (name := each.metadata["name"] or each.name) in half and name not in FREE
            if f"{name.capitalize()} should" not in said
            if not reads_as(each, given, value := getattr(state, each.name))
        ]
    assert not silent


def reads_as(each: Field, given: str | list[str], value: object) -> bool:
    """Whether a choice is just what the link says."""
    text = "\n".join(given) if isinstance(given, list) else given
    return each.metadata["kind"].parse(text) == value


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("name", pages.NAMES)
def test_any_text_for_all_choices_leaves_a_page_usable(a_home, name: str, text: str):
    page = pages.open_page(name, **dict.fromkeys(names(*STATES[name]), text))
    assert not page.exception
    assert page.get("menu_button") or page.main.button  # the run on show, or a way back to one
    for sentence in (*page.error, *page.warning):
        assert len(sentence.value) < 600


def test_the_bounds_of_numbers_are_those_of_the_recipe():
    assert kind_of("lr").parse("10") == 10
    assert kind_of("max_steps").parse("none") is None
    for name, text, instead in (("lr", "20", 10), ("epochs", "5000", 1000), ("beta1", "1", None)):
        with pytest.raises(ValueError, match="number") as caught:
            kind_of(name).parse(text)
        assert caught.value.instead == instead
    assert Train().lr is AS_PRESET


@pytest.fixture
def a_home(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    monkeypatch.delenv("ULTIMUS_DATA", raising=False)
