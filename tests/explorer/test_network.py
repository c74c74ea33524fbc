"""The browser's network is torch's: the same pictures and weights through both.

Sizes are primes: 7 pictures, 5 passes, 11 classes with the handmade weights.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from ultimus.analysis.ablation import ABLATIONS, ablate
from ultimus.analysis.companions import influence
from ultimus.analysis.prediction import examples
from ultimus.analysis.walk import walk
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.explorer.scene import parts
from ultimus.model import Trace, Transformer, entropy
from ultimus.places import SHIPPED

HERE = Path(__file__).parent
B, PASSES = 7, 5
CELLS = ((1, 2, 5), (4, 6, 0), (3, 4, 4))
WALKED = ("query", "key", "products", "total", "score", "scores", "exponentials", "normalizer",
          "weights", "contributions", "mixed", "bias", "residual", "after")  # fmt: skip

needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="runs the browser's code: needs node, version 20 or later"
)


def shipped() -> Transformer:
    return checkpoint.load(SHIPPED / "best-cifar10" / "weights" / "39000.safetensors").eval()


def handmade() -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return Transformer(classes=11)


@needs_node
@pytest.mark.parametrize("make", [shipped, handmade])
def test_the_browsers_numbers_are_torchs(make, tmp_path):
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps(_told(make())))
    surroundings = {**os.environ, "ULTIMUS_NUMBERS": str(numbers)}
    command = ["node", "--test", str(HERE / "network.test.js")]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@torch.inference_mode()
def _told(model: Transformer) -> dict[str, Any]:
    pictures = examples().images[:B]
    x = preprocess(pictures)
    first = F.relu(model.conv1(x))
    trace = model.trace(x)
    alone = ablate(model, trace.features[3:4]).logits[-1, 0].softmax(-1)
    return {
        "weights": torch.cat([each.flatten() for each in model.parameters()]).tolist(),
        "parts": parts(model),
        "pictures": pictures.flatten(1).tolist(),
        "first": first[0].tolist(),
        "second": F.relu(model.conv2(first))[0].tolist(),
        "features": trace.features.tolist(),
        "passes": PASSES,
        "traces": {name: _as_json(ablate(model, trace.features, name, PASSES))
                   for name in ABLATIONS},
        "walks": [_walk(model, trace, *cell) for cell in CELLS],
        "influence": influence(model, trace.features, 2).tolist(),
        "alone": alone.tolist(),
        "whole": trace.logits[-1, 3].softmax(-1).tolist(),
        "entropy": entropy(trace.passes[0].weights).tolist(),
        "grids": [_of_patches(model, pictures[0], grid) for grid in (2, 3, 4, 8)],
    }  # fmt: skip


def _of_patches(model: Transformer, picture: torch.Tensor, grid: int) -> dict[str, Any]:
    """The same weights as a network of patches, exactly: their scores are far larger than trained
    ones', and so would float32's rounding be."""
    patches = Transformer(model.classes, grid=grid).double()
    patches.load_state_dict(model.state_dict())
    features = patches.features(preprocess(picture[None]).double())[0]
    found = patches.trace_features(features)
    return {
        "grid": grid,
        "features": features.tolist(),
        "weights": [one.weights.tolist() for one in found.passes],
        "logits": found.logits.tolist(),
        "uniform": ablate(patches, features, "uniform").logits.tolist(),
        "influence": [_without(patches, features, place) for place in range(grid**2)],
    }


def _without(model: Transformer, features: torch.Tensor, place: int) -> list[float]:
    """How the answer from all patches changes when one of them leaves."""
    others = [other for other in range(len(features)) if other != place]
    answers = [model.trace_features(x).logits[-1].softmax(-1) for x in (features[others], features)]
    return (answers[0] - answers[1]).tolist()


def _as_json(trace: Trace) -> dict[str, Any]:
    return {
        "passes": [
            {
                **{name: value.tolist() for name, value in each._asdict().items()},
                "products": (each.q @ each.k.mT).tolist(),
            }
            for each in trace.passes
        ],
        "logits": trace.logits.tolist(),
    }


def _walk(model: Transformer, trace: Trace, number: int, i: int, j: int) -> dict[str, Any]:
    made = walk(model, trace, number, i, j)
    numbers = {name: getattr(made, name).tolist() for name in WALKED}
    return {"number": number, "i": i, "j": j, "numbers": numbers, "checked": sorted(made.check)}
