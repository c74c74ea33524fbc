"""Where images come from: CIFAR-10, parquet files, folders of pictures, the generated shapes.

Each source is read into the same `Arrays`. Reading can take a while and reports its progress;
`data.open_dataset` does it once and keeps the result.
"""

import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError, reason
from . import containers, image_files, shapes
from .limits import MAX_CLASSES, MIN_CLASSES

CIFAR10_BYTES = 170_498_071  # size of torchvision's download
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
PATIENCE = 30  # seconds without an answer from the server
MAX_IMAGES = 200_000  # 600 MB decoded; also a guard against being pointed at a whole disk
TEST_SHARE = 0.2  # of a source that has no split of its own
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation", "eval")  # best first
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")

DECODERS = (__file__, image_files.__file__, containers.__file__)  # a change of them decodes anew

Progress = Callable[[float], None]  # told the fraction that is done
Rows = Iterator[tuple[np.ndarray, int]]  # images (3, 32, 32) and their labels
T = TypeVar("T")


class Arrays(NamedTuple):
    """A decoded source.

    Attributes:
        name: how a person calls it.
        classes: class names; a label is an index into them.
        train_images: (N, 3, 32, 32) uint8.
        train_labels: (N,) int64.
        test_images: (M, 3, 32, 32) uint8.
        test_labels: (M,) int64.
    """

    name: str
    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def read(source: str, download_to: Path, progress: Progress) -> Arrays:
    """Decode a source.

    Args:
        source: "shapes", "cifar10" or the path of a folder.
        download_to: where CIFAR-10 is downloaded to, and found later.
        progress: told the fraction done, 0...1.

    Raises:
        UserError: the source is missing, truncated, mislabelled or not of a known layout.
    """
    if source == "shapes":
        return _read_shapes()
    if source == "cifar10":
        return _read_cifar10(download_to, download=True)
    folder = _existing_folder(source)
    if (folder / "cifar-10-batches-py").is_dir():
        return _read_cifar10(folder, download=False)
    if parquet := sorted(folder.rglob("*.parquet")):
        return _read_parquet(folder, parquet, progress)
    return _read_class_folders(folder, progress)


def signature(source: str) -> str:
    """A key "PLACE-STATE" whose second half changes when the source does; nothing is decoded.

    Raises:
        UserError: the folder does not exist, or holds too many files.
    """
    if source == "shapes":
        place, state = source, Path(shapes.__file__).read_bytes()  # drawn by this code's text
    elif source == "cifar10":
        place, state = source, b""  # torchvision verifies its checksums
    else:
        folder = _existing_folder(source)
        place, state = str(folder.resolve()), json.dumps(list(_stats(folder))).encode()
        state += b"".join(Path(file).read_bytes() for file in DECODERS)
    return f"{_key(place.encode(errors='surrogateescape'))}-{_key(state)}"


def _key(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _stats(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Every file below with its size and time of change, in a fixed order."""
    count = 0
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        count += len(folders) + len(files)
        if count > MAX_IMAGES:
            raise UserError(
                f"{folder} holds more than {MAX_IMAGES:,} files: give the folder of one data set."
            )
        for name in sorted(files):
            path = os.path.join(parent, name)
            with suppress(FileNotFoundError):  # a link to nowhere
                stat = os.stat(path)
                yield os.path.relpath(path, folder), stat.st_size, stat.st_mtime_ns


def _existing_folder(source: str) -> Path:
    folder = os.path.expanduser(source)
    if not os.path.isdir(folder):
        raise UserError(
            f"There is no data folder {source!r}: give the path of a folder with parquet files or "
            "class folders, or use 'cifar10' or 'shapes'."
        )
    return Path(folder)


def _read_shapes() -> Arrays:
    splits = (shapes.draw(12_800, seed=0), shapes.draw(2_000, seed=1))
    arrays = [part for images, labels in splits for part in (images, labels.astype(np.int64))]
    return Arrays("Shapes", shapes.CLASSES, *arrays)


def _read_cifar10(root: Path, download: bool) -> Arrays:
    """CIFAR-10 (Krizhevsky 2009) through torchvision, which verifies its checksums."""
    from .vision import torchvision  # slow to import, and only needed here

    try:
        with _impatient_sockets():
            train, test = (
                torchvision.datasets.CIFAR10(str(root), train=train, download=download)
                for train in (True, False)
            )
    except (RuntimeError, OSError, HTTPException) as error:
        if not download:
            raise UserError(
                f"The CIFAR-10 files in {root} are incomplete or changed: fetch them again, or "
                "use 'cifar10', which downloads them."
            ) from error
        raise UserError(
            f"CIFAR-10 could not be downloaded ({reason(error)}): check the network and the free "
            f"space in {root}, and try again."
        ) from error
    arrays = [
        part
        for split in (train, test)
        for part in (
            np.ascontiguousarray(split.data.transpose(0, 3, 1, 2)),  # (N, 3, 32, 32)
            np.array(split.targets, dtype=np.int64),
        )
    ]
    return Arrays("CIFAR-10", tuple(train.classes), *arrays)


@contextmanager
def _impatient_sockets() -> Iterator[None]:
    """A server that falls silent is an error; torchvision would wait for it for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_parquet(folder: Path, files: list[Path], progress: Progress) -> Arrays:
    """Parquet files in the layout of Hugging Face image data sets."""
    train_files, test_files = _roles(folder, files)
    train, test = (
        [_parquet_table(file) for file in role_files] for role_files in (train_files, test_files)
    )
    classes = _common_classes(train + test)
    count = sum(table.num_rows for table in train + test)
    if count > MAX_IMAGES:
        raise UserError(
            f"{folder} holds {count:,} images, more than {MAX_IMAGES:,}: give a smaller data set."
        )
    return _assembled(
        _parquet_name(folder, classes, train, count),
        classes,
        (row for table in train for row in _parquet_rows(table, len(classes) or MAX_CLASSES)),
        (row for table in test for row in _parquet_rows(table, len(classes) or MAX_CLASSES)),
        count,
        progress,
    )


def _roles(folder: Path, files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Which files to train on, and which to test on: none if the data has no split."""
    roles: dict[str, list[Path]] = {}
    for file in files:
        parts = reversed(file.relative_to(folder).parts)  # the file's name counts most
        names = (name for part in parts for name in _role_names(part.lower()))
        roles.setdefault(next(names, ""), []).append(file)
    test = next((roles[name] for name in TEST_NAMES if name in roles), [])
    train = [file for name in TRAIN_NAMES for file in roles.get(name, [])] or roles.get("", [])
    if not train:
        raise UserError(f"{folder} has no parquet file to train on: add a train-*.parquet.")
    return train, test


def _role_names(part: str) -> Iterator[str]:
    return (name for name in TRAIN_NAMES + TEST_NAMES if re.match(rf"{name}(set|[^a-z]|$)", part))


class _Table(NamedTuple):
    """A parquet file, opened, and where its images and labels are."""

    file: pq.ParquetFile
    path: Path
    image: str
    label: str
    classes: tuple[str, ...]  # empty where the file does not name them

    @property
    def num_rows(self) -> int:
        return self.file.metadata.num_rows


def _parquet_table(path: Path) -> _Table:
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name} is not a whole parquet file ({reason(error)}): download it again."
        ) from error
    names = _class_names(schema)
    images = [field.name for field in schema if _holds_bytes(field.type)]
    labels = [field.name for field in schema if pa.types.is_integer(field.type)]
    labels.sort(key=lambda name: (name not in names, name != "label"))  # others may be ids
    if not images or not labels:
        raise UserError(
            f"{path.name} has the columns {', '.join(schema.names)[:200]}: it needs a column of "
            "images (a struct with 'bytes') and one of whole-number labels."
        )
    return _Table(file, path, images[0], labels[0], names.get(labels[0], ()))


def _holds_bytes(kind: pa.DataType) -> bool:
    """Whether a column's type is that of Hugging Face images, {bytes, path}."""
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    content = kind.field("bytes").type
    return pa.types.is_binary(content) or pa.types.is_large_binary(content)


def _class_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Column -> class names, from the Hugging Face metadata as far as there is any."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: tuple(str(name) for name in feature["names"])
            for column, feature in features.items()
            if feature.get("_type") == "ClassLabel"
        }
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError):
        return {}


def _common_classes(tables: list[_Table]) -> tuple[str, ...]:
    """The class names, which all files have to agree on; empty where they name none."""
    first = tables[0]
    if first.classes:
        _check_class_count(len(first.classes), first.path.name)
    for table in tables:
        if table.classes != first.classes:
            raise UserError(
                f"{first.path.name} and {table.path.name} name different classes: give files of "
                "one data set."
            )
    return first.classes


def _parquet_name(folder: Path, classes: tuple[str, ...], train: list[_Table], count: int) -> str:
    """The folder's name, unless it is CIFAR-10, whose pictures some copies keep as JPEG."""
    if classes != CIFAR10_CLASSES or count != 60_000:
        return folder.resolve().name
    first, _ = next(row for table in train for row in _parquet_content(table))
    return "CIFAR-10 (JPEG copy)" if (first or b"").startswith(b"\xff\xd8") else "CIFAR-10"


def _parquet_rows(table: _Table, classes: int) -> Rows:
    for row, (content, label) in enumerate(_parquet_content(table)):
        name = f"row {row} of {table.path.name}"
        if content is None or label is None:
            raise UserError(f"There is no picture or no label in {name}: remove the row.")
        if not 0 <= label < classes:
            raise UserError(
                f"The label in {name} is {label}, but should be 0 to {classes - 1}: correct it."
            )
        yield image_files.shrink(image_files.read(content, f"The picture in {name}")), label


def _parquet_content(table: _Table) -> Iterator[tuple[bytes | None, int | None]]:
    """The bytes and the label of each row, as they are."""
    row = 0
    try:
        for batch in table.file.iter_batches(250, columns=[f"{table.image}.bytes", table.label]):
            images, labels = batch.column(table.image), batch.column(table.label)
            for image, label in zip(images.to_pylist(), labels.to_pylist(), strict=True):
                yield (image or {}).get("bytes"), label
                row += 1
    except (pa.ArrowException, OSError, LookupError, ValueError) as error:
        raise UserError(
            f"{table.path.name} breaks off after {row} rows ({reason(error)}): download it again."
        ) from error


def _read_class_folders(folder: Path, progress: Progress) -> Arrays:
    """A folder for each class, in the layout of `torchvision.datasets.ImageFolder`."""
    children = {child.name.lower(): child for child in _subfolders(folder)}
    train = next((children[name] for name in TRAIN_NAMES if name in children), None)
    test = next((children[name] for name in TEST_NAMES if name in children), None)
    if train is None or not _subfolders(train):  # else "train" is a class, of railway pictures
        train, test = folder, None
    classes, train_files = _class_files(train)
    test_classes, test_files = _class_files(test) if test else (classes, [])
    if test_classes != classes:
        raise UserError(
            f"{train.name} and {test.name} have different classes "
            f"({', '.join(sorted(set(classes) ^ set(test_classes)))}): give both the same folders."
        )
    name, count = folder.resolve().name, len(train_files) + len(test_files)
    return _assembled(name, classes, _decoded(train_files), _decoded(test_files), count, progress)


def _subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name, without those that systems and editors put there."""
    try:
        return sorted(
            child
            for child in folder.iterdir()
            if child.is_dir() and not child.name.startswith((".", "__"))
        )
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({reason(error)}): check it.") from error


def _class_files(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Class names, and each picture with its label, as ImageFolder finds them."""
    folders = _subfolders(folder)
    if not folders:
        raise UserError(
            f"{folder} has no class folders: put the pictures of each class into a folder of its "
            "own, or give a folder of parquet files."
        )
    _check_class_count(len(folders), folder.name)
    files = [(path, label) for label, each in enumerate(folders) for path in _pictures(each)]
    return tuple(each.name for each in folders), files


def _pictures(folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not found:
        raise UserError(
            f"The class folder {folder.name!r} in {folder.parent} has no pictures: add some or "
            "remove it."
        )
    return found


def _decoded(files: Iterable[tuple[Path, int]]) -> Rows:
    for path, label in files:
        yield image_files.shrink(image_files.read(path, os.path.join(*path.parts[-2:]))), label


def _assembled(
    name: str, classes: tuple[str, ...], train: Rows, test: Rows, count: int, progress: Progress
) -> Arrays:
    """Decode all rows; split them where there are none to test on."""
    images, labels = _stack(_with_progress(train, count, progress))
    test_images, test_labels = images[:0], labels[:0]
    if len(labels) < count:
        rows = _with_progress(test, count, progress, begin=len(labels))
        test_images, test_labels = _stack(rows)
    if not classes:
        last = max(labels.max(), test_labels.max(initial=0))
        classes = tuple(str(label) for label in range(last + 1))
        _check_class_count(len(classes), name)
    arrays = Arrays(name, classes, images, labels, test_images, test_labels)
    return arrays if len(test_labels) else _split(arrays)


def _with_progress(
    rows: Iterable[T], total: int, progress: Progress, begin: int = 0
) -> Iterator[T]:
    for done, row in enumerate(rows, begin + 1):
        yield row
        if done % 500 == 0 or done == total:
            progress(done / total)


def _stack(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    pairs = list(rows)
    if not pairs:
        raise UserError("The data has no images: add some and try again.")
    images, labels = zip(*pairs, strict=True)
    return np.stack(images), np.array(labels, dtype=np.int64)


def _split(arrays: Arrays) -> Arrays:
    """Hold out a fifth of each class, always the same one, for testing."""
    images, labels = arrays.train_images, arrays.train_labels
    shuffle = np.random.default_rng(0)
    test = np.zeros(len(labels), dtype=bool)
    for label, class_name in enumerate(arrays.classes):
        members = shuffle.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UserError(
                f"The class {class_name!r} of {arrays.name} has fewer than two pictures: it needs "
                "one to train on and one to test."
            )
        test[members[: max(1, round(len(members) * TEST_SHARE))]] = True
    return Arrays(
        arrays.name, arrays.classes, images[~test], labels[~test], images[test], labels[test]
    )


def _check_class_count(count: int, name: str) -> None:
    if not MIN_CLASSES <= count <= MAX_CLASSES:
        raise UserError(
            f"{name} has {count} {'class' if count == 1 else 'classes'}: give data with "
            f"{MIN_CLASSES} to {MAX_CLASSES}."
        )
