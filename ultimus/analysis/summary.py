"""The network as a table, in the rows and shapes of the seed's summary."""

import torch
import torchinfo

from ..model import Transformer, count_parameters


def summary(model: Transformer) -> str:
    """A table of every layer in the order of execution, as the seed prints it.

    The seed counts the shared block once for each of its four passes (25,882 for ten classes);
    the last line says how many parameters there really are (21,058).
    """
    rows = _rows(model)
    lines = [
        f"{'Layer (type)':>22}{'Output Shape':>26}{'Param #':>16}",
        "=" * 64,
        *(f"{name:>22}{shape!s:>26}{count:>16,}" for name, shape, count in rows),
        "=" * 64,
        f"Total params as the seed counts, the shared block four times: {_total(rows):,}",
        f"Total params: {count_parameters(model):,}",
    ]
    return "\n".join(lines)


def _rows(model: Transformer) -> list[tuple[str, list[int], int]]:
    """(name, output shape, parameters of its own) of every layer; -1 stands for the batch."""
    # a copy in the plain form, in which conv3 and the average run as layers of their own
    with torch.random.fork_rng(devices=[]):  # what is drawn for it changes nothing else
        plain = Transformer(model.classes, folded=False, grid=model.grid)
        table = torchinfo.summary(plain, (1, 3, 32, 32), verbose=0, device="cpu")
    layers = table.summary_list[1:]
    ordered, block = [], None
    for layer in layers:  # a block comes before its parts here, and after them in the seed's table
        if layer.depth == 1 and block is not None:
            ordered.append(block)
            block = None
        if layer.class_name == "Ultimus":
            block = layer
        else:
            ordered.append(layer)
    return [
        (
            f"{layer.class_name}-{number}",
            [-1, *layer.output_size[1:]],
            layer.num_params if layer.is_leaf_layer else 0,
        )
        for number, layer in enumerate(ordered, 1)
    ]


def _total(rows: list[tuple[str, list[int], int]]) -> int:
    return sum(count for _, _, count in rows)
