"""Which files are pictures, and what others are, which are not read here."""

from dataclasses import replace

from ...errors import UserError
from .tree import File, Tree

PICTURES = {
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif",
    ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".avifs", ".heic", ".heif", ".jxl", ".jp2",
    ".tga", ".ico",
}  # fmt: skip
NO_PICTURES = {
    ".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".py", ".html",
    ".pdf", ".doc", ".docx", ".log", ".ipynb", ".sh", ".toml", ".ini", ".db", ".lock",
}  # fmt: skip
BEGINNINGS = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
)  # fmt: skip
FOREIGN = {
    (".tfrecord", ".tfrecords"): (
        "TFRecord files", "read them with tensorflow and save the pictures into class folders"
    ),
    (".h5", ".hdf5"): (
        "HDF5 files",
        "read the arrays with h5py and save them with numpy.savez as train_images, train_labels, "
        "test_images and test_labels",
    ),
    ("zarr.json",): (
        "a zarr store",
        "read the arrays with zarr and save them with numpy.savez as train_images, train_labels, "
        "test_images and test_labels",
    ),
    (".pt", ".pth"): (
        "PyTorch files",
        "save the tensors with numpy.savez as train_images, train_labels, test_images and "
        "test_labels",
    ),
    (".pkl", ".pickle"): (
        "pickles, which may run any code and are not opened",
        "save the arrays with numpy.savez as train_images, train_labels, test_images and "
        "test_labels",
    ),
    (".safetensors",): (
        "a safetensors file",
        "read the arrays and save them with numpy.savez as train_images, train_labels, test_images "
        "and test_labels",
    ),
    (".feather",): ("a feather table", "save it as parquet"),
    (".mdb",): ("an LMDB", "save the pictures into class folders"),
    (".rec", ".beton"): ("a record file of another library", "save the pictures in class folders"),
    (".rar", ".7z"): ("an archive that is not read", "unpack it, or pack it as zip"),
    (".npy",): (
        "numpy arrays without one of labels",
        "save pictures and labels with numpy.savez as train_images, train_labels, test_images and "
        "test_labels",
    ),
    (".xlsx", ".xls", ".ods"): ("a spreadsheet", "save it as CSV"),
    (".mp4", ".avi", ".mov", ".mkv", ".webm"): ("films", "save pictures of them"),
}  # fmt: skip


def is_picture(file: File) -> bool:
    """By its ending, or by how it begins where the ending is none of a known kind."""
    if file.suffix in PICTURES:
        return True
    return file.suffix not in NO_PICTURES and _begins_as_picture(file)


def _begins_as_picture(file: File) -> bool:
    try:
        start = file.read(15)
    except UserError:
        return False
    return (
        start.startswith(BEGINNINGS)
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or (start[4:8] == b"ftyp" and start[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1"))
    )


def foreign(tree: Tree) -> UserError | None:
    """What a source is that is not read, and how it becomes one that is."""
    for suffixes, (what, advice) in FOREIGN.items():
        if any(end in f"{file.name.lower()}-" for file in tree.files for end in
               (f"{suffix}-" for suffix in suffixes)):  # fmt: skip
            return UserError(f"{tree.name} holds {what}: {advice}.")
    if any("cifar-10" in part or "cifar-100" in part for file in tree.files for part in file.parts):
        return UserError(
            f"{tree.name} holds CIFAR in its Python form, which are pickles and are opened only "
            "from a folder and with the sums that are published: unpack it and give the folder, "
            "or give the binary form."
        )
    return None


def other_file(tree: Tree) -> UserError:
    """What to do with a single file that is no source by itself."""
    (file,) = tree.files
    if file.suffix in PICTURES:
        return UserError(f"{file.shown} is a single picture: give a folder of class folders.")
    if file.suffix in (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt"):
        return UserError(f"{file.shown} is a list: give the folder that holds it and its pictures.")
    return foreign(replace(tree, name=file.shown)) or UserError(
        f"{file.shown} is no kind of file that is read by itself: give its folder, a zip or tar "
        "archive, or a .parquet, .arrow, .npz, .npy or .mat file."
    )
