"""Ultimus: a tiny network whose images attend to each other, to train, watch and question.

The names below are the core, usable in a notebook; nothing here needs Streamlit. Each is loaded
when it is first used, so that whoever names a picture does not wait for what trains a network.
"""

import os
from importlib import import_module
from typing import Any

# How long threads spin while they wait for each other. Too short, and a step of a small batch has
# to wake them 40 times, which takes a third of it; too long, and on a busy machine they starve
# everything else, each other too: measured up to 60 times slower steps. Set before torch is loaded.
SPIN_COUNT = "3000"
os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)

__version__ = "0.1.0"

_ROOMS = {
    "analysis.ablation": ("ablate", "accuracy"),
    "analysis.companions": ("influence", "redraw"),
    "analysis.evidence": ("evidence",),
    "analysis.prediction": ("draw_companions", "predict"),
    "analysis.summary": ("summary",),
    "checkpoints.checkpoint": ("load", "save"),
    "data.augment": ("augment", "preprocess"),
    "data.dataset": ("Dataset", "open_dataset"),
    "errors": ("UserError",),
    "evaluation": ("evaluate", "features_of"),
    "model": ("Trace", "Transformer", "Ultimus", "attention", "entropy"),
    "recipe": ("PRESETS", "Recipe"),
    "runs.exchange": ("adopt", "export"),
    "runs.run": ("Run",),
    "training.trainer": ("train",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_ROOM_OF[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
