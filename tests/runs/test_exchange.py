"""Checkpoints out of runs and into runs."""

import json
import os
import pickle
from io import BytesIO
from pathlib import Path

import pytest
import torch
from safetensors import deserialize
from support.metrics import lines
from support.seed_notebook import SeedTransformer

import ultimus
from ultimus import UserError
from ultimus.checkpoints import checkpoint
from ultimus.data.sources import CIFAR10_CLASSES
from ultimus.model import Transformer
from ultimus.recipe import Recipe
from ultimus.runs.exchange import adopt, export, metadata, provenance
from ultimus.runs.run import Run

SHIPPED = Run(Path(ultimus.__file__).parents[1] / "assets" / "runs" / "steady-cifar10")
LAST = SHIPPED.snapshots[-1]


def header(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size])["__metadata__"]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# Out ----------------------------------------------------------------------------------------------


def test_an_exported_step_says_what_it_is():
    name, content = export(SHIPPED, LAST)
    assert name == f"ultimus-steady-cifar10-step{LAST}.safetensors"
    told = header(content)
    assert Recipe.from_json(told["recipe"]) == SHIPPED.info().recipe
    assert told["classes"].split("\n") == list(CIFAR10_CLASSES)
    assert (told["step"], told["accuracy"]) == (str(LAST), "0.6224")
    assert told["fingerprint"] == SHIPPED.info().dataset.fingerprint
    assert dict(deserialize(content)).keys() == Transformer().state_dict().keys()


def test_accuracy_is_told_only_where_it_was_measured():
    measured = {row["step"] for row in lines(SHIPPED) if "test_accuracy" in row}
    other = next(step for step in SHIPPED.snapshots if step not in measured)
    assert "accuracy" not in metadata(SHIPPED, other)


def test_the_pt_form_loads_into_the_seeds_own_code(tmp_path):
    name, content = export(SHIPPED, LAST, "pt")
    (tmp_path / name).write_bytes(content)
    seed = SeedTransformer()
    seed.load_state_dict(torch.load(tmp_path / name, weights_only=True), strict=True)
    images = torch.randn(7, 3, 32, 32)
    model = checkpoint.load(SHIPPED.snapshot(LAST)).eval()
    with torch.inference_mode():
        torch.testing.assert_close(seed(images), model(images), rtol=0, atol=1e-4)


def test_a_step_that_was_not_kept_is_refused(refused):
    with refused("no snapshot 7", str(LAST)):
        export(SHIPPED, 7)


# In -----------------------------------------------------------------------------------------------


def test_there_and_back(tmp_path):
    run = adopt(export(SHIPPED, LAST)[1], "mine.safetensors", tmp_path, owner="me")
    assert run.snapshots == (LAST,)
    assert (run.status().state, run.status().step) == ("done", LAST)
    assert run.info().recipe == SHIPPED.info().recipe
    assert run.info().owner == "me"
    own, theirs = (checkpoint.load(each.snapshot(LAST)).state_dict() for each in (run, SHIPPED))
    assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert run.info().dataset == SHIPPED.info().dataset
    assert metadata(run, LAST) | {"run": ""} == metadata(SHIPPED, LAST) | {"run": ""}
    assert "mine.safetensors" in provenance(run)
    assert "62.24%" in provenance(run)
    assert provenance(SHIPPED) == ""


def test_the_same_file_makes_one_run_for_each_owner(tmp_path):
    content = export(SHIPPED, LAST)[1]
    first = adopt(content, "a.safetensors", tmp_path, owner="me")
    assert adopt(content, "a.safetensors", tmp_path, owner="me").id == first.id
    assert adopt(content, "a.safetensors", tmp_path, owner="you").id != first.id


def test_a_file_is_called_as_it_was_given_whatever_had_the_same_content_before(tmp_path):
    content = export(SHIPPED, LAST)[1]
    adopt(content, "a.safetensors", tmp_path)
    assert "Loaded from b.safetensors" in provenance(adopt(content, "b.safetensors", tmp_path))


def test_it_is_told_which_weights_were_taken(tmp_path):
    state, buffer = Transformer().state_dict(), BytesIO()
    other = {name: each + 1 for name, each in state.items()}
    torch.save({"model": state, "ema": other, "epoch": 3}, buffer)
    runs = [adopt(buffer.getvalue(), "two.pt", tmp_path, weights=name) for name in ("model", "ema")]
    for run, name, aside in zip(runs, ("model", "ema"), ("ema", "model"), strict=True):
        told = provenance(run)
        assert f"The weights are the entry '{name}'; left aside: {aside}, epoch." in told
        assert "Only its weights are used" in told
    assert runs[0].id != runs[1].id


@pytest.mark.parametrize("classes", [3, 10])
def test_bare_weights_say_that_little_is_known(tmp_path, classes):
    content = checkpoint.to_seed_bytes(Transformer(classes))
    run = adopt(content, "seed.pt", tmp_path)
    assert run.snapshots == (0,)
    assert "how it was trained is not known" in provenance(run)
    named = run.info().dataset.classes
    assert named == (CIFAR10_CLASSES if classes == 10 else ("class 0", "class 1", "class 2"))
    assert ("taken to be those of CIFAR-10" in provenance(run)) == (classes == 10)
    assert "recipe" not in metadata(run, 0)


@pytest.mark.parametrize(
    "about",
    [
        {"step": "-3", "accuracy": "7", "recipe": "{", "classes": "a\nb"},
        {"step": "9" * 5000, "accuracy": "nan", "recipe": "[" * 9999, "classes": "\n" * 9},
        {"step": "x", "recipe": '{"lr": -1}', "data": "a\nb\x1b[2J" + "c" * 9999},
        {"classes": "\n".join(["<script>", "\u202e", *"abcdefgh"])},
    ],
)
def test_what_a_file_says_about_itself_is_not_trusted(tmp_path, about):
    run = adopt(checkpoint.to_bytes(Transformer(), **about), "x.safetensors", tmp_path)
    assert run.snapshots == (0,)
    assert len(run.info().dataset.classes) == 10
    said = (run.folder / "recipe.json").read_text()
    assert len(said) < 5000
    assert not any(sign in said for sign in ("\\u001b", "\\u202e"))
    assert "\n" not in provenance(run)


class Bomb:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_what_is_refused_leaves_nothing_behind(tmp_path, refused):
    runs = tmp_path / "runs"
    whole = export(SHIPPED, LAST)[1]
    weights = Transformer().state_dict()
    weights["cap.bias"] = torch.full((10,), torch.nan)
    torch.save(weights, tmp_path / "nan.pt")
    bad = {
        "bomb.pt": pickle.dumps(Bomb(tmp_path / "mark"), protocol=2),
        "cut.safetensors": whole[:-1],
        "nan.pt": (tmp_path / "nan.pt").read_bytes(),
        "big.pt": b"\0" * (2**24 + 1),
        "../../up.pt": b"",
    }
    for name, content in bad.items():
        with refused(name.split("/")[-1]):
            adopt(content, name, runs)
    assert not (tmp_path / "mark").exists()
    assert not runs.exists() or not files(runs)


def test_a_folder_that_cannot_be_written_gets_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match="cannot be used"):
        adopt(export(SHIPPED, LAST)[1], "x.safetensors", tmp_path / "runs")
