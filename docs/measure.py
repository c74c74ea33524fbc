"""Measure again what pages and documents quote: python docs/measure.py NAME DATA

It writes assets/measured/NAME.json, which ultimus/analysis/measured.py reads. DATA is cifar10 or a
folder with CIFAR-10. The figures of trainings are kept beside it; these take minutes, not hours.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from ultimus import UserError, open_dataset
from ultimus.analysis.ablation import MOST_PASSES, accuracies, accuracy
from ultimus.analysis.measured import Measured
from ultimus.analysis.out_of_distribution import calibrate, of_cifar10
from ultimus.analysis.outsiders import KINDS, outsiders
from ultimus.analysis.test_report import by_size, dependence, measure
from ultimus.checkpoints import checkpoint
from ultimus.data.dataset import Dataset
from ultimus.data.groups import SORTED
from ultimus.evaluation import evaluate, features_of
from ultimus.files import write_atomically
from ultimus.model import Transformer
from ultimus.places import ASSETS, SHIPPED

BEST = SHIPPED / "best-cifar10" / "weights" / "39000.safetensors"
PATCHES = SHIPPED / "patches-cifar10" / "weights" / "39000.safetensors"
MACHINE = "any: the weights are fixed, and rounding alone differs between machines"
OF_10_000 = "10,000 test images"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=MEASURES)
    parser.add_argument("data", help="cifar10, or a folder")
    options = parser.parse_args()
    try:
        dataset = open_dataset(options.data)
        found = {
            "data": f"{OF_10_000} of {dataset.name}",
            "machine": MACHINE,
            "command": f"python docs/measure.py {options.name} FOLDER",
            "seeds": [0],
            **MEASURES[options.name](checkpoint.load(WEIGHTS.get(options.name, BEST)), dataset),
        }
    except UserError as error:
        sys.exit(f"measure: {error}")
    write(options.name, found)


def write(name: str, found: dict) -> None:
    """Keep what was measured where `measured(name)` reads it."""
    Measured.model_validate(found)
    path = ASSETS / "measured" / f"{name}.json"
    write_atomically(path, _text(found).encode())
    print(path)


def _text(found: dict) -> str:
    """As JSON, each list of numbers on one line."""
    text = json.dumps(found, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda numbers: re.sub(r"\s+", " ", numbers[0]), text) + "\n"


def ablations(model: Transformer, dataset: Dataset) -> dict:
    """A shipped run with other attention, and after other numbers of passes."""
    features = features_of(model, dataset.test.images)
    labels = dataset.test.labels
    passes = accuracy(model, features, labels, passes=MOST_PASSES).tolist()
    found = accuracies(model, features, labels)
    found |= {f"passes {number}": value for number, value in enumerate(passes)}
    return {
        "about": f"Test accuracy of the shipped run {ATTENDS[model.kind]}: with attention as "
        "learned, with other attention in its place, and after 0 to 8 passes",
        "unit": "share",
        "values": {name: [value] for name, value in found.items()},
    }


def warnings(model: Transformer, dataset: Dataset) -> dict:
    """What the out-of-distribution warning finds of each kind of outsiders."""
    images, seeds = dataset.test.images, [1, 2, 3]
    detectors = {
        "with test images": calibrate(model, images),
        "fresh install": of_cifar10(model),
    }
    values = {}
    for name, detector in detectors.items():
        raised = detector.is_outsider(model, images).double().mean().item()
        values[f"{name}: test images"] = [raised] * len(seeds)
        for kind in KINDS:
            found = [detector.is_outsider(model, outsiders(kind, 200, seed)) for seed in seeds]
            values[f"{name}: {kind}"] = [each.double().mean().item() for each in found]
    return {
        "about": "Share of pictures that the out-of-distribution warning is raised for: of the "
        "10,000 test images, wrongly; of 200 drawn pictures of each kind, and of 20 photographs",
        "unit": "share",
        "seeds": seeds,
        "seeds_of": "the drawn pictures",
        "values": values,
    }


def groups(model: Transformer, dataset: Dataset) -> dict:
    """Accuracy by group size and order, and what another shuffle changes."""
    features, labels = features_of(model, dataset.test.images), dataset.test.labels
    found = list(by_size(model, features, labels))
    whole = [measure(model, features, labels, len(labels), way) for way in ("random", SORTED)]
    found.append((len(labels), *(verdict.accuracy for verdict in whole)))
    seeds = [1, 2, 3, 4, 5]
    first = measure(model, features, labels)
    again = [measure(model, features, labels, seed=seed) for seed in seeds]
    changed = [(each.guesses != first.guesses).double().mean().item() for each in again]
    return {
        "about": "Test accuracy of the shipped run by group size, shuffled and sorted by class; "
        "and the share of answers that change where groups of 16 are shuffled again",
        "unit": "share",
        "seeds": seeds,
        "seeds_of": "the shuffles",
        "values": {
            "answers changed": changed,
            "accuracy in groups of 16": [each.accuracy for each in again],
        },
        "curves": {
            "by size": {
                name: [row[place] for row in found]
                for place, name in enumerate(("size", "shuffled", "sorted"))
            }
        },
    }


def dependences(model: Transformer, dataset: Dataset) -> dict:
    """How independent the answers of a group are."""
    features, seeds = features_of(model, dataset.test.images), [0, 1, 2, 3, 4]
    found = [measure(model, features, dataset.test.labels, seed=seed) for seed in seeds]
    return {
        "about": "Variance of the number of right answers in a group of 16, beside that of "
        "independent answers",
        "unit": "ratio",
        "seeds": seeds,
        "seeds_of": "the shuffles",
        "values": {
            "groups of 16": [
                dependence(verdict, seed) for verdict, seed in zip(found, seeds, strict=True)
            ]
        },
    }


def looks(model: Transformer, dataset: Dataset) -> dict:
    """Where the 4 × 4 patches of a picture look, in each pass."""
    found = torch.stack([_where(model, part) for part in dataset.test.images.split(1000)])
    means = found.mean(dim=0)  # (P, 3); the parts are equally many
    names = ("itself", "middle", "corners")
    return {
        "about": "Share of a patch's attention that goes to itself, to the four patches in the "
        "middle and to the four in the corners; mean over all 4 × 4 patches and pictures",
        "unit": "share",
        "values": {
            f"{name}, pass {number}": [means[number - 1, place].item()]
            for place, name in enumerate(names)
            for number in range(1, len(means) + 1)
        },
    }


@torch.inference_mode()
def _where(model: Transformer, images: torch.Tensor) -> torch.Tensor:
    """The shares (P, 3) of some pictures (N, ...)."""
    passes = model.trace_features(features_of(model, images)).passes
    weights = torch.stack([one.weights for one in passes]).double()  # (P, N, 16, 16)
    itself = weights.diagonal(dim1=-2, dim2=-1).mean(dim=(1, 2))
    middle, corners = (weights[..., to].sum(-1).mean(dim=(1, 2)) for to in (MIDDLE, CORNERS))
    return torch.stack([itself, middle, corners], dim=-1)


def mirrored(model: Transformer, dataset: Dataset) -> dict:
    """What averaging over a picture and its mirror image gains."""
    found = {
        name: evaluate(model, dataset.test, tta=tta)
        for name, tta in (("as they are", "none"), ("averaged", "mirror"))
    }
    return {
        "about": f"Test accuracy of the shipped run {ATTENDS[model.kind]}: of answers for each "
        "picture as it is, and averaged over it and its mirror image (test-time augmentation)",
        "unit": "share",
        "values": {name: [each.accuracy] for name, each in found.items()},
    }


MIDDLE, CORNERS = [5, 6, 9, 10], [0, 3, 12, 15]  # of 4 × 4 patches
ATTENDS = {"images": "in groups of 16", "patches": "of patches, each picture alone"}
WEIGHTS = {f"{name}-patches-cifar10": PATCHES for name in ("ablation", "looks", "mirrored")}
MEASURES = {
    "ablation-patches-cifar10": ablations,
    "ablation-best-cifar10": ablations,
    "dependence-best-cifar10": dependences,
    "groups-best-cifar10": groups,
    "looks-patches-cifar10": looks,
    "mirrored-best-cifar10": mirrored,
    "mirrored-patches-cifar10": mirrored,
    "outsiders-best-cifar10": warnings,
}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
