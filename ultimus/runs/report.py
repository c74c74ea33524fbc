"""A line of metrics: what the steps since the last one come to."""

from typing import Any

import torch

from ..data.augment import preprocess
from ..data.dataset import Dataset
from ..evaluation import fixed_groups
from ..model import entropy
from ..recipe import Recipe
from ..training.training import EpochResult, Progress, Training


class Report:
    """Gathers steps into lines of metrics.

    Args:
        recipe: of the run.
        dataset: that it trains on.
        training: the live state, before the first of the steps.

    Attributes:
        speed: images per second of the last line's steps, evaluations left out.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, training: Training):
        self.speed = 0.0
        self._batch = recipe.batch
        self._training = training
        self._trained = training.seconds  # up to the last line
        self._steps: list[Progress] = []
        self._probe = _probe(recipe, dataset).to(training.device)

    def add(self, progress: Progress) -> None:
        self._steps.append(progress)

    def line(self) -> dict[str, Any]:
        """Means over the steps since the last line; empty if there were none."""
        if not self._steps:
            return {}
        parts, last = self._steps, self._steps[-1]
        steps = sum(part.steps for part in parts)
        images, seconds = steps * self._batch, self._training.seconds
        self.speed = images / (seconds - self._trained)
        self._steps, self._trained = [], seconds
        return {
            "step": last.step,
            "epoch": last.epoch,
            "loss": sum(part.loss * part.steps for part in parts) / steps,
            "lr": last.lr,
            "train_accuracy": sum(part.correct for part in parts) / images,
            "grad_norm": sum(part.grad_norm * part.steps for part in parts) / steps,
            "attention_entropy": self._entropy(),
            "images_per_second": self.speed,
            "seconds": seconds,
            **_epoch(last.epoch_result),
        }

    @torch.inference_mode()
    def _entropy(self) -> list[float]:
        """Mean attention entropy of the probe group in each pass, in nats."""
        passes = self._training.model.trace(self._probe).passes
        return [entropy(one.weights).mean().item() for one in passes]


def _epoch(result: EpochResult | None) -> dict[str, Any]:
    """What the line of an epoch's last step says besides."""
    if result is None:
        return {}
    return {
        "epoch_loss": result.loss,
        "epoch_train_accuracy": result.train_accuracy,
        "test_accuracy": result.test.accuracy,
        "test_loss": result.test.loss,
        "test_group": result.test.group,
    }


def _probe(recipe: Recipe, dataset: Dataset) -> torch.Tensor:
    """The fixed group that is watched while training: the first one that testing uses."""
    test = dataset.test
    groups = fixed_groups(len(test), recipe.group, test.labels, recipe.grouping)
    return preprocess(test.images[groups[0]])
