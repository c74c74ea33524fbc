"""Pictures in any folder, and lists that name them and their classes."""

import base64
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.data_sets import NAMES, noise, read, some_rows, write_class_folders

PICTURES, LABELS = some_rows(15)
SEEN = [image.transpose(2, 0, 1) for image in noise(15)]  # as they are decoded


def put(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, PICTURES, strict=True):
        (folder / name).write_bytes(content)
    return folder


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
    ],
)
def test_a_list_beside_one_folder_of_pictures_gives_their_classes(tmp_path, name, head, row):
    put(tmp_path / "images", [f"{number}.png" for number in range(15)])
    (tmp_path / name).write_text(lines(*head, *labelled(row)))
    assert_whole(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_list_may_be_written_by_a_spreadsheet(tmp_path, encoding):
    put(tmp_path / "images", [f"{number}.png" for number in range(15)])
    rows = [f"images/{number}.png;{'Käfer' if number % 2 else 'Öl'}" for number in range(15)]
    (tmp_path / "labels.csv").write_bytes(lines("file;class", *rows).encode(encoding))
    assert read(tmp_path).classes == ("Käfer", "Öl")


def test_a_list_may_have_a_column_for_each_class(tmp_path):
    put(tmp_path / "images", [f"{number}.png" for number in range(15)])
    marks = ("1, 0, 0", "0, 1, 0", "0, 0, 1")
    rows = [f"{number}.png, {marks[number % 3]}" for number in range(15)]
    (tmp_path / "_classes.csv").write_text(lines(f"filename, {', '.join(NAMES)}", *rows))
    assert_whole(tmp_path)


def test_a_list_of_several_classes_of_a_picture_gives_no_classes(tmp_path, refused):
    put(tmp_path / "images", [f"{number}.png" for number in range(15)])
    rows = [f"{number}.png,1,1,0" for number in range(15)]
    (tmp_path / "_classes.csv").write_text(lines("filename,a,b,c", *rows))
    with refused("1 class folder"):
        read(tmp_path)


def test_a_list_of_json_objects_is_read(tmp_path):
    put(tmp_path / "images", [f"{number}.png" for number in range(15)])
    rows = [{"image": f"images/{n}.png", "label": NAMES[n % 3]} for n in range(15)]
    (tmp_path / "labels.json").write_text(json.dumps(rows))
    assert_whole(tmp_path)


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
    put(tmp_path / "images", [f"{number}.png" for number in range(15)])
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
