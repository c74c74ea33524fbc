"""Recipes: the seed's published learning rates, torch's one-cycle, and any input at all."""

import itertools
import json
import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultimus.data.groups import ALIKE
from ultimus.errors import UserError
from ultimus.recipe import PRESETS, Recipe, written

SEED_LOG_RATES = [
    0.002875125008333889,
    0.004750250016667778,
    0.006625375025001668,
    0.008500500033335558,
    0.009895771,
    0.0093754585,
    0.008855146,
    0.0083348335,
    0.007814521,
    0.0072942085,
    0.006773896,
    0.0062535835,
    0.005733271,
    0.0052129585,
    0.004692646,
    0.004172333499999999,
    0.003652021,
    0.0031317085,
    0.0026113959999999993,
    0.0020910835000000003,
    0.0015707710000000003,
    0.0010504584999999986,
    0.0005301460000000004,
    9.83349999999876e-06,
]


def _is_one_sentence(error: BaseException) -> bool:
    text = str(error)
    return text.endswith(".") and "\n" not in text and ". " not in text and 10 < len(text) < 900


# The learning rate ----------------------------------------------------------------------------


def test_seed_rates_are_the_published_ones():
    seed = Recipe.of(preset="seed")
    steps = seed.steps_per_epoch(50_000)
    total = seed.total_steps(50_000)
    assert (steps, total, len(SEED_LOG_RATES)) == (3_125, 75_000, 24)
    rates = [seed.rate(epoch * steps, total) for epoch in range(1, 25)]
    assert rates == pytest.approx(SEED_LOG_RATES, rel=0, abs=1e-12)


@pytest.mark.parametrize("warmup", [0, 0.1, 0.2, 0.37, 0.995, 1])
@pytest.mark.parametrize("total", [2, 3, 11, 101, 997])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_one_cycle_is_torchs(schedule, total, warmup):
    if warmup * total == 1:
        pytest.skip("torch divides by zero where the peak is the first step")
    recipe = Recipe.of(
        schedule=schedule, warmup=warmup, lr=0.013, start_divisor=7, end_divisor=31,
        beta1=0.95, beta1_at_peak=0.83,
    )  # fmt: skip
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], betas=(0.95, 0.999))
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.013, total_steps=total, pct_start=float(warmup),
        anneal_strategy={"linear": "linear", "cosine": "cos"}[schedule],
        div_factor=7, final_div_factor=31, base_momentum=0.83, max_momentum=0.95,
    )  # fmt: skip
    for step in range(total):
        group = optimizer.param_groups[0]
        assert recipe.rate(step, total) == pytest.approx(group["lr"], rel=1e-9, abs=1e-12)
        assert recipe.momentum(step, total) == pytest.approx(group["betas"][0], abs=1e-12)
        optimizer.step()
        if step < total - 1:
            reference.step()


@pytest.mark.parametrize("total", [1, 2, 5])
@pytest.mark.parametrize("warmup", [0, 0.2, 0.5, 1])
def test_short_runs_have_rates_too(total, warmup):
    recipe = Recipe.of(warmup=warmup, beta1_at_peak=0.8)
    for step in range(total):
        assert 0 < recipe.rate(step, total) <= recipe.lr
        assert 0.8 <= recipe.momentum(step, total) <= 0.9


def test_a_constant_rate_is_constant():
    recipe = Recipe.of(schedule="constant", lr=0.003, beta1_at_peak=0.7)
    assert {recipe.rate(step, 13) for step in range(13)} == {0.003}
    assert {recipe.momentum(step, 13) for step in range(13)} == {0.9}


# JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_json_round_trip(preset):
    recipe = Recipe.of(preset=preset, seed=17, max_steps=23, max_seconds=1.5, data="a/ü b")
    assert Recipe.from_json(recipe.model_dump_json()) == recipe
    assert Recipe.parse(json.loads(recipe.model_dump_json())) == recipe


@pytest.mark.parametrize(
    "text",
    ["", "{", "nonsense", "[1, 2]", "3", "null", '{"lr": 1e999}', '{"lr": NaN}', "[" * 100_000,
     '{"seed": ' + "9" * 5_000 + "}", '{"unknown": 1}', '{"group": "many"}', '{"lr": {"a": []}}'],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_unreadable_json_is_one_sentence(text):
    with pytest.raises(UserError) as caught:
        Recipe.from_json(text)
    assert _is_one_sentence(caught.value)


# Bounds ---------------------------------------------------------------------------------------

BOUNDS = {
    "preset": ["x" * 41],
    "model": ["resnet", None, 4],
    "grid": [1, 0, 9, 2.5, None],
    "grouping": ["triples", None],
    "data": ["", "x" * 1001],
    "group": [0, -3, 1025, 1.5, "x", None],
    "groups": [0, 1025],
    "optimizer": ["lion", None],
    "precision": ["float64", None],
    "lr": [0, -0.1, 10.5, math.nan, math.inf, "fast"],
    "block_rate": [0, -1, 10.5],
    "weight_decay": [-0.1, 1.1],
    "beta1": [-0.1, 1],
    "beta2": [-0.1, 1],
    "beta1_at_peak": [-0.1, 1],
    "schedule": ["step"],
    "rate_changes": [
        "3",
        "3:",
        "x:1",
        "-1:1",
        "5:1 3:1",
        "3:1 3:2",
        "3:0",
        "3:1e4",
        "3:nan",
        "3:1,4:1",
        3,
        None,
        "1:1 " * 200,
    ],
    "warmup": [-0.1, 1.1],
    "start_divisor": [0.5, 1e7],
    "end_divisor": [0.5, 1e10],
    "clip": [0, -1],
    "flip": [-0.1, 1.1],
    "shift": [-1, 17],
    "cutout": [-1, 33],
    "cutout_chance": [-0.1, 1.1],
    "seed": [-1, 2**31],
    "epochs": [0, 1001],
    "max_steps": [0, 10**9 + 1, 10**5000],
    "max_seconds": [0, -1, math.inf],
    "target": [-0.1, 1.1],
    "snapshots": [1, 501],
}


def test_every_field_has_its_bounds_tested():
    assert BOUNDS.keys() == Recipe.model_fields.keys()


@pytest.mark.parametrize(
    ("field", "value"), [(name, each) for name, values in BOUNDS.items() for each in values],
    ids=lambda each: repr(each)[:20] if not isinstance(each, int) else str(each % 10**9),
)  # fmt: skip
def test_out_of_bounds_is_one_sentence_that_names_the_field(field, value):
    with pytest.raises(UserError, match=field) as caught:
        Recipe.parse({field: value})
    assert _is_one_sentence(caught.value)


def test_a_bound_names_both_numbers():
    with pytest.raises(UserError, match=r"lr should be less than or equal to 10, not '13\.5'"):
        Recipe.of(lr=13.5)
    with pytest.raises(UserError, match=r"1021 groups of 7 make 7147 .* more than 4096"):
        Recipe.of(group=7, groups=1021)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(UserError, match=r"'magic'.*best, demo, patches, seed, steady"):
        Recipe.of(preset="magic")


def test_many_problems_stay_one_short_sentence():
    with pytest.raises(UserError, match="and 9995 more") as caught:
        Recipe.parse({f"choice {number}": number for number in range(10_000)})
    assert _is_one_sentence(caught.value)


@pytest.mark.parametrize(("grouping", "group"), [("pairs", 7), ("fours", 6), ("fours", 1)])
def test_a_group_that_cannot_be_composed_names_both(grouping, group):
    with pytest.raises(UserError, match=rf"groups of {group} .* {grouping}"):
        Recipe.of(grouping=grouping, group=group)
    assert Recipe.of(grouping=grouping, group=4 * group).grouping == grouping


def test_patches_have_no_use_for_composed_groups():
    with pytest.raises(UserError, match=r"grouping .* patches none do"):
        Recipe.of(preset="patches", grouping="pairs")


def test_groupings_are_those_of_the_data():
    assert get_args(Recipe.model_fields["grouping"].annotation) == tuple(ALIKE)


def test_a_recipe_of_former_versions_is_of_images():
    former = Recipe().model_dump(exclude={"grid", "grouping"}) | {"model": "ultimus"}
    recipe = Recipe.from_json(json.dumps(former))
    assert recipe == Recipe() and recipe.model == "images"
    assert recipe.tokens_along_a_side == 1
    assert Recipe.of(model="patches", grid=7).tokens_along_a_side == 7


def test_a_rate_is_multiplied_from_a_step_on():
    plain = Recipe.of(lr=0.003)
    changed = plain.with_factor(5, 0.5).with_factor(9, 0.1)
    assert changed.rate_changes == "5:0.5 9:0.1" and changed.changed_at == (5, 9)
    for step, factor in ((0, 1), (4, 1), (5, 0.5), (8, 0.5), (9, 0.1), (19, 0.1)):
        assert changed.rate(step, 20) == factor * plain.rate(step, 20)
        assert changed.momentum(step, 20) == plain.momentum(step, 20)
    again = changed.with_factor(7, 2)  # of a run that went back to before the last change
    assert again.rate_changes == "5:0.5 7:2"
    with pytest.raises(UserError, match="factor"):
        plain.with_factor(5, 0)


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Recipe().lr = 0.1


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(4_000, 5_000).map(lambda digits: 10**digits)
    | st.just(-(2**63))
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["16", "cosine", "\ud800", "a\nb", "\0", ""])
)
GARBAGE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=7,
)
MAPPINGS = st.dictionaries(st.sampled_from(sorted(Recipe.model_fields)), GARBAGE, max_size=5)


@settings(max_examples=300, deadline=None)
@given(choices=GARBAGE | MAPPINGS)
def test_any_input_is_a_recipe_or_one_sentence(choices):
    try:
        recipe = Recipe.parse(choices)
    except UserError as error:
        text = str(error)
        assert text.endswith(".") and "\n" not in text and len(text) < 2_000
        text.encode()  # it can be printed
    else:
        assert Recipe.from_json(recipe.model_dump_json()) == recipe
        assert 0 in recipe.snapshot_steps(13)


def test_a_nesting_too_deep_to_print():
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(UserError) as caught:
        Recipe.parse({"lr": deep})
    assert _is_one_sentence(caught.value)


# Counting -------------------------------------------------------------------------------------


def test_steps_per_epoch_leave_out_the_rest():
    recipe = Recipe.of(group=7, groups=3, epochs=5)
    assert recipe.batch == 21
    assert recipe.steps_per_epoch(101) == 4
    assert recipe.total_steps(101) == 20
    assert Recipe.of(group=7, groups=3, epochs=5, max_steps=13).total_steps(101) == 13


def test_too_few_images_name_both_numbers():
    with pytest.raises(UserError, match=r"needs 21 images.*has 19") as caught:
        Recipe.of(group=7, groups=3).steps_per_epoch(19)
    assert _is_one_sentence(caught.value)


@settings(max_examples=100, deadline=None)
@given(total=st.integers(1, 10**6), count=st.integers(2, 500))
def test_snapshots_have_both_ends_and_come_sorted(total, count):
    steps = Recipe.of(snapshots=count).snapshot_steps(total)
    assert steps[0] == 0 and steps[-1] == total
    assert list(steps) == sorted(set(steps)) and len(steps) <= count


def test_snapshots_are_dense_early():
    steps = Recipe.of(snapshots=41).snapshot_steps(9_377)
    gaps = [b - a for a, b in itertools.pairwise(steps)]
    assert sum(step < 9_377 / 8 for step in steps) >= len(steps) / 3
    assert gaps[-1] > 100 * gaps[0]


def test_a_recipe_says_whether_it_is_still_its_preset():
    assert Recipe.of(preset="patches", data="shapes", seed=3, epochs=2).title == "patches"
    assert Recipe.of(preset="patches", model="images").title == "patches, model images"
    assert Recipe.of(preset="seed", lr=0.003, epochs=7, seed=3).title == "seed, lr 0.003"
    assert Recipe.of(preset="seed", lr=0.003, clip=1.0).title == "seed, changed"
    assert Recipe.of(preset="demo").model_copy(update={"preset": "of another version"}).title == (
        "of another version"
    )


@pytest.mark.parametrize(
    ("choice", "text"),
    [(1e-5, "0.00001"), (0.0123456789, "0.0123457"), (2e6, "2000000"), (None, "none"),
     (16, "16"), ("soap", "soap")],
)  # fmt: skip
def test_a_choice_is_written_as_people_may_type_it(choice, text):
    assert written(choice) == text
