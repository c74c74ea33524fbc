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
4. All gradients are written into one buffer (see `parameters.py`).

Where tokens are patches only three things differ: what conv3's taps see (totals.py), that an
image's tokens are the group, and that their mean is classified.

Shape letters: N images, T tokens of an image (1, or its patches), G groups, B tokens in a group
(N * T = G * B), D = 48 features, H = 8 head width, 3H the keys, queries and values side by side,
P = 4 passes, C classes, W all weights; n images in a chunk. Chunked maps are (n, channels, 32, 32)
in channels-last memory. A name that begins with d is the loss's derivative with respect to what
follows.
"""

from collections.abc import Iterator
from functools import reduce
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model import HEAD, PASSES, Transformer, split
from .totals import relu_backward, totals, totals_backward

CHUNK = 64  # images whose maps, in float32, fit into the cache together
SCALE = HEAD**-0.5


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
        kqv: (3H, D), the weights of K, Q and V.
        bias: (3H,), their biases.
        out: (D, H + 1), the output's weights and, as the last column, its bias.
        loop: (3H, H + 1), kqv @ out: from a pass's mixed values, followed by a 1, to what the
            pass adds to the next one's keys, queries and values.
    """

    kqv: Tensor
    bias: Tensor
    out: Tensor
    loop: Tensor


class _Passes(NamedTuple):
    """What the passes' derivative needs.

    Attributes:
        kqv: P times (G, B, 3H), keys, queries and values.
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
        group: how many consecutive images attend to each other; None for all N. Patches attend
            within their image, whatever it is.
        precision: of conv1, conv2 and their maps; None for that of the inputs. Everything after
            the totals that conv3 weighs stays in the precision of the parameters.
        out: (W,), where to put the gradient; None for a new tensor.

    Raises:
        ValueError: N is not a multiple of the group.
    """
    grid, tokens = model.grid, model.grid**2
    block = _block(model)
    kernels = _kernels(model, precision or inputs.dtype)
    chunks, seen = _convolve(kernels, inputs, grid)
    kernel = model.conv3.weight.permute(0, 2, 3, 1).flatten(1)  # (D, 9 * 32)
    features = torch.addmm(model.conv3.bias, seen, kernel.T)  # (N * T, D)
    images = split(inputs, len(inputs) if group is None else group).shape[1]
    passes = _attend(block, split(features, images if tokens == 1 else tokens))
    mixed = passes.mixed.sum(0).flatten(0, 1)  # (N * T, H + 1)
    states = torch.addmm(features, mixed, block.out.T)  # (N * T, D)
    state = _mean(states, tokens)  # (N, D)
    logits = torch.addmm(model.cap.bias, state, model.cap.weight.T)  # (N, C)
    loss = F.cross_entropy(logits, labels)

    dlogits = _cross_entropy_backward(logits, labels)  # (N, C)
    dstate = _mean_backward(dlogits @ model.cap.weight, tokens)  # (N * T, D)
    dcap = dlogits.T @ state  # (C, D)
    dkqv, dloop = _attend_backward(block, passes, dstate)  # (N * T, 3H), (3H, H + 1)
    dfeatures = torch.addmm(dstate, dkqv, block.kqv)  # (N * T, D)
    dprojection = torch.addmm(dloop @ block.out.T, dkqv.T, features)  # (3H, D)
    dout = torch.addmm(block.kqv.T @ dloop, dstate.T, mixed)  # (D, H + 1)
    dkernel = (dfeatures.T @ seen).unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)
    gradients = [
        *_convolve_backward(kernels, chunks, dfeatures @ kernel, grid),
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
    kqv = torch.cat([head.weight for head in heads])  # (3H, D)
    bias = torch.cat([head.bias for head in heads])  # (3H,)
    out = torch.cat([last.weight, last.bias[:, None]], dim=1)  # (D, H + 1)
    return _Block(kqv, bias, out, kqv @ out)


# The convolutions -------------------------------------------------------------------------------


def _convolve(kernels: list[Tensor], inputs: Tensor, grid: int) -> tuple[list[_Maps], Tensor]:
    """Images (N, 3, 32, 32) to the chunks' maps and the totals (N * T, 9 * 32) of conv3's taps."""
    kernel1, bias1, kernel2, bias2 = kernels
    precision = kernel1.dtype
    chunks, seen = [], []
    for images in inputs.split(_chunk(precision)):
        images = images.to(precision, memory_format=torch.channels_last)  # (n, 3, 32, 32)
        first = F.conv2d(images, kernel1, bias1, padding=1).relu_()  # (n, 16, 32, 32)
        second = F.conv2d(first, kernel2, bias2, padding=1).relu_()  # (n, 32, 32, 32)
        chunks.append(_Maps(images, first, second))
        seen.append(totals(second, grid))  # (n * T, 9 * 32)
    return chunks, torch.cat(seen)


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


def _convolve_backward(
    kernels: list[Tensor], chunks: list[_Maps], dtotals: Tensor, grid: int
) -> list[Tensor]:
    """From the totals' gradient (N * T, 9 * 32) to those of conv1's and conv2's parameters."""
    kernel1, _, kernel2, _ = kernels
    gradients = []
    size = _chunk(kernel1.dtype) * grid**2  # tokens of a chunk
    for maps, dtotal in zip(chunks, dtotals.split(size), strict=True):
        dsecond = totals_backward(dtotal, maps.second, grid)  # (n, 32, 32, 32)
        dfirst, *second = _conv_backward(dsecond, maps.first, kernel2, True)
        relu_backward(dfirst, maps.first, out=dfirst)  # (n, 16, 32, 32)
        _, *first = _conv_backward(dfirst, maps.images, kernel1, False)
        gradients.append([gradient.to(dtotals.dtype) for gradient in (*first, *second)])
    return [reduce(torch.add, parts) for parts in zip(*gradients, strict=True)]


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
    loop = block.loop.T.expand(groups, -1, -1)  # (G, H + 1, 3H)
    kqv = [F.linear(features, block.kqv, block.bias)]  # (G, B, 3H)
    weights = []
    for number in range(PASSES):
        if number:
            kqv.append(torch.baddbmm(kqv[-1], mixed[number - 1], loop))  # (G, B, 3H)
        k, q, v = kqv[-1].split(HEAD, dim=-1)  # each (G, B, H)
        scores = _product(q, k.mT)  # (G, B, B)
        weights.append(scores.softmax(dim=-1))  # (G, B, B)
        mixed[number, ..., :HEAD] = weights[-1].bmm(v)  # (G, B, H)
    return _Passes(kqv, weights, mixed)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b / √H in one operation; what is added, 0 times, only has to exist."""
    return torch.baddbmm(a.new_empty(()), a, b, beta=0, alpha=SCALE)


def _attend_backward(block: _Block, passes: _Passes, dstate: Tensor) -> tuple[Tensor, Tensor]:
    """From the gradient of the last states (N * T, D) to those of two things.

    Returns:
        (N * T, 3H), of the first pass's keys, queries and values; and (3H, H + 1), of `block.loop`.
        What a pass adds reaches the loss through the last state and through the keys, queries
        and values of every later pass, whose gradients therefore add up on the way back.
    """
    groups, images, _ = passes.kqv[0].shape
    direct = (dstate @ block.out[:, :HEAD]).unflatten(0, (groups, -1))  # (G, B, H)
    loop = block.loop[:, :HEAD].expand(groups, -1, -1)  # (G, 3H, H)
    dkqv = dstate.new_empty(PASSES, groups, images, 3 * HEAD)  # (P, G, B, 3H)
    dmixed = direct
    for number in reversed(range(PASSES)):
        dpass = dkqv[number]  # (G, B, 3H)
        _attention_backward(passes.kqv[number], passes.weights[number], dmixed, dpass)
        if number < PASSES - 1:
            dpass += dkqv[number + 1]
        if number:
            dmixed = torch.baddbmm(direct, dpass, loop)  # (G, B, H)
    later = dkqv[1:].flatten(0, 2)  # (3 * N * T, 3H)
    return dkqv[0].flatten(0, 1), later.T @ passes.mixed[:-1].flatten(0, 2)


def _attention_backward(kqv: Tensor, weights: Tensor, dmixed: Tensor, dkqv: Tensor) -> None:
    """Write the gradient of a pass's keys, queries and values into `dkqv` (G, B, 3H)."""
    k, q, v = kqv.split(HEAD, dim=-1)  # each (G, B, H)
    dweights = dmixed.bmm(v.mT)  # (G, B, B)
    dscores = torch.ops.aten._softmax_backward_data(dweights, weights, -1, weights.dtype)
    dk, dq = _product(dscores.mT, q), _product(dscores, k)  # each (G, B, H)
    dv = weights.mT.bmm(dmixed)  # (G, B, H)
    torch.cat([dk, dq, dv], dim=-1, out=dkqv)  # products write to parts group by group


# The loss ---------------------------------------------------------------------------------------


def _mean(states: Tensor, tokens: int) -> Tensor:
    """(N * T, D) to the mean of each image's tokens, (N, D)."""
    return states if tokens == 1 else states.unflatten(0, (-1, tokens)).mean(1)


def _mean_backward(dmean: Tensor, tokens: int) -> Tensor:
    """From its gradient (N, D) to that of all tokens, (N * T, D)."""
    return dmean if tokens == 1 else (dmean / tokens).repeat_interleave(tokens, dim=0)


def _cross_entropy_backward(logits: Tensor, labels: Tensor) -> Tensor:
    """(N, C): (softmax - one-hot) / N."""
    dlogits = logits.softmax(dim=-1)  # (N, C)
    dlogits.scatter_add_(1, labels[:, None], dlogits.new_full((len(labels), 1), -1))
    return dlogits.div_(len(labels))
