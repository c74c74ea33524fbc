"""`ultimus predict`: what a network takes pictures for, alone and among companions."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..analysis.prediction import Prediction, draw_companions, examples, predict, ready_data
from ..checkpoints import checkpoint
from ..data import image_files
from ..data.classes import matched
from ..data.dataset import Dataset
from ..data.sources import CIFAR10_CLASSES
from ..errors import UserError
from ..model import Transformer
from .common import find_run, last_snapshot, note, open_data, shown


def run(options: argparse.Namespace) -> int:
    """Print the answers; returns the exit code, 2 only where all pictures were refused."""
    network = _network(options)
    data = _companions_data(options, network) if network.model.kind == "images" else None
    pool = data.test if data else examples()
    companions = draw_companions(network.model, pool.images)
    read = [_read(file) for file in options.images]
    sound = [picture for picture in read if not isinstance(picture, UserError)]
    answers = iter(predict(network.model, np.stack(sound), companions) if sound else ())
    results = [picture if isinstance(picture, UserError) else next(answers) for picture in read]
    rows = list(zip(options.images, results, strict=True))
    show = _print_json if options.json else _print_table
    show(rows, _class_names(network, data))
    if sound and companions.any and not options.json:
        drawn = f"random test images of {data.name}" if data else "the example pictures"
        print(f"Averages over {len(companions.indices)} groups of {companions.size} with {drawn}.")
    note(companions.note)
    return 0 if sound else 2


class _Network(NamedTuple):
    """A network, and what is known about the data that it was trained on."""

    model: Transformer
    classes: tuple[str, ...] = ()
    fingerprint: str = ""
    sources: tuple[str, ...] = ()


def _network(options: argparse.Namespace) -> _Network:
    if os.path.isfile(options.what):
        model, origin, *_ = checkpoint.read(Path(options.what), options.weights)
        checkpoint.check_answer(model, options.what)
        return _Network(model, origin.classes, origin.fingerprint)
    run = find_run(options.what, options.runs)
    info = run.info()
    return _Network(
        checkpoint.load(last_snapshot(run)),
        info.dataset.classes,
        info.dataset.fingerprint,
        (info.recipe.data,),
    )


def _companions_data(options: argparse.Namespace, network: _Network) -> Dataset | None:
    """What --data names, else the network's own data if it is ready; None for the examples."""
    if options.data:
        data, order = matched(open_data(options.data), network.classes, network.model.classes)
        note(order)
        return data
    data = ready_data(network.fingerprint, network.sources)
    if not data:
        note(
            "Companions are the example pictures, since the network's own data is not known or not "
            "on this machine: name others with --data."
        )
    return data


def _class_names(network: _Network, data: Dataset | None) -> tuple[str, ...]:
    known = (network.classes, data.classes if data else (), CIFAR10_CLASSES)
    numbers = tuple(str(number) for number in range(network.model.classes))
    return next((names for names in known if len(names) == len(numbers)), numbers)


def _read(file: str) -> np.ndarray | UserError:
    """A picture (3, 32, 32) uint8, or why it is refused."""
    if not os.path.isfile(file):
        return UserError(f"There is no picture {shown(file)}: check the path.")
    try:
        read = image_files.reading(Path(file), shown(file))
        note("; ".join(f"{shown(file)}: {remark}" for remark in read.notes))
        return image_files.shrink(read.picture)
    except UserError as error:
        return error


def _print_json(rows: list[tuple[str, Prediction | UserError]], classes: tuple[str, ...]) -> None:
    print(json.dumps([{"file": file} | _about(result, classes) for file, result in rows]))


def _about(result: Prediction | UserError, classes: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(result, UserError):
        return {"error": str(result)}

    def by_name(probabilities: Tensor) -> dict[str, float]:
        return dict(zip(classes, probabilities.tolist(), strict=True))

    return {
        "class": classes[result.top],
        "probabilities": by_name(result.probabilities),
        "alone": by_name(result.alone),
        "together": None if result.together is None else by_name(result.together),
        "std": by_name(result.company.std),
        "low": by_name(result.company.low),
        "high": by_name(result.company.high),
        "change_rate": result.change_rate,
    }


def _print_table(rows: list[tuple[str, Prediction | UserError]], classes: tuple[str, ...]) -> None:
    """A line for each picture on standard output; why one is refused on the other."""
    answered = [(shown(file), result) for file, result in rows if isinstance(result, Prediction)]
    names = [shown(name) for name in classes]
    wide, class_wide = max((len(file) for file, _ in answered), default=0), max(map(len, names))
    if answered:
        print(
            f"{'file':{wide}}  {'in company':{class_wide + 8}}  {'alone':{class_wide + 8}}  changes"
        )
    for file, result in answered:
        answers = "  ".join(
            f"{names[int(answer.argmax())]:{class_wide}}  {answer.max():6.1%}"
            for answer in (result.probabilities, result.alone)
        )
        print(f"{file:{wide}}  {answers}  {result.change_rate:7.0%}")
    for _, error in rows:
        if isinstance(error, UserError):
            note(str(error))
