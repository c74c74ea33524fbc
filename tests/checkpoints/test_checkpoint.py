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
from support.seed_notebook import SeedTransformer

from ultimus.checkpoints import checkpoint
from ultimus.checkpoints.metadata import Origin
from ultimus.errors import UserError
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
        assert file.metadata() == {
            "step": "17", "classes": "cat\ndog", "network": "images", "grid": "1"
        }  # fmt: skip


@pytest.mark.parametrize("grid", [2, 5, 8])
def test_a_network_of_patches_stays_one(tmp_path, grid):
    model = Transformer(7, grid=grid)
    again = checkpoint.loads(checkpoint.to_bytes(model, step="17"), "it").model
    pickled = checkpoint.loads(checkpoint.to_seed_bytes(model), "it")
    for other in (again, pickled.model):
        assert (other.kind, other.grid, other.classes) == ("patches", grid, 7)
        assert other.conv3.weight.equal(model.conv3.weight)
    assert pickled.note == "The weights are the entry 'weights'"
    with pytest.raises(RuntimeError):  # the seed's code takes no file of patches for its own
        SeedTransformer().load_state_dict(
            torch.load(BytesIO(checkpoint.to_seed_bytes(model)), weights_only=True)
        )


@pytest.mark.parametrize("about", [{}, {"network": "images"}, {"network": "resnet", "grid": "4"}])
def test_weights_that_do_not_speak_of_patches_are_of_images(tmp_path, about):
    weights = Transformer(7, grid=4).state_dict()
    save_file(weights, tmp_path / "it.safetensors", about)
    assert checkpoint.load(tmp_path / "it.safetensors").kind == "images"
    assert checkpoint.load(saved(tmp_path / "it.pt", about | {"w": weights})).kind == "images"


def test_what_kind_of_network_it_is_stands_beside_the_weights_at_any_depth():
    patches, images = Transformer(7, grid=4), Transformer(7)
    ours = torch.load(BytesIO(checkpoint.to_seed_bytes(patches)), weights_only=True)
    written = {"network": "patches", "grid": 4, **patches.state_dict()}  # as people write a number
    for held in (written, {"epoch": 3, "model": ours}, {"folds": [{"net": {"ema": ours}}]}):
        model, _, form, note = checkpoint.loads(_pickled(held), "x.pt")
        assert (model.kind, model.grid, form) == ("patches", 4, "pt") and "network" not in note
    both = _pickled({"ours": ours, "plain": images.state_dict()})
    kinds = [checkpoint.loads(both, "x.pt", name).model.kind for name in ("ours.weights", "plain")]
    assert kinds == ["patches", "images"]


def _pickled(held: dict) -> bytes:
    buffer = BytesIO()
    torch.save(held, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("grid", ["", "1", "9", "four", "٤", "4.0", " 4", "9" * 5000])
def test_patches_of_an_impossible_grid_are_refused(tmp_path, grid):
    about = {"network": "patches", "grid": grid}
    weights = Transformer(7).state_dict()
    save_file(weights, tmp_path / "it.safetensors", about)
    saved(tmp_path / "it.pt", about | {"weights": weights})
    for name in ("it.safetensors", "it.pt"):
        with pytest.raises(UserError, match=r"does not say of which grid, 2 to 8"):
            checkpoint.load(tmp_path / name)


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


@pytest.mark.parametrize("zipped", [False, True])
def test_what_a_training_saves_besides_is_left_aside(tmp_path, zipped):
    model = Transformer(7)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.zeros(3, 3, 32, 32)).sum().backward()
    optimizer.step()
    content = {
        "model_state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "losses": [2.5] * 997,
    }
    path = saved(tmp_path / "all.pt", content, _use_new_zipfile_serialization=zipped)
    assert checkpoint.load(path).cap.weight.equal(model.cap.weight)


def test_a_parallel_models_names_and_parameters_will_do(tmp_path, model):
    weights = {f"module.{name}": each for name, each in model.state_dict(keep_vars=True).items()}
    again = checkpoint.load(saved(tmp_path / "parallel.pt", weights))
    assert again.conv1.weight.equal(model.conv1.weight)
    assert again.conv1.weight.requires_grad


def test_what_comes_in_as_bytes_comes_with_its_origin(model):
    origin = Origin(run="a-run", step=17, classes=tuple("abcdefghij"), accuracy=0.25, group=7)
    found = checkpoint.loads(checkpoint.to_bytes(model, **origin.metadata()), "x")
    assert (found.form, found.origin) == ("safetensors", origin)
    found = checkpoint.loads(checkpoint.to_seed_bytes(model), "x")
    assert (found.form, found.origin) == ("pt", Origin())
    assert found.model.conv3.bias.equal(model.conv3.bias)


def test_class_names_that_are_not_as_many_as_the_classes_are_dropped(model):
    content = checkpoint.to_bytes(model, classes="cat\ndog", step="3")
    assert checkpoint.loads(content, "x").origin == Origin(step=3)


@pytest.mark.parametrize("length", range(0x80 - 64, 0x80 + 64))
def test_any_length_of_a_header_is_understood(length):
    """A length whose first byte is that of a pickle does not make the file one."""
    model = Transformer(2)
    content = checkpoint.to_bytes(model, note="x" * length)
    assert checkpoint.loads(content, "x").form == "safetensors"


def test_weights_that_are_too_large_to_compute_with_are_refused(refused, model):
    with torch.no_grad():
        model.conv1.bias.fill_(3e38)
        model.conv2.weight.fill_(3e38)
    with refused("huge holds weights so large"):
        checkpoint.check_answer(checkpoint.loads(checkpoint.to_bytes(model), "huge").model, "huge")


def test_half_precision_is_widened(tmp_path, model):
    halves = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_file(halves, tmp_path / "half.safetensors")
    again = checkpoint.load(tmp_path / "half.safetensors").state_dict()
    assert all(again[name].equal(half.float()) for name, half in halves.items())


# Bad files --------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path, refused):
    with refused("nowhere.pt"):
        checkpoint.load(tmp_path / "nowhere.pt")


def test_a_folder_is_no_missing_file(tmp_path, refused, model):
    with refused("is a folder without weights"):
        checkpoint.load(tmp_path)
    checkpoint.save(tmp_path / "model.safetensors", model)
    (tmp_path / "optimizer.bin").write_bytes(b"x")
    with refused(f"{tmp_path} is a folder: give a file in it (model.safetensors)"):
        checkpoint.load(tmp_path)


class Bomb:
    """A pickle that runs code when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("beside_weights", [False, True])
def test_code_in_a_file_is_refused_and_never_runs(tmp_path, refused, model, form, beside_weights):
    bomb, path = Bomb(tmp_path / "mark"), tmp_path / "bomb.pt"
    content = {"state_dict": model.state_dict(), "bomb": bomb} if beside_weights else bomb
    saved(path, content, _use_new_zipfile_serialization=form == "zip")
    with refused("bomb.pt holds code (posix.mkdir), which was not run", "model.state_dict()"):
        checkpoint.load(path)
    assert not bomb.mark.exists()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_without_torch_save_is_not_opened(tmp_path, refused, model, protocol):
    bomb, path = Bomb(tmp_path / "mark"), tmp_path / "bomb.pt"
    path.write_bytes(pickle.dumps({"state_dict": model.state_dict(), "bomb": bomb}, protocol))
    with refused("bomb.pt was written by pickle or joblib", "torch.save(model.state_dict()"):
        checkpoint.load(path)
    assert not bomb.mark.exists()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_whole_model_is_named_for_what_it_is(tmp_path, refused, model, zipped):
    path = saved(tmp_path / "whole.pt", model, _use_new_zipfile_serialization=zipped)
    with refused("whole.pt holds a whole pickled model", "torch.save(model.state_dict()"):
        checkpoint.load(path)


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
        ("conv2.bias", None, "'conv2.bias' of the shape (32,) is missing"),
        ("cap.weight", None, "'cap.weight' of the shape (10, 48) is missing"),
        ("conv4.bias", torch.zeros(5), "'conv4.bias' of the shape (5,) does not belong to it"),
        ("conv1.weight", torch.zeros(16, 1, 3, 3), "shape (16, 1, 3, 3), not (16, 3, 3, 3)"),
        ("ultimusBlock.q.bias", torch.zeros(()), "shape (), not (8,)"),
        ("cap.weight", torch.zeros(11, 48), "'cap.weight' has the shape (11, 48), not (10, 48)"),
        ("cap.weight", torch.zeros(7, 48), "'cap.bias' has the shape (10,), not (7,)"),
        ("cap.weight", torch.zeros(1).expand(10**12, 48), "not (10, 48)"),
        ("cap.weight", torch.zeros(()), "not (10, 48)"),
        ("cap.bias", torch.zeros(10, dtype=torch.int64), "'cap.bias' holds torch.int64"),
        ("cap.bias", torch.zeros(10, dtype=torch.complex64), "'cap.bias' holds torch.complex64"),
        ("cap.bias", 0.5, "'cap.bias' is not a tensor"),
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


KIND = "'cap.bias' is more than a plain tensor (torch._utils.{})".format


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (torch.zeros(10).to_sparse(), "holds sparse tensors: make them dense"),
        (torch.zeros(10, device="meta"), "was saved from the meta device and holds no numbers"),
        (torch.zeros(10).to(torch.float8_e5m2), "numbers of a kind that is not read, as of 8 bits"),
        (torch.quantize_per_tensor(torch.zeros(10), 0.1, 0, torch.qint8), KIND("_rebuild_qtensor")),
        (NESTED, KIND("_rebuild_nested_tensor")),
    ],
)
def test_tensors_of_other_kinds_are_refused(tmp_path, refused, model, tensor, reason):
    path = saved(tmp_path / "other.pt", changed(model, "cap.bias", tensor))
    with refused(reason):
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


def test_an_archive_that_is_compressed_is_refused(tmp_path, refused, model):
    plain = BytesIO()
    torch.save(model.state_dict(), plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with refused("small.pt is compressed", "save it again"):
        checkpoint.load(tmp_path / "small.pt")
