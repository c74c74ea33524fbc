"""What conv3's taps see of a map, and the derivative: conv3 and the average in their folded form.

Both are linear, so conv3 need not run over the map: of each place where a tap could lie only the
average is needed (see `model.conv_average`). Where the tokens are patches these averages are one
product R x Rᵀ. Over the whole map they follow from nine sums with fewer operations.

Shape letters: n images in a chunk, T tokens of an image, g patches along a side (T = g * g).
Maps are (n, 32, S, S) in channels-last memory. A name that begins with d is the loss's derivative
with respect to what follows.
"""

from functools import cache

import torch
from torch import Tensor

from ..model import reach

PLACES = (slice(0, 1), slice(1, -1), slice(-1, None))  # the first of a row, the middle, the last


def totals(maps: Tensor, grid: int) -> Tensor:
    """What the nine taps see of maps.

    Args:
        maps: (n, 32, S, S).
        grid: g; 1 where an image is a token.

    Returns:
        (n * T, 9 * 32) float32 or wider, averaged over the patch; taps before channels.
    """
    return _totals(maps) if grid == 1 else _patch_totals(maps, grid)


def totals_backward(dtotals: Tensor, maps: Tensor, grid: int) -> Tensor:
    """From the gradient of the totals to that of the maps before ReLU, in the maps' place.

    Args:
        dtotals: (n * T, 9 * 32).
        maps: (n, 32, S, S), what ReLU has made.
        grid: g; 1 where an image is a token.
    """
    if grid == 1:
        return _totals_backward(dtotals, maps)
    return _patch_totals_backward(dtotals, maps, grid)


def relu_backward(gradient: Tensor, result: Tensor, out: Tensor) -> None:
    """The gradient, where ReLU's result is positive; `out` may be either of the two."""
    torch.ops.aten.threshold_backward.grad_input(gradient, result, 0, grad_input=out)


# Patches: R x Rᵀ ----------------------------------------------------------------------------------


def _patch_totals(maps: Tensor, grid: int) -> Tensor:
    rows, count, size = maps.permute(0, 2, 3, 1), len(maps), maps.shape[-1]
    sides = _reach(size, grid, maps.dtype, maps.device)  # (g * 3, S)
    lines = (sides @ rows.flatten(2)).view(count * 3 * grid, size, -1)  # (n * g * 3, S, 32)
    wide = torch.promote_types(maps.dtype, torch.float32)
    seen = sides.to(wide) @ lines.to(wide)  # (n * g * 3, g * 3, 32)
    return seen.view(count, grid, 3, grid, 3, -1).transpose(2, 3).reshape(count * grid**2, -1)


def _patch_totals_backward(dtotals: Tensor, maps: Tensor, grid: int) -> Tensor:
    """Rows of a patch that the same taps see have the same gradient, where ReLU let something
    through: all but its first and its last."""
    count, size = len(maps), maps.shape[-1]
    columns = _reach(size, grid, dtotals.dtype, maps.device).T.contiguous()  # (S, g * 3)
    different, places = _places(size, grid, dtotals.dtype, maps.device)
    dseen = dtotals.view(count, grid, grid, 3, 3, -1).transpose(2, 3)
    dlines = columns @ dseen.reshape(count * 3 * grid, 3 * grid, -1)  # (n * g * 3, S, 32)
    lines = (different @ dlines.view(count, 3 * grid, -1)).to(maps.dtype)  # (n, different, S * 32)
    rows = maps.permute(0, 2, 3, 1).flatten(2)  # (n, S, S * 32), a view
    for place, line in zip(places, lines.split(1, dim=1), strict=True):
        some = rows[:, place]
        relu_backward(line.expand_as(some), some, out=some)
    return maps


@cache
def _reach(size: int, grid: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """R (g * 3, S), see `model.reach`."""
    return reach(size, grid).to(device, dtype)


@cache
def _places(
    size: int, grid: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, list[slice]]:
    """The different rows of Rᵀ, and which rows of a map each is for."""
    rows, counts = reach(size, grid).T.unique_consecutive(dim=0, return_counts=True)
    ends = counts.cumsum(0).tolist()
    places = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
    return rows.contiguous().to(device, dtype), places


# Images: nine sums --------------------------------------------------------------------------------


def _totals(maps: Tensor) -> Tensor:
    rows = maps.permute(0, 2, 3, 1)  # (n, 32 rows, 32 columns, 32 channels)
    lines = rows.sum(2)  # (n, 32 rows, 32)
    wide = torch.promote_types(maps.dtype, torch.float32)
    parts = []  # nine of (n, 32)
    for columns in (lines, rows[:, :, 0], rows[:, :, -1]):
        parts += [columns.sum(1, dtype=wide), columns[:, 0].to(wide), columns[:, -1].to(wide)]
    seen = _seen(maps.shape[-1], wide, maps.device)
    return (seen @ torch.stack(parts, dim=1)).flatten(1)


def _totals_backward(dtotals: Tensor, maps: Tensor) -> Tensor:
    """The gradient is the same all over a map, where ReLU let something through, but for the
    border, which fewer taps see."""
    size = maps.shape[-1]
    seen_by = _seen_by(size, dtotals.dtype, maps.device)
    lines = (seen_by @ dtotals.unflatten(1, (9, -1))).to(maps.dtype)  # (n, 3 * 32 columns, 32)
    rows = maps.permute(0, 2, 3, 1).flatten(2)  # (n, 32 rows, 32 * 32), a view
    for place, line in zip(PLACES, lines.unflatten(1, (3, -1)).flatten(2).split(1, 1), strict=True):
        some = rows[:, place]
        relu_backward(line.expand_as(some), some, out=some)
    return maps


@cache
def _seen(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(9, 9), from the totals of nine parts of a map to what the nine taps see, averaged.

    Tap i of a kernel's side, 0 to 2, misses the last row of a map, none or the first (see
    `model.conv_average`): it sees the total of all rows less that of one. So do taps with columns.
    The parts are all columns, the first and the last, and of each all rows, the first and the last.
    """
    side = torch.tensor([[1, 0, -1], [1, 0, 0], [1, -1, 0]], dtype=torch.float64)
    both = torch.einsum("ip,jq->ijqp", side, side)  # taps: rows, columns; parts: columns, rows
    return (both.reshape(9, 9) / size**2).to(device, dtype)


@cache
def _seen_by(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(3 * S, 9), by which taps the places of a map are seen: those of its first row, of any in the
    middle and of the last."""
    side = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=torch.float64)
    columns = side[[0] + [1] * (size - 2) + [2]]  # (S, 3)
    return (torch.kron(side, columns) / size**2).to(device, dtype)
