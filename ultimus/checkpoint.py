"""Weights in and out: safetensors, and the seed's .pt files."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from .errors import UserError
from .files import write_atomically
from .model import Transformer
from .sources import MAX_CLASSES, MIN_CLASSES

NUMBERS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
MAX_BYTES = 2**24  # the network takes 84 kB; beside it a .pt may hold an optimizer


def save(path: Path, model: Transformer, **about: str) -> None:
    """Write a model's weights as safetensors, atomically, with text metadata."""
    write_atomically(Path(path), to_safetensors(model.state_dict(), metadata=about))


def load(path: Path) -> Transformer:
    """A model from a .safetensors file, or from a .pt/.pth state_dict as the seed saves it.

    The content decides which of the two it is, never the name.

    Raises:
        UserError: the file is missing or damaged, is another architecture, or holds a weight
            that is not a finite number.
    """
    path = Path(path)
    weights = _read(path)
    model = Transformer(_checked_classes(weights, path.name))
    model.load_state_dict(weights)
    return model


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}: check the path.")
    if _unpacked_size(path) > MAX_BYTES:
        raise UserError(
            f"{path.name} takes more than {MAX_BYTES:,} bytes, too large for an Ultimus network: "
            "choose another file."
        )
    try:
        content = path.read_bytes()
        if content[8:9] == b"{":  # safetensors: a JSON header after eight bytes with its length
            return from_safetensors(content)
        # weights_only: anything else in a pickle could run code that the file brings along
        weights = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        return dict(weights.get("state_dict", weights))
    except Exception as error:  # damaged bytes are met with exceptions of many kinds
        raise UserError(
            f"{path.name} is not a readable checkpoint: choose a .safetensors file, or a .pt file "
            "that holds nothing but model.state_dict()."
        ) from error


def _unpacked_size(path: Path) -> int:
    """Bytes that reading it takes: a .pt file is a zip archive, which could be compressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        unpacked = 0
    return max(unpacked, path.stat().st_size)


def _checked_classes(weights: dict[str, Any], name: str) -> int:
    """How many classes the weights tell apart, if they are Ultimus's."""
    cap = weights.get("cap.weight")
    classes = len(cap) if _is_plain(cap) and cap.dim() else 0
    classes = classes if MIN_CLASSES <= classes <= MAX_CLASSES else MAX_CLASSES
    expected = Transformer(classes).state_dict()
    problems = {key: _problem(weights.get(key), value.shape) for key, value in expected.items()}
    problems |= {key: "does not belong to it" for key in weights if key not in expected}
    for key, problem in problems.items():
        if problem:
            raise UserError(
                f"{name} does not hold a sound Ultimus network, since the tensor "
                f"{str(key)[:80]!r} {problem}: choose another file."
            )
    return classes


def _is_plain(value: Any) -> bool:
    """Whether this is a tensor with a shape and with numbers, of which some kinds lack one."""
    is_dense = isinstance(value, Tensor) and value.layout is torch.strided
    return is_dense and not value.is_nested and not value.is_meta


def _problem(tensor: Any, shape: torch.Size) -> str:
    """Why this is no weight of that shape; empty if it is one."""
    if tensor is None:
        return "is missing"
    if not _is_plain(tensor):
        return "is not a plain tensor"
    if tensor.dtype not in NUMBERS:
        return f"holds {tensor.dtype} instead of floating-point numbers"
    if tensor.shape != shape:
        return f"has the shape {tuple(tensor.shape)}, not {tuple(shape)}"
    if not tensor.float().isfinite().all():
        return "holds numbers that are not finite"
    return ""
