"""The Attention page through AppTest: what it tells the explorer, the group, bad input."""

import base64
import re
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.boards import figures, numbers
from support.explorers import images, opening, told
from support.shipped import BEST
from support.uploads import picture

from ultimus.checkpoints import checkpoint
from ultimus.model import Transformer
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status
from ultimus.ui.state import pool

EARLY, LAST = 6089, 39000  # steps of its snapshots


def attention_page() -> None:
    from ultimus.ui.pages import attention

    attention.page()


def visit(**link: str) -> AppTest:
    page = AppTest.from_function(attention_page, default_timeout=60)
    page.query_params.update(link)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    assert told(page)["scene"]
    return page


def group(page: AppTest) -> list[int]:
    """The pictures of the group, by their numbers; a person's own have the negative ones."""
    shown = told(page)
    pictures = [*images(shown["scene"]), *range(-1, -len(shown["own"]) - 1, -1)]
    return [pictures[place] for place in shown["members"]]


def names(page: AppTest) -> set[str]:
    """The classes of the group."""
    scene = opening(told(page)["scene"])
    return {scene["classes"][label] for label in scene["pictures"]["labels"]}


def shown(page: AppTest) -> tuple[str, str]:
    """The run and the step that are shown."""
    return told(page)["scene"].split("?")[0].rsplit("/", 1)[-1], told(page)["chosen"]["step"]


def click(page: AppTest, label: str) -> AppTest:
    found = [each for each in page.button if each.label == label]
    assert found, label
    return checked(found[0].click().run())


def errors(page: AppTest) -> str:
    return "\n".join(each.value for each in page.error)


def picked(members: tuple[int, ...] = (3, 0, 6, 11, 19)) -> str:
    return ", ".join(map(str, members))


def chosen(widgets, name: str):
    """The widget of a choice that the program makes too (ui/state/choices.py)."""
    return next(each for each in widgets if str(each.key).split(" ")[0] == name)


# What the explorer is told ------------------------------------------------------------------------


def test_a_first_visit_shows_the_shipped_run_and_the_example_pictures(runs: Path):
    page = visit()
    assert not page.error
    assert len(group(page)) == 16
    assert shown(page) == ("best-cifar10", str(LAST))
    assert "these are examples" in page.sidebar.caption[0].value


def test_a_second_run_stands_beside_with_the_pictures_of_the_first(runs: Path):
    page = visit(images=picked(), **{"with": "steady-cifar10", "with_step": "0"})
    other = told(page)["other"]
    assert not page.error and told(page)["chosen"]["with_step"] == "0"
    assert images(other["scene"]) == group(page)
    assert opening(other["scene"])["run"] == {"id": "steady-cifar10"}
    assert page.query_params["with"] == "steady-cifar10"


@pytest.mark.parametrize(("other", "why"), [("patches-cifar10", "side by side"), ("x", "no run")])
def test_a_run_that_cannot_stand_beside_is_told(runs: Path, other: str, why: str):
    page = visit(**{"with": other})
    assert why in errors(page) and told(page)["other"] is None


def test_a_link_restores_everything(runs: Path):
    link = {
        "pass": "3", "show": "scores", "as": "lines", "fit": "1", "cell": "2-4", "walk": "5",
        "view": "ablations", "passes": "6", "draws": "64", "redraw": "3", "ablation": "identity",
        "picture": "5", "with_step": "0",
    }  # fmt: skip
    page = visit(run="best-cifar10", step=str(EARLY), images=picked(), **link)
    assert not page.error
    assert told(page)["chosen"] == link | {"step": str(EARLY)}
    assert group(page) == [3, 0, 6, 11, 19]


@pytest.mark.parametrize(
    ("link", "choice"),
    [
        ({"show": "÷ √8"}, {"show": "scores"}),
        ({"view": "The answer, pass by pass"}, {"view": "passes"}),
        ({"view": "Change the company"}, {"view": "company"}),
        ({"view": "One cell, step by step"}, {"view": "walk"}),
        ({"ablation": "without √8"}, {"ablation": "unscaled"}),
        ({"step": "6000"}, {"step": str(EARLY)}),
    ],
)
def test_links_of_former_versions_open(runs: Path, link: dict, choice: dict):
    page = visit(**link)
    assert not page.error and not page.warning
    assert told(page)["chosen"].items() >= choice.items()


def test_a_link_restores_a_draw(runs: Path):
    link = {"size": "5", "classes": ["cat", "ship"], "draw": "7"}
    page = visit(**link)
    assert page.slider(key="size").value == 5
    assert names(page) == {"cat", "ship"}
    assert group(page) == group(visit(**link))


def test_what_the_browser_keeps_in_the_link_the_script_leaves_alone(runs: Path):
    page = visit(**{"pass": "3", "cell": "2-4"})
    checked(page.slider(key="size").set_value(7).run())
    assert page.query_params["size"] == "7" or page.query_params["size"] == ["7"]
    assert told(page)["turn"] == told(checked(page.run()))["turn"]


@pytest.mark.parametrize(
    "link",
    [
        {"run": "no-such-run"}, {"run": "../../etc"}, {"step": "soon"}, {"step": "9" * 9999},
        {"step": "-5"}, {"pass": "7"}, {"pass": "x"}, {"show": "x"}, {"cell": "99-99"},
        {"cell": "x"}, {"cell": "1-2-3"}, {"cell": "-"}, {"size": "1000"}, {"size": "0"},
        {"size": "x"}, {"classes": "unicorn"}, {"classes": ["cat", "unicorn"]}, {"draw": "-1"},
        {"draw": "x"}, {"draw": "9" * 30}, {"images": "1, 1"}, {"images": "1, 999"},
        {"images": "1"}, {"images": "cats"}, {"images": "1, -2"}, {"images": ", "},
        {"images": "9" * 5000}, {"view": "x"}, {"passes": "99"}, {"draws": "-3"},
        {"redraw": "-3"}, {"ablation": "x"}, {"as": "x"}, {"fit": "x"},
    ],
    ids=lambda link: "-".join(f"{name}={value}"[:24] for name, value in link.items()),
)  # fmt: skip
def test_nonsense_in_a_link_leaves_the_page_usable(runs: Path, link: dict):
    page = visit(**link)
    assert len(group(page)) >= 2
    for error in page.error:
        assert re.fullmatch(r"[^\n]+\.", error.value)
        assert len(error.value) < 300


# The group ----------------------------------------------------------------------------------------


def test_the_size_of_the_group(runs: Path):
    page = visit()
    for size in (2, 20):
        checked(page.slider(key="size").set_value(size).run())
        assert len(group(page)) == size


def test_classes_limit_the_draw(runs: Path):
    page = visit(size="4")
    checked(page.multiselect(key="classes").set_value(["frog", "truck"]).run())
    assert names(page) == {"frog", "truck"}


def test_fewer_images_than_asked_for_get_a_sentence(runs: Path):
    page = visit(classes=["deer"])  # there is one
    assert "deer" in errors(page)
    page = visit(classes=["cat"], size="16")  # there are two
    assert len(group(page)) == 2


def test_another_draw_and_its_seed(runs: Path):
    page = visit(size="7")
    first = group(page)
    click(page, "Another draw")
    assert chosen(page.number_input, "draw").value == 1
    assert group(page) != first
    checked(chosen(page.number_input, "draw").set_value(0).run())
    assert group(page) == first


def test_shuffle_and_sort_keep_the_images(runs: Path):
    page = visit(images=picked())
    for label in ("Shuffle", "Sort by class"):
        click(page, label)
        assert set(group(page)) == {3, 0, 6, 11, 19}
    assert chosen(page.text_input, "images").value == "3, 6, 0, 19, 11"


def test_a_larger_group_than_there_are_pictures_is_all_of_them(runs: Path):
    page = visit(size="64")
    assert len(group(page)) == 20
    assert any("only 20 pictures" in caption.value for caption in page.sidebar.caption)


def test_a_group_of_all_pictures_leaves_none_to_swap_with(runs: Path):
    assert told(visit(size="20"))["complete"] and not told(visit(size="19"))["complete"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("3, 8, 21", "There is no image 21"),
        ("3, 8, 3", "twice"),
        ("3", "2 to 64 images"),
        ("cat and dog", "no list of image numbers"),
    ],
)
def test_a_wrong_choice_by_hand_can_be_put_right(runs: Path, text: str, sentence: str):
    page = visit()
    checked(chosen(page.text_input, "images").set_value(text).run())
    assert sentence in errors(page)
    checked(chosen(page.text_input, "images").set_value("3; 8 ,19").run())
    assert not page.error
    assert len(group(page)) == 3


def test_a_new_draw_ends_the_choice_by_hand(runs: Path):
    page = visit(images="3, 8, 19")
    checked(page.slider(key="size").set_value(7).run())
    assert len(group(page)) == 7
    assert chosen(page.text_input, "images").value == ""


# Own pictures -------------------------------------------------------------------------------------


def test_own_pictures_come_first_by_their_names(runs: Path):
    page = visit(size="5")
    uploader = page.file_uploader[0]
    uploader.upload("my_cat.png", picture()).upload("b.png", picture("blue"))
    checked(page.run())
    assert group(page)[:2] == [-1, -2] and len(group(page)) == 5
    assert [own["name"] for own in told(page)["own"]] == ["my_cat.png", "b.png"]
    red = base64.b64decode(told(page)["own"][0]["pixels"])
    assert red == bytes([255] * 1024 + [0] * 2048)


def test_a_group_of_own_pictures_alone(runs: Path):
    page = visit(size="2")
    page.file_uploader[0].upload("a.png", picture()).upload("a.png", picture("blue"))
    checked(page.run())
    own = [own["name"] for own in told(page)["own"]]
    assert len(set(own)) == 2  # told apart
    assert told(page)["members"] == [1, 2]  # after the one picture that a scene has at least


def test_a_broken_picture_gets_a_sentence(runs: Path):
    page = visit(size="5")
    page.file_uploader[0].upload("a.png", picture()[:60]).upload("b.png", picture())
    checked(page.run())
    assert "a.png" in errors(page)
    assert [own["name"] for own in told(page)["own"]] == ["b.png"]


# The snapshot -------------------------------------------------------------------------------------


def test_damaged_weights_get_a_sentence_and_the_shipped_ones(runs: Path):
    run = copy_of_shipped(runs)
    run.snapshot(EARLY).write_bytes(b"nothing")
    page = visit(run=run.id, step=str(EARLY), images=picked())
    assert "What follows" in errors(page)
    assert shown(page) == ("best-cifar10", str(LAST)) and group(page) == [3, 0, 6, 11, 19]


def copy_of_shipped(runs: Path) -> Run:
    shutil.copytree(BEST, runs / "copy")
    return Run(runs / "copy")


def test_a_run_without_weights_gets_a_sentence(runs: Path):
    run = Run.create(runs, Recipe())
    run.set_status(Status("stopped"))
    page = visit(run=run.id, images=picked())
    assert "has kept no weights" in errors(page)
    assert shown(page)[0] == "best-cifar10"


def of_three_classes(runs: Path, classes: list[str]) -> Run:
    run = Run.create(runs, Recipe(data="/no/such/folder"))
    run.ran_with(dataset={"name": "pets", "fingerprint": "none", "classes": classes})
    run.set_status(Status("stopped", step=3, total=11))
    checkpoint.save(run.snapshot(3), Transformer(classes=3))
    return run


def test_a_network_is_never_shown_pictures_of_other_classes(runs: Path):
    run = of_three_classes(runs, ["cat", "dog", "hamster"])
    page = visit(run=run.id, images=picked())
    assert "pets" in errors(page)
    assert shown(page)[0] == "best-cifar10"


def test_a_recipe_that_lies_about_its_classes(runs: Path):
    run = of_three_classes(runs, list(pool.CIFAR10))
    page = visit(run=run.id, images=picked())
    assert "classes" in errors(page)
    assert shown(page)[0] == "best-cifar10"


# What needs a whole test set ----------------------------------------------------------------------


def test_what_other_attention_does_on_the_whole_test_set_is_drawn_once_it_is_opened(runs: Path):
    page = visit()
    assert not figures(page)
    page.session_state["measured"] = True
    page.run()
    assert figures(page).keys() == {"ablations", "passes-accuracy"}
    assert numbers(figures(page)["ablations"]["data"][0]["x"])[0] == pytest.approx(0.69, abs=0.005)
