"""Data sets for other tasks than telling what a whole picture shows: boxes, outlines, captions."""

import csv
import re
from collections.abc import Iterable, Iterator

from ...errors import UserError
from . import kinds
from .tree import File, Tree

PICTURES = {"images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "frames"}
MARKS = {
    "masks", "mask", "labels", "label", "annotations", "annotation", "annots", "imagesets",
    "segmentationclass", "segmentationobject", "segmentations", "groundtruth", "gt", "trimaps",
}  # fmt: skip
"""Names of folders, in small letters, that hold pictures, and what was marked in them."""

LOOKED_AT = 2**16  # bytes of a file, which tell what it holds
SOME = 8  # files of an ending that are looked into
CORNERS = re.compile(r"x_?(min|max|1)|bbox(_?x)?|left|poly(gon)?|rle|encodedpixels")
BOX = re.compile(r"\d+(\s+[\d.eE+-]+){4,}\s*")  # YOLO's line: class, centre, size
REMEDY = (
    "Ultimus tells what a whole picture shows, so put pictures, or what lies inside the boxes, "
    "into a folder for each class"
)


def check(tree: Tree, folders: Iterable[str]) -> None:
    """Refuse folders of pictures and of what was marked in them, which are no classes.

    Args:
        tree: the source.
        folders: names that would be the classes.

    Raises:
        UserError: it says what the source is.
    """
    names = {name.lower() for name in folders}
    if names & MARKS and names & PICTURES:
        raise named(tree) or UserError(
            f"{tree.name} holds pictures and masks ({', '.join(sorted(folders))[:200]}), as for "
            f"segmentation: {REMEDY}."
        )


def is_mark(file: File) -> bool:
    """Whether a file lies in a folder of what was marked in pictures."""
    return any(part.lower() in MARKS for part in file.parts[:-1])


def named(tree: Tree) -> UserError | None:
    """What to say of a source for another task; None if it is not known as one."""
    what = next(_found(tree), None)
    return what and UserError(f"{tree.name} holds {what}: {REMEDY}.")


def _found(tree: Tree) -> Iterator[str]:
    pictures = {file.name.rpartition(".")[0] for file in tree.files
                if file.suffix in kinds.PICTURES}  # fmt: skip
    for ending, told in TOLD.items():
        for file in tree.having(ending)[:SOME]:
            text = file.read(LOOKED_AT).decode(errors="replace")
            yield from filter(None, [told(text, file.name.rpartition(".")[0] in pictures, file)])


def _xml(text: str, is_beside: bool, file: File) -> str:
    return "objects and their boxes, as Pascal VOC does (.xml)" if "<object" in text else ""


def _json(text: str, is_beside: bool, file: File) -> str:
    if '"annotations"' in text and '"result"' in text:
        return "Label Studio's whole JSON (or export it as JSON-MIN or CSV)"
    if '"shapes"' in text and is_beside:
        return "outlines of objects, as LabelMe does (.json)"
    is_coco = '"images"' in text and ('"annotations"' in text or '"categories"' in text)
    return "objects and their boxes, as COCO does (.json)" if is_coco or "coco" in file.name else ""


def _txt(text: str, is_beside: bool, file: File) -> str:
    first = text.partition("\n")[0]
    is_yolo = is_beside and BOX.fullmatch(first)
    return "objects and their boxes, as YOLO does (.txt)" if is_yolo else ""


def _csv(text: str, is_beside: bool, file: File) -> str:
    head = next(csv.reader(text.splitlines()), [])
    has_corners = any(CORNERS.fullmatch(cell.strip().lower()) for cell in head)
    return "objects and where they are (.csv)" if has_corners else ""


def _yaml(text: str, is_beside: bool, file: File) -> str:
    is_yolo = re.search(r"^nc\s*:|^names\s*:", text, re.MULTILINE)
    return "objects and their boxes, as YOLO does (.yaml)" if is_yolo else ""


TOLD = {".xml": _xml, ".json": _json, ".txt": _txt, ".csv": _csv, ".yaml": _yaml}
