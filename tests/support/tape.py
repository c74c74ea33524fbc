"""What a recording is, on a processor: the same operations again, on the same memory.

They get the Python numbers of the first time, which is what a CUDA graph does.
"""

from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ultimus.training.cuda_graph import WARM_UP


class Tape(TorchDispatchMode):
    """Operations as they are asked for."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        self.calls.append((operation, arguments, options or {}, result))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        """The same operations, whose results lie where they lay."""
        for operation, arguments, options, result in self.calls:
            again = operation(*arguments, **options)
            for place, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(place, torch.Tensor) and place.data_ptr() != new.data_ptr():
                    place.copy_(new)

    def script(self) -> list[tuple]:
        """What was asked for, tensors aside."""
        return [
            (str(operation), [each for each in tree_leaves((arguments, options))
                              if not isinstance(each, torch.Tensor)])
            for operation, arguments, options, _ in self.calls
        ]  # fmt: skip


def tape(step: Callable[[], None]) -> Tape:
    with Tape() as taken:
        step()
    return taken


def record(step: Callable[[], None], before: Callable[[], object]) -> Callable[[], None]:
    """`graph.record` for a processor. To tape a step is to make it, unlike recording on a GPU."""
    for _ in range(WARM_UP):
        before()
        step()
    before()
    return tape(step).replay
