"""The decoded copy on disk, and the way from its bytes to the network's input."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ultimus.data import dataset, sources
from ultimus.data.augment import CUTOUT_FILL, Epoch, augment, preprocess
from ultimus.data.dataset import Split
from ultimus.recipe import Recipe

FILES = {*(f"{part}.npy" for part in dataset.PARTS), "dataset.json"}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home of the test's own."""
    monkeypatch.setenv("ULTIMUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path) -> str:
    """Two classes of seven pictures."""
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(7):
            picture = Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8))
            picture.save(tmp_path / "pets" / name / f"{number}.png")
    return str(tmp_path / "pets")


@pytest.fixture
def undecodable(monkeypatch):
    """From here on, whatever is decoded fails."""

    def read(*_):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(sources, "read", read)


def copies(home: Path) -> list[Path]:
    return sorted(path for path in (home / "decoded").iterdir() if path.is_dir())


def assert_same(one: dataset.Dataset, other: dataset.Dataset) -> None:
    assert one.fingerprint == other.fingerprint and one.classes == other.classes
    for mine, its in ((one.train, other.train), (one.test, other.test)):
        assert mine.images.equal(its.images) and mine.labels.equal(its.labels)


# The decoded copy -------------------------------------------------------------------------------


def test_shapes_are_there_at_once():
    opened = dataset.open_dataset("shapes")
    assert dataset.is_ready("shapes")
    assert opened.name == "Shapes" and opened.source == "shapes" and len(opened.classes) == 10
    assert opened.train.images.shape == (12_800, 3, 32, 32) and len(opened.test) == 2_000
    for split in (opened.train, opened.test):
        assert split.images.dtype == torch.uint8 and split.labels.dtype == torch.int64
        assert split.labels.bincount().tolist() == [len(split) // 10] * 10
    assert not opened.test.images.equal(opened.train.images[:2_000])


def test_it_is_decoded_once(home, folder, undecodable):
    assert not dataset.is_ready(folder)
    first = dataset.open_dataset(folder)
    assert dataset.is_ready(folder)
    undecodable()
    assert_same(first, dataset.open_dataset(folder))


def test_progress_ends_at_one(home, folder):
    told = []
    dataset.open_dataset(folder, told.append)
    assert told[-1] == 1 and told == sorted(told)
    dataset.open_dataset(folder, told.clear)  # needs no progress the second time


def test_nothing_else_is_left(home, folder):
    dataset.open_dataset(folder)
    (copy,) = copies(home)
    assert {path.name for path in copy.iterdir()} == FILES
    assert {path.suffix for path in copy.parent.iterdir()} == {"", ".lock"}


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "text", "zip", "other"])
def test_a_damaged_copy_is_made_anew(home, folder, name, damage):
    first = dataset.open_dataset(folder)
    (copy,) = copies(home)
    path = copy / name
    content = path.read_bytes()
    path.unlink()  # not overwritten: the first data set still maps it
    if damage == "other" and name != "dataset.json":
        np.save(path, np.zeros((5, 3, 2)))
    elif damage != "gone":
        other = {"empty": b"", "half": content[: len(content) // 2], "text": b"[1, 2]"}
        path.write_bytes({**other, "zip": b"PK\3\4" + content, "other": b"{}"}[damage])
    assert_same(first, dataset.open_dataset(folder))
    assert {path.name for path in copy.iterdir()} == FILES and copies(home) == [copy]


def test_what_a_killed_process_left_is_swept_away(home, folder):
    (home / "decoded").mkdir(parents=True)
    part = home / "decoded" / f"{sources.signature(folder).partition('-')[0]}.part"
    part.mkdir()
    (part / "train_images.npy").write_bytes(b"half")
    dataset.open_dataset(folder)
    assert len(copies(home)) == 1 and not part.exists()


def change_a_picture(folder: Path) -> None:
    Image.new("RGB", (32, 32)).save(folder / "cat" / "0.png")


def touch_a_picture(folder: Path) -> None:
    os.utime(folder / "cat" / "0.png", ns=(1, 1))


def add_a_picture(folder: Path) -> None:
    Image.new("RGB", (32, 32)).save(folder / "cat" / "more.png")


def remove_a_picture(folder: Path) -> None:
    (folder / "dog" / "3.png").unlink()


def rename_a_class(folder: Path) -> None:
    (folder / "dog").rename(folder / "cow")


@pytest.mark.parametrize(
    "change",
    [change_a_picture, touch_a_picture, add_a_picture, remove_a_picture, rename_a_class],
    ids=lambda change: change.__name__,
)
def test_a_changed_source_is_decoded_again_in_place_of_the_former(home, folder, change):
    first = dataset.open_dataset(folder)
    before = first.train.images.clone()
    change(Path(folder))
    assert not dataset.is_ready(folder)
    second = dataset.open_dataset(folder)
    assert (second.fingerprint == first.fingerprint) == (change is touch_a_picture)
    assert len(copies(home)) == 1
    assert first.train.images.equal(before)  # whoever still has the former keeps it


def test_the_same_folder_by_another_path_is_not_decoded_again(home, folder, undecodable):
    dataset.open_dataset(folder)
    link = Path(folder).with_name("link")
    link.symlink_to(folder)
    undecodable()
    assert dataset.open_dataset(str(link)).name == "pets"


def test_two_sources_keep_a_copy_each(home, folder, undecodable):
    other = shutil.copytree(folder, Path(folder).with_name("other"))
    for source in (folder, str(other)):
        dataset.open_dataset(source)
    undecodable()
    for source in (folder, str(other)):
        assert dataset.open_dataset(source).name == Path(source).name


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, folder, refused):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ULTIMUS_HOME", str(tmp_path / "file" / "home"))
    assert not dataset.is_ready(folder)
    with refused("(Not a directory)", "set ULTIMUS_HOME", str(tmp_path / "file" / "home")):
        dataset.open_dataset(folder)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(home, folder, refused):
    """A limit on the size of files stands in for the end of the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_999, before[1]))
    try:
        with refused("cannot be kept", "free some space"):
            dataset.open_dataset(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert copies(home) == []
    assert len(dataset.open_dataset(folder).train) == 12  # and works once there is space


def test_a_failed_decoding_leaves_nothing(home, folder, refused):
    (Path(folder) / "cat" / "3.png").write_bytes(b"no picture")
    with refused("cat/3.png"):
        dataset.open_dataset(folder)
    assert copies(home) == [] and not dataset.is_ready(folder)


def test_the_home_may_begin_with_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ULTIMUS_HOME", "~/data")
    assert dataset.download_folder() == tmp_path / "data" / "cifar10"
    monkeypatch.setenv("ULTIMUS_HOME", "")
    assert dataset.home() == tmp_path / ".cache" / "ultimus"


def mapping(file: Path) -> dict[str, int]:
    """What the system says of this process's mapping of a file, in kB."""
    sections = Path("/proc/self/smaps").read_text().split("VmFlags:")
    section = next(each for each in sections if str(file) in each)
    rows = [line.split() for line in section.splitlines() if line.endswith(" kB")]
    return {name.rstrip(":"): int(size) for name, size, _ in rows}


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")
def test_processes_share_its_pages():
    """Another process that reads all images finds the pages of this one; neither copies any."""
    opened = dataset.open_dataset("shapes")
    opened.train.images.sum()
    file = dataset._copy_of("shapes") / "train_images.npy"
    script = (
        "import json; from ultimus import open_dataset; from data.test_dataset import *; "
        "images = open_dataset('shapes').train.images; images.sum(); "
        "images[:7].float(); augment(images[:7], torch.ones(7).bool(), torch.zeros(7, 4).int()); "
        f"print(json.dumps(mapping(Path({str(file)!r}))))"
    )
    theirs = json.loads(in_a_process(script).communicate(timeout=60)[0])
    size = file.stat().st_size / 1000 * 0.9
    opened.train.images.sum()  # a machine short of memory may have taken pages back meanwhile
    for sizes in (theirs, mapping(file)):
        assert sizes["Rss"] > size and sizes["Anonymous"] == 0  # anonymous: copied
    assert theirs["Shared_Clean"] + theirs["Shared_Dirty"] > size


def in_a_process(script: str) -> subprocess.Popen:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_decode_once_and_both_succeed(home, folder):
    script = (
        "import time; from ultimus.data import dataset, sources; read = sources.read\n"
        "def slowly(*given):\n    print('decoded'); time.sleep(0.5); return read(*given)\n"
        f"sources.read = slowly; print(dataset.open_dataset({folder!r}).fingerprint)"
    )
    processes = [in_a_process(script) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert {words[-1] for words in printed} == {dataset.open_dataset(folder).fingerprint}
    assert sum(words.count("decoded") for words in printed) == 1
    assert {path.name for path in copies(home)[0].iterdir()} == FILES


def test_the_fingerprint_tells_data_apart():
    images, labels = np.zeros((5, 3, 32, 32), np.uint8), np.arange(5)
    arrays = sources.Arrays("a", ("x", "y"), images, labels, images[:3], labels[:3])
    others = [
        arrays,
        arrays._replace(classes=("y", "x")),
        arrays._replace(train_images=images + np.uint8(1)),
        arrays._replace(test_labels=labels[1:4]),
    ]
    assert len({dataset._fingerprint(each) for each in others}) == 4
    assert dataset._fingerprint(arrays._replace(name="b")) == dataset._fingerprint(arrays)


# From bytes to the network's input --------------------------------------------------------------


def some_images(count: int = 37) -> torch.Tensor:
    draw = np.random.default_rng(1)
    return torch.from_numpy(draw.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))


def test_preprocess_scales_as_the_seed_does():
    values = torch.arange(256, dtype=torch.uint8).expand(5, 3, 256)
    reference = (np.arange(256) / 255 - 0.5) / 0.5  # ToTensor, then Normalize(0.5, 0.5)
    found = preprocess(values)
    assert found.dtype == torch.float32 and found.shape == values.shape
    np.testing.assert_allclose(found, np.broadcast_to(reference, (5, 3, 256)), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_preprocess_leaves_its_input_alone(dtype):
    images = some_images().to(dtype)
    before = images.clone()
    preprocess(images)
    assert images.equal(before)


def augmented_one_by_one(images, flipped, holes, moves=None):
    images = images.numpy().copy()
    moves = moves or [(0, 0)] * len(images)
    for image, flip, (top, bottom, left, right), (up, aside) in zip(
        images, flipped, holes, moves, strict=True
    ):
        if flip:
            image[:] = image[:, :, ::-1].copy()
        wide = np.pad(image, ((0, 0), (16, 16), (16, 16)), mode="reflect")
        image[:] = wide[:, 16 + up : 48 + up, 16 + aside : 48 + aside]
        for row in range(max(top, 0), min(bottom, 32)):
            for column in range(max(left, 0), min(right, 32)):
                image[:, row, column] = 127
    return images


@pytest.mark.parametrize(("side", "shift"), [(0, 0), (1, 0), (7, 3), (8, 16), (32, 1)])
def test_augmentation_equals_a_loop_over_images(side, shift):
    recipe = Recipe(cutout=side, cutout_chance=0.7, flip=0.3, shift=shift, seed=side)
    images = some_images(211)
    epoch = Epoch(recipe, Split(images, torch.zeros(211)), 3)
    before = images.clone()
    assert (epoch.moves is None) == (shift == 0)
    found = augment(images, epoch.flipped, epoch.holes, epoch.moves)
    expected = augmented_one_by_one(
        images,
        epoch.flipped.tolist(),
        epoch.holes.tolist(),
        epoch.moves.tolist() if shift else None,
    )
    assert np.array_equal(found, expected)
    assert images.equal(before)


def test_no_augmentation_changes_nothing():
    images = some_images()
    nothing = torch.zeros(len(images), 4, dtype=torch.int64)
    assert augment(images, torch.zeros(len(images), dtype=torch.bool), nothing).equal(images)


COUNT = 20_011


def an_epoch(number: int = 0, **choices) -> Epoch:
    split = Split(torch.zeros(COUNT, 1, 1, 1, dtype=torch.uint8), torch.arange(COUNT))
    return Epoch(Recipe(**choices), split, number)


def test_as_many_are_mirrored_as_asked():
    for chance in (0, 0.25, 1):
        share = an_epoch(flip=chance).flipped.float().mean().item()
        assert share == pytest.approx(chance, abs=0.02)


def test_holes_have_the_size_and_number_asked_and_lie_anywhere():
    top, bottom, left, right = an_epoch(cutout=8, cutout_chance=0.25).holes.T
    cut = bottom > top
    assert cut.float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert set((bottom - top)[cut].tolist()) == set((right - left)[cut].tolist()) == {8}
    assert (left == right)[~cut].all()
    for begin in (top[cut], left[cut]):  # centred on any pixel, all equally often
        counts = (begin + 4).bincount(minlength=32)
        assert len(counts) == 32 and counts.min() > 0.6 * counts.float().mean()


def test_images_move_by_all_distances_alike():
    for moves in an_epoch(shift=3).moves.T:
        counts = (moves + 3).bincount(minlength=7)
        assert len(counts) == 7 and counts.min() > 0.9 * counts.float().mean()


def test_moving_leaves_what_else_is_drawn_alone():
    plain, moved = drawn(an_epoch(3, cutout=8)), drawn(an_epoch(3, cutout=8, shift=2))
    assert all(a.equal(b) for a, b in zip(plain, moved, strict=True))


def test_a_hole_is_the_grey_of_the_seed():
    images = augment(some_images(1), torch.tensor([False]), torch.tensor([[-4, 4, 28, 36]]))
    assert (images[0, :, :4, 28:] == CUTOUT_FILL).all()
    assert preprocess(images)[0, 0, 0, 31].abs() < 0.005  # next to nothing, for the network


def test_an_epoch_takes_every_image_once():
    order = an_epoch().order
    assert order.sort().values.equal(torch.arange(COUNT))
    assert not order.equal(torch.arange(COUNT))


def drawn(epoch: Epoch) -> tuple[torch.Tensor, ...]:
    return epoch.order, epoch.flipped, epoch.holes


def test_an_epoch_depends_on_seed_and_number_alone():
    torch.manual_seed(5)
    np.random.seed(5)
    first = drawn(an_epoch(3, seed=7, cutout=8))
    assert all(a.equal(b) for a, b in zip(first, drawn(an_epoch(3, seed=7, cutout=8)), strict=True))
    for number, seed in ((4, 7), (3, 8), (7, 3)):
        other = drawn(an_epoch(number, seed=seed, cutout=8))
        assert not any(a.equal(b) for a, b in zip(first, other, strict=True))


def test_a_batch_does_not_depend_on_those_before():
    recipe = Recipe(group=7, groups=3, cutout=8)
    split = Split(some_images(97), torch.arange(97))
    straight = [Epoch(recipe, split, 2).batch(index) for index in range(4)]
    for index in (3, 0, 2):
        images, labels = Epoch(recipe, split, 2).batch(index)
        assert images.equal(straight[index][0]) and labels.equal(straight[index][1])
    assert len(torch.cat([labels for _, labels in straight]).unique()) == 4 * 21


def test_a_batch_is_its_images_augmented_and_scaled():
    recipe = Recipe(group=7, groups=3, cutout=8, shift=5)
    epoch = Epoch(recipe, Split(some_images(97), torch.arange(97)), 0)
    images, labels = epoch.batch(1)
    assert labels.equal(epoch.order[21:42])
    drawn_here = (each[21:42].tolist() for each in (epoch.flipped, epoch.holes, epoch.moves))
    chosen = augmented_one_by_one(epoch.split.images[labels], *drawn_here)
    np.testing.assert_allclose(images, (chosen / 255 - 0.5) / 0.5, atol=1e-6)
