"""Weights go to other tools and say the same there."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ultimus
from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint, export_forms
from ultimus.checkpoints.metadata import Origin
from ultimus.data.augment import preprocess
from ultimus.model import Transformer
from ultimus.recipe import Recipe

SHIPPED = Path(ultimus.__file__).parents[1] / "assets/runs/best-cifar10/weights/39000.safetensors"


def pictures() -> torch.Tensor:
    """40 pictures: the examples, and they mirrored."""
    images = examples().images
    return torch.cat([images, images.flip(-1)])


def test_onnx_gives_the_answers_of_torch_for_any_batch():
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    model = checkpoint.load(SHIPPED).eval()
    session = runtime.InferenceSession(export_forms.to_onnx(model))
    images = preprocess(pictures())
    for batch in (1, 2, 16, 37):
        (found,) = session.run(None, {"images": images[:batch].numpy()})
        with torch.inference_mode():
            expected = model(images[:batch]).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
        assert np.array_equal(found.argmax(1), expected.argmax(1))


def test_without_its_packages_onnx_is_a_sentence(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with refused("ONNX needs two more packages", "pip install onnx onnxscript"):
        export_forms.to_onnx(Transformer())


KNOWN = Origin(
    run="a-run",
    step=17,
    epoch=0.5,
    recipe=Recipe(seed=3),
    data="CIFAR-10",
    classes=tuple("abcdefg"),
    train=50_000,
    test=10_000,
    accuracy=0.6899,
    group=16,
    version="0.1.0",
)


def test_a_hugging_face_folder_holds_the_weights_and_what_they_are():
    model = Transformer(7)
    files = export_forms.to_hugging_face(model, KNOWN)
    assert files.keys() == {"model.safetensors", "config.json", "README.md"}
    found = checkpoint.loads(files["model.safetensors"], "model.safetensors")
    assert found.origin == KNOWN and found.model.cap.bias.equal(model.cap.bias)
    config = json.loads(files["config.json"])
    assert config["id2label"] == {str(n): name for n, name in enumerate("abcdefg")}
    assert (config["num_labels"], config["image_size"], config["group"]) == (7, 32, 16)


def test_the_card_tells_what_was_measured_and_how():
    card = export_forms.to_hugging_face(Transformer(7), KNOWN)["README.md"].decode()
    assert "**68.99%** of 10,000 test images of CIFAR-10" in card and "groups of 16" in card
    assert "| step | 17 |" in card and '"seed": 3' in card and "20,911 parameters" in card
    bare = export_forms.to_hugging_face(Transformer(), Origin())["README.md"].decode()
    assert "have not been measured" in bare and "None" not in bare


def test_the_head_of_a_card_can_be_read():
    yaml = pytest.importorskip("yaml")
    card = export_forms.to_hugging_face(Transformer(7), KNOWN)["README.md"].decode()
    head = yaml.safe_load(card.split("---\n")[1])
    (result,) = head["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.6899
    assert head["pipeline_tag"] == "image-classification"


def test_patches_are_told_apart_in_every_form():
    model = Transformer(7, grid=4)
    files = export_forms.to_hugging_face(model, replace(KNOWN, group=1))
    assert checkpoint.loads(files["model.safetensors"], "it").model.grid == 4
    config = json.loads(files["config.json"])
    assert (config["network"], config["grid"]) == ("patches", "4")
    card = files["README.md"].decode()
    assert "4 × 4 patches" in card and "of one picture" in card and "each alone" in card
    assert "does not depend on the others" in card and "of a batch" not in card


def test_patches_as_onnx_give_torchs_answers():
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = Transformer(5, grid=4)
    images = torch.randn(7, 3, 32, 32)
    session = runtime.InferenceSession(export_forms.to_onnx(model))
    (logits,) = session.run(None, {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), model(images), atol=2e-5, rtol=0)
