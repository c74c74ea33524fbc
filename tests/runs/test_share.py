"""What a run gets of the machine, by how many share it."""

import pytest

from ultimus.runs import share

GIB = 2**30


@pytest.mark.parametrize(
    ("cores", "threads"),
    [(1, [1, 1, 1]), (2, [2, 1, 1]), (3, [2, 1, 1]), (4, [2, 2, 1, 1]), (8, [2, 2, 2, 2, 1])],
)
def test_a_run_takes_two_cores_while_all_can_have_two(cores, threads):
    assert [share.of(cores, runs) for runs in range(1, len(threads) + 1)] == threads


@pytest.mark.parametrize(
    ("cores", "gib", "workers"), [(2, 16, 2), (1, 16, 1), (64, 16, 16), (4, 2, 2), (2, 0.5, 1)]
)
def test_each_core_has_a_worker_as_far_as_memory_goes(cores, gib, workers):
    assert share.workers(cores, int(gib * GIB)) == workers
