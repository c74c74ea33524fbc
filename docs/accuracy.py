"""Try a recipe, as docs/accuracy.md reports: python docs/accuracy.py DATA [CHOICE=VALUE ...]

It trains on all but 5,000 of the training images and measures on these, in groups of 16 composed as
in training, in random ones, and alone.
With --test it trains on all and measures on the test images, which is for recipes that are chosen
already. Choices are those of a recipe, e.g. `preset=best lr=0.02 seed=1 epochs=12`.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from ultimus import Dataset, Recipe, UserError, evaluate, open_dataset, train
from ultimus.analysis.ablation import identity
from ultimus.data.dataset import Split
from ultimus.model import Ultimus, split
from ultimus.training import gradients

HELD_OUT = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="cifar10, or a folder")
    parser.add_argument("choices", nargs="*", metavar="CHOICE=VALUE")
    parser.add_argument("--test", action="store_true", help="measure on the test images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--bias-only", action="store_true", help="let the block add nothing but its output bias"
    )
    parser.add_argument(
        "--itself", action="store_true", help="let every token look at nothing but itself"
    )
    options = parser.parse_intermixed_args()
    torch.set_num_threads(options.threads)
    if options.itself:
        look_at_itself()
    try:
        recipe = Recipe.of(**dict(choice.split("=", 1) for choice in options.choices))
        dataset = open_dataset(options.data)
        tried(recipe, dataset if options.test else without_test(dataset), options.bias_only)
    except UserError as error:
        sys.exit(f"accuracy: {error}")


def look_at_itself() -> None:
    """Put the identity in the place of attention, where it is trained and where it is measured."""
    gradients.split = lambda tokens, group: split(tokens, 1)
    Ultimus.trace.__defaults__ = (identity,)


def without_test(dataset: Dataset) -> Dataset:
    """Held-out training images in the place of the test images, always the same ones."""
    order = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(0))
    held, kept = (
        Split(dataset.train.images[chosen], dataset.train.labels[chosen])
        for chosen in (order[:HELD_OUT], order[HELD_OUT:])
    )
    return replace(dataset, train=kept, test=held)


def tried(recipe: Recipe, dataset: Dataset, bias_only: bool) -> None:
    """Train, telling of each epoch; at the end print the choices and what came out as JSON."""
    begin = time.perf_counter()
    for progress in train(recipe, dataset):
        model = progress.training.model
        if bias_only:
            with torch.no_grad():
                model.ultimusBlock.out.weight.zero_()
        if result := progress.epoch_result:
            print(f"{result.epoch} {result.train_accuracy:.4f} {result.test.accuracy:.4f}",
                  file=sys.stderr, flush=True)  # fmt: skip
    changed = {
        name: value
        for name, value in recipe.model_dump().items()
        if value != Recipe.model_fields[name].default
    }
    measured = {
        "bias_only": bias_only,
        "train": result.train_accuracy,
        "in_groups_of_16": evaluate(model, dataset.test, 16, recipe.grouping).accuracy,
        "in_random_groups": evaluate(model, dataset.test, 16).accuracy,
        "alone": evaluate(model, dataset.test, 1).accuracy,
        "images": len(dataset.test),
        "minutes": (time.perf_counter() - begin) / 60,
    }
    print(json.dumps(changed | measured))


if __name__ == "__main__":
    main()
