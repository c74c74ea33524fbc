"""What a file says about its weights is read as far as it is in order."""

import pytest

from ultimus.checkpoints.metadata import MAX_TEXT, UNKNOWN_DATA, Origin, portable
from ultimus.recipe import Recipe

KNOWN = Origin(
    run="20250101-000000-steady-abcd",
    step=9360,
    epoch=24.0,
    recipe=Recipe(data="cifar10", seed=7, max_seconds=0.1),
    data="CIFAR-10 (JPEG copy)",
    fingerprint="a040cdf342e96097b5d2ce7e0dc8a854",
    classes=("cat", "dog", "a long name"),
    train=50_000,
    test=10_000,
    accuracy=1 / 3,
    group=16,
    version="0.1.0",
)


def test_all_that_is_known_comes_back_as_it_was():
    assert Origin.read(KNOWN.metadata()) == KNOWN
    assert all(isinstance(each, str) for each in KNOWN.metadata().values())


def test_nothing_known_is_nothing_said():
    assert Origin().metadata() == {} and Origin.read({}) == Origin()


def test_zero_is_something_known():
    assert Origin(step=0, epoch=0.0, accuracy=0.0).metadata().keys() == {
        "step", "epoch", "accuracy",
    }  # fmt: skip


def test_a_folder_of_this_machine_is_not_told():
    origin = Origin(recipe=Recipe(data="/home/someone/pictures"))
    assert "someone" not in str(origin.metadata())
    assert Origin.read(origin.metadata()).recipe == portable(origin.recipe)


@pytest.mark.parametrize("data", ["/", "..", "a/b", "~", "C:\\x", "unheard of"])
def test_a_folder_that_a_file_names_is_never_looked_at(data):
    told = Recipe(data=data).model_dump_json()
    assert Origin.read({"recipe": told}).recipe.data == UNKNOWN_DATA


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        *((entry, "x" * (MAX_TEXT + 1)) for entry in KNOWN.metadata()),
        *((entry, " \n ") for entry in KNOWN.metadata()),
        *((entry, value) for entry in KNOWN.metadata() for value in (None, 3, [], {"a": 1})),
        *(("step", text) for text in ("-1", "1.5", "x", "9" * 4000, "inf", "1e3")),
        *(("epoch", text) for text in ("nan", "inf", "-1", "1e99", "x")),
        *(("accuracy", text) for text in ("nan", "1.01", "-0.1", "97%")),
        *(("train", text) for text in ("-5", "1e9", str(10**12))),
        *(("recipe", text) for text in ("{", "[]", "3", '{"lr": -1}', '{"x": 1}', "[" * 4000)),
        *(("fingerprint", text) for text in ("../x", "a b", "é", "<b>")),
        *(("classes", text) for text in ("one", "a\na", "a\n \nA\n" * 9, "a\n<\n‹")),
    ],
)  # fmt: skip
def test_what_is_not_in_order_is_left_out(entry, text):
    read = Origin.read(KNOWN.metadata() | {entry: text})
    expected = {name: each for name, each in KNOWN.metadata().items() if name != entry}
    assert read.metadata() == expected


def test_texts_are_one_plain_line():
    told = {
        "run": "<script>\x1b[2J\u202e" + "x" * 997,
        "data": "a\nb",
        "classes": "<b>cat\n`dog`",
        "version": "$x$",
        "recipe": Recipe(preset="<img>").model_dump_json(),
    }
    read = Origin.read(told)
    for text in (read.run, read.data, read.version, read.recipe.preset, *read.classes):
        assert 0 < len(text) <= 60 and text.isprintable() and not set(text) & set("<>[]`$")
