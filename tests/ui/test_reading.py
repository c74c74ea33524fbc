"""What whoever follows the teacher reads where others choose."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.explorers import images, told
from support.pages import OWNER, open_page
from support.uploads import picture

from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status


def follow(page: AppTest) -> AppTest:
    """As one who has been led to it."""
    page.session_state["before_following"] = ("First", {})
    page.run()
    assert not page.exception
    return page


def table(page: AppTest) -> str:
    return next(html.proto.body for html in page.get("html") if 'class="told"' in html.proto.body)


def buttons(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


def a_run(runs: Path, owner: str) -> Run:
    run = Run.create(runs, Recipe(), owner=owner)
    run.set_status(Status("stopped"))
    return run


def shown(page: AppTest) -> list[int]:
    """Numbers of the pictures that are shown."""
    return [images(told(page)["scene"])[place] for place in told(page)["members"]]


@pytest.mark.parametrize(("owner", "has_controls"), [("another", False), (OWNER, True)])
def test_whoever_follows_has_the_controls_of_their_own_runs_alone(
    runs: Path, owner: str, has_controls: bool
):
    run = a_run(runs, owner)
    page = open_page("train", run=run.id, epochs="7")
    assert {"Start", "Stop"} <= buttons(page) and page.number_input
    follow(page)
    assert ({"Start", "Stop"} <= buttons(page)) == has_controls
    assert not page.number_input and not page.get("menu_button")
    assert "<th>Epochs</th><td>7</td>" in table(page)
    assert any("of others" in words.value or "mine" in words.value for words in page.markdown)


def test_whoever_follows_sees_the_teachers_group_though_they_have_pictures_of_their_own(
    runs: Path,
):
    page = open_page("attention", size="5", draw="3")
    teachers = shown(page)
    page.file_uploader[0].upload("mine.png", picture())
    page.run()
    assert len(told(page)["own"]) == 1 and len(told(page)["members"]) == 5
    follow(page)
    assert shown(page) == teachers and not told(page)["own"]
    assert not page.slider and not page.text_input
    assert "<td>3</td>" in table(page) and "<td>all</td>" in table(page)
    del page.session_state["before_following"]
    page.run()
    assert len(told(page)["own"]) == 1 and page.slider


def test_a_group_picked_by_hand_is_read_as_it_was_written(runs: Path):
    page = follow(open_page("attention", images="3, 8, 19"))
    assert shown(page) == [3, 8, 19]
    assert "<td>3, 8, 19</td>" in table(page) and "Seed of the draw" not in table(page)
