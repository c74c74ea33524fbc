"""Ten classes of small colour pictures drawn from a seed: data for a classroom without a network.

A shape is a signed distance field: a function of the plane, negative inside the shape, positive
outside, whose size is the distance to the outline. One field gives a smooth edge, an outline, a
rim and a shadow alike. The standard fields follow Inigo Quilez, "2D distance functions",
https://iquilezles.org/articles/distfunctions2d/. Only the field depends on the class; colour,
place, size, texture, clutter, blur and noise are drawn without looking at it.

Shapes: N pictures in a chunk, S = 32 pixels a side, x to the right, y upwards.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

SIDE = 32
CHUNK = 256  # pictures drawn at once: an (N, 3, S, S) float32 array of 3 MB stays near the cache
CLUTTER = 5  # scraps behind each shape

Array = np.ndarray


def _box(x: Array, y: Array, width: float, height: float) -> Array:
    """Distance to a rectangle of half sides `width` and `height` (Quilez, sdBox)."""
    x, y = np.abs(x) - width, np.abs(y) - height
    return np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)


def _segment(x: Array, y: Array, ax: float, ay: float, bx: float, by: float) -> Array:
    """Distance to the segment from a to b (Quilez, sdSegment)."""
    x, y, bx, by = x - ax, y - ay, bx - ax, by - ay
    along = np.clip((x * bx + y * by) / (bx * bx + by * by), 0, 1)
    return np.hypot(x - along * bx, y - along * by)


def _fold(x: Array, y: Array, sectors: int) -> tuple[Array, Array]:
    """Fold the plane onto half of one of `sectors` equal slices, the one around the y axis."""
    sector = 2 * np.pi / sectors
    angle = np.arctan2(x, y)
    angle, radius = np.abs(angle - sector * np.round(angle / sector)), np.hypot(x, y)
    return radius * np.sin(angle), radius * np.cos(angle)


def _circle(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.85


def _square(x: Array, y: Array) -> Array:
    return _box(x, y, 0.75, 0.75)


def _triangle(x: Array, y: Array) -> Array:
    x, y = _fold(x, -y - 0.15, 3)
    return np.hypot(x - np.minimum(x, 0.95), y - 0.55) * np.sign(y - 0.55)


def _star(x: Array, y: Array) -> Array:
    x, y = _fold(x, y, 5)  # one edge is left, from a tip to the notch 36 degrees on
    tip, notch_x, notch_y = 1.05, 0.247, 0.340
    side = x * (tip - notch_y) + (y - tip) * notch_x
    return _segment(x, y, 0, tip, notch_x, notch_y) * np.sign(side)


def _cross(x: Array, y: Array) -> Array:
    return np.minimum(_box(x, y, 0.95, 0.3), _box(x, y, 0.3, 0.95))


def _heart(x: Array, y: Array) -> Array:
    x, y = np.abs(x) / 1.6, y / 1.6 + 0.55  # Quilez, sdHeart: its tip is at the origin
    lobe = np.hypot(x - 0.25, y - 0.75) - 0.125**0.5
    foot = np.maximum(x + y, 0) / 2
    flank = np.minimum(np.hypot(x, y - 1), np.hypot(x - foot, y - foot)) * np.sign(x - y)
    return 1.6 * np.where(x + y > 1, lobe, flank)


def _moon(x: Array, y: Array) -> Array:
    return np.maximum(np.hypot(x, y) - 0.95, 0.8 - np.hypot(x - 0.45, y))


def _flower(x: Array, y: Array) -> Array:
    x, y = _fold(x, y, 6)
    return np.minimum(np.hypot(x, y - 0.68) - 0.31, np.hypot(x, y) - 0.45)


def _arrow(x: Array, y: Array) -> Array:
    head = np.maximum((np.abs(x) + y - 1) * 0.5**0.5, 0.15 - y)
    return np.minimum(head, _box(x, y + 0.4, 0.25, 0.6))


def _spiral(x: Array, y: Array) -> Array:
    pitch, radius = 0.5, np.hypot(x, y)  # Archimedes: the radius grows by `pitch` a turn
    turns = radius / pitch - np.arctan2(y, x) / (2 * np.pi)
    return np.maximum(np.abs(turns - np.round(turns)) * pitch - 0.11, radius - 1.05)


FIELDS: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
    "moon": _moon,
    "flower": _flower,
    "arrow": _arrow,
    "spiral": _spiral,
}
CLASSES: tuple[str, ...] = tuple(FIELDS)


def draw(count: int, seed: int) -> tuple[Array, Array]:
    """Draw a balanced, shuffled set of pictures.

    Args:
        count: how many pictures, at least 1. Classes differ by at most one picture.
        seed: any integer from 0. The same count and seed give the same bytes (on another kind of
            processor a sine may round otherwise, and now and then a pixel differ by 1).

    Returns:
        Images (count, 3, 32, 32) uint8 in RGB, and labels (count,) uint8 that index `CLASSES`.

    Raises:
        ValueError: if `count` is below 1 or `seed` is negative.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    # A stream for the order and one a chunk: nothing depends on what was drawn before.
    order, *streams = SeedSequence(seed).spawn(1 + -(-count // CHUNK))
    labels = Generator(PCG64(order)).permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
    images = np.empty((count, 3, SIDE, SIDE), np.uint8)

    def fill(chunk: int) -> None:
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        images[part] = _pictures(Generator(PCG64(streams[chunk])), labels[part])

    with ThreadPoolExecutor(os.cpu_count()) as cores:  # numpy lets others compute meanwhile
        any(cores.map(fill, range(len(streams))))  # until all are drawn, or one fails
    return images, labels


def _pictures(rng: Generator, labels: Array) -> Array:
    """Paint a scene, put one shape per label on it, and photograph it: (N, 3, S, S) uint8."""
    n = len(labels)
    # Any hue on any hue, but bright on dark: a small network without this hint hardly learns.
    back, ink = _colours(rng, n, 0.2, 0.6), _colours(rng, n, 0.8, 1.1)  # (N, 3, 1, 1) each
    rim = _colours(rng, n, 0.3, 1.1)
    x, y, size = _places(rng, n, 9, 12.5, spread=3)
    field = np.empty((n, SIDE, SIDE), np.float32)
    for label, shape in enumerate(FIELDS.values()):
        field[labels == label] = shape(x[labels == label], y[labels == label])
    scene = _background(rng, back)
    return _photograph(rng, _paint(rng, scene, field * size, ink, rim))


def _uniform(rng: Generator, n: int, low: float, high: float) -> Array:
    """One number a picture, (N, 1, 1) float32."""
    return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)


def _colours(rng: Generator, n: int, dark: float, bright: float) -> Array:
    """Any hue, from pale to full, its light from `dark` to `bright`: (N, 3, 1, 1) float32."""
    hue, fullness, light = rng.uniform((0, 0.2, dark), (1, 0.85, bright), (n, 3)).T[:, :, None]
    rgb = 0.5 + 0.5 * np.cos(2 * np.pi * (hue + np.array([0, 1 / 3, 2 / 3])))  # (N, 3)
    return (light * (1 - fullness * rgb)).astype(np.float32)[..., None, None]


def _places(
    rng: Generator, n: int, small: float, large: float, spread: float, turn: float = 0.3
) -> tuple[Array, Array, Array]:
    """Coordinates x, y (N, S, S) of each pixel as a shape sees it, and its size (N, 1, 1) in px."""
    pixel = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    size, angle = _uniform(rng, n, small, large), _uniform(rng, n, -turn, turn)
    right = pixel - _uniform(rng, n, -spread, spread)  # (N, 1, S)
    up = -pixel[:, None] - _uniform(rng, n, -spread, spread)  # (N, S, 1)
    cos, sin = np.cos(angle) / size, np.sin(angle) / size
    mirror = np.sign(_uniform(rng, n, -1, 1))
    return mirror * (right * cos + up * sin), up * cos - right * sin, size


def _ramp(x: Array, y: Array) -> Array:
    return x / 20


def _stripes(x: Array, y: Array) -> Array:
    return np.sin(x)


def _checks(x: Array, y: Array) -> Array:
    return np.tanh(4 * np.sin(x / 2) * np.sin(y / 2))


def _blotches(x: Array, y: Array) -> Array:
    return np.sin(x / 3 + 2 * np.sin(y / 4)) * np.sin(y / 3 + 2 * np.sin(x / 5))


TEXTURES = (_ramp, _stripes, _checks, _blotches)


def _texture(rng: Generator, n: int) -> Array:
    """Per picture a ramp, stripes, checks or blotches: (N, S, S) float32 in about -1..1."""
    x, y, _ = _places(rng, n, 0.6, 1.6, spread=5, turn=np.pi)
    kind = rng.integers(len(TEXTURES), size=n)
    textures = np.empty_like(x)
    for number, texture in enumerate(TEXTURES):
        textures[kind == number] = texture(x[kind == number], y[kind == number])
    return textures


def _blend(below: Array, above: Array, cover: Array) -> Array:
    """Lay `above` on `below` where `cover` (N, S, S) is 1."""
    blended = above - below
    blended *= cover[:, None]
    blended += below
    return blended


def _background(rng: Generator, colour: Array) -> Array:
    """A textured ground with scraps on it: (N, 3, S, S)."""
    n = len(colour)
    scene = colour * (1 + _uniform(rng, n, 0, 0.25) * _texture(rng, n))[:, None]
    for _ in range(CLUTTER):
        x, y, size = _places(rng, n, 1, 3, spread=16, turn=np.pi)
        long, bend = _uniform(rng, n, 0, 4), _uniform(rng, n, -0.3, 0.3)
        there = _uniform(rng, n, -1, 1)[:, 0, 0] > 0  # every other one
        colour, strength = _colours(rng, n, 0.2, 1), _uniform(rng, n, 0.3, 0.9)
        x, y, size, long, bend = x[there], y[there], size[there], long[there], bend[there]
        scrap = _box(x, y + bend * x * x, long, 0.2) - 0.2
        cover = np.clip(0.5 - scrap * size, 0, 1) * strength[there]
        scene[there] = _blend(scene[there], colour[there], cover)
    return scene


def _paint(rng: Generator, scene: Array, field: Array, ink: Array, rim: Array) -> Array:
    """Put a shape, its `field` in pixels, on the scene: filled, rimmed or only an outline."""
    n = len(field)
    style, width = _uniform(rng, n, 0, 1), _uniform(rng, n, 1, 1.6)
    band = np.abs(field + width) - width  # the outline lies inside the edge
    body = np.where(style < 0.2, band, field)
    shadow = np.exp(-np.maximum(body, 0) / 2) * _uniform(rng, n, 0, 0.5)
    scene = scene * (1 - shadow)[:, None]
    fill = ink * (1 + _uniform(rng, n, 0, 0.3) * _texture(rng, n))[:, None]
    fill = _blend(fill, rim, np.clip(0.5 - band, 0, 1) * (style > 0.8))
    return _blend(scene, fill, np.clip(0.5 - body, 0, 1))


def _photograph(rng: Generator, scene: Array) -> Array:
    """Light from one side, a lens out of focus, a noisy sensor: (N, 3, S, S) uint8."""
    n = len(scene)
    x, _, _ = _places(rng, n, 16, 16, spread=0, turn=np.pi)
    scene = scene * (1 + _uniform(rng, n, 0, 0.3) * x)[:, None]
    blur = _uniform(rng, n, 0, 0.25)[..., None]
    before, after = np.clip([np.arange(SIDE) - 1, np.arange(SIDE) + 1], 0, SIDE - 1)
    for axis in (2, 3):  # three taps: blur, 1 - 2 blur, blur
        beside = scene.take(before, axis)
        beside += scene.take(after, axis)
        beside -= 2 * scene
        beside *= blur
        scene += beside
    noise = rng.standard_normal(scene.shape, np.float32)
    noise *= _uniform(rng, n, 0.01, 0.06)[..., None]
    noise += scene
    return (np.clip(noise, 0, 1, out=noise) * 255).astype(np.uint8)
