"""Pictures in any folder, and lists that name them and their classes."""

import base64
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from support.data_sets import NAMES, noise, read, some_rows, write_class_folders

from ultimus.data import image_files

PICTURES, LABELS = some_rows(15)
SEEN = [image.transpose(2, 0, 1) for image in noise(15)]  # as they are decoded


def put(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, PICTURES, strict=True):
        (folder / name).write_bytes(content)
    return folder


def put_numbered(folder: Path) -> None:
    put(folder / "images", [f"{number}.png" for number in range(15)])


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def labelled(name: str) -> list[str]:
    return [name.format(number, NAMES[number % 3]) for number in range(15)]


def assert_whole(folder: Path) -> None:
    """Each picture has the class that the list gives it."""
    arrays = read(folder)
    assert arrays.classes == NAMES
    images = [*arrays.train_images, *arrays.test_images]
    labels = [*arrays.train_labels, *arrays.test_labels]
    assert by_image(images, labels) == by_image(SEEN, LABELS)


def by_image(images: list, labels: list[int]) -> dict[bytes, int]:
    return {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}


@pytest.mark.parametrize(
    ("name", "head", "row"),
    [
        ("labels.csv", ["file_name,label"], "images/{0}.png,{1}"),
        ("labels.csv", ["file;label"], "images/{0}.png;{1}"),
        ("labels.csv", [], "images/{0}.png,{1}"),
        ("labels.tsv", ["path\tclass"], "images/{0}.png\t{1}"),
        ("labels.csv", ["filename,category"], "{0}.png,{1}"),
        ("train.csv", ["id,label"], "{0},{1}"),
        ("train.csv", ["ImageID,LabelName"], "{0},{1}"),
        ("labels.csv", ["path,dx"], "C:\\data\\images\\{0}.png,{1}"),
        ("project.csv", ["image,id,choice"], "/data/upload/1/{0}.png,{0},{1}"),
        ("labels.txt", ["# picture and label"], "images/{0}.png {1}"),
        ("labels.txt", [], "{0}.png\t{1}\t0\t0\t31\t31"),
        ("list.txt", [], "{0} {1}"),
    ],
)
def test_a_list_beside_one_folder_of_pictures_gives_their_classes(tmp_path, name, head, row):
    put_numbered(tmp_path)
    (tmp_path / name).write_text(lines(*head, *labelled(row)))
    assert_whole(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_list_may_be_written_by_a_spreadsheet(tmp_path, encoding):
    put_numbered(tmp_path)
    rows = [f"images/{number}.png;{'Käfer' if number % 2 else 'Öl'}" for number in range(15)]
    (tmp_path / "labels.csv").write_bytes(lines("file;class", *rows).encode(encoding))
    assert read(tmp_path).classes == ("Käfer", "Öl")


def test_a_list_may_have_a_column_for_each_class(tmp_path):
    put_numbered(tmp_path)
    marks = ("1, 0, 0", "0, 1, 0", "0, 0, 1")
    rows = [f"{number}.png, {marks[number % 3]}" for number in range(15)]
    (tmp_path / "_classes.csv").write_text(lines(f"filename, {', '.join(NAMES)}", *rows))
    assert_whole(tmp_path)


def test_a_list_of_several_classes_of_a_picture_gives_no_classes(tmp_path, refused):
    put_numbered(tmp_path)
    rows = [f"{number}.png,1,1,0" for number in range(15)]
    (tmp_path / "_classes.csv").write_text(lines("filename,a,b,c", *rows))
    with refused("1 class folder"):
        read(tmp_path)


ROWS = [{"image": f"images/{n}.png", "label": NAMES[n % 3]} for n in range(15)]
PAIRS = {f"images/{n}.png": NAMES[n % 3] for n in range(15)}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        "\n".join(map(json.dumps, ROWS)),  # as to_json of `datasets` writes it
        json.dumps(PAIRS),
        json.dumps({"labels": list(PAIRS.items())}),
        json.dumps({"classes": NAMES, "labels": {str(n): n % 3 for n in range(15)}}),
    ],
)
def test_json_of_pictures_and_labels_is_read(tmp_path, text):
    put_numbered(tmp_path)
    (tmp_path / "labels.json").write_text(text)
    assert_whole(tmp_path)


def test_a_list_without_a_head_may_tell_the_split_of_each_picture(tmp_path):
    put_numbered(tmp_path)
    rows = [f"{'TEST' if n < 6 else 'TRAIN'},gs://bucket/images/{n}.png,{NAMES[n % 3]}"
            for n in range(15)]  # fmt: skip
    (tmp_path / "all_data.csv").write_text(lines(*rows))
    arrays = read(tmp_path)
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (9, 6)


def test_other_numbers_may_stand_beside_a_column_for_each_class(tmp_path):
    put_numbered(tmp_path)
    marks = ("1.0,0.0,0.0", "0.0,1.0,0.0", "0.0,0.0,1.0")
    rows = [f"{number},{20 + number},{marks[number % 3]}" for number in range(15)]
    (tmp_path / "train.csv").write_text(lines(f"image,age,{','.join(NAMES)}", *rows))
    assert_whole(tmp_path)


def test_captions_are_no_labels(tmp_path):
    write_class_folders(tmp_path, {"a": 15, "b": 15})
    rows = [f"{name}/{n:03}.png picture number {n} of {name}" for name in "ab" for n in range(15)]
    (tmp_path / "captions.txt").write_text(lines(*rows))
    assert read(tmp_path).classes == ("a", "b")


@pytest.mark.parametrize(
    ("list_of", "row", "split"),
    [
        ("val/val_annotations.txt", "{0}.png\t{1}\t0\t0\t31\t31", "val"),
        ("val.txt", "{0}.png {1}", "val"),
        ("Test.csv", "32,{1},Test/{0}.png", "Test"),
    ],
)
def test_a_split_without_class_folders_may_be_labelled_by_a_list(tmp_path, list_of, row, split):
    write_class_folders(tmp_path / "train", dict.fromkeys(NAMES, 4), seed=9)
    put(tmp_path / split, [f"{number}.png" for number in range(15)])
    head = ["Width,ClassId,Path"] if list_of.endswith("csv") else []
    (tmp_path / list_of).write_text(lines(*head, *labelled(row)))
    arrays = read(tmp_path)
    assert arrays.classes == NAMES and len(arrays.train_labels) == 12
    assert by_image(list(arrays.test_images), arrays.test_labels) == by_image(SEEN, LABELS)


def test_a_list_that_numbers_the_classes_says_by_the_training_pictures_which_they_are(tmp_path):
    write_class_folders(tmp_path / "train", dict.fromkeys(NAMES, 4), seed=9)
    put(tmp_path / "val", [f"v{number}.png" for number in range(15)])
    (tmp_path / "val.txt").write_text(lines(*(f"v{n}.png {7 + n % 3}" for n in range(15))))
    assert any("otherwise than class folders do" in note for note in read(tmp_path).notes)
    rows = (f"train/{name}/{n:03}.png {7 + k}" for k, name in enumerate(NAMES) for n in range(4))
    (tmp_path / "train.txt").write_text(lines(*rows))
    arrays = read(tmp_path)
    assert by_image(list(arrays.test_images), arrays.test_labels) == by_image(SEEN, LABELS)


@pytest.mark.parametrize("label", ["label", "emotion"])
def test_a_list_that_holds_the_pixels_is_read(tmp_path, label):
    images = noise(9)[:, :28, :28, 0]
    rows = [",".join(map(str, [n % 3, *image.ravel()])) for n, image in enumerate(images)]
    head = [",".join([label, *(f"pixel{n}" for n in range(784))])]
    for name in ("train", "test"):
        (tmp_path / f"mnist_{name}.csv").write_text(
            lines(*(head if name == "train" else []), *rows)
        )
    blanks = [row.partition(",")[::2] for row in rows]
    other = [f"{n},{pixels.replace(',', ' ')},Training" for n, pixels in blanks]
    fer = tmp_path / "fer"
    fer.mkdir()
    (fer / "fer2013.csv").write_text(lines(f"{label},pixels,Usage", *other, *(
        row.replace("Training", "PublicTest") for row in other)))  # fmt: skip
    (tmp_path / "submission.csv").write_text(head[0].partition(",")[2])
    assert read(fer).train_labels.tolist() == [n % 3 for n in range(9)]
    (fer / "fer2013.csv").unlink()
    arrays = read(tmp_path)
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (9, 9)
    right = [np.asarray(Image.fromarray(image).convert("RGB")) for image in images]
    whole = [image_files.shrink(Image.fromarray(image)) for image in right]
    assert np.array_equal(arrays.train_images, whole)


def test_a_list_whose_pixels_are_none_is_refused(tmp_path, refused):
    rows = (f"{n % 3},{','.join(['0.5'] * 784)}" for n in range(9))
    head = f"label,{','.join(f'pixel{n}' for n in range(784))}"
    (tmp_path / "train.csv").write_text(lines(head, *rows))
    with refused("whole numbers from 0 to 255"):
        read(tmp_path)


def test_folders_that_each_hold_several_classes_of_the_list_are_no_classes(tmp_path):
    for part in ("part_1", "part_2"):
        put(tmp_path / part, [f"{part}_{number}.png" for number in range(15)])
    names = [f"part_{1 + number % 2}_{number}" for number in range(15)]
    rows = (f"{name},{NAMES[number % 3]}" for number, name in enumerate(names))
    (tmp_path / "metadata.csv").write_text(lines("image_id,label", *rows))
    assert_whole(tmp_path)


def test_class_folders_count_more_than_a_list_of_what_is_in_them(tmp_path):
    write_class_folders(tmp_path, {"a": 5, "b": 5})
    rows = (f"{name}/{number:03}.png,{name}" for name in "ab" for number in range(3))
    (tmp_path / "metadata.csv").write_text(lines("file_name,label", *rows))
    arrays = read(tmp_path)
    assert len(arrays.train_labels) + len(arrays.test_labels) == 10


def test_rows_belong_to_the_split_in_whose_folder_their_picture_lies(tmp_path):
    for split in ("train", "test"):
        put(tmp_path / split, [f"{number}.png" for number in range(15)])
    rows = labelled("train/{0}.png,{1}") + labelled("test/{0}.png,{1}")[:6]
    (tmp_path / "metadata.csv").write_text(lines("file_name,label", *rows))
    arrays = read(tmp_path)
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (15, 6)


@pytest.mark.parametrize("column", ["split", "Usage", "set"])
def test_a_column_may_tell_the_split(tmp_path, column):
    put_numbered(tmp_path)
    rows = (f"{row},{'Test' if n < 6 else 'Training'}" for n, row in enumerate(labelled("{0},{1}")))
    (tmp_path / "labels.csv").write_text(lines(f"id,label,{column}", *rows))
    arrays = read(tmp_path)
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (9, 6)


def test_a_column_of_a_parquet_file_may_tell_the_split(tmp_path):
    splits = ["test" if number < 6 else "train" for number in range(15)]
    table = pa.table({"image": PICTURES, "label": LABELS, "split": splits})
    pq.write_table(table, tmp_path / "data.parquet")
    arrays = read(tmp_path)
    assert (len(arrays.train_labels), len(arrays.test_labels)) == (9, 6)
    assert {image.tobytes() for image in arrays.test_images} <= {image.tobytes() for image in SEEN}


def test_of_pictures_of_one_name_the_one_in_the_folder_of_the_split_is_meant(tmp_path):
    put(tmp_path / "train", [f"{number}.png" for number in range(15)])
    write_class_folders(tmp_path, {"test": 15}, seed=7)  # 000.png, 001.png, ...
    for number in range(15):
        (tmp_path / f"test/{number:03}.png").rename(tmp_path / f"test/{number}.png")
    (tmp_path / "train.csv").write_text(lines("id,label", *labelled("{0},{1}")))
    (tmp_path / "sample_submission.csv").write_text(lines("id,label", "0,ant", "1,ant"))
    assert_whole(tmp_path)


def test_base64_in_a_table_is_a_picture(tmp_path):
    text = [base64.b64encode(content).decode() for content in PICTURES]
    table = pa.table({"image": text, "label": [NAMES[label] for label in LABELS]})
    pq.write_table(table, tmp_path / "train.parquet")
    assert_whole(tmp_path)


def test_a_list_without_its_pictures_is_named(tmp_path, refused):
    (tmp_path / "train.csv").write_text(lines("path,label", *labelled("/data/{0}.png,{1}")))
    with refused("has no pictures", "train.csv names", "numpy.savez"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["data/train-00000-of-00001.parquet", "a/0.png"])
def test_a_pointer_of_git_lfs_is_named(tmp_path, refused, name):
    path = tmp_path / name
    write_class_folders(tmp_path, {"a": 1, "b": 5} if name.endswith("png") else {})
    path.parent.mkdir(exist_ok=True)
    path.write_text(lines("version https://git-lfs.github.com/spec/v1", "oid sha256:4d", "size 9"))
    with refused("Git LFS", "git lfs pull"):
        read(tmp_path)
