"""Weights in the forms of other tools: ONNX, and a folder as Hugging Face lays it out."""

import json
import warnings
from io import BytesIO
from typing import Literal
from zipfile import ZipFile

import torch

from ..data.groups import conditions
from ..data.image_files import SIDE
from ..errors import UserError
from ..model import FEATURES, HEAD, PASSES, Transformer, count_parameters
from .checkpoint import to_bytes
from .metadata import Origin

Form = Literal["safetensors", "pt", "onnx", "hf"]  # of files that are written
ONNX_NEEDS = "ONNX needs two more packages: install them with pip install onnx onnxscript."
EXAMPLE = 3  # images that the network is shown while it is written down; any number fits later


def to_onnx(model: Transformer) -> bytes:
    """A model as one .onnx file: images (batch, 3, 32, 32) to logits (batch, C), any batch.

    The images of a batch attend to each other there too; so do the patches of each, and no others,
    where these are the tokens.

    Raises:
        UserError: the packages for it are not installed.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(ONNX_NEEDS) from error
    with warnings.catch_warnings(action="ignore"):  # about the exporter's own future
        program = torch.onnx.export(
            model.eval(),
            (torch.zeros(EXAMPLE, 3, SIDE, SIDE),),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: "batch"},),
            external_data=False,
            verbose=False,
        )
    return program.model_proto.SerializeToString()


def to_hugging_face(model: Transformer, known: Origin) -> dict[str, bytes]:
    """A model as the files of a Hugging Face repository, by name.

    Args:
        model: the network.
        known: what is known about it, which the card tells.
    """
    config = json.dumps(_config(model, known), indent=2)
    return {
        "model.safetensors": to_bytes(model, **({"format": "pt"} | known.metadata())),
        "config.json": f"{config}\n".encode(),
        "README.md": _card(model, known).encode(),
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """Files as one archive, for a browser to save."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _config(model: Transformer, known: Origin) -> dict:
    names = known.classes or tuple(f"class {number}" for number in range(model.classes))
    return {
        "model_type": "ultimus",
        "architectures": ["Transformer"],
        "image_size": SIDE,
        "num_channels": 3,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "hidden_size": FEATURES,
        "head_size": HEAD,
        "passes": PASSES,
        "num_labels": model.classes,
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
        "group": known.group,
        **model.signature,
    }


def _card(model: Transformer, known: Origin) -> str:
    parameters = count_parameters(model)
    facts = {
        "run": known.run,
        "step": known.step,
        "epoch": None if known.epoch is None else f"{known.epoch:.4g}",
        "data": known.data,
        "images trained on": known.train,
        "images tested on": known.test,
        "Ultimus": known.version,
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value not in (None, "")]
    recipe = known.recipe and json.dumps(known.recipe.model_dump(mode="json"), indent=2)
    return CARD.format(
        metadata=_metadata(known),
        about=(ABOUT_IMAGES if model.kind == "images" else ABOUT_PATCHES).format(grid=model.grid),
        use=(USE_IMAGES if model.kind == "images" else USE_PATCHES),
        parameters=parameters,
        classes=model.classes,
        measured=_measured(known),
        table="\n".join(["| | |", "| --- | --- |", *rows]) if rows else "Nothing is known of it.",
        recipe=f"\n```json\n{recipe}\n```\n" if recipe else "",
    )


def _metadata(known: Origin) -> str:
    """The card's head, which the hub reads: JSON, which is YAML too."""
    head = {
        "library_name": "ultimus",
        "pipeline_tag": "image-classification",
        "tags": ["self-attention", "education"],
    }
    if known.accuracy is not None and known.group:
        metric = {"type": "accuracy", "value": known.accuracy, "name": _condition(known)}
        result = {
            "task": {"type": "image-classification"},
            "dataset": {"name": known.data or "unknown", "type": known.data or "unknown"},
            "metrics": [metric],
        }
        head["model-index"] = [{"name": known.run or "ultimus", "results": [result]}]
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in head.items())


def _condition(known: Origin) -> str:
    return f"test accuracy, {conditions(known.group, known.grouping)}"


def _measured(known: Origin) -> str:
    if known.accuracy is None or not known.group:
        return "These weights have not been measured on test images."
    of = f" of {known.test:,}" if known.test else ""
    data = f" of {known.data}" if known.data else ""
    named = f"**{known.accuracy:.2%}**{of} test images{data} are classified correctly"
    if known.group == 1:
        return f"{named}, each alone."
    together = conditions(known.group, known.grouping)
    return (
        f"{named}, {together}, the same each time, that attend to each other. In other groups, or "
        "alone, it is another number."
    )


ABOUT_IMAGES = """picture into 48 numbers, and one attention block, applied four times, lets
the pictures **of a batch** look at each other."""
ABOUT_PATCHES = """of {grid} × {grid} patches of a picture into 48 numbers, and one attention block,
applied four times, lets the patches **of one picture** look at each other."""
USE_IMAGES = """The answer for a picture depends on the others of its batch; alone, it attends only
to itself. So give pictures in groups as they were trained, or each alone, and say which."""
USE_PATCHES = "The answer for a picture does not depend on the others of its batch."
CARD = """---
{metadata}
---

# Ultimus

A network of {parameters:,} parameters that tells {classes} classes of 32 × 32 pictures apart: three
convolutions turn each {about}

{measured}

## Use

    pip install ultimus

    import ultimus
    model = ultimus.load("model.safetensors")
    logits = model(ultimus.preprocess(images))  # uint8 (N, 3, 32, 32) to (N, {classes})

{use}

## How it was made

{table}
{recipe}
"""
