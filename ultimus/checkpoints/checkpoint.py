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
from ..data.limits import MAX_CHECKPOINT_BYTES, one_line
from ..errors import UserError, reason
from ..files import open_regular, write_atomically
from ..model import LARGEST_GRID, SMALLEST_GRID, Transformer
from . import foreign, safe_pickle, state_dicts
from .metadata import Origin
from .safe_pickle import Content
from .state_dicts import Found, SeveralWeights

Form = Literal["safetensors", "pt"]  # of files that are read

MAX_HEADER = 2**20  # bytes of a safetensors header; the network's takes 3 kB with its metadata
NAME = 120  # characters of a name that an error repeats


class Checkpoint(NamedTuple):
    """A model from a file.

    Attributes:
        model: the network.
        origin: what the file says about it; its class names, if any, are as many as its classes.
        form: what kind of file it was.
        note: what was taken of the file and what was left aside; empty if it holds no more.
    """

    model: Transformer
    origin: Origin
    form: Form
    note: str = ""


def save(path: Path, model: Transformer, **about: str) -> None:
    """Write a model's weights as safetensors, atomically, with text metadata."""
    write_atomically(Path(path), to_bytes(model, **about))


def to_bytes(model: Transformer, **about: str) -> bytes:
    """A model's weights as the content of a .safetensors file.

    Args:
        model: the network, whose kind is noted too.
        about: text metadata, see `Origin.metadata`.
    """
    return to_safetensors(model.state_dict(), metadata=about | model.signature)


def to_seed_bytes(model: Transformer) -> bytes:
    """A model's weights as the content of a .pt file, a state_dict that the seed's code loads.

    Of patches it is an entry beside what kind of network it is, so that the seed's code, whose
    tokens are images, refuses it.
    """
    weights = model.state_dict()
    buffer = BytesIO()
    whole = weights if model.kind == "images" else model.signature | {"weights": weights}
    torch.save(whole, buffer)
    return buffer.getvalue()


def _grid(metadata: dict[str, Any], name: str) -> int:
    """The grid of the network in a file, see `Transformer.signature`; without it of images."""
    if metadata.get("network") != "patches":
        return 1
    grids = {said: grid for grid in range(SMALLEST_GRID, LARGEST_GRID + 1)
             for said in (grid, str(grid))}  # fmt: skip
    grid = metadata.get("grid")
    if not isinstance(grid, str | int) or grid not in grids:
        raise UserError(
            f"{name} holds a network of patches and does not say of which grid, {SMALLEST_GRID} to "
            f"{LARGEST_GRID} a side: choose another file."
        )
    return grids[grid]


def load(path: Path) -> Transformer:
    """A model from a .safetensors file, or from a .pt/.pth state_dict as the seed saves it.

    The content decides which of the two it is, never the name.

    Raises:
        UserError: the file is missing or damaged, is another architecture, or holds a weight
            that is not a finite number.
    """
    return read(path).model


def read(path: Path, weights: str = "") -> Checkpoint:
    """A model and what its file says about it; see `load`.

    Raises:
        UserError: as for `load`.
    """
    path = Path(path)
    return loads(content_of(path), path.name, weights)


def content_of(path: Path) -> bytes:
    """A file's content, for `loads`; of one that is too large no more than shows that.

    Raises:
        UserError: it is missing, a folder, or cannot be read.
    """
    name = one_line(path.name, NAME)
    try:
        if path.is_dir():
            raise UserError(foreign.folder(path))
        with open_regular(path) as file:
            return file.read(MAX_CHECKPOINT_BYTES + 1)
    except FileNotFoundError as error:
        shown_path = one_line(str(path), NAME)
        raise UserError(f"There is no checkpoint {shown_path}: check the path.") from error
    except UserError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{name} cannot be read ({reason(error)}): check it.") from error


def loads(content: bytes, name: str, weights: str = "") -> Checkpoint:
    """A model from a file's content.

    Args:
        content: of a .safetensors, .pt or .pth file.
        name: how an error calls it.
        weights: which set is meant, if the file holds several.

    Raises:
        SeveralWeights: it holds several sets of weights, and none is named.
        UserError: it is too large, damaged or of another kind, holds code, is another
            architecture, or holds a weight that is not a finite number.
    """
    name = one_line(name, NAME) or "The file"
    if not content:
        raise UserError(f"{name} is empty: choose another file.")
    try:
        form, held, metadata = _opened(content, name)
        found = state_dicts.chosen(held.value, name, weights)
    except SeveralWeights:
        raise
    except UserError as error:
        raise _named_for_what_it_is(content, name) or error from None
    model = _model(found, name, _grid(metadata if form == "safetensors" else found.said, name))
    origin = Origin.read(metadata)
    if len(origin.classes) != model.classes:
        origin = replace(origin, classes=())
    aside = tuple(name for name in found.aside if name not in model.signature)
    return Checkpoint(model, origin, form, state_dicts.note(replace(found, aside=aside)))


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


def _opened(content: bytes, name: str) -> tuple[Form, Content, dict[str, Any]]:
    """What kind of file it is, what it holds, and its metadata."""
    if len(content) > MAX_CHECKPOINT_BYTES:
        raise safe_pickle.too_large(name)
    if content[8:9] == b"{":  # safetensors: a JSON header after eight bytes with its length
        tensors, metadata = _safetensors(content, name)
        return "safetensors", Content(tensors), metadata
    if safe_pickle.is_pickled(content):
        return "pt", _pickled(content, name), {}
    raise UserError(
        f"{name} is not a checkpoint, or only a part of one: choose a .safetensors file, or a .pt "
        "file that holds model.state_dict()."
    )


def _pickled(content: bytes, name: str) -> Content:
    held = safe_pickle.read(content, name)
    if held.modules and not state_dicts.sets(held.value):
        raise UserError(f"{name} holds a whole pickled model, which is code: {foreign.SAVE}.")
    return held


def _named_for_what_it_is(content: bytes, name: str) -> UserError | None:
    """What to say of a file without weights, if its kind is known."""
    account = foreign.account(content, name)
    return account and UserError(f"{name} {account[0]}: {account[1]}.")


def _model(found: Found, name: str, grid: int) -> Transformer:
    """The network with the weights that were found."""
    model = Transformer(state_dicts.classes(found), grid=grid)
    try:
        weights = {key: state_dicts.tensor_of(value) for key, value in found.tensors.items()}
    except Exception as error:  # damaged bytes are met with exceptions of many kinds
        raise safe_pickle.damaged(name) from error
    for key, value in weights.items():
        if not value.float().isfinite().all():
            raise UserError(
                f"{name} does not hold a sound Ultimus network, since the tensor '{key}' holds "
                "numbers that are not finite: choose another file."
            )
    model.load_state_dict(weights)
    return model


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
