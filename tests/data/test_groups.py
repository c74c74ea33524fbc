"""Groups: who sits together, and how much attention stays within a class."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultimus.data import groups

N, B, C = 101, 13, 7
LABELS = torch.randint(C, (N,), generator=torch.Generator().manual_seed(5))
SEEDS = st.integers(0, 2**32)


def _classes(indices):
    return [int(LABELS[each]) for each in indices]


# Drawing ------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 64), SEEDS)
def test_a_drawn_group_is_distinct_images_and_the_seeds_own(size, seed):
    drawn = groups.draw(LABELS, size, seed)
    assert len(drawn) == len(set(drawn)) == size
    assert all(type(each) is int and 0 <= each < N for each in drawn)
    assert drawn == groups.draw(LABELS, size, seed)
    assert drawn == groups.pick(drawn, N)


def test_seeds_differ_and_larger_groups_go_on_from_smaller_ones():
    drawn = [groups.draw(LABELS, B, seed) for seed in range(17)]
    assert len(set(drawn)) == 17
    assert groups.draw(LABELS, 64, 3)[:B] == drawn[3]


def test_over_many_seeds_every_image_is_drawn():
    assert {each for seed in range(37) for each in groups.draw(LABELS, 31, seed)} == set(range(N))


@pytest.mark.parametrize("classes", [{2}, {0, 5}, range(C)])
def test_only_some_classes(classes):
    drawn = groups.draw(LABELS, 11, 1, classes)
    assert set(_classes(drawn)) <= set(classes)


def test_all_images_of_a_class_can_be_drawn_and_no_more(refused):
    labels = torch.tensor([1, 0, 1, 1, 0])
    assert sorted(groups.draw(labels, 3, 0, [1])) == [0, 2, 3]
    with refused("group of 4", "only 3"):
        groups.draw(labels, 4, 0, [1])
    with refused("group of 7", "only 5"):
        groups.draw(labels, 7, 0)


def test_what_cannot_be_drawn_is_refused(refused):
    with refused("class 11", "0, 1, 2, 3, 4, 5, 6"):
        groups.draw(LABELS, B, 0, [2, 11])
    with refused("only 0"):
        groups.draw(LABELS, B, 0, [])
    for size in (-3, 1, 65):
        with refused("2 to 64", str(size)):
            groups.draw(LABELS, size, 0)
    with refused("-3"):
        groups.draw(LABELS, B, -3)


def test_what_cannot_be_picked_is_refused(refused):
    assert groups.pick([5, 0, 3], 7) == (5, 0, 3)
    for wrong in ([5, 7], [-1, 5]):
        with refused(f"image {min(wrong) if min(wrong) < 0 else max(wrong)}", "0 to 6"):
            groups.pick(wrong, 7)
    with refused("twice"):
        groups.pick([5, 0, 5], 7)
    with refused("2 to 64"):
        groups.pick([5], 7)


# Rearranging --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS)
def test_shuffling_and_sorting_keep_the_images(seed, other):
    drawn = groups.draw(LABELS, B, seed)
    shuffled = groups.shuffle(drawn, other)
    in_order = groups.sort_by_class(shuffled, LABELS)
    assert sorted(drawn) == sorted(shuffled) == sorted(in_order)
    assert _classes(in_order) == sorted(_classes(drawn))
    assert shuffled == groups.shuffle(drawn, other)


def test_shuffles_differ_and_sorting_keeps_the_order_within_a_class():
    drawn = groups.draw(LABELS, B, 0)
    assert len({groups.shuffle(drawn, seed) for seed in range(17)}) == 17
    assert groups.sort_by_class((4, 1, 0, 3, 2), torch.tensor([1, 0, 1, 0, 1])) == (1, 3, 4, 0, 2)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, B - 1))
def test_a_swap_replaces_one_image_by_one_from_outside(seed, place):
    drawn = groups.draw(LABELS, B, seed)
    swapped = groups.swap(drawn, place, len(LABELS), seed)
    changed = [each for each in range(B) if swapped[each] != drawn[each]]
    assert changed == [place] and swapped[place] not in drawn
    assert swapped == groups.swap(drawn, place, len(LABELS), seed)


def test_swaps_differ_and_need_somebody_outside(refused):
    drawn = groups.draw(LABELS, B, 0)
    assert len({groups.swap(drawn, 2, len(LABELS), seed) for seed in range(17)}) > 11
    assert groups.swap((0, 1), 1, 3, 0) == (0, 2)
    with refused("nothing to swap"):
        groups.swap((0, 1, 2), 0, 3, 0)
    for place in (-1, 3):
        with refused(f"place {place}", "0 to 2"):
            groups.swap((0, 1, 2), place, 3, 0)


# Attention within a class -------------------------------------------------------------------------


def test_mass_by_hand():
    labels = torch.tensor([3, 1, 3])
    weights = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.5, 0.375], [0.0, 1.0, 0.0]])
    expected = torch.tensor([0.75, 0.5, 0.0])
    assert torch.equal(groups.same_class_mass(weights, labels), expected)
    torch.testing.assert_close(groups.chance_mass(labels), torch.tensor([2, 1, 2]) / 3)


def test_mass_is_a_plain_sum():
    weights = torch.randn(3, B, B, generator=torch.Generator().manual_seed(1)).softmax(-1)
    labels = LABELS[:B]
    mass = groups.same_class_mass(weights, labels)
    assert mass.shape == (3, B)
    for g in range(3):
        for i in range(B):
            row = dict(enumerate(weights[g, i].tolist()))
            same = sum(each for j, each in row.items() if labels[j] == labels[i])
            assert mass[g, i].item() == pytest.approx(same / sum(row.values()), abs=1e-6)


def test_chance_is_the_mass_of_uniform_attention():
    labels = LABELS[:B]
    count = (labels[:, None] == labels).sum(dim=1)
    torch.testing.assert_close(groups.chance_mass(labels), count / B)


# Composing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("grouping", "alike"), [("pairs", 2), ("fours", 4), ("one class", 12)])
def test_composed_groups_are_of_what_stands_together(grouping, alike):
    draw = np.random.default_rng(3)
    order = draw.permutation(N)
    composed = groups.compose(order, LABELS, 12, grouping, draw)
    assert sorted(composed) == list(range(N))
    left = sum(int(count) % alike for count in LABELS.bincount())
    together = LABELS[composed[: N - left]].view(-1, alike)
    assert (together == together[:, :1]).all()
    assert together[:, 0].diff().count_nonzero() > len(together) / 3  # in no order of the classes
    again = groups.compose(order, LABELS, 12, grouping, np.random.default_rng(4))
    assert (again != composed).any()


def test_random_groups_are_left_as_they_were():
    draw = np.random.default_rng(3)
    order = draw.permutation(N)
    assert sorted(groups.compose(order, LABELS, 7, "random", draw)) == list(range(N))


@pytest.mark.parametrize(("group", "grouping"), [(7, "pairs"), (6, "fours"), (1, "pairs")])
def test_groups_that_cannot_be_composed_are_refused(refused, group, grouping):
    with refused(f"Groups of {group}", grouping):
        groups.compose(np.arange(N), LABELS, group, grouping, np.random.default_rng(0))


def test_conditions_say_who_meets_whom():
    told = [groups.conditions(16, grouping) for grouping in groups.ALIKE]
    assert told == [
        "in groups of 16",
        "in groups of 16 made of pairs of one class",
        "in groups of 16 made of fours of one class",
        "in groups of 16 of one class",
    ]
    assert groups.conditions(1) == "each alone"
