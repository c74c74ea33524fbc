"""Arrays in the forms of well-known data sets."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.data_sets import assert_holds, noise, read, write_class_folders

NINE = np.arange(9) % 3


def records(images: np.ndarray, *labels: np.ndarray) -> bytes:
    """CIFAR's binary form."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([np.stack(labels, 1).astype(np.uint8), planes], axis=1).tobytes()


def write_cifar100(folder: Path) -> None:
    for seed, split in enumerate(("train", "test")):
        fine = np.arange(200) % 100
        (folder / f"{split}.bin").write_bytes(records(noise(200, seed), fine // 5, fine))
    (folder / "fine_label_names.txt").write_text("\n".join(f"fine{n}" for n in range(100)))


def test_cifar100_binary_lets_its_fine_classes_be_chosen(tmp_path, refused):
    write_cifar100(tmp_path)
    with refused("has 100 classes: choose 2 to 10", "?classes=fine0,fine1"):
        read(tmp_path)
    arrays = read(f"{tmp_path}?classes=fine7,fine93")
    assert arrays.classes == ("fine7", "fine93") and arrays.train_labels.tolist() == [0, 1, 0, 1]
    assert_holds(arrays.test_images, noise(200, 1)[[7, 93, 107, 193]])


def test_changed_files_of_cifar100_are_not_answered_with_cifar10(tmp_path, refused):
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python/train").write_bytes(b"x")
    with refused("CIFAR-100 files", "fetch them again."):
        read(tmp_path)


def test_emnist_is_turned_upright(tmp_path):
    images = noise(9)[:, :28, :28, 0]
    for split in ("train", "test"):
        for kind, number, array in (("images", 3, images), ("labels", 1, NINE.astype(np.uint8))):
            head = struct.pack(">HBB", 0, 8, number) + struct.pack(f">{number}I", *array.shape)
            path = tmp_path / f"emnist-digits-{split}-{kind}-idx{number}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))
    upright = tmp_path / "upright"
    upright.mkdir()
    keys = {f"{split}_images": images.transpose(0, 2, 1) for split in ("train", "test")}
    np.savez(upright / "x.npz", **keys, train_labels=NINE, test_labels=NINE)
    assert np.array_equal(read(tmp_path_of(tmp_path)).train_images, read(upright).train_images)


def tmp_path_of(folder: Path) -> Path:
    """The idx files alone."""
    alone = folder / "idx"
    alone.mkdir()
    for path in folder.glob("*.gz"):
        path.rename(alone / path.name)
    return alone


def test_svhn_has_its_ten_as_the_digit_nought(tmp_path):
    io = pytest.importorskip("scipy.io", reason="scipy is optional")
    for seed, split in enumerate(("train", "test")):
        labels = np.arange(1, 11)[:, None]
        pixels = noise(10, seed).transpose(1, 2, 3, 0)
        io.savemat(tmp_path / f"{split}_32x32.mat", {"X": pixels, "y": labels})
    arrays = read(tmp_path)
    assert arrays.classes == tuple("0123456789")
    assert arrays.train_labels.tolist() == [*range(1, 10), 0]
    assert_holds(arrays.test_images, noise(10, 1))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (noise(9), np.eye(3)[NINE]),
        (noise(9), NINE.astype(np.float32)),
        (noise(9).astype(np.int64), NINE),
        (noise(9).astype(np.float32), NINE[:, None]),
        (noise(9) / 255, np.eye(3, dtype=bool)[NINE]),
    ],
)
def test_one_hot_labels_and_bytes_in_wider_numbers_are_read(tmp_path, images, labels):
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    arrays = read(tmp_path)
    assert_holds(arrays.train_images, noise(9))
    assert arrays.test_labels.tolist() == NINE.tolist()


@pytest.mark.parametrize("names", [("X_{}", "y_{}"), ("{}_images", "{}_labels")])
def test_a_pair_of_npy_files_for_each_split_is_read(tmp_path, names):
    for seed, split in enumerate(("train", "test")):
        for name, array in zip(names, (noise(9, seed), NINE), strict=True):
            np.save(tmp_path / f"{name.format(split)}.npy", array)
    arrays = read(tmp_path)
    assert_holds(arrays.train_images, noise(9))
    assert_holds(arrays.test_images, noise(9, 1))


def test_several_labels_for_a_picture_are_refused(tmp_path, refused):
    np.savez(tmp_path / "x.npz", train_images=noise(9), train_labels=np.ones((9, 3)))
    with refused("train_labels (9, 3)", "one of labels (N,)"):
        read(tmp_path)


@pytest.mark.parametrize(("form", "end"), [("HEIF", "heic"), ("TIFF", "tif"), ("TIFF", "")])
def test_class_folders_of_other_formats(tmp_path, form, end):
    if form == "HEIF":
        pytest.importorskip("pillow_heif", reason="pillow-heif is optional").register_heif_opener()
    for name in "ab":
        (tmp_path / name).mkdir()
        for number, image in enumerate(noise(5)):
            Image.fromarray(image).save(tmp_path / f"{name}/{number}{end and '.'}{end}", form)
    arrays = read(tmp_path)
    assert len(arrays.train_labels) + len(arrays.test_labels) == 10


def test_one_folder_in_a_test_split_is_no_class(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 5, "b": 5})
    write_class_folders(tmp_path / "test", {"images": 4})
    assert any("“test” has no labels" in note for note in read(tmp_path).notes)


@pytest.mark.parametrize("room", [-1, 0])
def test_a_table_is_read_up_to_its_limit(tmp_path, refused, monkeypatch, room):
    write_cifar100(tmp_path)
    size = (tmp_path / "train.bin").stat().st_size
    monkeypatch.setattr("ultimus.data.sources.binary.MAX_MEMBER_BYTES", size + room)
    source = f"{tmp_path}?classes=fine1,fine2"
    if not room:
        assert len(read(source).train_labels) == 4
    else:
        with refused("is larger than"):
            read(source)


def smooth(count: int) -> np.ndarray:
    """Pictures (N, 32, 32, 3) whose neighbouring pixels are alike, from black to white."""
    across = np.linspace(0, 255, 32)
    plane = (across[:, None] + across[None]) / 2
    images = np.stack([plane, plane.T[::-1], 255 - plane], axis=2)  # (32, 32, 3)
    return np.stack([np.roll(images, n, 1) for n in range(count)]).astype(np.uint8)


GREY = smooth(9)[..., 0]
BY_PLANES = smooth(9).transpose(0, 3, 1, 2).reshape(9, -1)


@pytest.mark.parametrize(
    ("images", "right"),
    [
        ((smooth(9) / 255).astype(np.float16), smooth(9)),
        (smooth(9).astype(np.float16), smooth(9)),
        (smooth(9).astype(np.uint16) * 257, smooth(9)),
        (smooth(9).astype(">u2"), smooth(9)),
        (BY_PLANES, smooth(9)),
        (smooth(9).reshape(9, -1), smooth(9)),
        (GREY.reshape(9, -1), GREY),
        (GREY.reshape(9, -1) / 255, GREY),
        (GREY > 127, (GREY > 127) * 255),
        ((GREY > 127).astype(np.int64), (GREY > 127) * 255),
    ],
)
def test_arrays_are_read_in_any_order_and_range_that_is_certain(tmp_path, images, right):
    np.savez(tmp_path / "x.npz", x_train=images, y_train=NINE, x_test=images, y_test=NINE)
    colours = right if right.ndim == 4 else np.repeat(right[..., None], 3, axis=3)
    difference = read(tmp_path).train_images.astype(int) - colours.transpose(0, 3, 1, 2)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("images", "what"),
    [
        (smooth(9).astype(np.uint16) * 16, "uint16 from 0 to 4080, and nothing says which is"),
        (smooth(9) / 255 - 0.5, "float64 from -0.5 to 0.5, so they were normalised: undo that"),
        (GREY // 16 * 1.0, "float64 from 0 to 15, and nothing says which is white"),
        (np.where(GREY == 0, np.nan, GREY), "numbers that are not finite"),
        (noise(9)[..., 0].reshape(9, -1) / 255, "rows of 1024 decimals, which may be pixels or"),
        (noise(9).astype(complex), "complex128, which are no numbers"),
    ],
)
def test_arrays_of_which_nothing_says_what_is_white_are_refused(tmp_path, refused, images, what):
    np.savez(tmp_path / "x.npz", x_train=images, y_train=NINE)
    with refused(what):
        read(tmp_path)


def test_files_of_labels_may_be_called_by_other_words(tmp_path):
    for images, labels in (("X", "Y"), ("data", "target")):
        folder = tmp_path / images
        folder.mkdir()
        np.save(folder / f"{images}.npy", noise(9))
        np.save(folder / f"{labels}.npy", NINE)
        arrays = read(folder)
        assert len(arrays.train_labels) + len(arrays.test_labels) == 9


def test_matlab_files_of_cifar_are_read(tmp_path):
    io = pytest.importorskip("scipy.io", reason="scipy is optional")
    for name in ("data_batch_1", "test_batch"):
        arrays = {"data": BY_PLANES, "labels": NINE[:, None], "batch_label": name}
        io.savemat(tmp_path / f"{name}.mat", arrays)
    names = np.array([["ant"], ["bee"], ["cow"]], dtype=object)
    io.savemat(tmp_path / "batches.meta.mat", {"label_names": names})
    arrays = read(tmp_path)
    assert arrays.classes == ("ant", "bee", "cow")
    assert_holds(arrays.train_images, smooth(9))
