"""Where images come from: CIFAR-10, parquet files, folders of pictures, the generated shapes.

Each source is read into the same `Arrays`. Reading can take a while and reports its progress;
`data.open_dataset` does it once and keeps the result.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import pictures, shapes
from .errors import UserError

CIFAR10_BYTES = 170_498_071  # size of torchvision's download
MIN_CLASSES, MAX_CLASSES = 2, 10
TEST_SHARE = 0.2  # of a source that has no split of its own
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation", "eval")

Progress = Callable[[float], None]  # told the fraction that is done
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
    """A key that changes when the source does, found without decoding anything.

    Raises:
        UserError: the folder does not exist.
    """
    if source == "shapes":
        parts = [Path(shapes.__file__).read_bytes()]  # drawn by this code, so by its text
    elif source == "cifar10":
        parts = [b"cifar10"]  # torchvision verifies its checksums
    else:
        folder = _existing_folder(source)
        parts = [json.dumps([str(folder.resolve()), *_stats(folder)]).encode()]
    return hashlib.blake2b(b"".join(parts), digest_size=12).hexdigest()


def _stats(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Every file below with its size and time of change, in a fixed order."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            stat = os.stat(os.path.join(parent, name))
            yield (
                os.path.join(os.path.relpath(parent, folder), name),
                stat.st_size,
                stat.st_mtime_ns,
            )


def _existing_folder(source: str) -> Path:
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"There is no data folder {source!r}: give the path of a folder with parquet files or "
            "class folders, or use 'cifar10' or 'shapes'."
        )
    return folder


def _read_shapes() -> Arrays:
    train_images, train_labels = shapes.draw(12_800, seed=0)
    test_images, test_labels = shapes.draw(2_000, seed=1)
    return _checked(
        Arrays("Shapes", shapes.CLASSES, train_images, train_labels, test_images, test_labels)
    )


def _read_cifar10(root: Path, download: bool) -> Arrays:
    """CIFAR-10 (Krizhevsky 2009) through torchvision, which verifies its checksums."""
    from .vision import torchvision  # slow to import, and only needed here

    try:
        train, test = (
            torchvision.datasets.CIFAR10(str(root), train=train, download=download)
            for train in (True, False)
        )
    except (RuntimeError, OSError, EOFError) as error:
        raise UserError(
            f"CIFAR-10 could not be {'downloaded' if download else 'read'} ({error}): check the "
            f"network and the free space in {root}, delete what is there, and try again."
        ) from error
    arrays = [
        part
        for split in (train, test)
        for part in (np.ascontiguousarray(split.data.transpose(0, 3, 1, 2)), split.targets)
    ]
    return _checked(Arrays("CIFAR-10", tuple(train.classes), *arrays))


def _read_parquet(folder: Path, files: list[Path], progress: Progress) -> Arrays:
    """Parquet files in the layout of Hugging Face image data sets."""
    train = [file for file in files if file.stem.lower().startswith(TRAIN_NAMES)]
    test = [file for file in files if file.stem.lower().startswith(TEST_NAMES)]
    train = train or [file for file in files if file not in test]
    if not train:
        raise UserError(f"{folder} has no parquet file to train on: add a train-*.parquet.")
    tables = {file: _parquet_table(file) for file in train + test}
    total = sum(table.num_rows for table in tables.values())
    classes = _parquet_classes(next(iter(tables.values())))
    rows = _with_progress(
        (row for file in train for row in _parquet_rows(tables[file])), total, progress
    )
    images, labels = _stack(rows)
    is_jpeg = _first_bytes(tables[train[0]]).startswith(b"\xff\xd8")
    name = folder.resolve().name
    if classes[:2] == ("airplane", "automobile") and len(classes) == 10:
        name = "CIFAR-10 (JPEG copy)" if is_jpeg else "CIFAR-10"
    classes = classes or tuple(str(label) for label in range(int(labels.max()) + 1))
    if not test:
        return _split(name, classes, images, labels)
    rest = (row for file in test for row in _parquet_rows(tables[file]))
    rest = _with_progress(rest, total, progress, begin=len(labels))
    return _checked(Arrays(name, classes, images, labels, *_stack(rest)))


class _Table(NamedTuple):
    """A parquet file, opened, and where its images and labels are."""

    file: pq.ParquetFile
    path: Path
    image: str
    label: str

    @property
    def num_rows(self) -> int:
        return self.file.metadata.num_rows


def _parquet_table(path: Path) -> _Table:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name} is not a whole parquet file ({error}): download it again."
        ) from error
    schema = file.schema_arrow
    image = next((f.name for f in schema if pa.types.is_struct(f.type)), None)
    label = next((f.name for f in schema if pa.types.is_integer(f.type)), None)
    if image is None or label is None:
        raise UserError(
            f"{path.name} has the columns {', '.join(schema.names)}: it needs a column of images "
            "(a struct with 'bytes') and one of whole-number labels."
        )
    return _Table(file, path, image, label)


def _parquet_classes(table: _Table) -> tuple[str, ...]:
    """Class names from the Hugging Face metadata, or none."""
    metadata = table.file.schema_arrow.metadata or {}
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return tuple(features[table.label]["names"])
    except (KeyError, TypeError, ValueError):
        return ()


def _first_bytes(table: _Table) -> bytes:
    row = next(table.file.iter_batches(1, columns=[table.image]))
    return row.column(0)[0].as_py()["bytes"][:4]


def _parquet_rows(table: _Table) -> Iterator[tuple[np.ndarray, int]]:
    row = 0
    try:
        for batch in table.file.iter_batches(1000, columns=[table.image, table.label]):
            for image, label in zip(batch.column(0), batch.column(1), strict=True):
                name = f"row {row} of {table.path.name}"
                content, number = (image.as_py() or {}).get("bytes"), label.as_py()
                if content is None or number is None:
                    raise UserError(f"{name} has no picture or no label: remove the row.")
                yield pictures.shrink(pictures.read(content, name)), number
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{table.path.name} breaks off after {row} rows ({error}): download it again."
        ) from error


def _read_class_folders(folder: Path, progress: Progress) -> Arrays:
    """A folder for each class, as `torchvision.datasets.ImageFolder` reads it."""
    children = {child.name.lower(): child for child in folder.iterdir() if child.is_dir()}
    train = next((children[name] for name in TRAIN_NAMES if name in children), None)
    test = next((children[name] for name in TEST_NAMES if name in children), None)
    if train is None:
        classes, files = _class_files(folder)
        images, labels = _stack(_with_progress(_decoded(files), len(files), progress))
        return _split(folder.resolve().name, classes, images, labels)
    classes, files = _class_files(train)
    if test is None:
        images, labels = _stack(_with_progress(_decoded(files), len(files), progress))
        return _split(folder.resolve().name, classes, images, labels)
    test_classes, test_files = _class_files(test)
    if test_classes != classes:
        raise UserError(
            f"{train.name} and {test.name} have different classes "
            f"({', '.join(sorted(set(classes) ^ set(test_classes)))}): give both the same folders."
        )
    total = len(files) + len(test_files)
    train_arrays = _stack(_with_progress(_decoded(files), total, progress))
    rest = _with_progress(_decoded(test_files), total, progress, begin=len(files))
    return _checked(Arrays(folder.resolve().name, classes, *train_arrays, *_stack(rest)))


def _class_files(folder: Path) -> tuple[tuple[str, ...], list[tuple[str, int]]]:
    from .vision import torchvision

    try:
        found = torchvision.datasets.ImageFolder(str(folder))
    except FileNotFoundError as error:
        reason = str(error).split(" Supported")[0].rstrip(".")
        raise UserError(
            f"{folder} is not a folder of class folders ({reason}): put the pictures of each "
            "class into a folder of its own, or give a folder of parquet files."
        ) from error
    _check_class_count(len(found.classes), folder.name)
    return tuple(found.classes), found.samples


def _decoded(files: Iterable[tuple[str, int]]) -> Iterator[tuple[np.ndarray, int]]:
    for path, label in files:
        picture = pictures.read(Path(path), os.path.join(*Path(path).parts[-2:]))
        yield pictures.shrink(picture), label


def _with_progress(
    rows: Iterable[T], total: int, progress: Progress, begin: int = 0
) -> Iterator[T]:
    for done, row in enumerate(rows, begin + 1):
        yield row
        if done % 500 == 0 or done == total:
            progress(done / total)


def _stack(rows: Iterable[tuple[np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = list(rows)
    if not pairs:
        raise UserError("The data has no images: add some and try again.")
    images, labels = zip(*pairs, strict=True)
    return np.stack(images), np.array(labels, dtype=np.int64)


def _split(name: str, classes: tuple[str, ...], images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Hold out a fifth of each class, always the same one, for testing."""
    shuffle = np.random.default_rng(0)
    test = np.zeros(len(labels), dtype=bool)
    for label, class_name in enumerate(classes):
        members = shuffle.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UserError(
                f"The class {class_name!r} of {name} has {len(members)} pictures: it needs two or "
                "more, one to train on and one to test."
            )
        test[members[: max(1, round(len(members) * TEST_SHARE))]] = True
    return _checked(Arrays(name, classes, images[~test], labels[~test], images[test], labels[test]))


def _check_class_count(count: int, name: str) -> None:
    if not MIN_CLASSES <= count <= MAX_CLASSES:
        raise UserError(
            f"{name} has {count} classes: Ultimus takes {MIN_CLASSES} to {MAX_CLASSES}."
        )


def _checked(arrays: Arrays) -> Arrays:
    """The invariants that every source keeps.

    Raises:
        UserError: too many or too few classes, or a label without a class.
    """
    _check_class_count(len(arrays.classes), arrays.name)
    train_labels, test_labels = (
        np.asarray(labels, dtype=np.int64) for labels in (arrays.train_labels, arrays.test_labels)
    )
    for labels in (train_labels, test_labels):
        wrong = labels[(labels < 0) | (labels >= len(arrays.classes))]
        if len(wrong):
            raise UserError(
                f"{arrays.name} has the label {wrong[0]}, but names only {len(arrays.classes)} "
                f"classes (0 to {len(arrays.classes) - 1}): correct the labels."
            )
    return arrays._replace(train_labels=train_labels, test_labels=test_labels)
