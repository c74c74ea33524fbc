"""Files that are no weights of torch's: what they are, and the line that saves what is needed."""

import json
import re
import zipfile
from io import BytesIO
from itertools import islice
from pathlib import Path

from ..data.limits import one_line, shown

SAVE = 'save the weights with torch.save(model.state_dict(), "weights.pt")'
SAVE_ARRAYS = f"put its arrays into the network by their names, then {SAVE}"
SAVE_NPZ = (
    "save them with torch.save({name: torch.from_numpy(array) for name, array in "
    'numpy.load(FILE).items()}, "weights.pt")'
)
SAVE_SCRIPT = 'save the weights with torch.save(torch.jit.load(FILE).state_dict(), "weights.pt")'
ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
MAX_LISTED = 4096  # files of a folder or an archive that are looked through
Account = tuple[str, str]  # what a file is, and what to do: two halves of a sentence
NAME = 120  # characters of a path that an error repeats

STARTS = (
    (b"\x89HDF\r\n\x1a\n", "is a Keras or HDF5 file", SAVE_ARRAYS),
    (b"\x93NUMPY", "is a single numpy array", SAVE_ARRAYS),
    (b"GGUF", "is a GGUF file", SAVE_ARRAYS),
    (b"lmgg", "is a GGML file", SAVE_ARRAYS),
    (b"tjgg", "is a GGML file", SAVE_ARRAYS),
    (b"\x08\x01\x12", "is a TensorFlow SavedModel", SAVE_ARRAYS),
    (
        b"version https://git-lfs",
        "is only a pointer of Git LFS",
        "fetch the file with git lfs pull",
    ),
    (b"\x1f\x8b", "is packed with gzip", "unpack it and choose the file in it"),
    (b"BZh", "is packed with bzip2", "unpack it and choose the file in it"),
    (b"\xfd7zXZ", "is packed with xz", "unpack it and choose the file in it"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd", "unpack it and choose the file in it"),
    (b"7z\xbc\xaf", "is a 7-Zip archive", "unpack it and choose the file in it"),
    (b"Rar!", "is a RAR archive", "unpack it and choose the file in it"),
)
SHARD = re.compile(r"-\d{5}-of-(\d{5})\.")
SHARDS = f"load all of them into the model, then {SAVE}"


def account(content: bytes, name: str) -> Account | None:
    """What a file is, and what to do: None where it is not known.

    Args:
        content: of the file.
        name: as it was given.
    """
    for start, what, remedy in STARTS:
        if content.startswith(start):
            return what, remedy
    if content[4:8] == b"TFL3":
        return "is a TensorFlow Lite model", SAVE_ARRAYS
    if content[257:262] == b"ustar":
        return "is a tar archive", "unpack it and choose the file in it"
    if _is_onnx(content):
        return "is an ONNX model, in which the weights have other places", SAVE
    if content[4:8] == b"ET12":
        return "is a program of ExecuTorch", SAVE
    if name.endswith(".msgpack"):
        return "is a file of Flax", SAVE_ARRAYS
    if name.endswith(".joblib"):
        return "was written by joblib, which may hold any code, and is not opened", SAVE
    if name.endswith(".distcp"):
        return (
            "is a part of a distributed checkpoint",
            f"load its folder into the model, then {SAVE}",
        )
    if content.lstrip()[:5].lower() == b"<?xml":
        return "is a text of XML, as of OpenVINO, and holds no weights", SAVE
    if content.lstrip()[:1] == b"<":
        return "is a web page, as a download that failed leaves it", "fetch it again"
    if content.lstrip()[:1] == b"{":
        return _json(content)
    if content.startswith(b"PK\3\4") and (known := _archive(content)):
        return known
    if shards := SHARD.search(name):
        return f"is one of {int(shards[1])} shards, or not this network's", SHARDS
    return None


def _is_onnx(content: bytes) -> bool:
    """Its version (3 or more), then its producer or what else begins a model."""
    version, field = content[1:2], content[2:3]
    return content[:1] == b"\x08" and b"\3" <= version < b" " and field in b"\x12\x1a\x22\x3a"


def _json(content: bytes) -> Account | None:
    try:
        index = json.loads(content)
    except ValueError:
        return None
    if isinstance(index, dict) and isinstance(index.get("weight_map"), dict):
        files = sorted({shown(str(file)) for file in index["weight_map"].values()})
        return f"is an index of shards ({_few(files)}) and holds no weights", SHARDS
    return "is a text (JSON), as of settings, and no file of weights", "choose the file beside it"


def _archive(content: bytes) -> Account | None:
    try:
        with zipfile.ZipFile(BytesIO(content)) as file:
            names = [member.filename for member in file.infolist()[:MAX_LISTED]]
    except Exception:  # damaged bytes are met with exceptions of many kinds
        return None
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        return "is a program of torch.export", SAVE
    if any("/code/" in f"/{name}" for name in names):
        return "is a TorchScript program", SAVE_SCRIPT
    if any(name.endswith(".weights.h5") for name in names):
        return "is a Keras model", SAVE_ARRAYS
    if names and all(name.endswith(".npy") for name in names):
        return "holds numpy arrays", SAVE_NPZ
    if any(".data/extern_modules" in name for name in names):
        return "is a package of torch.package, which is code", SAVE
    if any(name.endswith("model.mlmodel") for name in names):
        return "is a Core ML model", SAVE
    inner = [shown(name) for name in names if name.lower().endswith(ENDINGS)]
    if inner:
        return f"is an archive with {_few(inner)} in it", "unpack it and choose that file"
    if not any(name.endswith("data.pkl") for name in names):
        return "is an archive without weights", "choose a .safetensors, .pt or .pth file"
    return None


def folder(path: Path) -> str:
    """What to say about a folder that is given as a checkpoint."""
    files = sorted(entry.name for entry in path.iterdir() if entry.is_file())[:MAX_LISTED]
    where = one_line(str(path), NAME)
    weights = [file for file in files if file.endswith(ENDINGS) and not _is_other(file)]
    if any(map(SHARD.search, files)):
        return f"{where} is a folder of shards: {SHARDS}."
    if weights:
        return f"{where} is a folder: give a file in it ({_few(weights)})."
    if "saved_model.pb" in files:
        return f"{where} is a folder of TensorFlow: {SAVE_ARRAYS}."
    if "_METADATA" in files or "_CHECKPOINT_METADATA" in files:
        return f"{where} is a checkpoint of Orbax, as JAX saves it: {SAVE_ARRAYS}."
    if ".metadata" in files:
        return f"{where} is a distributed checkpoint of torch: load it into the model, then {SAVE}."
    below = list(islice(path.rglob("*"), MAX_LISTED + 1))
    inner = sorted(
        shown(str(file.relative_to(path)))
        for file in below
        if file.suffix in ENDINGS and not _is_other(file.name)
    )
    if inner:
        return f"{where} is a folder: give a file below it ({_few(inner)})."
    if any(file.name == "data.pkl" for file in below):
        return (
            f"{where} is a .pt file that was unpacked: give the file as it was, or fetch it again."
        )
    if len(below) > MAX_LISTED:
        return f"{where} holds more than {MAX_LISTED:,} files: give the file of weights itself."
    return f"{where} is a folder without weights: give a .safetensors, .pt or .pth file."


def _is_other(name: str) -> bool:
    """Whether a file of a training's folder holds something else than weights."""
    return name.startswith(("optimizer", "scheduler", "scaler", "random_states", "rng", "training"))


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
