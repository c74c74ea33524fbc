"""What figures say: numbers, names and counts as a reader takes them in."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

LEAST_POWER = -5  # of ten, that is written out
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def short(name: str, most: int) -> str:
    """A name in so many characters at most."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def count_of(count: int, noun: str) -> str:
    """ "1 image", "2 images"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, as people write them: 0.000028, 9.8 × 10⁻⁶ and not 9.8e-06."""
    text = f"{float(value):.{digits}g}"
    coefficient, _, power = text.partition("e")
    if power and int(power) < LEAST_POWER:
        text = f"{coefficient} × 10{str(int(power)).translate(RAISED)}"
    elif power:
        text = f"{Decimal(text):f}"
    return text.replace("-", "−")


def percent(value: float, digits: int = 1) -> str:
    return f"{float(value):.{digits}%}"


def points(value: float) -> str:
    return f"{number(value * 100)} percentage points"


def listed(values: np.ndarray) -> str:
    """All numbers of a short vector, the extremes of a long one."""
    if values.size <= 8:
        return ", ".join(map(number, values))
    return f"from {number(values.min())} to {number(values.max())}"
