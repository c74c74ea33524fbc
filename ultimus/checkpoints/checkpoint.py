"""Weights in and out: safetensors, and the seed's .pt files.

What comes in may be anybody's. It is read as what its bytes are, whatever its name, in little
time and memory; nothing of it is executed or kept on disk, and the model is a copy of plain
numbers. A file that is refused gets one sentence.
"""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from ..data.image_files import SIDE
from ..data.limits import MAX_CHECKPOINT_BYTES, one_line, shown
from ..data.sources import MAX_CLASSES, MIN_CLASSES
from ..errors import UserError, reason
from ..files import write_atomically
from ..model import Transformer
from . import safe_pickle
from .metadata import Origin

Form = Literal["safetensors", "pt"]

NUMBERS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
MAX_HEADER = 2**20  # bytes of a safetensors header; the network's takes 3 kB with its metadata
NESTED = ("state_dict", "model_state_dict", "model")  # what a .pt calls the weights among others
PARALLEL = "module."  # what torch's DataParallel puts before each name
NAME, SHAPE = 120, 40  # characters of a name and of a shape that an error repeats


class Checkpoint(NamedTuple):
    """A model from a file.

    Attributes:
        model: the network.
        origin: what the file says about it; its class names, if any, are as many as its classes.
        form: what kind of file it was.
    """

    model: Transformer
    origin: Origin
    form: Form


def save(path: Path, model: Transformer, **about: str) -> None:
    """Write a model's weights as safetensors, atomically, with text metadata."""
    write_atomically(Path(path), to_bytes(model, **about))


def to_bytes(model: Transformer, **about: str) -> bytes:
    """A model's weights as the content of a .safetensors file.

    Args:
        model: the network.
        about: text metadata, see `Origin.metadata`.
    """
    return to_safetensors(model.state_dict(), metadata=about)


def to_seed_bytes(model: Transformer) -> bytes:
    """A model's weights as the content of a .pt file, a state_dict that the seed's code loads."""
    buffer = BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()


def load(path: Path) -> Transformer:
    """A model from a .safetensors file, or from a .pt/.pth state_dict as the seed saves it.

    The content decides which of the two it is, never the name.

    Raises:
        UserError: the file is missing or damaged, is another architecture, or holds a weight
            that is not a finite number.
    """
    return read(path).model


def read(path: Path) -> Checkpoint:
    """A model and what its file says about it; see `load`.

    Raises:
        UserError: as for `load`.
    """
    path = Path(path)
    return loads(content_of(path), path.name)


def content_of(path: Path) -> bytes:
    """A file's content, for `loads`; of one that is too large no more than shows that.

    Raises:
        UserError: it is missing or cannot be read.
    """
    name = one_line(path.name, NAME)
    try:
        with open(path, "rb") as file:
            return file.read(MAX_CHECKPOINT_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError) as error:
        shown_path = one_line(str(path), NAME)
        raise UserError(f"There is no checkpoint {shown_path}: check the path.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{name} cannot be read ({reason(error)}): check it.") from error


def loads(content: bytes, name: str) -> Checkpoint:
    """A model from a file's content.

    Args:
        content: of a .safetensors, .pt or .pth file.
        name: how an error calls it.

    Raises:
        UserError: it is too large, damaged or of another kind, holds code, is another
            architecture, or holds a weight that is not a finite number.
    """
    name = one_line(name, NAME) or "The file"
    if not content:
        raise UserError(f"{name} is empty: choose another file.")
    if len(content) > MAX_CHECKPOINT_BYTES:
        raise safe_pickle.too_large(name)
    form, weights, metadata = _opened(content, name)
    model = Transformer(_checked_classes(weights, name))
    model.load_state_dict(weights)
    origin = Origin.read(metadata)
    if len(origin.classes) != model.classes:
        origin = replace(origin, classes=())
    return Checkpoint(model, origin, form)


@torch.inference_mode()
def check_answer(model: Transformer, name: str) -> None:
    """Refuse weights that are finite each, but too large to compute with.

    A run's own snapshots are not asked this: the last one before training blew up may be such.

    Raises:
        UserError: the answer to a grey picture is no finite number.
    """
    grey = torch.zeros(1, 3, SIDE, SIDE)
    if not model(grey).isfinite().all():
        raise UserError(
            f"{name} holds weights so large that the network's answers are no finite numbers: "
            "choose another file."
        )


def _opened(content: bytes, name: str) -> tuple[Form, dict[str, Any], dict[str, Any]]:
    """What kind of file it is, its weights, and its metadata."""
    if content[8:9] == b"{":  # safetensors: a JSON header after eight bytes with its length
        return "safetensors", *_safetensors(content, name)
    if safe_pickle.is_pickled(content):
        return "pt", _state_dict(safe_pickle.read(content, name), name), {}
    raise UserError(
        f"{name} is not a checkpoint, or only a part of one: choose a .safetensors file, or a .pt "
        "file that holds nothing but model.state_dict()."
    )


def _state_dict(content: Any, name: str) -> dict[str, Any]:
    """The weights of what a .pt file holds, by the names that they have in the network."""
    if isinstance(content, dict):
        content = next((content[key] for key in NESTED if key in content), content)
    if not isinstance(content, dict) or not content:
        raise UserError(f"{name} holds no weights: choose a file that holds model.state_dict().")
    if not all(isinstance(key, str) for key in content):
        raise UserError(f"{name} holds weights without names: {safe_pickle.REMEDY}.")
    # Neither items() nor dict(): in a pickle, an OrderedDict can be given other methods.
    weights = {key: content[key] for key in content}
    if all(key.startswith(PARALLEL) for key in weights):
        return {key.removeprefix(PARALLEL): value for key, value in weights.items()}
    return weights


def _safetensors(content: bytes, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors by name, and the metadata, which may be anything."""
    try:
        end = 8 + int.from_bytes(content[:8], "little")
        if end > MAX_HEADER:
            raise ValueError(f"a header of {end} bytes")
        header = json.loads(content[8:end], object_pairs_hook=_unique)
        metadata = header.pop("__metadata__", None)
        tensors = json.dumps(header).encode()  # what was checked, and no metadata to stumble over
        sound = len(tensors).to_bytes(8, "little") + tensors + content[end:]
        return from_safetensors(sound), metadata if isinstance(metadata, dict) else {}
    except Exception as error:  # damaged bytes are met with exceptions of many kinds
        raise UserError(
            f"{name} is damaged or cut off, as its header does not fit what follows: fetch or save "
            "it again."
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; the library would not mind an entry that is there twice."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("two entries of one name")
    return entries


def _checked_classes(weights: dict[str, Any], name: str) -> int:
    """How many classes the weights tell apart, if they are Ultimus's."""
    cap = weights.get("cap.weight")
    classes = len(cap) if isinstance(cap, Tensor) and cap.dim() else 0
    classes = classes if MIN_CLASSES <= classes <= MAX_CLASSES else MAX_CLASSES
    expected = Transformer(classes).state_dict()
    problems = {key: _problem(weights.get(key), value.shape) for key, value in expected.items()}
    unexpected = (key for key in weights if key not in expected)
    problems |= {key: _unexpected(weights[key]) for key in unexpected}
    for key, problem in problems.items():
        if problem:
            raise UserError(
                f"{name} does not hold a sound Ultimus network, since the tensor "
                f"'{shown(key)}' {problem}: choose another file."
            )
    return classes


def _unexpected(tensor: Any) -> str:
    shape = f"of the shape {_shape(tensor)} " if isinstance(tensor, Tensor) else ""
    return f"{shape}does not belong to it"


def _problem(tensor: Any, shape: torch.Size) -> str:
    """Why this is no weight of that shape; empty if it is one."""
    if tensor is None:
        return f"of the shape {tuple(shape)} is missing"
    if not isinstance(tensor, Tensor):
        return "is not a tensor"
    if tensor.shape != shape:
        return f"has the shape {_shape(tensor)}, not {tuple(shape)}"
    if tensor.dtype not in NUMBERS:
        return f"holds {tensor.dtype} instead of floating-point numbers"
    if not tensor.float().isfinite().all():
        return "holds numbers that are not finite"
    return ""


def _shape(tensor: Tensor) -> str:
    return one_line(str(tuple(tensor.shape)), SHAPE)
