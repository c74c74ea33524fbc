"""Files that hold no weights of torch's are named for what they are."""

import gzip
import json
import tarfile
import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
from support.handmade import network, saved, zipped

from ultimus.checkpoints import checkpoint, foreign


def packed(form: str) -> bytes:
    content, buffer = saved(network().state_dict()), BytesIO()
    if form == "zip":
        return zipped({"run/best.pt": content, "run/log.txt": b"x"}, zipfile.ZIP_DEFLATED)
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        about = tarfile.TarInfo("best.pt")
        about.size = len(content)
        tar.addfile(about, BytesIO(content))
    return buffer.getvalue()


def traced() -> bytes:
    buffer = BytesIO()
    torch.jit.save(torch.jit.trace(network(), torch.zeros(2, 3, 32, 32)), buffer)
    return buffer.getvalue()


def exported() -> bytes:
    buffer = BytesIO()
    torch.export.save(torch.export.export(network(), (torch.zeros(2, 3, 32, 32),)), buffer)
    return buffer.getvalue()


def arrays(many: bool) -> bytes:
    buffer = BytesIO()
    weights = {name: tensor.numpy() for name, tensor in network().state_dict().items()}
    np.savez(buffer, **weights) if many else np.save(buffer, weights["cap.weight"])
    return buffer.getvalue()


INDEX = {"weight_map": {"conv1.weight": "model-00001-of-00002.safetensors"}}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (traced, "is a TorchScript program: save the weights with torch.save(torch.jit.load("),
        (exported, "is a program of torch.export: save the weights"),
        (lambda: b"\x08\x07\x12\x07pytorch\x1a\x051.9.0", "is an ONNX model"),
        (lambda: b"\x08\x0a\x12\x07pytorch\x1a\x052.13.0", "is an ONNX model"),
        (lambda: b"\x08\x01\x12\xff\x01", "is a TensorFlow SavedModel"),
        (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "is a Keras or HDF5 file"),
        (lambda: zipped({"config.json": b"{}", "model.weights.h5": b"x"}), "is a Keras model"),
        (lambda: bytes(4) + b"TFL3" + bytes(9), "is a TensorFlow Lite model"),
        (lambda: arrays(False), "is a single numpy array"),
        (lambda: arrays(True), "holds numpy arrays: save them with torch.save({name:"),
        (lambda: b"GGUF\3\0\0\0" + bytes(99), "is a GGUF file: put its arrays into the network"),
        (lambda: bytes(4) + b"ET12" + bytes(9), "is a program of ExecuTorch"),
        (lambda: b"<?xml version='1.0'?><net/>", "is a text of XML, as of OpenVINO"),
        (lambda: zipped({"Data/x/model.mlmodel": b"x"}), "is a Core ML model"),
        (lambda: zipped({"m/.data/extern_modules": b"torch"}), "is a package of torch.package"),
        (lambda: packed("zip"), "is an archive with run/best.pt in it: unpack it"),
        (lambda: packed("tar"), "is a tar archive: unpack it"),
        (lambda: gzip.compress(b"x"), "is packed with gzip: unpack it"),
        (lambda: json.dumps(INDEX).encode(), "is an index of shards (model-00001-of-00002.safet"),
        (lambda: b"{}  ", "is a text (JSON), as of settings, and no file of weights"),
        (lambda: b"<!doctype html>", "is a web page"),
        (lambda: b"version https://git-lfs.github.com/spec/v1", "is only a pointer of Git LFS"),
    ],
)
def test_a_file_is_named_for_what_it_is(refused, make, words):
    with refused(f"thing.pt {words}"):
        checkpoint.loads(make(), "thing.pt")


def test_a_part_of_a_distributed_checkpoint_is_named_by_its_name(refused):
    with refused("__0_0.distcp is a part of a distributed checkpoint: load its folder"):
        checkpoint.loads(saved({"part": 1}), "__0_0.distcp")


@pytest.mark.parametrize(("name", "what"), [("w.msgpack", "of Flax"), ("w.joblib", "by joblib")])
def test_a_file_of_another_library_is_named_by_its_name(refused, name, what):
    with refused(f"{name} ", what):
        checkpoint.loads(b"\x78\x5e" + bytes(99), name)


def test_a_shard_is_named_by_its_name(refused):
    part = checkpoint.to_bytes(network())
    with refused("is one of 2 shards", "load all of them"):
        checkpoint.loads(saved({"layer.weight": torch.ones(3)}), "model-00001-of-00002.bin")
    assert checkpoint.loads(part, "model-00001-of-00001.safetensors").model.classes == 10


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["model-00001-of-00002.safetensors"], "is a folder of shards"),
        (["saved_model.pb"], "is a folder of TensorFlow"),
        ([".metadata", "__0_0.distcp"], "is a distributed checkpoint"),
        (["optimizer.bin", "a.pt", "b.ckpt"], "give a file in it (a.pt, b.ckpt)"),
        (["notes.txt"], "is a folder without weights"),
        (["data/model.pth"], "give a file below it (data/model.pth)"),
        (["checkpoint-500/optimizer.pt"], "is a folder without weights"),
        (["weights/data.pkl", "weights/data/0"], "is a .pt file that was unpacked"),
        (["_METADATA", "manifest.ocdbt"], "is a checkpoint of Orbax"),
    ],
)
def test_a_folder_is_named_for_what_it_is(tmp_path, files, words):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"x")
    assert words in foreign.folder(tmp_path)


def test_a_folder_is_looked_through_up_to_a_number_which_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "MAX_LISTED", 4)
    for number in range(5):
        (tmp_path / f"{number}.txt").touch()
    assert "holds more than 4 files: give the file of weights itself" in foreign.folder(tmp_path)
