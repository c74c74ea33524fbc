"""`ultimus evaluate`: how often a run or a checkpoint is right on test images."""

import argparse
import json
import os
from pathlib import Path

from ..analysis.own_class import OwnClass, own_class
from ..analysis.prediction import ready_data
from ..checkpoints import checkpoint
from ..data.classes import matched
from ..data.dataset import Dataset
from ..data.groups import SORTED
from ..errors import UserError
from ..evaluation import Evaluation, evaluate, features_of
from ..model import Transformer, count_parameters
from .common import find_run, last_snapshot, note, open_data


def run(options: argparse.Namespace) -> int:
    """Print the measurements; returns the exit code."""
    model, classes, source = _model_and_data(options)
    dataset, order = matched(open_data(source), classes, model.classes)
    note(order)
    _check(options, len(dataset.test))
    if model.kind == "patches":
        note(
            "The tokens of this network are the patches of one image, so groups of images make no "
            "difference."
        )
    grouping = SORTED if options.order == SORTED else options.grouping
    results = [
        evaluate(model, dataset.test, group, grouping, options.tta) for group in options.group
    ]
    composed = _own_class(model, dataset, options) if options.grouping != "random" else []
    answers = [_about(result, model, dataset) for result in results]
    for answer, found in zip(answers, composed, strict=False):
        answer |= {
            "own_class_attention": found.attention.tolist(),
            "by_chance": found.chance,
        }
    if options.json:
        print(json.dumps(answers[0] if len(answers) == 1 else answers))
    else:
        print("\n".join(_in_words(result, dataset) for result in results))
        print("".join(f"{_attention(one)}\n" for one in composed), end="")
    return 0


def _check(options: argparse.Namespace, images: int) -> None:
    """Refuse groups that there cannot be."""
    for group in options.group:
        if not 1 <= group <= images:
            raise UserError(
                f"The group of {group} should be 1 to {images}, the number of test images."
            )
    if options.order == SORTED and options.grouping != "random":
        raise UserError(
            f"Groups are either sorted or made of {options.grouping}: leave out --order or "
            "--grouping."
        )


def _about(result: Evaluation, model: Transformer, dataset: Dataset) -> dict:
    return {
        "accuracy": result.accuracy,
        "loss": result.loss,
        "group": result.group,
        "grouping": result.grouping,
        "tta": result.tta,
        "images": result.images,
        "model": model.kind,
        "parameters": count_parameters(model),
        "data": dataset.name,
    }


def _in_words(result: Evaluation, dataset: Dataset) -> str:
    return (
        f"{result.accuracy:.2%} of {result.images:,} test images of {dataset.name}, "
        f"{result.conditions}; loss {result.loss:.4f}"
    )


def _own_class(model: Transformer, dataset: Dataset, options: argparse.Namespace) -> list[OwnClass]:
    """How images look at their own class, whose members were put together on purpose."""
    if model.kind == "patches":
        return []
    test = dataset.test
    features = features_of(model, test.images)
    return [
        own_class(model, features, test.labels, group, options.grouping) for group in options.group
    ]


def _attention(measured: OwnClass) -> str:
    passes = ", ".join(f"{share:.3f}" for share in measured.attention)
    return f"attention to the own class, pass by pass: {passes}; by chance {measured.chance:.3f}"


def _model_and_data(options: argparse.Namespace) -> tuple[Transformer, tuple[str, ...], str]:
    """A network, its classes if they are known, and the data: what is asked for, else its own."""
    if os.path.isfile(options.what):
        model, origin, *_ = checkpoint.read(Path(options.what), options.weights)
        source = options.data or _ready(origin.fingerprint) or _not_ready(options.what)
        return model, origin.classes, source
    run = find_run(options.what, options.runs)
    info = run.info()
    model = checkpoint.load(last_snapshot(run))
    named = info.recipe.data
    source = options.data or _ready(info.dataset.fingerprint, named) or named
    return model, info.dataset.classes, source


def _ready(fingerprint: str, *sources: str) -> str:
    """The place of data that is ready on this machine; empty if it is not."""
    dataset = ready_data(fingerprint, sources) if fingerprint else None
    return dataset.source if dataset else ""


def _not_ready(file: str) -> str:
    raise UserError(
        f"{file} does not say what it was trained on, or that is not ready on this machine: give "
        "--data."
    )
