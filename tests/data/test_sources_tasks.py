"""Data sets for other tasks than telling what a whole picture shows: named for what they are."""

import json

import pytest
from support.data_sets import read, write_class_folders

COCO = json.dumps({"images": [{"id": 1}], "annotations": [{"bbox": [0, 0, 1, 1]}]})
LABELME = json.dumps({"shapes": [{"label": "cat", "points": [[1, 1]]}]})
VOC = "<annotation><object><name>dog</name></object></annotation>"
STUDIO = json.dumps([{"annotations": [{"result": []}], "data": {"image": "/data/000.png"}}])
BOXES = "filename,width,height,class,xmin,ymin,xmax,ymax\n000.png,9,9,{0},1,1,2,2\n"


@pytest.mark.parametrize(
    ("pictures", "others", "what"),
    [
        (["JPEGImages"], {"Annotations/000.xml": VOC}, "Pascal VOC"),
        (["JPEGImages", "SegmentationClass"], {"Annotations/000.xml": VOC}, "Pascal VOC"),
        (["train", "test"], {"train/000.xml": VOC}, "Pascal VOC"),
        (["images"], {"annotations/instances.json": COCO}, "COCO"),
        (["train", "valid"], {"train/_annotations.coco.json": COCO}, "COCO"),
        (["images/train", "images/val"], {"labels/train/000.txt": "0 .5 .5 .2 .2\n"}, "YOLO"),
        (["images/train", "images/val"], {"labels/train/000.txt": "000 .5 .5 .2 .2\n"}, "YOLO"),
        (["train/images", "valid/images"], {"train/labels/000.txt": "1 0.5 0 1 1\n"}, "YOLO"),
        (["train/images", "valid/images"], {"data.yaml": "nc: 1\nnames: [a]\n"}, "YOLO"),
        (["all"], {"all/000.json": LABELME}, "LabelMe"),
        (["media"], {"project.json": STUDIO}, "JSON-MIN or CSV"),
        (["train"], {"train/_annotations.csv": BOXES.format("a") + "000.png,9,9,b,1,1,2,2\n"},
         "objects and where they are"),
        (["images", "masks"], {}, "segmentation"),
        (["train/images", "train/masks", "test/images", "test/masks"], {}, "segmentation"),
    ],
)  # fmt: skip
def test_data_for_another_task_are_named_for_what_they_are(
    tmp_path, refused, pictures, others, what
):
    write_class_folders(tmp_path, dict.fromkeys(pictures, 6))
    for name, text in others.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with refused(what, "into a folder for each class"):
        read(tmp_path)


def test_boxes_beside_class_folders_hinder_nothing(tmp_path):
    write_class_folders(tmp_path / "images", {"cat": 5, "dog": 5})
    (tmp_path / "images/cat/000.xml").write_text(VOC)
    assert read(tmp_path).classes == ("cat", "dog")
