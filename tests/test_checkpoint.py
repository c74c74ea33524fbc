"""Weights survive the way to disk and back; files that are not Ultimus's are refused."""

import os
import pickle
import warnings
import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from seed_notebook import SeedTransformer

from ultimus import checkpoint
from ultimus.model import Transformer


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(11)
    return Transformer()


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


# Good files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 7, 10])
def test_round_trip_is_bit_exact(tmp_path, classes):
    model = Transformer(classes)
    checkpoint.save(tmp_path / "weights.safetensors", model)
    again = checkpoint.load(tmp_path / "weights.safetensors")
    assert again.classes == classes
    for name, tensor in model.state_dict().items():
        assert again.state_dict()[name].equal(tensor)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_metadata_is_kept(tmp_path, model):
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, model, step="17", classes="cat\ndog")
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"step": "17", "classes": "cat\ndog"}


def test_a_text_path_will_do(tmp_path, model):
    checkpoint.save(f"{tmp_path}/weights.safetensors", model)
    assert checkpoint.load(f"{tmp_path}/weights.safetensors").classes == 10


@pytest.mark.parametrize("name", ["seed.pt", "seed.pth", "SEED.PT", "upload"])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_seeds_own_file_gives_the_seeds_logits(tmp_path, name, wrapped, zipped):
    torch.manual_seed(13)
    seed = SeedTransformer()
    weights = {"state_dict": seed.state_dict(), "epoch": 23} if wrapped else seed.state_dict()
    path = saved(tmp_path / name, weights, _use_new_zipfile_serialization=zipped)
    model = checkpoint.load(path)
    seed.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(7, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), seed(images), atol=1e-5, rtol=0)


def test_half_precision_is_widened(tmp_path, model):
    halves = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_file(halves, tmp_path / "half.safetensors")
    again = checkpoint.load(tmp_path / "half.safetensors").state_dict()
    assert all(again[name].equal(half.float()) for name, half in halves.items())


# Bad files --------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path, refused):
    with refused("nowhere.pt"):
        checkpoint.load(tmp_path / "nowhere.pt")
    with refused(str(tmp_path)):
        checkpoint.load(tmp_path)


class Bomb:
    """A pickle that runs code when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("beside_weights", [False, True])
def test_code_in_a_file_is_refused_and_never_runs(tmp_path, refused, model, form, beside_weights):
    bomb, path = Bomb(tmp_path / "mark"), tmp_path / "bomb.pt"
    content = {"state_dict": model.state_dict(), "bomb": bomb} if beside_weights else bomb
    if form == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        saved(path, content, _use_new_zipfile_serialization=form == "zip")
    with refused("bomb.pt is not a readable checkpoint", "model.state_dict()"):
        checkpoint.load(path)
    assert not bomb.mark.exists()


def test_a_whole_model_is_refused(tmp_path, refused, model):
    with refused("whole.pt", "nothing but model.state_dict()"):
        checkpoint.load(saved(tmp_path / "whole.pt", model))


@pytest.mark.parametrize("content", [None, 5, "text", [1, 2], {"state_dict": [1, 2]}, {}, {1: 2}])
def test_other_content_is_refused(tmp_path, refused, content):
    with refused("other.pt"):
        checkpoint.load(saved(tmp_path / "other.pt", content))


@pytest.mark.parametrize("content", [b"", b"{", b"PK\3\4", b"\0" * 997, b"\xff" * 8 + b"{}"])
@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_bytes_that_mean_nothing_are_refused(tmp_path, refused, content, name):
    (tmp_path / name).write_bytes(content)
    with refused(name):
        checkpoint.load(tmp_path / name)


@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_truncated_anywhere_is_refused(tmp_path, refused, model, form):
    path = tmp_path / "cut.file"
    if form == "safetensors":
        checkpoint.save(path, model)
    else:
        saved(path, model.state_dict(), _use_new_zipfile_serialization=form == "zip")
    whole = path.read_bytes()
    for length in [*range(1, 41), *range(41, len(whole), len(whole) // 41), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with refused("cut.file"):
            checkpoint.load(path)


@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_flipped_bytes_give_a_model_or_a_sentence(tmp_path, model, form):
    path = tmp_path / "broken.file"
    if form == "safetensors":
        checkpoint.save(path, model)
    else:
        saved(path, model.state_dict(), _use_new_zipfile_serialization=form == "zip")
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    draw = np.random.default_rng(3)
    for _ in range(61):
        broken = whole.copy()
        places = draw.integers(0, 2003, 3) * draw.choice([1, -1])
        broken[places] = draw.integers(0, 256, 3)
        path.write_bytes(broken.tobytes())
        try:
            assert checkpoint.load(path).classes == 10
        except checkpoint.UserError as error:
            assert "\n" not in str(error)


with warnings.catch_warnings(action="ignore"):  # torch calls them a prototype
    NESTED = torch.nested.nested_tensor([torch.zeros(3), torch.zeros(5)])


def changed(model, name, tensor):
    weights = {**model.state_dict(), name: tensor}
    return {key: value for key, value in weights.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("conv2.bias", None, "'conv2.bias' is missing"),
        ("cap.weight", None, "'cap.weight' is missing"),
        ("conv4.bias", torch.zeros(5), "'conv4.bias' does not belong to it"),
        ("conv1.weight", torch.zeros(16, 1, 3, 3), "shape (16, 1, 3, 3), not (16, 3, 3, 3)"),
        ("ultimusBlock.q.bias", torch.zeros(()), "shape (), not (8,)"),
        ("cap.weight", torch.zeros(11, 48), "'cap.weight' has the shape (11, 48), not (10, 48)"),
        ("cap.weight", torch.zeros(7, 48), "'cap.bias' has the shape (10,), not (7,)"),
        ("cap.weight", torch.zeros(1).expand(10**12, 48), "not (10, 48)"),
        ("cap.weight", torch.zeros(()), "not (10, 48)"),
        ("cap.bias", torch.zeros(10, dtype=torch.int64), "'cap.bias' holds torch.int64"),
        ("cap.bias", torch.zeros(10, dtype=torch.complex64), "'cap.bias' holds torch.complex64"),
        ("cap.bias", torch.zeros(10).to_sparse(), "'cap.bias' is not a plain tensor"),
        ("cap.bias", torch.zeros(10, device="meta"), "'cap.bias' is not a plain tensor"),
        ("cap.bias", torch.zeros(10).to(torch.float8_e5m2), "holds torch.float8_e5m2"),
        ("cap.bias", NESTED, "'cap.bias' is not a plain tensor"),
        ("cap.weight", NESTED, "'cap.weight' is not a plain tensor"),
        ("cap.bias", 0.5, "'cap.bias' is not a plain tensor"),
        ("conv3.bias", torch.full((48,), torch.nan), "'conv3.bias' holds numbers that are not"),
        ("conv3.bias", torch.full((48,), -torch.inf), "'conv3.bias' holds numbers that are not"),
        (
            "conv3.bias",
            torch.full((48,), 1e99, dtype=torch.float64),
            "'conv3.bias' holds numbers that are",
        ),
    ],
)
def test_the_wrong_tensor_is_named(tmp_path, refused, model, name, tensor, words):
    path = saved(tmp_path / "wrong.pt", changed(model, name, tensor))
    with refused("wrong.pt", words, "choose another"):
        checkpoint.load(path)


def test_the_wrong_tensor_is_named_in_safetensors_too(tmp_path, refused, model):
    save_file(changed(model, "conv2.bias", torch.zeros(31)), tmp_path / "wrong.safetensors")
    with refused("wrong.safetensors", "'conv2.bias' has the shape (31,), not (32,)"):
        checkpoint.load(tmp_path / "wrong.safetensors")


def test_a_large_file_is_refused_unread(tmp_path, refused):
    with open(tmp_path / "huge.pt", "wb") as file:
        file.truncate(2**34)  # a sparse file: takes no space, but would take 16 GB to read
    with refused("huge.pt takes more than 16,777,216 bytes"):
        checkpoint.load(tmp_path / "huge.pt")


def test_a_compressed_bomb_is_refused_unpacked(tmp_path, refused, model):
    plain = BytesIO()
    torch.save(changed(model, "bomb", torch.zeros(2**23)), plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert (tmp_path / "bomb.pt").stat().st_size < 2**20
    with refused("bomb.pt takes more than"):
        checkpoint.load(tmp_path / "bomb.pt")
