"""Arrays of pictures in the binary forms that well-known data sets are published in.

CIFAR-10 and CIFAR-100 (binary), STL-10 (binary), MNIST and its relatives (idx), MedMNIST and
others (npz), CIFAR-10-C and CIFAR-10.1 (npy), SVHN (mat, if scipy is there).

Shapes: N pictures, height H, width W.
"""

import gzip
import io
import math
import struct
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import numpy as np

from ...errors import UserError, counted, reason
from ..limits import MAX_MEMBER_BYTES
from . import archives, kinds, splits
from .content import Content, Label, Part
from .tree import File, Tree

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FAULTS = (*archives.FAULTS, MemoryError, TypeError, KeyError)
PIXELS = 32 * 32 * 3
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
        (lambda: not are_pictures and tree.having(".mat"), _svhn),
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
    parts, alone = [], defaultdict(dict)
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
                parts.append(_pair(split, group, file.shown))
    parts += [_pair(split, group, " and ".join(group)) for split, group in alone.items()]
    return Content(tree.name, tuple(parts), classes)


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


def _pair(split: str, arrays: dict[str, np.ndarray], where: str) -> Part:
    """The one array that has the shape of pictures, and the one that has that of labels."""
    images = [array for array in arrays.values() if array.ndim >= 3]
    labels = [array for array in map(_one_column, arrays.values()) if array.ndim == 1]
    if len(images) != 1 or len(labels) != 1:
        named = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise UserError(
            f"{where} holds {named[:200] or 'nothing'}: it needs one array of pictures (N, height, "
            "width) or (N, height, width, 3) and one of labels (N,) for each split."
        )
    return _part(split, as_bytes(images[0], where), _label_values(labels[0], where), where)


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


def as_bytes(images: np.ndarray, where: str) -> np.ndarray:
    """Pictures as (N, H, W) or (N, H, W, 3) uint8."""
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[3] not in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 4 and images.shape[3] in (1, 4):
        images = images[..., 0] if images.shape[3] == 1 else images[..., :3]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise UserError(
            f"The pictures of {where} have the shape {images.shape}: it should be (N, height, "
            "width) or (N, height, width, 3)."
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind in "iuf" and images.size and images.min() >= 0 and images.max() <= 255:
        is_share = images.dtype.kind == "f" and images.max() <= 1
        return (images * (255 if is_share else 1)).round().astype(np.uint8)
    raise UserError(
        f"The pictures of {where} are {images.dtype}: save them as bytes from 0 to 255 (uint8)."
    )


def _is_labels(file: File) -> bool:
    name = file.name.lower()
    return file.suffix == ".npy" and ("label" in name or name.startswith("y_"))


def _npy(tree: Tree, names: dict[str, File]) -> Content:
    """A pair of files for each split; or CIFAR-10-C and CIFAR-10.1, only to measure on."""
    files = tree.having(".npy")
    by_split: dict[str, list[File]] = defaultdict(list)
    for file in files:
        by_split[splits.role_of(file.parts)].append(file)
    if "train" in by_split:
        parts = [_npy_part(split, group, tree) for split, group in by_split.items()]
        return Content(tree.name, tuple(parts))
    part = _npy_part("test", files, tree)
    images = next(file for file in files if not _is_labels(file))
    ten = max((label for label in part.labels if isinstance(label, int)), default=0) < 10
    is_cifar = ten and "cifar" in "/".join((tree.place, *images.parts)).lower()
    classes = CIFAR10_CLASSES if is_cifar else None
    return Content(images.name.removesuffix(".npy"), (part,), classes, only_test=True)


def _npy_part(split: str, files: list[File], tree: Tree) -> Part:
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


# SVHN ---------------------------------------------------------------------------------------------


def _svhn(tree: Tree, names: dict[str, File]) -> Content:
    """Matlab files with X (32, 32, 3, N) and y (N, 1), in which 10 is the digit 0."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise UserError(
            f"{tree.name} holds Matlab files, for which scipy is needed: run pip install scipy, or "
            "save the arrays with numpy.savez as train_images, train_labels, and so on."
        ) from error
    parts = []
    for file in tree.having(".mat"):
        try:
            arrays = loadmat(io.BytesIO(_whole(file)), variable_names=("X", "y"))
            images, labels = arrays["X"].transpose(3, 0, 1, 2), arrays["y"].reshape(-1) % 10
        except FAULTS as error:
            raise UserError(
                f"{file.shown} is not of SVHN's form, X (32, 32, 3, N) and y (N, 1) in a file of "
                f"Matlab 5 ({reason(error)}): save its arrays with numpy.savez."
            ) from error
        where, split = file.shown, splits.role(file.name)
        parts.append(_part(split, as_bytes(images, where), labels.astype(int).tolist(), where))
    return Content(tree.name, tuple(parts))
