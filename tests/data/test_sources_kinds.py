"""Data sets as people keep them: what is understood of each, or the sentence that answers it."""

import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from support.data_sets import (
    NAMES,
    assert_holds,
    encoded,
    noise,
    read,
    some_rows,
    write_class_folders,
    write_parquet,
)

from ultimus.data import dataset, limits, sources, uploads
from ultimus.data.sources import assemble, splits

AB = {"a": 5, "b": 5}


def sizes(source: Path | str) -> tuple[int, int]:
    arrays = read(source)
    return len(arrays.train_labels), len(arrays.test_labels)


# Splits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"),
        ("cifar_train", "cifar_test"),
        ("Train", "Dev"),
        ("trainingset", "valset"),
        ("imagesTrain", "imagesTest"),
        ("training_set/training_set", "test_set/test_set"),
        ("data/train", "data/test"),
        ("pets/pets/train/images", "pets/pets/val/images"),
    ],
)
def test_folders_of_splits_are_no_classes(tmp_path, train, test):
    write_class_folders(tmp_path / train, {"a": 7, "b": 7})
    write_class_folders(tmp_path / test, {"a": 2, "b": 3})
    arrays = read(tmp_path)
    assert arrays.classes == ("a", "b")
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (14, 5)


def test_splits_inside_the_class_folders_are_used(tmp_path):
    for name in ("a", "b"):
        write_class_folders(tmp_path / name, {"train": 7, "test": 2})
    assert read(tmp_path).classes == ("a", "b") and sizes(tmp_path) == (14, 4)


@pytest.mark.parametrize("others", [(), ("sample",)])
def test_splits_without_class_folders_are_refused(tmp_path, refused, others):
    write_class_folders(tmp_path, {"train": 5, "test": 5} | dict.fromkeys(others, 3))
    (tmp_path / "trainLabels.csv").write_text("id,label\n0,a\n1,b\n")
    with refused("no class folders", "trainLabels.csv"):
        read(tmp_path)


def test_folders_that_may_be_splits_or_classes_are_asked_about(tmp_path, refused):
    for name in ("north", "south"):
        write_class_folders(tmp_path / name, AB)
    with refused("north and south hold folders of the same names", "?train=north&test=south"):
        read(tmp_path)
    assert sizes(f"{tmp_path}?train=north&test=south") == (10, 10)
    assert read(f"{tmp_path}?classes=north,south").classes == ("north", "south")


def test_a_test_split_without_class_folders_is_not_used_and_that_is_said(tmp_path):
    write_class_folders(tmp_path / "train", AB)
    write_class_folders(tmp_path, {"test": 4})
    assert sizes(tmp_path) == (8, 2)
    assert any("“test” has no labels" in note for note in read(tmp_path).notes)


@pytest.mark.parametrize(
    ("names", "ending", "label"),
    [
        (("train", "test"), "", ""),
        (("meta/train", "meta/test"), ".png", ""),
        (("labels/train1", "labels/test1"), ".png", ""),
        (("train_list", "val_list"), ".png", " 1"),
    ],
)
def test_texts_that_list_the_splits_are_followed(tmp_path, names, ending, label):
    write_class_folders(tmp_path / "images", {"a": 7, "b": 7})
    pictures = sorted((tmp_path / "images").rglob("*.png"))
    parts = {names[0]: pictures[:3] + pictures[7:10], names[1]: pictures[3:5] + pictures[12:]}
    for name, listed in parts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        lines = [f"{file.parent.name}/{file.stem}{ending}{label}" for file in listed]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    (tmp_path / "labels").mkdir(exist_ok=True)
    for other in ("labels/train2.txt", "labels/train10.txt"):  # further lists of the same
        (tmp_path / other).write_text(f"a/{pictures[6].stem}{ending}")
    arrays = read(tmp_path)
    assert arrays.classes == ("a", "b") and sizes(tmp_path) == (6, 4)
    assert any(note.startswith("Splits are those of") for note in arrays.notes)
    assert "Not used: labels/train2.txt, labels/train10.txt." in arrays.notes


def test_splits_by_the_numbers_of_pictures_are_followed(tmp_path):
    write_class_folders(tmp_path / "images", {"a": 5, "b": 5})
    pictures = sorted((tmp_path / "images").rglob("*.png"))
    paths = [f"{file.parent.name}/{file.name}" for file in pictures]
    (tmp_path / "images.txt").write_text("\n".join(f"{n} {path}" for n, path in enumerate(paths)))
    marks = "\n".join(f"{n} {int(n % 5 < 3)}" for n in range(10))
    (tmp_path / "train_test_split.txt").write_text(marks)
    assert sizes(tmp_path) == (6, 4)


def test_a_text_that_lists_anything_else_says_no_split(tmp_path):
    write_class_folders(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "train.txt").write_text("a/0.png\nmy diary\n")
    (tmp_path / "test.txt").write_text("a/1.png\n")
    assert sizes(tmp_path) == (8, 2)


@pytest.mark.parametrize("label", [-1, None])
def test_an_unlabelled_test_split_leaves_the_validation_split_to_test_on(tmp_path, label):
    write_parquet(tmp_path / "train.parquet", *some_rows(15))
    write_parquet(tmp_path / "validation.parquet", *some_rows(6))
    write_parquet(tmp_path / "test.parquet", some_rows(9)[0], [label] * 9)
    assert sizes(tmp_path) == (15, 6)
    assert any("“test” has no labels" in note for note in read(tmp_path).notes)


def test_missing_parts_are_named(tmp_path, refused):
    for part in (0, 2):
        write_parquet(tmp_path / f"train-0000{part}-of-00003.parquet", *some_rows(7))
    with refused("1 of the 3 files train-", "number 1", "download"):
        read(tmp_path)


def test_parts_of_two_versions_are_refused(tmp_path, refused):
    for name in ("train-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"):
        write_parquet(tmp_path / f"{name}.parquet", *some_rows(7))
    with refused("parts of two versions"):
        read(tmp_path)


def test_two_configurations_are_not_joined(tmp_path, refused):
    for name in ("fine", "coarse"):
        write_parquet(tmp_path / name / "train-00000-of-00001.parquet", *some_rows(7))
    with refused("coarse, fine", "give the folder of one"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("my-train", "train"), ("TRAIN", "train"), ("xTrainSet", "train"), ("trainval", "train"),
        ("constraint", ""), ("latest", ""), ("devices", ""), ("dev", "validation"),
        ("val2017", "validation"), ("crash-test-train", "train"), ("unlabeled", "extra"),
    ],
)  # fmt: skip
def test_split_words_stand_between_other_characters(name, role):
    assert splits.role(name) == role


# Columns ----------------------------------------------------------------------------------------


def table(path: Path, metadata: dict | None = None, **columns) -> None:
    about = metadata and {"huggingface": json.dumps({"info": {"features": metadata}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(about), path)


def images(seed: int = 0) -> list[dict]:
    return [{"bytes": content, "path": None} for content in some_rows(15, seed)[0]]


def seen(arrays: sources.Arrays) -> set[bytes]:
    both = np.concatenate([arrays.train_images, arrays.test_images])
    return {image.tobytes() for image in both}


ARE = {image.transpose(2, 0, 1).tobytes() for image in noise(15)}
LABELS = [n % 3 for n in range(15)]


@pytest.mark.parametrize("name", ["image", "img", "Image", "picture"])
def test_a_mask_is_not_taken_for_the_picture(tmp_path, name):
    columns = {"mask": images(1), name: images(), "label": LABELS}
    table(tmp_path / "train.parquet", None, **columns)
    assert seen(read(tmp_path)) == ARE


def test_the_picture_is_what_the_metadata_says(tmp_path):
    about = {"scan": {"_type": "Image"}, "kind": {"_type": "ClassLabel", "names": NAMES}}
    table(tmp_path / "train.parquet", about, image=images(1), scan=images(), target=[0] * 15,
          kind=LABELS)  # fmt: skip
    arrays = read(tmp_path)
    assert seen(arrays) == ARE and arrays.classes == NAMES


@pytest.mark.parametrize("name", ["target", "class", "category", "y", "fine_label", "Labels"])
def test_a_fold_is_not_taken_for_the_label(tmp_path, name):
    folds = [n % 5 for n in range(15)]
    table(tmp_path / "train.parquet", None, fold=folds, image=images(), **{name: LABELS})
    assert read(tmp_path).classes == ("0", "1", "2")


def test_columns_that_are_alike_are_named_and_can_be_chosen(tmp_path, refused):
    table(tmp_path / "train.parquet", None, left=images(), right=images(1), age=LABELS,
          weight=[n % 2 for n in range(15)])  # fmt: skip
    with refused("left, right", "?image=left"):
        read(tmp_path)
    with refused("age, weight", "?label=age"):
        read(f"{tmp_path}?image=left")
    arrays = read(f"{tmp_path}?image=left&label=weight")
    assert seen(arrays) == ARE and arrays.classes == ("0", "1")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["cow", "ant", "bee"] * 5, NAMES),
        ([True, False, True] * 5, ("False", "True")),
        ([0.0, 1.0, 2.0] * 5, ("0", "1", "2")),
        (["10", "9", "1"] * 5, ("1", "9", "10")),
        (pa.array(["cow", "ant", "bee"] * 5).dictionary_encode(), NAMES),
    ],
)
def test_words_and_truths_are_labels(tmp_path, labels, classes):
    table(tmp_path / "train.parquet", None, image=images(), label=labels)
    assert read(tmp_path).classes == classes


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_plain_columns_of_bytes_are_pictures(tmp_path, kind):
    content = pa.array(some_rows(15)[0], kind)
    table(tmp_path / "train.parquet", None, image=content, label=LABELS)
    struct_of = pa.StructArray.from_arrays([content], ["bytes"])
    (tmp_path / "s").mkdir()
    table(tmp_path / "s" / "train.parquet", None, image=struct_of, label=LABELS)
    assert seen(read(f"{tmp_path}/train.parquet")) == seen(read(tmp_path / "s")) == ARE


@pytest.mark.parametrize("absolute", [True, False])
def test_pictures_are_read_where_paths_lead(tmp_path, absolute):
    (tmp_path / "files").mkdir()
    for number, content in enumerate(some_rows(15)[0]):
        (tmp_path / "files" / f"{number}.png").write_bytes(content)
    root = f"{tmp_path}/" if absolute else ""
    rows = [{"bytes": None, "path": f"{root}files/{number}.png"} for number in range(15)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table(tmp_path / "train.parquet", None, image=pa.array(rows, kind), label=LABELS)
    assert seen(read(tmp_path)) == ARE


def test_paths_that_lead_out_of_the_folder_are_not_followed(tmp_path, refused):
    (tmp_path / "secret.png").write_bytes(some_rows(1)[0][0])
    (tmp_path / "data").mkdir()
    rows = [{"bytes": None, "path": "../secret.png"}] * 15
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table(tmp_path / "data/train.parquet", None, image=pa.array(rows, kind), label=LABELS)
    with refused("paths of pictures only", "'../secret.png'"):
        read(tmp_path / "data")


def test_a_folder_that_datasets_saved_is_read(tmp_path):
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        rows = pa.table({"image": images(), "label": LABELS}).replace_schema_metadata(about)
        file = tmp_path / split / "data-00000-of-00001.arrow"
        with pa.ipc.new_stream(file, rows.schema) as out:
            out.write_table(rows)
        (tmp_path / split / "cache-1.arrow").write_bytes(b"of a map that was run")
        state = {"_data_files": [{"filename": file.name}], "_split": split}
        (tmp_path / split / "state.json").write_text(json.dumps(state))
    assert read(tmp_path).classes == NAMES and sizes(tmp_path) == (15, 15)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_list_of_paths_and_labels_is_read(tmp_path, form):
    rows = []
    for number, content in enumerate(some_rows(15)[0]):
        (tmp_path / f"{number}.png").write_bytes(content)
        rows.append({"file_name": f"{number}.png", "label": NAMES[number % 3]})
    if form == "jsonl":
        text = "\n".join(map(json.dumps, rows))
    else:
        comma = "," if form == "csv" else "\t"
        text = "\n".join([comma.join(rows[0]), *(comma.join(row.values()) for row in rows)])
    (tmp_path / f"metadata.{form}").write_text(text)
    arrays = read(tmp_path)
    assert seen(arrays) == ARE and arrays.classes == NAMES


# Folders ----------------------------------------------------------------------------------------


def test_copies_in_hidden_folders_are_not_used_and_counted(tmp_path):
    write_parquet(tmp_path / "train.parquet", *some_rows(15))
    write_parquet(tmp_path / ".ipynb_checkpoints" / "train-checkpoint.parquet", *some_rows(15))
    assert sizes(tmp_path) == (12, 3)
    assert any(".ipynb_checkpoints" in note for note in read(tmp_path).notes)


def test_circles_of_links_end(tmp_path):
    write_class_folders(tmp_path, AB)
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b", target_is_directory=True)
    assert sizes(tmp_path) == (8, 2)


def test_a_pipe_among_pictures_is_passed_over(tmp_path):
    write_class_folders(tmp_path, AB)
    os.mkfifo(tmp_path / "a" / "pipe.png")
    assert sizes(tmp_path) == (8, 2)


def test_a_folder_without_permission_is_one_sentence(tmp_path, refused, monkeypatch):
    write_class_folders(tmp_path, AB)
    (tmp_path / "b").chmod(0)
    monkeypatch.setattr(os, "scandir", _as_nobody(os.scandir))
    with refused("b cannot be read (Permission denied)"):
        read(tmp_path)


def _as_nobody(scandir):
    """The system's answer to somebody who is not root, whom permissions do not stop."""

    def look(path):
        if not os.stat(path).st_mode & 0o444:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    return look


def test_names_without_an_ending_are_pictures_by_their_content(tmp_path):
    write_class_folders(tmp_path, AB)
    for file in list(tmp_path.glob("*/*.png")):
        file.rename(file.with_suffix(""))
    (tmp_path / "a" / "notes").write_text("no picture")
    assert sizes(tmp_path) == (8, 2)
    assert any("1 without an ending" in note for note in read(tmp_path).notes)


def test_one_broken_picture_among_hundreds_is_left_out_and_named(tmp_path, refused):
    write_class_folders(tmp_path, {"a": 100, "b": 100})
    for name in ("007", "008"):
        (tmp_path / "a" / f"{name}.png").write_bytes(b"no picture")
    arrays = read(tmp_path)
    assert len(arrays.train_labels) + len(arrays.test_labels) == 198
    assert "2 of 200" in arrays.notes[-1] and "a/007.png, a/008.png" in arrays.notes[-1]
    (tmp_path / "b" / "001.png").write_bytes(b"no picture")
    with refused("3 of 200 pictures", "at most 1%", "b/001.png"):
        read(tmp_path)


# Choices ----------------------------------------------------------------------------------------


def test_some_of_many_classes_can_be_chosen(tmp_path, refused):
    write_class_folders(tmp_path, {f"kind {n:02}": 5 for n in range(12)})
    with refused("12 classes", "classes=kind 00,kind 01"):
        read(tmp_path)
    arrays = read(f"{tmp_path}?classes=kind 03,kind%2007")
    assert arrays.classes == ("kind 03", "kind 07") and len(arrays.train_labels) == 8
    with refused("has no class 'x'"):
        read(f"{tmp_path}?classes=x,kind 03")


def test_classes_of_what_is_built_in_can_be_chosen():
    data = dataset.open_dataset("shapes?classes=star,circle")
    assert data.classes == ("circle", "star") and len(data.train) == 2560


@pytest.mark.parametrize(("query", "words"), [("kinds=a", "'kinds'"), ("held=2", "0.2"),
                                              ("train=x", "no split 'x'")])  # fmt: skip
def test_a_choice_that_cannot_be_made_is_named(tmp_path, refused, query, words):
    write_class_folders(tmp_path, AB)
    with refused(words):
        read(f"{tmp_path}?{query}")


def test_a_share_can_be_held_out_and_a_source_measured_only(tmp_path):
    write_class_folders(tmp_path / "test", {"a": 10, "b": 10})
    assert sizes(f"{tmp_path}?train=none") == (0, 20)
    assert sizes(f"{tmp_path}?train=test&held=0.3") == (14, 6)


def test_a_question_mark_may_be_part_of_a_folders_name(tmp_path):
    write_class_folders(tmp_path / "what?classes=a", AB)
    assert sizes(tmp_path / "what?classes=a") == (8, 2)


def test_choices_survive_being_located(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sources.located("x?classes=a b,c%2Fd") == f"{tmp_path}/x?classes=a b,c%2Fd"
    assert sources.located("shapes?classes=star,moon") == "shapes?classes=star,moon"


# Published forms --------------------------------------------------------------------------------


def test_cifar10_binary(tmp_path):
    pictures = noise(12)
    records = [bytes([n % 3]) + image.transpose(2, 0, 1).tobytes()
               for n, image in enumerate(pictures)]  # fmt: skip
    for batch in range(5):
        part = b"".join(records[2 * batch : 2 * batch + 2])
        (tmp_path / f"data_batch_{batch + 1}.bin").write_bytes(part)
    (tmp_path / "test_batch.bin").write_bytes(b"".join(records[10:]))
    arrays = read(tmp_path)
    assert arrays.classes == sources.CIFAR10_CLASSES
    assert_holds(arrays.train_images, pictures[:10])
    assert_holds(arrays.test_images, pictures[10:])


def test_stl10_binary_is_turned_upright(tmp_path):
    image = np.zeros((96, 96, 3), np.uint8)
    image[:48, :, 0] = 255  # red above
    for split in ("train", "test"):
        (tmp_path / f"{split}_X.bin").write_bytes(image.transpose(2, 1, 0).tobytes() * 4)
        (tmp_path / f"{split}_y.bin").write_bytes(bytes([1, 2, 1, 2]))
    arrays = read(tmp_path)
    assert arrays.train_labels.tolist() == [0, 1, 0, 1]
    assert arrays.train_images[0, 0, 4].min() == 255 and arrays.train_images[0, 0, 28].max() == 0


@pytest.mark.parametrize("packed", [True, False])
def test_idx(tmp_path, packed):
    for split, count in (("train", 12), ("t10k", 6)):
        head = struct.pack(">HBBIII", 0, 8, 3, count, 28, 28)
        files = {
            "images-idx3": head + bytes(range(count)) * 784,
            "labels-idx1": struct.pack(">HBBI", 0, 8, 1, count) + bytes([0, 1, 2] * (count // 3)),
        }
        for kind, content in files.items():
            name = f"{split}-{kind}-ubyte" + (".gz" if packed else "")
            (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    assert sizes(tmp_path) == (12, 6) and read(tmp_path).classes == ("0", "1", "2")


@pytest.mark.parametrize("names", [("train_images", "train_labels", "test_images", "test_labels"),
                                   ("x_train", "y_train", "x_test", "y_test")])  # fmt: skip
def test_npz(tmp_path, names):
    labels = np.arange(12).reshape(-1, 1) % 3
    values = (noise(12), labels, noise(6, 1), labels[:6])
    np.savez(tmp_path / "x.npz", **dict(zip(names, values, strict=True)))
    arrays = read(tmp_path / "x.npz")
    assert_holds(arrays.train_images, noise(12))
    assert_holds(arrays.test_images, noise(6, 1))


def test_an_npz_of_objects_is_not_opened(tmp_path, refused):
    np.savez(tmp_path / "x.npz", images=np.array([{}]), labels=np.arange(1))
    with refused("Python objects", "plain arrays"):
        read(tmp_path)


def test_cifar10_c_is_measured_only(tmp_path, refused):
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    np.save(folder / "fog.npy", noise(6))
    np.save(folder / "snow.npy", noise(6, 1))
    np.save(folder / "labels.npy", np.arange(6))
    with refused("give the one to use", "fog.npy"):
        read(folder)
    arrays = read(folder / "snow.npy")
    assert_holds(arrays.test_images, noise(6, 1))
    assert arrays.classes == sources.CIFAR10_CLASSES and not len(arrays.train_labels)


def write_shard(path: Path, samples: list[dict[str, bytes]]) -> None:
    """As webdataset's writers do: a name for each sample, behind its first dot the field."""
    with tarfile.open(path, "w") as archive:
        for number, fields in enumerate(samples):
            for field, content in fields.items():
                entry = tarfile.TarInfo(f"{number:04}.{field}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize(
    ("picture", "label", "content"),
    [
        ("png", "cls", "{}"),
        ("png", "json", '{{"label": {}}}'),
        ("png", "txt", "kind {}"),
        ("image.png", "label.cls", "{}"),
    ],
)
def test_webdataset_shards(tmp_path, picture, label, content):
    samples = [
        {picture: row, label: content.format(number % 3).encode(), "mask.png": b"no picture"}
        for number, row in enumerate(some_rows(15)[0])
    ]
    for split in ("train", "test"):
        write_shard(tmp_path / f"{split}-000000.tar", samples)
    assert sizes(tmp_path) == (15, 15) and seen(read(tmp_path)) == ARE


def test_shards_without_pictures_or_with_several_are_told(tmp_path, refused):
    write_shard(tmp_path / "arrays.tar", [{"npy": b"x", "cls": b"1"}] * 5)
    with refused("arrays is a webdataset shard whose samples hold cls, npy"):
        read(tmp_path / "arrays.tar")
    row = some_rows(1)[0][0]
    write_shard(tmp_path / "pairs.tar", [{"left.png": row, "right.png": row, "cls": b"1"}] * 5)
    with refused("several pictures (left.png, right.png)"):
        read(tmp_path / "pairs.tar")


@pytest.mark.parametrize("field", ["pyd", "cbor", "index", "label"])
def test_shards_without_a_label_are_told_what_to_add(tmp_path, refused, field):
    row = some_rows(1)[0][0]
    for number in range(2):
        write_shard(tmp_path / f"train-{number}.tar", [{"jpg": row, field: b"x"}] * 5)
    with refused("is a webdataset shard whose samples hold", field, "and a label, as cls"):
        read(tmp_path)


def test_shards_whose_keys_have_dots_are_read_sample_by_sample(tmp_path):
    fields = {}
    for number, row in enumerate(some_rows(15)[0]):
        fields |= {f"{number:02}.png": row, f"{number:02}.cls": str(number % 3).encode()}
    for split in ("train", "test"):
        write_shard(tmp_path / f"{split}.tar", [fields])
    assert sizes(tmp_path) == (15, 15) and seen(read(tmp_path)) == ARE


def test_texts_beside_pictures_in_class_folders_of_an_archive_are_no_labels(tmp_path):
    row, box = some_rows(1)[0][0], b"0 0.5 0.5 1 1"
    names = {f"{kind}/{n}.{end}": content for kind in "ab" for n in range(10)
             for end, content in (("png", row), ("txt", box))}  # fmt: skip
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, content in names.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert read(tmp_path / "x.tar").classes == ("a", "b")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)], ids=["height first", "planes first"])
@pytest.mark.parametrize("kind", [pa.uint8(), pa.int64()], ids=str)
def test_columns_of_pixels_are_pictures(tmp_path, order, kind):
    rows = [image.transpose(order).tolist() for image in noise(15)]
    column = pa.array(rows, pa.list_(pa.list_(pa.list_(kind))))
    table(tmp_path / "train.parquet", None, image=column, label=LABELS)
    table(tmp_path / "test.parquet", None, image=column, label=LABELS)
    assert sizes(tmp_path) == (15, 15) and seen(read(tmp_path)) == ARE


@pytest.mark.parametrize("name", ["x.tfrecord", "x.h5", "x.pt", "x.pkl", "data.mdb", "x.rar"])
def test_a_form_that_is_not_read_is_named_with_what_to_do(tmp_path, refused, name):
    (tmp_path / name).write_bytes(b"x")
    with refused(f"{tmp_path.name} holds"):
        read(tmp_path)


# Archives and uploads ---------------------------------------------------------------------------


def zipped(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def a_zip(separator: str = "/") -> bytes:
    rows = some_rows(20)[0]
    names = {
        separator.join(["pets", split, "ab"[n % 2], f"{n}.png"]): content
        for split in ("train", "test")
        for n, content in enumerate(rows)
    }
    return zipped(names | {"__MACOSX/pets/._0.png": b"x", "pets/../../../etc/passwd.png": b"x"})


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_a_zip_of_class_folders_is_read(tmp_path, separator):
    (tmp_path / "x.zip").write_bytes(a_zip(separator))
    arrays = read(tmp_path / "x.zip")
    assert arrays.classes == ("a", "b") and len(arrays.train_labels) == 20
    assert any("names lead out of the archive" in note for note in arrays.notes)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_of_class_folders_is_read(tmp_path, mode):
    write_class_folders(tmp_path / "in", AB)
    name = tmp_path / f"x.tar{mode[1:].replace(':', '.')}"
    with tarfile.open(name, mode) as archive:
        archive.add(tmp_path / "in", "pets")
    assert sizes(name) == (8, 2)


def test_a_damaged_archive_is_one_sentence(tmp_path, refused):
    content = a_zip()
    for length in (0, 10, len(content) // 2):
        (tmp_path / "x.zip").write_bytes(content[:length])
        with refused("x.zip is not a whole zip or tar archive"):
            read(tmp_path / "x.zip")


def test_an_archive_that_would_unpack_to_too_much_is_refused(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(sources.archives, "MAX_UNPACKED_BYTES", 2_000_000)
    (tmp_path / "x.zip").write_bytes(zipped({"a/0.png": bytes(3_000_000)}))
    with refused("too many files"):
        read(tmp_path / "x.zip")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ULTIMUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_upload_is_a_source_by_its_content(home):
    source = uploads.keep([("../../pets <b>.zip", a_zip())])
    assert source == uploads.keep([("other.zip", a_zip())])
    data = dataset.open_dataset(f"{source}?classes=a,b")
    assert data.name == "other.zip" and len(data.train) == 20
    assert {path.parent for path in home.rglob("*.zip")} == {home / "uploads"}


def test_a_folder_is_uploaded_as_its_files(home):
    files = [(f"pets/{'ab'[n % 2]}/{n}.png", content) for n, content in enumerate(some_rows(20)[0])]
    data = dataset.open_dataset(uploads.keep(files))
    assert (data.name, data.classes, len(data.train)) == ("pets", ("a", "b"), 16)


def test_an_upload_beyond_the_limits_is_refused(home, refused, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_DATA_BYTES", 10_000)
    with refused("MB of an upload"):
        uploads.keep([("x.zip", a_zip())])
    assert not home.exists()


def test_the_uploads_of_longest_ago_make_room(home, monkeypatch):
    first = uploads.keep([("x.zip", a_zip())])
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", len(a_zip()) + 10)
    second = uploads.keep([("y.zip", zipped({"a/0.png": noise(1).tobytes()}))])
    third = uploads.keep([("z.zip", zipped({"a/0.png": noise(3).tobytes()}))])
    assert [sources.upload_path(each.removeprefix("upload:")).exists()
            for each in (first, second, third)] == [False, True, True]  # fmt: skip


def test_only_an_upload_has_to_be_decoded_in_time(home, tmp_path, refused, monkeypatch):
    monkeypatch.setattr(assemble, "MAX_DECODING_SECONDS", 1e-9)
    with refused("take longer than", "use smaller or fewer ones"):
        dataset.open_dataset(uploads.keep([("x.zip", a_zip())]))
    (tmp_path / "x.zip").write_bytes(a_zip())
    assert sizes(tmp_path / "x.zip") == (20, 20)


@pytest.mark.parametrize("room", [0, -1])
def test_a_table_in_an_archive_is_read_up_to_the_limit(tmp_path, refused, monkeypatch, room):
    table = write_parquet(tmp_path / "train.parquet", *some_rows(15)).read_bytes()
    monkeypatch.setattr("ultimus.data.sources.tables.MAX_MEMBER_BYTES", len(table) + room)
    (tmp_path / "train.parquet").unlink()
    (tmp_path / "x.zip").write_bytes(zipped({"train.parquet": table}))
    if room < 0:
        with refused("train.parquet"):
            read(tmp_path / "x.zip")
    else:
        assert sizes(tmp_path / "x.zip") == (12, 3)


@pytest.mark.parametrize("key", ["", "../secret.zip", "x/../../y", "gone.zip", "/etc"])
def test_an_upload_that_is_not_there_is_one_sentence(home, refused, key):
    with refused("upload it again"):
        sources.look(f"upload:{key}")


def test_names_of_uploaded_classes_are_plain_text(home):
    names = {f"{name}/{n}.png": content for name in ("<b>x", "y")
             for n, content in enumerate(some_rows(5)[0])}  # fmt: skip
    data = dataset.open_dataset(uploads.keep([("x.zip", zipped(names))]))
    assert data.classes[0] == limits.shown("<b>x") and "<" not in data.classes[0]


def test_a_picture_in_another_form_is_read_in_class_folders(tmp_path):
    write_class_folders(tmp_path, AB)
    Image.fromarray(noise(1)[0]).save(tmp_path / "a" / "x.jfif", "JPEG")
    assert sizes(tmp_path)[0] + sizes(tmp_path)[1] == 11
    assert encoded(noise(1)[0], "JPEG")[:2] == b"\xff\xd8"


# Single files, and arrays beside pictures ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("labels.csv", "labels.csv is a list: give the folder that holds it"),
        ("cat.png", "cat.png is a single picture"),
        ("x.h5", "x.h5 holds HDF5 files: read the arrays with h5py"),
        ("x.safetensors", "x.safetensors holds a safetensors file: read the arrays"),
        ("x.feather", "x.feather holds a feather table: save it as parquet"),
        ("x.7z", "x.7z holds an archive that is not read"),
        ("x.idx3-ubyte", "x.idx3-ubyte is no kind of file that is read by itself: give its folder"),
    ],
)
def test_a_single_file_that_is_no_source_is_told_apart_from_none(tmp_path, refused, name, what):
    (tmp_path / name).write_bytes(b"x")
    with refused(what):
        read(tmp_path / name)
    with refused("There is no data folder"):
        read(tmp_path / f"no-{name}")


@pytest.mark.parametrize("name", ["features.npz", "labels.npy", "setid.mat"])
def test_arrays_beside_many_pictures_are_not_the_data(tmp_path, name):
    write_class_folders(tmp_path, {"a": 9, "b": 9})
    (tmp_path / name).write_bytes(b"x")
    arrays = read(tmp_path)
    assert sizes(tmp_path) == (14, 4)
    assert arrays.classes == ("a", "b")


def test_numbers_from_one_on_are_the_classes_that_are_there(tmp_path):
    rows = [{"image": row, "label": 1 + n % 3} for n, row in enumerate(some_rows(15)[0])]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    assert read(tmp_path).classes == ("1", "2", "3")


def test_pictures_and_labels_may_be_archives_of_their_own(tmp_path):
    draw = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 6)):
        images = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        np.savez(tmp_path / f"kmnist-{split}-imgs.npz", images)
        np.savez(tmp_path / f"kmnist-{split}-labels.npz", np.arange(count) % 3)
    assert sizes(tmp_path) == (12, 6)


def test_an_array_of_names_names_the_classes(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 9, 9, 3), dtype=np.uint8)
    names = np.array(["ant", "bee", "cat"])
    path = tmp_path / "zoo.npz"
    np.savez(path, images=images, labels=np.arange(12) % 3, class_names=names)
    assert read(path).classes == ("ant", "bee", "cat")


def test_numbered_parts_are_no_classes(tmp_path, refused):
    write_class_folders(tmp_path, {"skin_images_part_1": 5, "skin_images_part_2": 5})
    with refused("skin_images_part_1 and skin_images_part_2 are numbered parts"):
        read(tmp_path)


@pytest.mark.parametrize("names", [("Class 1", "Class 2"), ("0", "1"), ("fold", "gold")])
def test_numbered_classes_are_no_parts(tmp_path, names):
    write_class_folders(tmp_path, dict.fromkeys(names, 5))
    assert read(tmp_path).classes == names


@pytest.mark.parametrize(
    ("first", "second"),
    [("gru\u0308n", "gr\u00fcn"), ("cat ", "cat")],  # an accent of its own; a blank at the end
)
def test_class_names_meet_however_a_system_spells_them(tmp_path, first, second):
    write_class_folders(tmp_path / "train", {first: 4, "z": 4})
    write_class_folders(tmp_path / "test", {second: 2, "z": 2})
    assert read(tmp_path).classes == (second, "z")


class Unmarked(zipfile.ZipInfo):
    """A file whose name is in UTF-8 without the mark that says so, as macOS packs it."""

    def _encodeFilenameFlags(self):
        return self.filename.encode(), self.flag_bits & ~0x800


def test_names_in_a_zip_of_macos_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("grün", "猫"):
            for number, image in enumerate(noise(5)):
                archive.writestr(Unmarked(f"{name}/{number}.png"), encoded(image))
    assert read(tmp_path / "x.zip").classes == ("grün", "猫")


def test_hidden_files_of_an_archive_are_no_hidden_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a", "b"):
            archive.writestr(f"{name}/.DS_Store", b"x")
            for number, image in enumerate(noise(5)):
                archive.writestr(f"{name}/{number}.png", encoded(image))
    assert not any("hidden" in note for note in read(tmp_path / "x.zip").notes)


def test_pictures_to_test_on_that_are_trained_on_are_counted(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 5, "b": 5})
    write_class_folders(tmp_path / "test", {"a": 3, "b": 4})
    assert any(
        note.startswith("7 of 7 pictures to test on are also") for note in read(tmp_path).notes
    )


def test_a_test_split_may_lack_a_class_which_is_said(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 5, "b": 5, "c": 5})
    write_class_folders(tmp_path / "test", {"a": 2, "c": 3}, seed=50)
    arrays = read(tmp_path)
    assert "test has no pictures of b." in arrays.notes
    assert np.bincount(arrays.test_labels, minlength=3).tolist() == [2, 0, 3]


def test_splits_of_save_to_disk_with_names_of_their_own_are_told_apart(tmp_path):
    for number, split in enumerate(("part1", "part2")):
        pictures, labels = some_rows(9 + 3 * number, seed=number)
        table = pa.table({"image": pictures, "label": labels})
        (tmp_path / split).mkdir()
        with pa.ipc.new_stream(
            tmp_path / split / "data-00000-of-00001.arrow", table.schema
        ) as file:
            file.write_table(table)
        state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": None}
        (tmp_path / split / "state.json").write_text(json.dumps(state))
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["part1", "part2"]}))
    assert "Trained on: part1, part2." in read(tmp_path).notes
    arrays = read(f"{tmp_path}?train=part1&test=part2")
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (9, 12)
