"""`ultimus evaluate`: how often a run or a checkpoint is right on test images."""

import argparse
import json
import os
from pathlib import Path

from ..analysis.prediction import ready_data
from ..checkpoints import checkpoint
from ..data.classes import matched
from ..errors import UserError
from ..evaluation import evaluate
from ..model import Transformer
from .common import find_run, last_snapshot, note, open_data


def run(options: argparse.Namespace) -> int:
    """Print the measurement; returns the exit code."""
    model, classes, source = _model_and_data(options)
    dataset, order = matched(open_data(source), classes, model.classes)
    note(order)
    if not 1 <= options.group <= len(dataset.test):
        raise UserError(
            f"The group of {options.group} should be 1 to {len(dataset.test)}, the number of "
            "test images."
        )
    if model.kind == "patches":
        note(
            "The tokens of this network are the patches of one image, so groups of images make no "
            "difference."
        )
    result = evaluate(model, dataset.test, options.group, options.grouping)
    answer = {
        "accuracy": result.accuracy,
        "loss": result.loss,
        "group": result.group,
        "grouping": result.grouping,
        "images": result.images,
        "model": model.kind,
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "data": dataset.name,
    }
    if options.json:
        print(json.dumps(answer))
    else:
        print(
            f"{result.accuracy:.2%} of {result.images:,} test images of {dataset.name}, "
            f"{result.conditions}; loss {result.loss:.4f}"
        )
    return 0


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
