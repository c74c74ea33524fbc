"""Ultimus: a tiny network whose images attend to each other, to train, watch and question.

The names below are the core, usable in a notebook; nothing here needs Streamlit.
"""

import os

# How long threads spin while they wait for each other. Too short, and a step of a small batch has
# to wake them 40 times, which takes a third of it; too long, and on a busy machine they starve
# everything else, each other too: measured up to 60 times slower steps. Set before torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

__version__ = "0.1.0"

from .ablation import ablate, accuracy, features_of
from .checkpoint import load, save
from .company import influence, redraw
from .data import Dataset, augment, open_dataset, preprocess
from .errors import UserError
from .evidence import evidence
from .exchange import adopt, export
from .model import Trace, Transformer, Ultimus, attention, entropy
from .predict import draw_companions, predict
from .recipe import PRESETS, Recipe
from .run import Run
from .summary import summary
from .train import evaluate, train

__all__ = [
    "PRESETS",
    "Dataset",
    "Recipe",
    "Run",
    "Trace",
    "Transformer",
    "Ultimus",
    "UserError",
    "ablate",
    "accuracy",
    "adopt",
    "attention",
    "augment",
    "draw_companions",
    "entropy",
    "evaluate",
    "evidence",
    "export",
    "features_of",
    "influence",
    "load",
    "open_dataset",
    "predict",
    "preprocess",
    "redraw",
    "save",
    "summary",
    "train",
]
