"""What a browser is given of a run: pictures, and for each snapshot what follows.

The convolutions are computed here, once: a snapshot is the pictures' features and the small weights
of block and classifier, from which the browser computes the rest. Of the last one it has all the
weights, so that a reader's own picture can take part.

Shape letters: N pictures, S snapshots, D = 48 features.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..analysis.prediction import examples, ready_data
from ..checkpoints import checkpoint
from ..data.dataset import Split
from ..data.sources import CIFAR10_CLASSES
from ..errors import UserError
from ..evaluation import features_of
from ..model import Transformer
from ..plots import style
from ..plots.curves import smooth, thin
from ..runs.run import Run

PICTURES = 96  # at most; of 60 or more a group of 16 can be drawn again and again
SNAPSHOTS = 48  # at most: with so many pictures 1.7 MB of base64
SMALL = ("ultimusBlock", "cap")  # layers that a browser has of every snapshot
Pictures = tuple[tuple[str, ...], Split, str]  # classes, pictures, and what these are called
SMOOTHED = 30  # reports that a point of the loss averages
POINTS = 240  # of a curve


def scene(
    run: Run, steps: Sequence[int] | None = None, shown: Pictures | None = None
) -> dict[str, Any]:
    """A run as JSON that `scene.js` unpacks.

    Args:
        run: any run.
        steps: which of its snapshots, in order; by default all of them, or as many as fit.
        shown: its pictures; by default the first of its own test images.

    Raises:
        UserError: the run has no weights yet or is damaged, or its pictures are not here.
    """
    steps = spread(run.snapshots, SNAPSHOTS) if steps is None else list(steps)
    if not steps:
        raise UserError(f"The run {run.id} has kept no weights yet: let it train first.")
    classes, test, data = shown or pictures(run)
    models = [_model(run, step, len(classes)) for step in steps]
    with torch.inference_mode():
        features = np.stack([features_of(model, test.images).numpy() for model in models])
    return {
        "run": about(run, data),
        **frame(run, classes, test.images, test.labels),
        "snapshots": {
            "steps": steps,
            "epochs": epochs(run, steps),
            "parts": parts(models[-1], SMALL),
            "weights": packed(np.stack([flat(model, SMALL) for model in models])),
            "features": packed(features),  # (S, N, D)
        },
        "weights": whole(models[-1]),
    }


def about(run: Run, data: str) -> dict[str, Any]:
    """What a page says of a run; `data` is what its pictures are called."""
    recipe = run.info().recipe
    return {"id": run.id, "preset": recipe.preset, "seed": recipe.seed, "data": data}


def frame(run: Run, classes: Sequence[str], images: Tensor, labels: Tensor) -> dict[str, Any]:
    """What stays the same at every step: pictures (N, 3, 32, 32), their classes, the curves."""
    return {
        "classes": list(classes),
        "colors": colors(len(classes)),
        "pictures": {"pixels": packed(images.numpy()), "labels": labels.tolist()},
        "curves": curves(run),
    }


@torch.inference_mode()
def snapshot(model: Transformer, images: Tensor) -> dict[str, Any]:
    """What a browser needs of one step for some pictures (N, 3, 32, 32)."""
    return {
        "parts": parts(model, SMALL),
        "weights": packed(flat(model, SMALL)),
        "features": packed(features_of(model, images).numpy()),  # (N, D)
    }


def whole(model: Transformer) -> dict[str, Any]:
    """All weights of a network, with which a browser sees a picture of its reader."""
    return {"parts": parts(model), "numbers": packed(flat(model))}


def epochs(run: Run, steps: Sequence[int]) -> list[float]:
    """Steps of a run in epochs."""
    status = run.status()
    return [status.epoch_of(step) for step in steps]


def parts(model: Transformer, layers: tuple[str, ...] = ()) -> list[tuple[str, int]]:
    """The tensors of a network, or of some of its layers: their names in a browser, their sizes."""
    named = (
        (name, parameter.numel())
        for name, parameter in model.named_parameters()
        if _is_of(name, layers)
    )
    return [(name.removeprefix("ultimusBlock."), size) for name, size in named]


def _is_of(name: str, layers: tuple[str, ...]) -> bool:
    return not layers or name.split(".")[0] in layers


def flat(model: Transformer, layers: tuple[str, ...] = ()) -> np.ndarray:
    """The same tensors one after another."""
    tensors = [parameter.detach().flatten() for name, parameter in model.named_parameters()
               if _is_of(name, layers)]  # fmt: skip
    return torch.cat(tensors).numpy()


def packed(numbers: np.ndarray) -> str:
    """Bytes or little-endian float32 as base64."""
    kind = np.uint8 if numbers.dtype == np.uint8 else "<f4"
    return base64.b64encode(np.ascontiguousarray(numbers, kind)).decode()


def spread(steps: Sequence[int], most: int) -> list[int]:
    """All steps, or the first, the last and as many between that there are `most`."""
    places = np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int)
    return [steps[place] for place in places]


def pictures(run: Run) -> Pictures:
    """The run's classes, the first of its test images, and what these are called.

    Raises:
        UserError: they are not on this machine, and the examples cannot stand in for them.
    """
    info = run.info()
    classes = info.dataset.classes or CIFAR10_CLASSES
    dataset = ready_data(info.dataset.fingerprint, (info.recipe.data,))
    if dataset:
        first = Split(dataset.test.images[:PICTURES], dataset.test.labels[:PICTURES])
        return dataset.classes, first, f"test images of {dataset.name}"
    if classes == CIFAR10_CLASSES:
        return classes, examples(), "the example pictures, of CIFAR-10"
    raise UserError(
        f"The data of the run {run.id} ({info.data_name}) is not on this machine: bring it here, "
        "or choose another run."
    )


def _model(run: Run, step: int, classes: int) -> Transformer:
    model = checkpoint.load(run.snapshot(step)).eval()
    if model.kind == "patches":
        raise UserError(
            f"The network of {run.id} looks at the patches of one picture, and this page shows "
            "pictures that look at each other: choose another run."
        )
    if model.classes != classes:
        raise UserError(
            f"The network of {run.id} knows {model.classes} classes and the pictures {classes}: "
            "choose another run."
        )
    return model


def curves(run: Run) -> dict[str, Any]:
    """How a run was trained: points (step, value) of the smoothed training loss, of the test
    accuracy and of the learning rate; and how many steps and epochs it has made."""
    metrics, status = run.metrics(), run.status()
    step, loss = metrics.column("step"), metrics.column("loss")
    return {
        "loss": _points(*thin(step, smooth(loss, SMOOTHED), POINTS)),
        "accuracy": _points(step, metrics.column("test_accuracy")),
        "rate": _points(*thin(step, metrics.column("lr"), POINTS)),
        "steps": status.step,
        "epochs": status.epoch,
    }


def _points(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    known = np.isfinite(y)
    return np.stack([x[known], y[known]], axis=1).tolist()


def colors(classes: int) -> dict[str, Any]:
    """The colours of all figures."""
    return {
        "classes": style.class_colors(classes),
        "weights": style.MAKO,
        "negative": style.VIOLET,
        "positive": style.ORANGE_SCALE,
    }
