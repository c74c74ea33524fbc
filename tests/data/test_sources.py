"""Every source, good and broken: what is good is read exactly, what is broken is explained."""

import hashlib
import http.server
import pickle
import shutil
import socket
import tarfile
import threading
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from support.data_sets import (
    NAMES,
    NO_NAMES,
    assert_holds,
    encoded,
    noise,
    read,
    some_rows,
    write_class_folders,
    write_parquet,
)

from ultimus.data import dataset, limits, sources
from ultimus.data.sources import assemble, published
from ultimus.data.vision import torchvision

TRAIN, TEST = 29, 13
# Any source -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["", "nowhere", "~nobody/data", "x" * 999, "a\0b", "a\nb", "CIFAR10"]
)
def test_a_missing_folder_is_named(refused, source):
    for look in (read, sources.signature, dataset.is_ready, dataset.open_dataset):
        with refused(repr(source)):
            look(source)


def test_a_folder_may_begin_with_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    assert sources.signature("~/data") == sources.signature(str(tmp_path / "data"))


def test_a_whole_disk_is_refused(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_IMAGES", 11)
    for number in range(12):
        (tmp_path / f"{number}.png").touch()
    with refused("holds more than 11 files"):
        sources.signature(str(tmp_path))


def test_a_link_to_nowhere_is_passed_over(tmp_path):
    before = sources.signature(str(tmp_path))
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    assert sources.signature(str(tmp_path)) == before


# Parquet ----------------------------------------------------------------------------------------


def test_parquet_with_train_and_test(tmp_path):
    write_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", *some_rows(TRAIN))
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", *some_rows(TEST, seed=1))
    arrays = read(tmp_path)
    assert arrays.name == tmp_path.name and arrays.classes == NAMES
    assert_holds(arrays.train_images, noise(TRAIN))
    assert_holds(arrays.test_images, noise(TEST, seed=1))
    assert arrays.train_labels.dtype == arrays.test_labels.dtype == np.int64
    assert arrays.train_labels.tolist() == [i % 3 for i in range(TRAIN)]
    assert arrays.test_labels.tolist() == [i % 3 for i in range(TEST)]


def test_parquet_of_jpeg_pictures(tmp_path):
    rows = some_rows(TRAIN, form="JPEG")
    write_parquet(tmp_path / "train.parquet", *rows)
    write_parquet(tmp_path / "test.parquet", *some_rows(TEST))
    expected = np.stack([np.asarray(Image.open(BytesIO(each))) for each in rows[0]])
    assert_holds(read(tmp_path).train_images, expected)


def test_parquet_of_larger_pictures(tmp_path):
    large = encoded(np.full((71, 53, 3), 89, np.uint8))
    write_parquet(tmp_path / "train.parquet", [large] * 6, [0, 1, 2] * 2)
    arrays = read(tmp_path)
    assert arrays.train_images.shape == (3, 3, 32, 32) and (arrays.train_images == 89).all()


def test_several_files_are_one_set_in_order(tmp_path):
    for part in range(3):
        rows = some_rows(7, seed=part)
        write_parquet(tmp_path / f"train-0000{part}-of-00003.parquet", *rows, row_group_size=2)
    write_parquet(tmp_path / "test.parquet", *some_rows(TEST))
    assert_holds(read(tmp_path).train_images, np.concatenate([noise(7, part) for part in range(3)]))


def test_without_a_test_file_a_fifth_of_each_class_is_held_out(tmp_path):
    write_parquet(tmp_path / "train.parquet", *some_rows(45))
    arrays = read(tmp_path)
    assert np.bincount(arrays.train_labels).tolist() == [12] * 3
    assert np.bincount(arrays.test_labels).tolist() == [3] * 3
    both = np.concatenate([arrays.train_images, arrays.test_images]).reshape(45, -1)
    assert len(np.unique(both, axis=0)) == 45  # no picture is in both
    again = read(tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(arrays[2:], again[2:], strict=True))


@pytest.mark.parametrize(
    ("files", "train", "test"),
    [
        (["train-0.parquet", "test-0.parquet", "validation-0.parquet"], [0], [1]),
        (["train-0.parquet", "validation-0.parquet", "unsupervised-0.parquet"], [0], [1]),
        (["plain_text/train/0000.parquet", "plain_text/test/0000.parquet"], [0], [1]),
        (["Train.parquet", "Test.parquet"], [0], [1]),
        (["trainset.parquet", "testset.parquet"], [0], [1]),
        (["values.parquet", "eval.parquet"], [0], [1]),
        (["train.parquet", "dev.parquet"], [0], [1]),
        (["cifar_train.parquet", "cifar_test.parquet"], [0], [1]),
        (["my-data-train.parquet", "my-data-validation.parquet"], [0], [1]),
        (["petsTrain.parquet", "petsTest.parquet"], [0], [1]),
        (["train2017.parquet", "val2017.parquet"], [0], [1]),
        (["crash-test-train.parquet", "crash-test-test.parquet"], [0], [1]),
        (["training.parquet", "contest.parquet", "holdout.parquet"], [0], [2]),
        (["0.parquet", "1.parquet"], [0, 1], []),
        (["train/test-0.parquet", "train/train-0.parquet"], [1], [0]),
    ],
)
def test_the_files_roles_follow_from_their_names(tmp_path, files, train, test):
    paths = [tmp_path / file for file in files]
    for seed, path in enumerate(paths):
        write_parquet(path, *some_rows(TRAIN, seed=seed))
    arrays = read(tmp_path)
    pictures = np.concatenate([noise(TRAIN, seed=seed) for seed in train])
    if test:
        assert_holds(arrays.train_images, pictures)
        assert_holds(arrays.test_images, noise(TRAIN, seed=test[0]))
    else:
        assert len(arrays.train_labels) + len(arrays.test_labels) == len(pictures)


def test_only_a_test_file_is_refused(tmp_path, refused):
    write_parquet(tmp_path / "test.parquet", *some_rows(TEST))
    with refused("nothing to train on, only 13 pictures of test", "?train=none"):
        read(tmp_path)


def test_without_metadata_classes_are_numbered(tmp_path):
    write_parquet(tmp_path / "train.parquet", *some_rows(TRAIN), NO_NAMES)
    images, labels = some_rows(TEST)
    write_parquet(tmp_path / "test.parquet", images, [label + 1 for label in labels], NO_NAMES)
    assert read(tmp_path).classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    "about",
    [b"", b"{", b"[]", b"\xff", b"[" * 9_999, b'{"info": 5}', b'{"info": {"features": [1]}}'],
)
def test_broken_metadata_counts_as_none(tmp_path, about):
    path = write_parquet(tmp_path / "train.parquet", *some_rows(TRAIN), NO_NAMES)
    pq.write_table(pq.read_table(path).replace_schema_metadata({"huggingface": about}), path)
    assert read(tmp_path).classes == ("0", "1", "2")


def test_the_label_is_the_column_that_names_classes(tmp_path):
    path = write_parquet(tmp_path / "train.parquet", *some_rows(TRAIN), columns=("image", "kind"))
    table = pq.read_table(path).add_column(0, "id", pa.array(range(TRAIN)))
    table = table.add_column(0, "about", pa.array([{"x": 1}] * TRAIN))  # no picture either
    pq.write_table(table, path)
    arrays = read(tmp_path)
    assert arrays.classes == NAMES and np.bincount(arrays.train_labels).tolist() == [8, 8, 7]


@pytest.mark.parametrize("count", [1, 11])
def test_too_few_or_many_classes_are_refused_at_once(tmp_path, refused, count):
    names = tuple(f"class {number}" for number in range(count))
    write_parquet(tmp_path / "train.parquet", [b"no picture"], [0], names)
    with refused(f"{tmp_path.name} has {count} class", "2 to 10"):
        read(tmp_path)


def test_files_with_different_classes_are_refused(tmp_path, refused):
    write_parquet(tmp_path / "train.parquet", *some_rows(TRAIN))
    write_parquet(tmp_path / "test.parquet", *some_rows(TEST), names=NAMES[::-1])
    with refused("train.parquet and test.parquet name different classes"):
        read(tmp_path)


def test_truncated_anywhere_is_refused(tmp_path, refused):
    path = write_parquet(tmp_path / "train.parquet", *some_rows(TRAIN))
    whole = path.read_bytes()
    for length in [0, 1, 4, 8, 12, *range(13, len(whole), len(whole) // 23), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with refused("train.parquet", "download it again"):
            read(tmp_path)


def test_flipped_bytes_give_arrays_or_a_sentence(tmp_path):
    path = write_parquet(tmp_path / "train.parquet", *some_rows(TEST))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    draw = np.random.default_rng(3)
    for _ in range(97):
        broken = whole.copy()
        places = len(broken) - draw.integers(1, 2003, 2)  # mostly the footer
        broken[places] = draw.integers(0, 256, 2)
        path.write_bytes(broken.tobytes())
        try:
            assert read(tmp_path).train_images.shape[1:] == (3, 32, 32)
        except sources.UserError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["a", "b"], "label": [0, 1]},
        {"image": [{"bytes": "/etc/passwd"}], "label": [0]},  # text would be opened as a path
        {"image": [{"bytes": b"x"}], "label": [["cat", "dog"]]},  # of several classes
        {"image": [{"bytes": b"x"}], "file_name": ["x.png"]},
    ],
)
def test_wrong_columns_are_named(tmp_path, refused, table):
    pq.write_table(pa.table(table), tmp_path / "train.parquet")
    with refused("train.parquet has the columns", *table):
        read(tmp_path)


@pytest.mark.parametrize("label", [3, -2, 2**40])
def test_a_label_that_is_no_class_is_named_with_its_row(tmp_path, refused, label):
    images, labels = some_rows(TRAIN)
    write_parquet(tmp_path / "train.parquet", images, [*labels[:17], label, *labels[18:]])
    with refused(f"The label in row 17 of train.parquet is {label}", "none of the classes"):
        read(tmp_path)


def test_labels_may_count_from_one_or_be_any_numbers(tmp_path):
    images, labels = some_rows(TRAIN)
    write_parquet(tmp_path / "train.parquet", images, [7 * n + 1 for n in labels], NO_NAMES)
    assert read(tmp_path).classes == ("1", "8", "15")


@pytest.mark.parametrize("label", [-1, None])
def test_pictures_without_a_label_are_left_out_and_counted(tmp_path, label):
    images, labels = some_rows(TRAIN)
    write_parquet(tmp_path / "train.parquet", images, [*labels[:17], label, *labels[18:]])
    arrays = read(tmp_path)
    assert len(arrays.train_labels) + len(arrays.test_labels) == TRAIN - 1
    assert "Left out: 1 picture without a label." in arrays.notes


def test_minus_one_may_be_one_of_two_classes(tmp_path):
    images, labels = some_rows(TRAIN)
    signs = [1 if label else -1 for label in labels]
    write_parquet(tmp_path / "train.parquet", images, signs, NO_NAMES)
    assert read(tmp_path).classes == ("-1", "1")


def test_an_unsigned_label_too(tmp_path, refused):
    path = write_parquet(tmp_path / "train.parquet", *some_rows(TRAIN))
    table = pq.read_table(path).drop("label")
    column = pa.array([2**64 - 1] + [0] * (TRAIN - 1), pa.uint64())
    pq.write_table(table.append_column("label", column), path)
    with refused("row 0 of train.parquet is 18446744073709551615"):
        read(tmp_path)


@pytest.mark.parametrize("row", [0, 19])
@pytest.mark.parametrize("missing", ["struct", "bytes"])
def test_a_missing_picture_is_named_with_its_row(tmp_path, refused, row, missing):
    images, labels = some_rows(TRAIN)
    images[row] = None
    path = write_parquet(tmp_path / "train.parquet", images, labels)
    if missing == "bytes":
        table = pq.read_table(path)
        rows = [each or {"bytes": None, "path": ""} for each in table["img"].to_pylist()]
        table = table.set_column(0, "img", pa.array(rows, table.schema.field("img").type))
        pq.write_table(table, path)
    with refused(f"no picture in row {row} of train.parquet"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no picture", encoded(noise(1)[0])[:997]])
def test_a_corrupt_picture_is_named_with_its_row(tmp_path, refused, content):
    images, labels = some_rows(TRAIN)
    images[23] = content
    write_parquet(tmp_path / "train-1.parquet", images, labels)
    with refused("picture in row 23 of train-1.parquet"):
        read(tmp_path)


def test_no_rows_are_refused(tmp_path, refused):
    write_parquet(tmp_path / "train.parquet", [], [])
    with refused("no images"):
        read(tmp_path)
    write_parquet(tmp_path / "test.parquet", *some_rows(TEST))
    with refused("no images"):
        read(tmp_path)


def test_an_empty_file_among_others_is_passed_over(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", [], [])
    write_parquet(tmp_path / "train-1.parquet", *some_rows(TRAIN))
    assert len(read(tmp_path).train_labels) == TRAIN - 6


def test_too_many_rows_are_refused_before_decoding(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(limits, "MAX_IMAGES", 28)
    write_parquet(tmp_path / "train.parquet", [b"no picture"] * TRAIN, [0] * TRAIN)
    with refused("holds more than 28 images"):
        read(tmp_path)


def test_ten_familiar_classes_do_not_make_it_cifar10(tmp_path):
    images, _ = some_rows(20)
    labels = [number % 10 for number in range(20)]
    write_parquet(tmp_path / "train.parquet", images, labels, sources.CIFAR10_CLASSES)
    assert read(tmp_path).name == tmp_path.name


# Class folders ----------------------------------------------------------------------------------


def test_class_folders_with_a_split(tmp_path):
    write_class_folders(tmp_path / "train", {"dog": 7, "cat": 11})
    write_class_folders(tmp_path / "test", {"dog": 3, "cat": 5}, seed=2)
    arrays = read(tmp_path)
    assert arrays.name == tmp_path.name and arrays.classes == ("cat", "dog")
    assert_holds(arrays.train_images, np.concatenate([noise(11, 1), noise(7, 0)]))
    assert_holds(arrays.test_images, np.concatenate([noise(5, 3), noise(3, 2)]))
    assert np.bincount(arrays.train_labels).tolist() == [11, 7]
    assert np.bincount(arrays.test_labels).tolist() == [5, 3]


def test_class_folders_are_those_of_image_folder(tmp_path):
    write_class_folders(tmp_path, {"b c": 5, "A": 3, "ä": 2})
    (tmp_path / "b c" / "deeper").mkdir()
    shutil.copy(tmp_path / "A" / "000.png", tmp_path / "b c" / "deeper" / "x.PNG")
    (tmp_path / "A" / "notes.txt").write_text("not a picture, and not called one")
    (tmp_path / "README.md").write_text("beside the classes")
    reference = torchvision.datasets.ImageFolder(str(tmp_path))
    found = sources.look(str(tmp_path))
    (part,) = found.parts
    assert list(found.classes) == reference.classes
    paths = [str(tmp_path.joinpath(*file.parts)) for file in part.pictures()]
    assert sorted(zip(paths, part.labels, strict=True)) == sorted(reference.samples)


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize("test", ["test", "val", "validation"])
def test_names_of_the_split(tmp_path, train, test):
    write_class_folders(tmp_path / train, {"a": 5, "b": 7})
    write_class_folders(tmp_path / test, {"a": 2, "b": 3})
    arrays = read(tmp_path)
    assert len(arrays.train_labels) == 12 and len(arrays.test_labels) == 5


@pytest.mark.parametrize("inner", ["", "train"])
def test_without_a_split_a_fifth_of_each_class_is_held_out(tmp_path, inner):
    write_class_folders(tmp_path / inner, {"a": 19, "b": 2, "c": 7})
    arrays = read(tmp_path)
    assert np.bincount(arrays.train_labels).tolist() == [15, 1, 6]
    assert np.bincount(arrays.test_labels).tolist() == [4, 1, 1]


def test_a_class_may_be_called_train(tmp_path):
    write_class_folders(tmp_path, {"train": 5, "bus": 5, "car": 5})
    assert read(tmp_path).classes == ("bus", "car", "train")


def test_what_systems_leave_is_passed_over(tmp_path):
    write_class_folders(tmp_path, {"a": 5, "b": 5, ".ipynb_checkpoints": 1, "__MACOSX": 1})
    (tmp_path / "a" / "._000.png").write_bytes(b"a Mac's")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"a Mac's")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    arrays = read(tmp_path)
    assert arrays.classes == ("a", "b") and len(arrays.train_labels) == 8


def test_linked_class_folders_are_followed(tmp_path):
    write_class_folders(tmp_path / "elsewhere", {"a": 5, "b": 7})
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert len(read(tmp_path / "data").train_labels) == 10
    before = sources.signature(str(tmp_path / "data"))
    (tmp_path / "elsewhere" / "a" / "000.png").unlink()
    assert sources.signature(str(tmp_path / "data")) != before


def test_pictures_of_every_kind_together(tmp_path):
    write_class_folders(tmp_path, {"a": 3, "b": 3})
    image = noise(1)[0]
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    variants = {
        "jpeg.jpg": Image.fromarray(image),
        "grey.png": Image.fromarray(image[..., 0]),
        "deep.png": Image.fromarray(image[..., 0].astype(np.uint16) * 257),
        "palette.gif": Image.fromarray(image).quantize(31),
        "alpha.webp": Image.new("RGBA", (32, 32), (0, 0, 0, 0)),
        "odd.bmp": Image.new("RGB", (61, 17), (5, 7, 11)),
    }
    for name, picture in variants.items():
        picture.save(tmp_path / "a" / name)
    Image.fromarray(image).save(tmp_path / "a" / "turned.png", exif=exif)
    (part,) = sources.look(str(tmp_path)).parts
    files = [file for file, label in zip(part.pictures(), part.labels, strict=True) if not label]
    rows = (assemble.decoded(file, lambda: "it").transpose(1, 2, 0) for file in files)
    found = dict(zip((file.name for file in files), rows, strict=True))
    assert len(found) == 10
    assert np.array_equal(found["turned.png"], image[::-1, ::-1])
    assert np.array_equal(found["grey.png"], image[..., [0, 0, 0]])
    assert np.array_equal(found["deep.png"], image[..., [0, 0, 0]])
    assert (found["alpha.webp"] == 255).all() and (found["odd.bmp"] == (5, 7, 11)).all()


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "has no class folders"),
        ({"a": 5}, "has 1 class folder, a, with 5 pictures: put those of each class"),
        ({f"{number:02}": 1 for number in range(11)}, "has 11 classes: choose 2 to 10 of them"),
        ({"a": 5, "b": 0}, "The class folder 'b'"),
        ({"a": 5, "b": 1}, "The class 'b'"),
        ({"test/a": 5, "test/b": 5}, "nothing to train on"),
    ],
)
def test_too_little_or_too_much_is_refused(tmp_path, refused, counts, words):
    write_class_folders(tmp_path, counts)
    with refused(words):
        read(tmp_path)


def test_test_classes_have_to_be_those_of_train(tmp_path, refused):
    write_class_folders(tmp_path / "train", {"a": 2, "b": 3, "c": 2})
    write_class_folders(tmp_path / "test", {"a": 2, "b": 3, "d": 2})
    with refused("train and test have different classes (c, d)"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", encoded(noise(1)[0])[:997]])
@pytest.mark.parametrize("name", ["fine.png", "fine.jpg"])
def test_a_file_that_is_no_whole_picture_is_named(tmp_path, refused, content, name):
    write_class_folders(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "b" / name).write_bytes(content)
    with refused(f"b/{name}"):
        read(tmp_path)


def test_a_picture_in_another_format_is_named_not_passed_over(tmp_path, refused):
    write_class_folders(tmp_path, {"a": 5, "b": 5})
    Image.fromarray(noise(1)[0]).save(tmp_path / "b" / "scan.png", "PCX")
    with refused("b/scan.png", "PNG, JPEG"):
        read(tmp_path)


def test_progress_grows_to_one_over_both_parts(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 241, "b": 241})
    write_class_folders(tmp_path / "test", {"a": 23, "b": 23})
    told = []
    sources.read(str(tmp_path), Path("nowhere"), told.append)
    assert told == [500 / 528, 1]


# CIFAR-10 through torchvision -------------------------------------------------------------------


class Site:
    """A web site with a miniature of CIFAR-10 in its real layout, and what was asked of it."""

    def __init__(self, folder: Path):
        self.archive = folder / "cifar-10-python.tar.gz"
        self.images = noise(5 * TRAIN + TEST)
        self.labels = [int(label) for label in np.random.default_rng(1).integers(0, 3, 158)]
        self.sums = {}
        self.requests = 0
        self.status = 200
        self.answer = lambda write, content: write(content)
        with tarfile.open(self.archive, "w:gz") as archive:
            for place in range(5):
                self._add(archive, f"data_batch_{place + 1}", self._batch(place * TRAIN, TRAIN))
            self._add(archive, "test_batch", self._batch(5 * TRAIN, TEST))
            self._add(archive, "batches.meta", {"label_names": list(NAMES)})
        self.sum = hashlib.md5(self.archive.read_bytes()).hexdigest()

    def _batch(self, begin: int, count: int) -> dict:
        here = slice(begin, begin + count)
        pixels = self.images[here].transpose(0, 3, 1, 2).reshape(count, 3072)
        return {"data": np.ascontiguousarray(pixels), "labels": self.labels[here]}

    def _add(self, archive: tarfile.TarFile, name: str, content: dict) -> None:
        content = pickle.dumps(content)
        entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
        entry.size = len(content)
        archive.addfile(entry, BytesIO(content))
        self.sums[name] = hashlib.md5(content).hexdigest()

    def serve(self) -> http.server.ThreadingHTTPServer:
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.requests += 1
                content = site.archive.read_bytes()
                self.send_response(site.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                site.answer(self.wfile.write, content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # torchvision hangs up on its first request
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Torchvision's CIFAR10 fetches the miniature, and decoded data lie below tmp_path."""
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    server = site.serve()
    cifar10 = torchvision.datasets.CIFAR10
    train = [[f"data_batch_{number}", site.sums[f"data_batch_{number}"]] for number in range(1, 6)]
    meta = {**cifar10.meta, "md5": site.sums["batches.meta"]}
    monkeypatch.setattr(cifar10, "url", f"http://127.0.0.1:{server.server_port}/{cifar10.filename}")
    monkeypatch.setattr(cifar10, "tgz_md5", site.sum)
    monkeypatch.setattr(cifar10, "train_list", train)
    monkeypatch.setattr(cifar10, "test_list", [["test_batch", site.sums["test_batch"]]])
    monkeypatch.setattr(cifar10, "meta", meta)
    monkeypatch.setenv("ULTIMUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    yield site
    server.shutdown()
    server.server_close()


def assert_is_miniature(dataset: dataset.Dataset, site: Site) -> None:
    assert dataset.name == "CIFAR-10" and dataset.classes == NAMES
    assert_holds(dataset.train.images.numpy(), site.images[: 5 * TRAIN])
    assert_holds(dataset.test.images.numpy(), site.images[5 * TRAIN :])
    assert dataset.train.labels.tolist() + dataset.test.labels.tolist() == site.labels


def test_cifar10_is_downloaded_and_found_later(site):
    assert not dataset.is_ready("cifar10")
    assert_is_miniature(dataset.open_dataset("cifar10"), site)
    assert dataset.is_ready("cifar10")
    asked = site.requests
    assert asked > 0
    assert_is_miniature(dataset.open_dataset("cifar10"), site)
    shutil.rmtree(dataset.home() / "decoded")
    assert_is_miniature(dataset.open_dataset("cifar10"), site)  # from the files of the download
    shutil.rmtree(dataset.home() / "decoded")
    shutil.rmtree(dataset.download_folder() / "cifar-10-batches-py")
    assert_is_miniature(dataset.open_dataset("cifar10"), site)  # from its archive
    assert site.requests == asked


def test_a_folder_of_its_files_is_read_without_a_network(site, tmp_path):
    dataset.open_dataset("cifar10")
    folder = dataset.download_folder().rename(tmp_path / "mine")
    site.archive.unlink()
    assert_is_miniature(dataset.open_dataset(str(folder)), site)


@pytest.mark.parametrize("name", ["data_batch_3", "batches.meta"])
def test_a_folder_of_changed_files_is_refused_and_kept(site, tmp_path, refused, name):
    """They are pickles: one that is not what its checksum says is never opened."""
    dataset.open_dataset("cifar10")
    folder = dataset.download_folder().rename(tmp_path / "mine")
    file = folder / "cifar-10-batches-py" / name
    file.write_bytes(file.read_bytes() + b"x")
    asked = site.requests
    with refused(str(folder), "incomplete or changed"):
        dataset.open_dataset(str(folder))
    assert file.exists() and site.requests == asked


def cut_off(write, content):
    write(content[:9973])


def corrupt(write, content):
    write(content[:-1] + b"x")


@pytest.mark.parametrize("answer", [cut_off, corrupt])
def test_a_broken_download_is_one_sentence_and_can_be_repeated(site, refused, answer):
    good, site.answer = site.answer, answer
    with refused("CIFAR-10 could not be downloaded", "check the network", "try again"):
        dataset.open_dataset("cifar10")
    assert not dataset.is_ready("cifar10")
    site.answer = good
    assert_is_miniature(dataset.open_dataset("cifar10"), site)


def test_a_download_that_broke_off_earlier_is_repeated(site):
    dataset.download_folder().mkdir(parents=True)
    part = site.archive.read_bytes()[:9973]
    (dataset.download_folder() / "cifar-10-python.tar.gz").write_bytes(part)
    assert_is_miniature(dataset.open_dataset("cifar10"), site)


def test_a_server_that_cannot_be_reached_is_one_sentence(site, refused, monkeypatch):
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x.tar.gz"
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", url)
        with refused("Connection refused", "check the network"):
            dataset.open_dataset("cifar10")


def test_a_server_that_falls_silent_is_one_sentence(site, refused, monkeypatch):
    monkeypatch.setattr(published, "PATIENCE", 0.3)
    site.answer = lambda write, content: time.sleep(2)
    begin = time.monotonic()
    with refused("timed out", "check the network"):
        dataset.open_dataset("cifar10")
    assert time.monotonic() - begin < 1.5
    assert socket.getdefaulttimeout() is None


def test_a_server_without_the_file_is_one_sentence(site, refused):
    site.status = 404
    with refused("CIFAR-10 could not be downloaded", "404"):
        dataset.open_dataset("cifar10")


def test_a_download_folder_that_cannot_be_written_is_one_sentence(site, refused):
    dataset.home().mkdir(parents=True)
    dataset.download_folder().write_text("a file where the folder belongs")
    with refused("CIFAR-10 could not be downloaded", str(dataset.download_folder())):
        dataset.open_dataset("cifar10")


# The real data ----------------------------------------------------------------------------------


def test_the_real_data(real_data):
    opened = dataset.open_dataset(real_data)
    assert opened.name == "CIFAR-10 (JPEG copy)"
    assert opened.classes == sources.CIFAR10_CLASSES
    assert opened.train.images.shape == (50_000, 3, 32, 32)
    assert opened.test.images.shape == (10_000, 3, 32, 32)
    assert opened.train.labels.bincount().tolist() == [5_000] * 10
    assert opened.test.labels.bincount().tolist() == [1_000] * 10


def test_glances_are_repeated_once_they_are_old_and_old_ones_are_forgotten(tmp_path, monkeypatch):
    write_class_folders(tmp_path / "pets", {"a": 2, "b": 2})
    monkeypatch.setattr(sources, "_glances", {})
    first = sources.glance(str(tmp_path / "pets"))
    write_class_folders(tmp_path / "pets", {"c": 2})
    assert sources.glance(str(tmp_path / "pets")) == first
    monkeypatch.setattr(sources, "FRESH", 0)
    assert sources.glance(str(tmp_path / "pets")) != first
    sources.glance("shapes")
    assert list(sources._glances) == ["shapes"]
