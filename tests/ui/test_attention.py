"""The Attention page through AppTest: the group, the snapshot, the numbers, bad input."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.boards import figures, numbers, sent
from torch.testing import assert_close

import ultimus
from ultimus.analysis.walk import walk
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.model import Trace, Transformer
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status
from ultimus.ui.state import pool

SHIPPED = Path(ultimus.__file__).parents[1] / "assets" / "runs" / "best-cifar10"
EARLY, LAST = 6089, 39000  # steps of its snapshots
TABS = {
    "One cell, step by step": {"walk-query", "walk-key"},
    "The answer, pass by pass": {"passes", "answer"},
    "Change the company": {"company", "influence"},
    "Ablations": {"ablation-learned", "ablation-altered", "ablations", "passes-accuracy"},
}
ALWAYS = {"marked-loss", "marked-rate", "attention", "query", "key", "value", "features"}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    return tmp_path


def attention_page() -> None:
    from ultimus.ui.pages import attention

    attention.page()


def visit(**link: str) -> AppTest:
    page = AppTest.from_function(attention_page, default_timeout=60)
    page.query_params.update(link)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    assert set(figures(page)) >= ALWAYS
    return page


def matrix(page: AppTest, name: str = "attention") -> np.ndarray:
    return numbers(figures(page)[name]["data"][0]["z"])


def group(page: AppTest) -> list[str]:
    """What the images of the group are called."""
    return figures(page)["attention"]["data"][0]["x"]


def click(page: AppTest, label: str) -> AppTest:
    found = [each for each in page.button if each.label == label]
    assert found, label
    return checked(found[0].click().run())


def errors(page: AppTest) -> str:
    return "\n".join(each.value for each in page.error)


def computed(step: int = LAST, members: tuple[int, ...] = (3, 0, 6, 11, 19)) -> Trace:
    """What the network itself computes for some of the example pictures."""
    with torch.inference_mode():
        return shipped_model(step).trace(preprocess(pool.examples().images[list(members)]))


def shipped_model(step: int = LAST) -> Transformer:
    return checkpoint.load(SHIPPED / "weights" / f"{step}.safetensors").eval()


def picked(members: tuple[int, ...] = (3, 0, 6, 11, 19)) -> str:
    return ", ".join(map(str, members))


# What is shown ------------------------------------------------------------------------------------


def test_a_first_visit_shows_the_shipped_run_and_the_example_pictures(runs: Path):
    page = visit()
    assert not page.error
    assert len(group(page)) == 16
    assert page.query_params["step"] == str(LAST)
    assert "these are examples" in page.sidebar.caption[0].value


def test_every_figure_has_words(runs: Path):
    for tab in TABS:
        for name, message in sent(visit(view=tab)).items():
            assert len(message["alt"]) > 10, name


@pytest.mark.parametrize("tab", TABS)
def test_only_the_open_tab_is_drawn(runs: Path, tab: str):
    page = visit(view=tab)
    assert set(figures(page)) == ALWAYS | TABS[tab]


def test_every_step_of_the_walk(runs: Path):
    page = visit()
    for step in range(1, 8):
        assert f"**{step}. " in "\n".join(each.value for each in page.markdown)
        checked(page.button(key="walk_next").click().run())
    checked(chosen(page.button_group, "walk").set_value(0).run())
    walked = {name for name in figures(page) if name.startswith("walk-")}
    assert len(walked) == 9


@pytest.mark.parametrize("kind", ["q · k", "÷ √8", "softmax"])
@pytest.mark.parametrize("number", [1, 3])
def test_the_matrices_are_the_networks_own(runs: Path, kind: str, number: int):
    page = visit(images=picked(), show=kind, **{"pass": str(number)})
    now = computed().passes[number - 1]
    own = {"q · k": now.q @ now.k.mT, "÷ √8": now.scores, "softmax": now.weights}[kind]
    assert np.array_equal(matrix(page), own.numpy())
    for name, vectors in {"query": now.q, "key": now.k, "value": now.v}.items():
        assert np.array_equal(matrix(page, name), vectors.numpy())
    before = computed().features if number == 1 else computed().passes[number - 2].state
    assert np.array_equal(matrix(page, "features"), before.numpy())


def test_the_products_are_those_of_the_walk(runs: Path):
    page = visit(images=picked(), cell="2-4", step=str(EARLY), **{"pass": "3"})
    checked(page.button(key="walk_next").click().run())
    own = walk(shipped_model(EARLY), computed(EARLY), 3, 2, 4)
    query, key, products = (numbers(trace["y"]) for trace in figures(page)["walk-products"]["data"])
    assert_close(torch.tensor(query), own.query)
    assert_close(torch.tensor(key), own.key)
    assert_close(torch.tensor(products), torch.cat([own.products, own.total[None]]))


def chosen(widgets, name: str):
    """The widget of a choice that the program makes too (ui/link.py)."""
    return next(each for each in widgets if str(each.key).split(" ")[0] in (name, "newest"))


# The link -----------------------------------------------------------------------------------------


def test_a_link_restores_everything(runs: Path):
    link = {
        "run": "best-cifar10", "step": str(EARLY), "pass": "3", "show": "scores", "cell": "2-4",
        "images": picked(), "view": "ablations", "ablation": "identity",
    }  # fmt: skip
    page = visit(**link)
    assert not page.error
    assert {name: page.query_params[name] for name in link} == link
    assert chosen(page.select_slider, "step").value == EARLY
    assert page.button_group(key="pass").value == 3
    _, looks, looked = (each.proto.label for each in page.get("menu_button"))
    assert (looks, looked) == ("automobile #2 looks", "frog #4 is looked at")
    assert page.button_group(key="ablation").value == "identity"
    names = [name.split()[0] for name in group(page)]
    assert names == ["airplane", "cat", "automobile", "truck", "frog"]


def test_a_link_restores_a_draw(runs: Path):
    link = {"size": "5", "classes": ["cat", "ship"], "draw": "7"}
    page = visit(**link)
    assert page.slider(key="size").value == 5
    assert {name.split()[0] for name in group(page)} == {"cat", "ship"}
    assert group(page) == group(visit(**link))


def test_a_link_restores_the_tabs_choices(runs: Path):
    page = visit(view="The answer, pass by pass", passes="6")
    assert chosen(page.slider, "passes").value == 6
    page = visit(view="Change the company", draws="64", redraw="3")
    assert page.slider(key="draws").value == 64


@pytest.mark.parametrize(
    "link",
    [
        {"run": "no-such-run"}, {"run": "../../etc"}, {"step": "soon"}, {"step": "9" * 9999},
        {"step": "-5"}, {"pass": "7"}, {"pass": "x"}, {"show": "x"}, {"cell": "99-99"},
        {"cell": "x"}, {"cell": "1-2-3"}, {"cell": "-"}, {"size": "1000"}, {"size": "0"},
        {"size": "x"}, {"classes": "unicorn"}, {"classes": ["cat", "unicorn"]}, {"draw": "-1"},
        {"draw": "x"}, {"draw": "9" * 30}, {"images": "1, 1"}, {"images": "1, 999"},
        {"images": "1"}, {"images": "cats"}, {"images": "1, -2"}, {"images": ", "},
        {"images": "9" * 5000}, {"view": "x"}, {"view": "The answer, pass by pass", "passes": "99"},
        {"view": "Change the company", "draws": "-3"}, {"view": "Change the company", "draws": "9"},
        {"view": "Change the company", "redraw": "-3"}, {"view": "Ablations", "ablation": "x"},
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
        assert matrix(page).shape == (size, size)


def test_classes_limit_the_draw(runs: Path):
    page = visit(size="4")
    checked(page.multiselect(key="classes").set_value(["frog", "truck"]).run())
    assert {name.split()[0] for name in group(page)} == {"frog", "truck"}


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
    names = {name.split()[0] for name in group(page)}
    for label in ("Shuffle", "Sort by class"):
        click(page, label)
        assert {name.split()[0] for name in group(page)} == names
    assert chosen(page.text_input, "images").value == "3, 6, 0, 19, 11"


def test_one_image_is_swapped(runs: Path):
    page = click(visit(images=picked(), cell="2-4"), "Swap it")
    now = [int(part) for part in chosen(page.text_input, "images").value.split(",")]
    assert now[2] != 6
    assert [*now[:2], 6, *now[3:]] == [3, 0, 6, 11, 19]


def test_nothing_is_left_to_swap_with(runs: Path):
    swap = next(each for each in visit(size="20").button if each.label == "Swap it")
    assert swap.disabled


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


def picture(color: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (61, 43), color).save(file, "PNG")
    return file.getvalue()


def test_own_pictures_come_first(runs: Path):
    page = visit(size="5")
    uploader = page.file_uploader[0]
    uploader.upload("a.png", picture()).upload("b.png", picture("blue"))
    checked(page.run())
    assert [name.split()[0] for name in group(page)][:2] == ["image", "image"]
    assert len(group(page)) == 5
    for tab in TABS:
        page.query_params["view"] = tab
        checked(page.run())


def test_a_broken_picture_gets_a_sentence(runs: Path):
    page = visit(size="5")
    page.file_uploader[0].upload("a.png", picture()[:60]).upload("b.png", picture())
    checked(page.run())
    assert "a.png" in errors(page)
    assert [name.split()[0] for name in group(page)].count("image") == 1


# The snapshot -------------------------------------------------------------------------------------


def test_steps_back_and_on(runs: Path):
    page = visit()
    steps = Run(SHIPPED).snapshots
    click(page, "Previous")
    assert chosen(page.select_slider, "step").value == steps[-2]
    assert page.query_params["step"] == str(steps[-2])
    click(page, "Next")
    assert chosen(page.select_slider, "step").value == steps[-1]
    weights = matrix(page)
    checked(chosen(page.select_slider, "step").set_value(0).run())
    assert not np.array_equal(matrix(page), weights)


def test_damaged_weights_get_a_sentence_and_the_shipped_ones(runs: Path):
    run = copy_of_shipped(runs)
    run.snapshot(EARLY).write_bytes(b"nothing")
    page = visit(run=run.id, step=str(EARLY), images=picked())
    assert "What follows" in errors(page)
    assert np.array_equal(matrix(page), computed().passes[0].weights.numpy())
    click(page, "Next")
    assert not page.error


def copy_of_shipped(runs: Path) -> Run:
    shutil.copytree(SHIPPED, runs / "copy")
    return Run(runs / "copy")


def test_a_run_without_weights_gets_a_sentence(runs: Path):
    run = Run.create(runs, Recipe())
    run.set_status(Status("stopped"))
    page = visit(run=run.id, images=picked())
    assert "has kept no weights" in errors(page)
    assert np.array_equal(matrix(page), computed().passes[0].weights.numpy())


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
    assert np.array_equal(matrix(page), computed().passes[0].weights.numpy())


def test_a_recipe_that_lies_about_its_classes(runs: Path):
    run = of_three_classes(runs, list(pool.CIFAR10))
    page = visit(run=run.id, images=picked())
    assert "classes" in errors(page)
    assert np.array_equal(matrix(page), computed().passes[0].weights.numpy())


def test_the_shipped_network_never_sees_other_classes_either(
    runs: Path, monkeypatch: pytest.MonkeyPatch
):
    """Where a run's pictures are there but its weights are not."""
    examples = pool.examples()
    others = pool.Pool("pets", examples.images, examples.labels % 3, ("a", "b", "c"), "pets")
    monkeypatch.setattr(pool, "of", lambda run: (others, ""))
    run = of_three_classes(runs, ["a", "b", "c"])
    run.snapshot(3).write_bytes(b"nothing")
    page = visit(run=run.id)
    assert page.error
    assert {name.split()[0] for name in group(page)} <= set(pool.CIFAR10)
