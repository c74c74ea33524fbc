"""The table of layers against the one the seed published."""

import torch

from ultimus import Transformer
from ultimus.analysis.summary import summary

PUBLISHED = """
            Conv2d-1           [-1, 16, 32, 32]             448
            Conv2d-2           [-1, 32, 32, 32]           4,640
            Conv2d-3           [-1, 48, 32, 32]          13,872
 AdaptiveAvgPool2d-4             [-1, 48, 1, 1]               0
            Linear-5                    [-1, 8]             392
            Linear-6                    [-1, 8]             392
            Linear-7                    [-1, 8]             392
            Linear-8                   [-1, 48]             432
           Ultimus-9                   [-1, 48]               0
           Linear-10                    [-1, 8]             392
           Linear-11                    [-1, 8]             392
           Linear-12                    [-1, 8]             392
           Linear-13                   [-1, 48]             432
          Ultimus-14                   [-1, 48]               0
           Linear-15                    [-1, 8]             392
           Linear-16                    [-1, 8]             392
           Linear-17                    [-1, 8]             392
           Linear-18                   [-1, 48]             432
          Ultimus-19                   [-1, 48]               0
           Linear-20                    [-1, 8]             392
           Linear-21                    [-1, 8]             392
           Linear-22                    [-1, 8]             392
           Linear-23                   [-1, 48]             432
          Ultimus-24                   [-1, 48]               0
           Linear-25                   [-1, 10]             490
"""


def _rows(table: str) -> list[tuple[str, str, str]]:
    """(name, shape, count) of the lines that have a shape in brackets."""
    rows = []
    for line in table.splitlines():
        if "[" in line:
            name, rest = line.split("[")
            shape, count = rest.split("]")
            rows.append((name.strip(), shape, count.strip()))
    return rows


def test_rows_shapes_and_counts_are_the_published_ones():
    assert len(_rows(PUBLISHED)) == 25
    assert _rows(summary(Transformer())) == _rows(PUBLISHED)


def test_both_totals_are_told():
    *_, as_counted, really = summary(Transformer()).splitlines()
    assert as_counted.endswith("25,882") and "four times" in as_counted
    assert really == "Total params: 21,058"


def test_other_class_counts():
    *_, last = _rows(summary(Transformer(7)))
    assert last == ("Linear-25", "-1, 7", "343")


def test_the_model_and_the_random_state_are_left_alone():
    model = Transformer(3)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    summary(model)
    assert torch.equal(torch.rand(3), expected)
    assert model.folded and model.training
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_patches_have_the_same_layers_and_parameters():
    table = summary(Transformer(grid=4))
    assert "[-1, 16, 48]" in table and "[-1, 48, 4, 4]" in table
    assert table.splitlines()[-1] == "Total params: 21,058"
