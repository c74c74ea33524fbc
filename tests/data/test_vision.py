"""Torchvision imports and works, with and without its compiled operators."""

import os
import subprocess
import sys

USE = """
from ultimus.data.vision import torchvision
import torch
from torchvision.transforms import v2
from torchvision.utils import make_grid

assert torchvision.datasets.CIFAR10.filename == "cifar-10-python.tar.gz"
images = torch.arange(5 * 3 * 7 * 11, dtype=torch.uint8).view(5, 3, 7, 11)
assert v2.functional.horizontal_flip(images).equal(images.flip(-1))
assert v2.ToDtype(torch.float32, scale=True)(images).max() <= 1
assert make_grid(images, nrow=2, padding=1).shape == (3, 3 * 8 + 1, 2 * 12 + 1)
print("works")
"""
UNLOADABLE = """
import torch

def load_library(path):
    raise OSError(f"{path}: undefined symbol")

torch.ops.load_library = load_library
"""


def test_torchvision_works_as_it_is_installed(capsys):
    exec(USE, {})
    assert capsys.readouterr().out == "works\n"


def test_torchvision_works_without_its_operators():
    """In a fresh process, since operators are declared once for all."""
    done = subprocess.run(
        [sys.executable, "-c", UNLOADABLE + USE],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "works\n", done.stderr
