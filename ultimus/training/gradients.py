"""One training step's loss and gradients, written out by hand: the mathematics of `model.py` in
fewer, larger operations.

`Transformer.forward` is the text to read; this is the same function with its derivative. Four
things make it faster than autograd:

1. The convolutions work on images whose channels lie next to each other in memory
   (channels last), so that oneDNN need not reorder them, and each map that the derivative no
   longer needs is overwritten in place.
2. A large batch goes through the convolutions in chunks, which stay in the processor's cache.
3. K, Q and V are one product. And since a pass adds `out(mixed)` to the state, what it adds to
   K, Q and V is a product with mixed's 8 numbers: `K(out(mixed))`, likewise Q and V, is one
   (3H, H) matrix, the same in all passes. So the four passes never touch the D features; these
   are needed before the first and after the last.
4. All gradients are written into one buffer (see `flat.py`).

Shape letters: N images, G groups, B images in a group (N = G * B), D = 48 features, H = 8 head
width, T = 3H the keys, queries and values side by side, P = 4 passes, C classes, W all weights;
n images in a chunk. Chunked maps are (n, channels, 32, 32) in channels-last memory. A name that
begins with d is the loss's derivative with respect to what follows.
"""

from collections.abc import Iterator
from functools import cache, reduce
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model import HEAD, PASSES, Transformer, split

CHUNK = 64  # images whose maps, in float32, fit into the cache together
SCALE = HEAD**-0.5
PLACES = (slice(0, 1), slice(1, -1), slice(-1, None))  # the first of a row, the middle, the last


class Step(NamedTuple):
    """What `loss_and_gradients` computes.

    Attributes:
        logits: (N, C).
        loss: (), the mean cross-entropy in nats.
        gradient: (W,), all parameters' gradients in the order of `model.parameters()`.
    """

    logits: Tensor
    loss: Tensor
    gradient: Tensor


class _Maps(NamedTuple):
    """What the convolutions' derivative needs of one chunk.

    Attributes:
        images: (n, 3, 32, 32).
        first: (n, 16, 32, 32), after conv1 and ReLU.
        second: (n, 32, 32, 32), after conv2 and ReLU.
    """

    images: Tensor
    first: Tensor
    second: Tensor


class _Block(NamedTuple):
    """The attention block's weights as the four passes use them.

    Attributes:
        kqv: (T, D), the weights of K, Q and V.
        bias: (T,), their biases.
        out: (D, H + 1), the output's weights and, as the last column, its bias.
        loop: (T, H + 1), kqv @ out: from a pass's mixed values, followed by a 1, to what the
            pass adds to the next one's keys, queries and values.
    """

    kqv: Tensor
    bias: Tensor
    out: Tensor
    loop: Tensor


class _Passes(NamedTuple):
    """What the passes' derivative needs.

    Attributes:
        kqv: P times (G, B, T), keys, queries and values.
        weights: P times (G, B, B), the attention.
        mixed: (P, G, B, H + 1), the mixed values, followed by a 1.
    """

    kqv: list[Tensor]
    weights: list[Tensor]
    mixed: Tensor


@torch.no_grad()
def loss_and_gradients(
    model: Transformer,
    inputs: Tensor,
    labels: Tensor,
    group: int | None = None,
    precision: torch.dtype | None = None,
    out: Tensor | None = None,
) -> Step:
    """Do what `zero_grad`, the model, `F.cross_entropy` and `backward` do, up to rounding.

    Args:
        model: its parameters are left alone, and their `grad` too.
        inputs: preprocessed images (N, 3, 32, 32).
        labels: (N,) int64.
        group: how many consecutive images attend to each other; None for all N.
        precision: of conv1, conv2 and their maps; None for that of the inputs. Everything after
            the totals that conv3 weighs stays in the precision of the parameters.
        out: (W,), where to put the gradient; None for a new tensor.

    Raises:
        ValueError: N is not a multiple of the group.
    """
    block = _block(model)
    kernels = _kernels(model, precision or inputs.dtype)
    chunks, totals = _convolve(kernels, inputs)
    kernel = model.conv3.weight.permute(0, 2, 3, 1).flatten(1)  # (D, 9 * 32)
    features = torch.addmm(model.conv3.bias, totals, kernel.T)  # (N, D)
    passes = _attend(block, split(features, len(inputs) if group is None else group))
    mixed = passes.mixed.sum(0).flatten(0, 1)  # (N, H + 1)
    state = torch.addmm(features, mixed, block.out.T)  # (N, D)
    logits = torch.addmm(model.cap.bias, state, model.cap.weight.T)  # (N, C)
    loss = F.cross_entropy(logits, labels)

    dlogits = _cross_entropy_backward(logits, labels)  # (N, C)
    dstate = dlogits @ model.cap.weight  # (N, D)
    dcap = dlogits.T @ state  # (C, D)
    dkqv, dloop = _attend_backward(block, passes, dstate)  # (N, T), (T, H + 1)
    dfeatures = torch.addmm(dstate, dkqv, block.kqv)  # (N, D)
    dprojection = torch.addmm(dloop @ block.out.T, dkqv.T, features)  # (T, D)
    dout = torch.addmm(block.kqv.T @ dloop, dstate.T, mixed)  # (D, H + 1)
    dkernel = (dfeatures.T @ totals).unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)
    gradients = [
        *_convolve_backward(kernels, chunks, dfeatures @ kernel),
        *(dkernel, dfeatures.sum(0)),  # conv3: (D, 32, 3, 3), (D,)
        *_paired(dprojection.split(HEAD), dkqv.sum(0).split(HEAD)),  # k, q, v: (H, D), (H,) each
        *(dout[:, :-1], dout[:, -1]),  # out: (D, H), (D,)
        *(dcap, dlogits.sum(0)),  # cap: (C, D), (C,)
    ]
    return Step(logits, loss, torch.cat([gradient.reshape(-1) for gradient in gradients], out=out))


def _paired(weights: tuple[Tensor, ...], biases: tuple[Tensor, ...]) -> Iterator[Tensor]:
    return chain.from_iterable(zip(weights, biases, strict=True))


def _block(model: Transformer) -> _Block:
    block = model.ultimusBlock
    heads, last = (block.k, block.q, block.v), block.out
    kqv = torch.cat([head.weight for head in heads])  # (T, D)
    bias = torch.cat([head.bias for head in heads])  # (T,)
    out = torch.cat([last.weight, last.bias[:, None]], dim=1)  # (D, H + 1)
    return _Block(kqv, bias, out, kqv @ out)


# The convolutions -------------------------------------------------------------------------------


def _totals(maps: Tensor) -> Tensor:
    """What conv3's taps see of maps (n, 32, 32, 32) in channels-last memory.

    Returns:
        (n, 9 * 32) float32 or wider, divided by the size of the map; taps before channels.
    """
    rows = maps.permute(0, 2, 3, 1)  # (n, 32 rows, 32 columns, 32 channels)
    lines = rows.sum(2)  # (n, 32 rows, 32)
    wide = torch.promote_types(maps.dtype, torch.float32)
    parts = []  # nine of (n, 32)
    for columns in (lines, rows[:, :, 0], rows[:, :, -1]):
        parts += [columns.sum(1, dtype=wide), columns[:, 0].to(wide), columns[:, -1].to(wide)]
    seen = _seen(maps.shape[-1], wide, maps.device)
    return (seen @ torch.stack(parts, dim=1)).flatten(1)


def _totals_backward(dtotals: Tensor, maps: Tensor) -> Tensor:
    """From the gradient of the totals (n, 9 * 32) to that of the maps before ReLU, in their place.

    It is the same all over a map, where ReLU let something through, but for the border, which
    fewer taps see.
    """
    size = maps.shape[-1]
    seen_by = _seen_by(size, dtotals.dtype, maps.device)
    lines = (seen_by @ dtotals.unflatten(1, (9, -1))).to(maps.dtype)  # (n, 3 * 32 columns, 32)
    rows = maps.permute(0, 2, 3, 1).flatten(2)  # (n, 32 rows, 32 * 32), a view
    for place, line in zip(PLACES, lines.unflatten(1, (3, -1)).flatten(2).split(1, 1), strict=True):
        some = rows[:, place]
        _relu_backward(line.expand_as(some), some, out=some)
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


def _convolve(kernels: list[Tensor], inputs: Tensor) -> tuple[list[_Maps], Tensor]:
    """Images (N, 3, 32, 32) to the chunks' maps and the totals (N, 9 * 32) that conv3 weighs."""
    kernel1, bias1, kernel2, bias2 = kernels
    precision = kernel1.dtype
    chunks, totals = [], []
    for images in inputs.split(_chunk(precision)):
        images = images.to(precision, memory_format=torch.channels_last)  # (n, 3, 32, 32)
        first = F.conv2d(images, kernel1, bias1, padding=1).relu_()  # (n, 16, 32, 32)
        second = F.conv2d(first, kernel2, bias2, padding=1).relu_()  # (n, 32, 32, 32)
        chunks.append(_Maps(images, first, second))
        totals.append(_totals(second))  # (n, 9 * 32)
    return chunks, torch.cat(totals)


def _kernels(model: Transformer, precision: torch.dtype) -> list[Tensor]:
    """Weights and biases of conv1 and conv2 as the convolutions take them."""
    weights = (model.conv1.weight, model.conv1.bias, model.conv2.weight, model.conv2.bias)
    return [
        _last(tensor.to(precision)) if tensor.dim() > 1 else tensor.to(precision)
        for tensor in weights
    ]


def _chunk(precision: torch.dtype) -> int:
    """How many images' maps fit into the cache together."""
    return max(1, CHUNK * torch.float32.itemsize // precision.itemsize)


def _last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last)


def _convolve_backward(kernels: list[Tensor], chunks: list[_Maps], dtotals: Tensor) -> list[Tensor]:
    """From the gradient of the totals (N, 9 * 32) to those of conv1's and conv2's parameters."""
    kernel1, _, kernel2, _ = kernels
    gradients = []
    for maps, dtotal in zip(chunks, dtotals.split(_chunk(kernel1.dtype)), strict=True):
        dsecond = _totals_backward(dtotal, maps.second)  # (n, 32, 32, 32)
        dfirst, *second = _conv_backward(dsecond, maps.first, kernel2, True)
        _relu_backward(dfirst, maps.first, out=dfirst)  # (n, 16, 32, 32)
        _, *first = _conv_backward(dfirst, maps.images, kernel1, False)
        gradients.append([gradient.to(dtotals.dtype) for gradient in (*first, *second)])
    return [reduce(torch.add, parts) for parts in zip(*gradients, strict=True)]


def _relu_backward(gradient: Tensor, result: Tensor, out: Tensor) -> None:
    """The gradient, where ReLU's result is positive; `out` may be either of the two."""
    torch.ops.aten.threshold_backward.grad_input(gradient, result, 0, grad_input=out)


def _conv_backward(
    gradient: Tensor, maps: Tensor, kernel: Tensor, of_maps: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """The gradients of a 3x3 convolution's maps (only if asked for), kernel and bias."""
    ones, wanted = [1, 1], [of_maps, True, False]
    dmaps, dkernel, _ = torch.ops.aten.convolution_backward(
        gradient, maps, kernel, None, ones, ones, ones, False, [0, 0], 1, wanted
    )
    lines = gradient.permute(0, 2, 3, 1).sum(2)  # (n, rows, channels)
    wide = torch.promote_types(gradient.dtype, torch.float32)
    return dmaps, dkernel, lines.sum((0, 1), dtype=wide)  # oneDNN's own is slow, exact to 1e-4


# The four passes --------------------------------------------------------------------------------


def _attend(block: _Block, features: Tensor) -> _Passes:
    """Features (G, B, D) through the passes, in terms of keys, queries and values alone."""
    groups, images, _ = features.shape
    mixed = features.new_ones(PASSES, groups, images, HEAD + 1)  # (P, G, B, H + 1)
    loop = block.loop.T.expand(groups, -1, -1)  # (G, H + 1, T)
    kqv = [F.linear(features, block.kqv, block.bias)]  # (G, B, T)
    weights = []
    for number in range(PASSES):
        if number:
            kqv.append(torch.baddbmm(kqv[-1], mixed[number - 1], loop))  # (G, B, T)
        k, q, v = kqv[-1].split(HEAD, dim=-1)  # each (G, B, H)
        scores = _product(q, k.mT)  # (G, B, B)
        weights.append(scores.softmax(dim=-1))  # (G, B, B)
        mixed[number, ..., :HEAD] = weights[-1].bmm(v)  # (G, B, H)
    return _Passes(kqv, weights, mixed)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b / √H in one operation; what is added, 0 times, only has to exist."""
    return torch.baddbmm(a.new_empty(()), a, b, beta=0, alpha=SCALE)


def _attend_backward(block: _Block, passes: _Passes, dstate: Tensor) -> tuple[Tensor, Tensor]:
    """From the gradient of the last state (N, D) to those of two things.

    Returns:
        (N, T), of the first pass's keys, queries and values; and (T, H + 1), of `block.loop`.
        What a pass adds reaches the loss through the last state and through the keys, queries
        and values of every later pass, whose gradients therefore add up on the way back.
    """
    groups, images, _ = passes.kqv[0].shape
    direct = (dstate @ block.out[:, :HEAD]).unflatten(0, (groups, -1))  # (G, B, H)
    loop = block.loop[:, :HEAD].expand(groups, -1, -1)  # (G, T, H)
    dkqv = dstate.new_empty(PASSES, groups, images, 3 * HEAD)  # (P, G, B, T)
    dmixed = direct
    for number in reversed(range(PASSES)):
        dpass = dkqv[number]  # (G, B, T)
        _attention_backward(passes.kqv[number], passes.weights[number], dmixed, dpass)
        if number < PASSES - 1:
            dpass += dkqv[number + 1]
        if number:
            dmixed = torch.baddbmm(direct, dpass, loop)  # (G, B, H)
    later, mixed = dkqv[1:].flatten(0, 2), passes.mixed[:-1].flatten(0, 2)  # (3N, T), (3N, H + 1)
    return dkqv[0].flatten(0, 1), later.T @ mixed


def _attention_backward(kqv: Tensor, weights: Tensor, dmixed: Tensor, dkqv: Tensor) -> None:
    """Write the gradient of a pass's keys, queries and values into `dkqv` (G, B, T)."""
    k, q, v = kqv.split(HEAD, dim=-1)  # each (G, B, H)
    dweights = dmixed.bmm(v.mT)  # (G, B, B)
    dscores = torch.ops.aten._softmax_backward_data(dweights, weights, -1, weights.dtype)
    dk, dq = _product(dscores.mT, q), _product(dscores, k)  # each (G, B, H)
    dv = weights.mT.bmm(dmixed)  # (G, B, H)
    torch.cat([dk, dq, dv], dim=-1, out=dkqv)  # products write to parts group by group


# The loss ---------------------------------------------------------------------------------------


def _cross_entropy_backward(logits: Tensor, labels: Tensor) -> Tensor:
    """(N, C): (softmax - one-hot) / N."""
    dlogits = logits.softmax(dim=-1)  # (N, C)
    dlogits.scatter_add_(1, labels[:, None], dlogits.new_full((len(labels), 1), -1))
    return dlogits.div_(len(labels))
