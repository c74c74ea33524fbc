"""Two runs of one thread side by side, over one run of two threads: steps, in turns of 3 seconds.

All three stay alive, and take turns, so that a slow spell of the machine hits both sides.
python tests/bench/side_by_side.py [TURNS]
"""

import multiprocessing
import sys
import time
from statistics import quantiles

TURN, PAUSE, WARM_UP = 3.0, 0.25, 4  # seconds, seconds, steps
PAIR, ALONE = (0, 1), (2,)  # which of the three runs have a turn together


def train(threads: int, go, steps) -> None:
    """A run of `demo` that makes steps while it may, and counts them."""
    import torch

    from ultimus import Recipe, open_dataset
    from ultimus.training.trainer import train

    torch.set_num_threads(threads)
    recipe = Recipe.of(preset="demo", data="shapes", epochs=1000)
    for progress in train(recipe, open_dataset("shapes")):
        go.wait()
        steps.value = progress.step


def turn(runs: list, members: tuple[int, ...]) -> float:
    """Steps a second of all members together."""
    before = sum(runs[member][1].value for member in members)
    begin = time.perf_counter()
    for member in members:
        runs[member][0].set()
    time.sleep(TURN)
    for member in members:
        runs[member][0].clear()
    taken = time.perf_counter() - begin
    time.sleep(PAUSE)
    return (sum(runs[member][1].value for member in members) - before) / taken


def main(turns: int) -> None:
    context, runs = multiprocessing.get_context("spawn"), []
    for threads in (1, 1, 2):
        go, steps = context.Event(), context.Value("q", 0)
        context.Process(target=train, args=(threads, go, steps), daemon=True).start()
        runs.append((go, steps))
    for go, steps in runs:
        go.set()
        while steps.value < WARM_UP:
            time.sleep(PAUSE)
        go.clear()
    ratios = [turn(runs, PAIR) / turn(runs, ALONE) for _ in range(turns)]
    print("lower quartile, median, upper quartile:", *(f"{part:.2f}" for part in quantiles(ratios)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
