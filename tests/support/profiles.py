"""Colour profiles made by hand, as displays, printers and scanners have them."""

import struct

import numpy as np

from ultimus.data.colour_profiles import D65, rgb_profile

D50 = (0.9642, 1.0, 0.8249)


def display_p3() -> bytes:
    return rgb_profile((*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060), (2.2,))


def adobe_rgb() -> bytes:
    return rgb_profile((*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), (563 / 256,))


def prophoto() -> bytes:
    where = (0.3457, 0.3585, 0.734699, 0.265301, 0.159597, 0.840403, 0.036598, 0.000105)
    return rgb_profile(where, (1.8,))


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def grey(gamma: float = 1.0) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    return profile(b"GRAY", b"XYZ ", b"mntr", wtpt=b"XYZ \0\0\0\0" + fixed(*D50), kTRC=curve)


def cmyk() -> bytes:
    """Ink that is a good deal duller than the plain formula makes it."""
    grid = 5
    points = np.stack(np.meshgrid(*[np.linspace(0, 1, grid)] * 4, indexing="ij"), -1)
    c, m, y, k = np.moveaxis(points.reshape(-1, 4), 1, 0)
    light = 100 * (1 - 0.85 * k) * (1 - 0.25 * c) * (1 - 0.35 * m) * (1 - 0.05 * y)
    a, b = 60 * (m - 0.7 * c) * (1 - k), 70 * (y - 0.6 * c) * (1 - k)
    lab = np.stack([light * 2.55, a + 128, b + 128], -1).round().clip(0, 255).astype(np.uint8)
    matrix = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    head = b"mft1\0\0\0\0" + bytes([4, 3, grid, 0]) + matrix
    table = head + bytes(range(256)) * 4 + lab.tobytes() + bytes(range(256)) * 3
    return profile(b"CMYK", b"Lab ", b"prtr", wtpt=b"XYZ \0\0\0\0" + fixed(*D50), A2B0=table)


def profile(space: bytes, connection: bytes, kind: bytes, **tags: bytes) -> bytes:
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x0240_0000, kind, space, connection)
    head = (head + bytes(12) + b"acsp" + bytes(28) + fixed(*D50)).ljust(128, b"\0")
    return head + struct.pack(">I", len(tags)) + table + data
