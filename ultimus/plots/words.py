"""What figures say: numbers, names and counts as a reader takes them in."""

from __future__ import annotations

import numpy as np


def short(name: str, most: int) -> str:
    """A name in so many characters at most."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def count_of(count: int, noun: str) -> str:
    """ "1 image", "2 images"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def number(value: float) -> str:
    """Three significant digits, with a minus sign that is read as one."""
    return f"{float(value):.3g}".replace("-", "−")


def percent(value: float, digits: int = 1) -> str:
    return f"{float(value):.{digits}%}"


def points(value: float) -> str:
    return f"{number(value * 100)} percentage points"


def listed(values: np.ndarray) -> str:
    """All numbers of a short vector, the extremes of a long one."""
    if values.size <= 8:
        return ", ".join(map(number, values))
    return f"from {number(values.min())} to {number(values.max())}"
