"""Weights in and out: safetensors, and the seed's .pt files."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from .errors import UserError
from .files import write_atomically
from .model import FEATURES, Transformer


def save(path: Path, model: Transformer, **about: str) -> None:
    """Write a model's weights as safetensors, atomically, with text metadata."""
    write_atomically(path, to_safetensors(model.state_dict(), metadata=about))


def load(path: Path) -> Transformer:
    """A model from a .safetensors file, or from a .pt/.pth state_dict as the seed saves it.

    Raises:
        UserError: the file is missing or damaged, is another architecture, or holds a weight
            that is not a finite number.
    """
    weights = _read(path)
    model = Transformer(_checked_classes(weights, path.name))
    model.load_state_dict(weights)
    return model


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}: check the path.")
    try:
        if path.suffix in (".pt", ".pth"):
            weights = torch.load(path, map_location="cpu", weights_only=True)
            weights = weights.get("state_dict", weights) if isinstance(weights, dict) else {}
        else:
            with safe_open(path, framework="pt") as file:
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise UserError(f"{path.name} is not a readable checkpoint: choose another.") from error
    if not all(isinstance(each, Tensor) for each in weights.values()):
        raise UserError(f"{path.name} is not a state_dict of tensors: choose another.")
    return weights


def _checked_classes(weights: dict[str, Tensor], name: str) -> int:
    """How many classes the weights tell apart, if they are Ultimus's."""
    cap = weights.get("cap.weight")
    classes = len(cap) if cap is not None and cap.shape[1:] == (FEATURES,) else 10
    expected = Transformer(classes).state_dict()
    for missing in expected.keys() - weights.keys():
        raise UserError(f"{name} is not an Ultimus network: it lacks the tensor {missing!r}.")
    for surplus in weights.keys() - expected.keys():
        raise UserError(f"{name} is not an Ultimus network: it has a tensor {surplus!r}.")
    for key, tensor in expected.items():
        if weights[key].shape != tensor.shape:
            raise UserError(
                f"{name} is not an Ultimus network: {key!r} has the shape "
                f"{tuple(weights[key].shape)}, not {tuple(tensor.shape)}."
            )
        if not weights[key].isfinite().all():
            raise UserError(f"{name} holds weights that are not finite numbers, in {key!r}.")
    return classes
