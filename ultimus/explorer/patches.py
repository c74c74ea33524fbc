"""What a browser is given of a run whose tokens are patches: pictures, and whole networks.

The features of patches are many more numbers than a network's weights. So the browser computes them
itself, from the pictures.

Shape letters: N pictures, S snapshots.
"""

from collections.abc import Sequence
from typing import Any

from ..checkpoints import checkpoint
from ..errors import UserError
from ..model import Transformer
from ..runs.run import Run
from .scene import Pictures, about, epochs, flat, frame, packed, parts, pictures, spread

PICTURES = 32  # at most
SNAPSHOTS = 12  # at most, each 112 kB of base64


def is_of_patches(run: Run) -> bool:
    """Whether the tokens of a run's network are patches.

    Raises:
        UserError: the run is damaged.
    """
    return run.info().recipe.model == "patches"


def scene(
    run: Run, steps: Sequence[int] | None = None, shown: Pictures | None = None
) -> dict[str, Any]:
    """A run as JSON that `patches.js` unpacks.

    Args:
        run: one of patches.
        steps: which of its snapshots, in order; by default as many as fit.
        shown: its pictures; by default the first of its own test images.

    Raises:
        UserError: the run has no weights yet or is damaged, or its pictures are not here.
    """
    steps = spread(run.snapshots, SNAPSHOTS) if steps is None else list(steps)
    if not steps:
        raise UserError(f"The run {run.id} has kept no weights yet: let it train first.")
    classes, test, data = shown or pictures(run)
    models = [_model(run, step, len(classes)) for step in steps]
    return {
        "run": about(run, data),
        "grid": models[-1].grid,
        **frame(run, classes, test.images[:PICTURES], test.labels[:PICTURES]),
        "snapshots": {
            "steps": steps,
            "epochs": epochs(run, steps),
            "parts": parts(models[-1]),
            "weights": [packed(flat(model)) for model in models],
        },
    }


def snapshot(model: Transformer) -> dict[str, Any]:
    """What a browser needs of one step."""
    return {"parts": parts(model), "weights": packed(flat(model))}


def _model(run: Run, step: int, classes: int) -> Transformer:
    model = checkpoint.load(run.snapshot(step)).eval()
    if model.kind != "patches" or model.classes != classes:
        raise UserError(
            f"The weights of step {step} of {run.id} are of another network than the run's: choose "
            "another run."
        )
    return model
