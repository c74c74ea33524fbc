"""Arrays of pictures in the binary forms that well-known data sets are published in.

CIFAR-10 and CIFAR-100 (binary), STL-10 (binary), MNIST and its relatives (idx), MedMNIST and
others (npz), CIFAR-10-C and CIFAR-10.1 (npy), SVHN and CIFAR (mat, if scipy is there).

Shapes: N pictures, height H, width W.
"""

import gzip
import io
import math
import re
import struct
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import numpy as np

from ...errors import UserError, counted, reason
from ..limits import MAX_MEMBER_BYTES
from . import archives, kinds, pixels, splits
from .content import Content, Label, Part
from .tree import File, Tree

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FAULTS = (*archives.FAULTS, MemoryError, TypeError, KeyError)
PIXELS = 32 * 32 * 3
LABELS = re.compile(r"(y|targets?|class(es)?)[_.]")  # begins names of files of labels
SEVERAL = 10  # pictures from which on arrays beside them are what was computed of them


def content(tree: Tree) -> Content | None:
    """What a source holds of these forms; None if it is none of them.

    Raises:
        UserError: a file is damaged, or holds no pictures with labels.
    """
    names = {file.name: file for file in tree.files}
    are_pictures = sum(file.suffix in kinds.PICTURES for file in tree.files) >= SEVERAL
    for known, read in (
        (lambda: "test_batch.bin" in names, _cifar10),
        (lambda: {"train.bin", "test.bin", "fine_label_names.txt"} <= names.keys(), _cifar100),
        (lambda: {"train_X.bin", "train_y.bin"} <= names.keys(), _stl10),
        (lambda: any(_is_idx(file) for file in tree.files), _idx),
        (lambda: not are_pictures and tree.having(".npz"), _npz),
        (lambda: not are_pictures and any(map(_is_labels, tree.having(".npy"))), _npy),
        (lambda: not are_pictures and tree.having(".mat"), _mat),
    ):
        if known():
            return read(tree, names)
    return None


def _part(split: str, images: np.ndarray, labels: Sequence[Label], where: str) -> Part:
    """Pictures (N, H, W) or (N, H, W, 3) uint8 with their labels."""
    if len(images) != len(labels):
        raise UserError(
            f"{where} has {len(images):,} pictures and {len(labels):,} labels: fetch it again."
        )
    return Part(split, list(labels), partial(iter, images), partial(_name, where))


def _name(where: str, place: int) -> str:
    return f"picture {place} of {where}"


def _whole(file: File) -> bytes:
    content = file.read(MAX_MEMBER_BYTES)
    if len(content) > MAX_MEMBER_BYTES:
        raise UserError(
            f"{file.shown} is larger than {MAX_MEMBER_BYTES // 1_000_000} MB: give a smaller one."
        )
    return content


def _records(file: File, width: int) -> np.ndarray:
    """A file of records of `width` bytes, as (N, width) uint8."""
    content = _whole(file)
    if not content or len(content) % width:
        raise UserError(f"{file.shown} is incomplete: download it again.")
    return np.frombuffer(content, np.uint8).reshape(-1, width)


def _lines(file: File | None) -> tuple[str, ...] | None:
    """Class names, one a line."""
    if file is None:
        return None
    found = (line.strip() for line in _whole(file).decode(errors="replace").splitlines())
    return tuple(filter(None, found)) or None


# CIFAR and STL-10 ---------------------------------------------------------------------------------


def _cifar10(tree: Tree, names: dict[str, File]) -> Content:
    """Records of a label and 3 x 32 x 32 colours."""
    parts = []
    for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
        if name not in names:
            raise UserError(f"{name} of CIFAR-10 is missing in {tree.name}: download it again.")
        records = _records(names[name], 1 + PIXELS)
        split = "test" if name == "test_batch.bin" else "train"
        parts.append(_part(split, _planes(records[:, 1:]), records[:, 0].tolist(), name))
    classes = _lines(names.get("batches.meta.txt")) or CIFAR10_CLASSES
    return Content("CIFAR-10", tuple(parts), classes)


def _cifar100(tree: Tree, names: dict[str, File]) -> Content:
    """Records of a coarse and a fine label and 3 x 32 x 32 colours; the fine ones are taken."""
    parts = []
    for split in ("train", "test"):
        records = _records(names[f"{split}.bin"], 2 + PIXELS)
        parts.append(_part(split, _planes(records[:, 2:]), records[:, 1].tolist(), f"{split}.bin"))
    return Content("CIFAR-100", tuple(parts), _lines(names["fine_label_names.txt"]))


def _planes(pixels: np.ndarray) -> np.ndarray:
    """(N, 3072) -> (N, 32, 32, 3)"""
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _stl10(tree: Tree, names: dict[str, File]) -> Content:
    """Pictures of 3 x 96 x 96 colours, column by column; labels count from 1."""
    parts = []
    for split in ("train", "test"):
        if not {f"{split}_X.bin", f"{split}_y.bin"} <= names.keys():
            continue
        pixels = _records(names[f"{split}_X.bin"], 3 * 96 * 96).reshape(-1, 3, 96, 96)
        labels = _records(names[f"{split}_y.bin"], 1)[:, 0].astype(int) - 1
        images = pixels.transpose(0, 3, 2, 1)  # (N, 96, 96, 3)
        parts.append(_part(split, images, labels.tolist(), f"{split}_X.bin"))
    notes = ("Left out: unlabeled_X.bin, which has no labels.",) * ("unlabeled_X.bin" in names)
    return Content("STL-10", tuple(parts), _lines(names.get("class_names.txt")), notes)


# idx ----------------------------------------------------------------------------------------------


def _is_idx(file: File) -> bool:
    name = file.name.lower()
    return ("idx3" in name or "idx1" in name) and file.suffix in ("", ".gz", ".idx3-ubyte",
                                                                  ".idx1-ubyte")  # fmt: skip


def _idx(tree: Tree, names: dict[str, File]) -> Content:
    """MNIST's form: pictures and labels in files of their own, which differ in one word."""
    pairs: dict[tuple, dict[int, File]] = defaultdict(dict)
    for file in filter(_is_idx, tree.files):
        kind = 3 if "idx3" in file.name.lower() else 1
        key = (*file.parts[:-1], file.name.lower().replace("images", "").replace("labels", "")
               .replace("idx3", "").replace("idx1", "").removesuffix(".gz"))  # fmt: skip
        pairs[key][kind] = file
    whole = {key: pair for key, pair in pairs.items() if len(pair) == 2}
    splits.check_one_set([(*key[:-1], _stem(key[-1]) + ".idx") for key in whole])
    parts = []
    for key, pair in whole.items():
        images, labels = _idx_array(pair[3]), _idx_array(pair[1])
        if "emnist" in key[-1]:
            images = images.transpose(0, 2, 1)  # which is stored on its side
        split = "test" if "t10k" in key[-1] else splits.role(key[-1])
        parts.append(_part(split, images, labels.tolist(), pair[3].shown))
    if not parts:
        raise UserError(
            f"{tree.name} has no pair of idx files, images and labels: download what is missing."
        )
    return Content(tree.name, tuple(parts))


def _stem(name: str) -> str:
    return name.replace("t10k", "test").replace("ubyte", "")


def _idx_array(file: File) -> np.ndarray:
    """An array of bytes with its dimensions in front (LeCun's idx format)."""
    try:
        with file.open() as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with file.open() as raw, gzip.open(raw) if packed else raw as whole:
            zero, kind, dims = struct.unpack(">HBB", whole.read(4))
            shape = struct.unpack(f">{dims}I", whole.read(4 * dims))
            size = math.prod(shape)
            if zero or kind != 8 or dims not in (1, 3) or size > MAX_MEMBER_BYTES:
                raise ValueError("its head is not that of pictures or labels")
            return np.frombuffer(whole.read(size), np.uint8).reshape(shape)
    except FAULTS as error:
        raise _damaged(file, error) from error


def _damaged(file: File, error: BaseException) -> UserError:
    return UserError(f"{file.shown} is damaged ({reason(error)}): download it again.")


# numpy --------------------------------------------------------------------------------------------


def _npz(tree: Tree, names: dict[str, File]) -> Content:
    """MedMNIST's form (train_images, train_labels, …), Keras' (x_train, y_train, …), and alike."""
    pairs, alone = [], defaultdict(dict)
    classes: tuple[str, ...] | None = None
    for file in tree.having(".npz"):
        arrays = _arrays(file)
        classes = classes or _class_names(arrays)
        by_split: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
        for name, array in arrays.items():
            by_split[splits.role(name) or splits.role(file.name)][name] = array
        for split, group in by_split.items():
            if len(arrays) == 1:  # as KMNIST keeps pictures and labels
                alone[split][file.shown] = array
            else:
                pairs.append(_pair(split, group, file.shown))
    pairs += [_pair(split, group, " and ".join(group)) for split, group in alone.items()]
    return _of_pairs(tree.name, pairs, classes)


Pair = tuple[Part, tuple[str, ...]]  # and sentences about how the pictures were read


def _of_pairs(
    name: str, pairs: Sequence[Pair], classes: tuple[str, ...] | None = None, **about: bool
) -> Content:
    """Content of pictures with their labels; what several splits say is said once."""
    notes = dict.fromkeys(note for _, said in pairs for note in said)
    return Content(name, tuple(part for part, _ in pairs), classes, tuple(notes), **about)


def _class_names(arrays: dict[str, np.ndarray]) -> tuple[str, ...] | None:
    """What an array of words says that whole-number labels are called; taken out of the arrays."""
    for name, array in list(arrays.items()):
        if array.dtype.kind == "U" and array.ndim == 1 and "name" in name.lower():
            return tuple(map(str, arrays.pop(name)))
    return None


def _arrays(file: File) -> dict[str, np.ndarray]:
    try:
        content = io.BytesIO(_whole(file))
        total = sum(info.file_size for info in zipfile.ZipFile(content).infolist())
        if total > MAX_MEMBER_BYTES:
            raise UserError(f"{file.shown} holds more than 500 MB: give a smaller data set.")
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except UserError:
        raise
    except FAULTS as error:
        raise _not_numbers(file, error) from error


def _not_numbers(file: File, error: BaseException) -> UserError:
    if "allow_pickle" in str(error):
        return UserError(
            f"{file.shown} holds Python objects, which may run any code and are not opened: save "
            "plain arrays of numbers instead."
        )
    return _damaged(file, error)


def _pair(
    split: str, arrays: dict[str, np.ndarray], where: str, bands: tuple[int, ...] = (1, 3)
) -> Pair:
    """The one array that has the shape of pictures, and the one that has that of labels.

    Pictures may lie in rows, with as many bands as given: Matlab's grey ones may go down columns.
    """
    images = [array for array in arrays.values() if array.ndim >= 3] or [
        array for array in arrays.values()
        if array.ndim == 2 and pixels.side_of(array.shape[1], bands)
    ]  # fmt: skip
    labels = [array for array in map(_one_column, arrays.values()) if array.ndim == 1]
    if len(images) != 1 or len(labels) != 1:
        named = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise UserError(
            f"{where} holds {named[:200] or 'nothing'}: it needs one array of pictures (N, height, "
            "width) or (N, height, width, 3) and one of labels (N,) for each split."
        )
    found, notes = pixels.pictures(images[0], where)
    return _part(split, found, _label_values(labels[0], where), where), notes


def _one_column(labels: np.ndarray) -> np.ndarray:
    """Labels in one column, or one-hot (N, C), as (N,); any other array as it is."""
    if labels.ndim != 2 or not labels.size or labels.dtype.kind not in "iubfUS":
        return labels
    if labels.shape[1] == 1:
        return labels[:, 0]
    is_hot = labels.dtype.kind in "iubf" and ((labels == 0) | (labels == 1)).all()
    return labels.argmax(axis=1) if is_hot and (labels.sum(axis=1) == 1).all() else labels


def _label_values(labels: np.ndarray, where: str) -> list[Label]:
    if labels.dtype.kind in "iub" or (
        labels.dtype.kind == "f" and (labels == labels.round()).all()
    ):
        return labels.reshape(-1).astype(int).tolist()
    if labels.dtype.kind in "US":
        return [value.decode(errors="replace") if isinstance(value, bytes) else value
                for value in labels.reshape(-1).tolist()]  # fmt: skip
    raise UserError(f"The labels of {where} are {labels.dtype}: save them as whole numbers.")


def _is_labels(file: File) -> bool:
    name = file.name.lower()
    return file.suffix == ".npy" and ("label" in name or bool(LABELS.match(name)))


def _npy(tree: Tree, names: dict[str, File]) -> Content:
    """A pair of files for each split; or CIFAR-10-C and CIFAR-10.1, only to measure on."""
    files = tree.having(".npy")
    by_split: dict[str, list[File]] = defaultdict(list)
    for file in files:
        by_split[splits.role_of(file.parts)].append(file)
    if "train" in by_split:
        pairs = [_npy_part(split, group, tree) for split, group in by_split.items()]
        return _of_pairs(tree.name, pairs)
    part, notes = _npy_part("", files, tree)
    images = next(file for file in files if not _is_labels(file))
    if "cifar" not in "/".join((tree.place, *images.parts)).lower():
        return Content(tree.name, (part,), notes=notes)
    ten = max((label for label in part.labels if isinstance(label, int)), default=0) < 10
    classes, part = CIFAR10_CLASSES if ten else None, part._replace(split="test")
    return Content(images.name.removesuffix(".npy"), (part,), classes, notes, only_test=True)


def _npy_part(split: str, files: list[File], tree: Tree) -> Pair:
    """One file of pictures and one of labels."""
    labels = [file for file in files if _is_labels(file)]
    images = [file for file in files if not _is_labels(file)]
    if len(labels) != 1 or len(images) != 1:
        example = next((file.name for file in images), "NAME.npy")
        raise UserError(
            f"{tree.name} holds {counted(len(images), 'file')} of pictures and {len(labels)} of "
            f"labels: give the one to use, as FOLDER/{example}."
        )
    return _pair(split, {file.name: _npy_array(file) for file in files}, images[0].name)


def _npy_array(file: File) -> np.ndarray:
    try:
        return np.load(io.BytesIO(_whole(file)), allow_pickle=False)
    except UserError:
        raise
    except FAULTS as error:
        raise _not_numbers(file, error) from error


# Matlab -------------------------------------------------------------------------------------------


def _mat(tree: Tree, names: dict[str, File]) -> Content:
    """Matlab files, as of SVHN and of CIFAR, with pictures and labels."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise UserError(
            f"{tree.name} holds Matlab files, for which scipy is needed: run pip install scipy, or "
            "save the arrays with numpy.savez as train_images, train_labels, and so on."
        ) from error
    pairs, classes = [], None
    for file in tree.having(".mat"):
        try:
            arrays = loadmat(io.BytesIO(_whole(file)), simplify_cells=True)
        except UserError:
            raise
        except Exception as error:  # the reader meets other bytes with exceptions of many kinds
            raise UserError(
                f"{file.shown} is not of the form of Matlab 5 ({reason(error)}): save its arrays "
                "with numpy.savez as train_images, train_labels, and so on."
            ) from error
        if "label_names" in arrays:  # of CIFAR, in a file of their own
            classes = tuple(map(str, arrays["label_names"]))
        elif numbers := _numbers(arrays):
            split = splits.role(file.name) or ("train" if "data_batch" in file.name else "")
            pairs.append(_pair(split, _rows_first(numbers), file.shown, bands=(3,)))
    return _of_pairs(tree.name, pairs, classes)


def _numbers(arrays: dict[str, object]) -> dict[str, np.ndarray]:
    return {
        name: array
        for name, array in arrays.items()
        if isinstance(array, np.ndarray) and array.dtype.kind in "biuf" and array.size
    }


def _rows_first(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays whose first axis goes through the pictures; the last one does in Matlab."""
    counts = {len(array) for array in arrays.values() if array.ndim == 1}
    turned = {
        name: np.moveaxis(array, -1, 0)
        if array.ndim > 2 and array.shape[-1] in counts and array.shape[0] not in counts
        else array
        for name, array in arrays.items()
    }
    if turned.keys() == {"X", "y"} and turned["y"].max() == 10:
        turned["y"] = turned["y"] % 10  # SVHN's digit 0
    return turned
