"""Import torchvision, also where its compiled operators do not fit the installed torch.

A CPU-only torch beside a torchvision wheel built for CUDA cannot load torchvision's library, and
`import torchvision` then fails because the operator `nms` does not exist. Declaring the schemas
of the missing operators is enough for the data sets and transforms, which never call them.
"""

import importlib.util
from pathlib import Path

import torch

_declared: torch.library.Library | None = None  # the schemas live as long as this object


def _declare_missing_operators() -> None:
    global _declared
    package = Path(importlib.util.find_spec("torchvision").origin).parent
    try:
        torch.ops.load_library(str(package / "_C.so"))
    except OSError:
        _declared = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_declare_missing_operators()

import torchvision  # noqa: E402  (only works after the declaration)

__all__ = ["torchvision"]
