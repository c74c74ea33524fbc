"""Arrays -> plotly figures, as the dictionaries that `plotly.graph_objects.Figure` takes.

Figures hold the numbers they are given; nothing is rounded but on the screen, where hovering
formats them. They carry no theme: paper, text and grid take the page's colours. Every figure is
a fresh object, and `uirevision` tells the page whether a reader's zoom still applies to it.

They are dictionaries since a live run draws them anew twice a second: to check one, as plotly does
when it makes an object of it, takes several times as long as all else. The tests have it checked.

N: points given, M: points drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from tsdownsample import MinMaxLTTBDownsampler

from .style import BLUE, GREY, ORANGE

WAITING = "waiting for the first step"
POINTS = 600  # per line: more than a screen shows
FIRST, LAST = 999, 1001  # places in the legend; plotly's own is 1000

TITLE = {
    "font": {"size": 16, "weight": 600}, "pad": {"t": 4, "l": 4},
    "x": 0, "xref": "container", "y": 1, "yref": "container", "yanchor": "top",
}  # fmt: skip
EPOCHS = {
    "title": {"text": "epoch", "standoff": 4, "font": {"size": 13}},
    "showgrid": False, "zeroline": False, "showline": True, "ticks": "outside", "ticklen": 4,
    "spikethickness": 1, "spikedash": "dot", "unifiedhovertitle": {"text": "epoch %{x:.2f}"},
}  # fmt: skip
FRAME = {
    "font": {"size": 13},
    "margin": {"l": 50, "r": 14, "t": 60, "b": 40, "autoexpand": False},
    "showlegend": True,
    "legend": {
        "orientation": "h", "x": 0, "xref": "container", "y": 1.03, "yanchor": "bottom",
        "font": {"size": 13}, "itemwidth": 30, "traceorder": "normal",
    },
    "hovermode": "x unified",
}  # fmt: skip

Figure = dict[str, list | dict]  # its traces, `data`, and its `layout`
Reference = tuple[ArrayLike, ArrayLike, str]  # epochs, values, name


def smooth(values: ArrayLike, span: float) -> np.ndarray:
    """Bias-corrected exponential moving average.

    With a = 2 / (span + 1): m_t = (1 - a) m_{t-1} + a v_t from m_0 = 0, and the result is
    m_t / (1 - (1 - a)^t), so that the first values weigh no more than their share (the correction
    of Adam, Kingma & Ba 2015, section 3). Values that are not finite are skipped, and are NaN in
    the result: a gap stays a gap.

    Args:
        values: (N,) in any unit.
        span: About how many points are averaged, at least 1; 1 changes nothing.

    Returns:
        (N,) float64, in the unit of the values.

    Raises:
        ValueError: The span is below 1.
    """
    if span < 1:
        raise ValueError(f"span must be at least 1, got {span}")
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    smoothed = np.full(values.shape, np.nan)
    smoothed[finite] = pd.Series(values[finite]).ewm(span=span).mean()
    return smoothed


def thin(x: ArrayLike, y: ArrayLike, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Fewer points that draw the same line (MinMaxLTTB, arXiv:2305.00332).

    The first, the last, the lowest and the highest point stay, and so does one point of each gap
    (values that are not finite); the others are a choice of the points given, never new ones.

    Args:
        x: (N,) increasing.
        y: (N,) values; a series of at most `points` is returned as it is.
        points: About how many points to keep.

    Returns:
        x and y, (M,) each, of the dtypes given.

    Raises:
        ValueError: x and y differ in shape, or are not series.
    """
    x, y = np.asarray(x), np.asarray(y)
    keep = _kept(x, y, points)
    return x[keep], y[keep]


def _kept(x: np.ndarray, y: np.ndarray, points: int) -> np.ndarray:
    """(M,) indices that `thin` keeps, increasing."""
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"x and y must be two series of one length, got {x.shape} and {y.shape}")
    if y.size <= points:
        return np.arange(y.size)
    bad = ~np.isfinite(y)
    good = np.flatnonzero(~bad)
    gaps = np.flatnonzero(bad & ~np.r_[False, bad[:-1]])
    gaps = gaps[:: 1 + gaps.size // points]
    ends = [0, y.size - 1]
    if good.size <= points:
        return np.union1d(np.r_[good, gaps], ends).astype(int)
    x, y = (np.ascontiguousarray(a[good], np.float64) for a in (x, y))
    picked = MinMaxLTTBDownsampler().downsample(x, y, n_out=points)
    extremes = good[[y.argmin(), y.argmax()]]
    return np.unique(np.r_[good[picked], gaps, extremes, ends])


def loss_curve(
    epoch: ArrayLike,
    loss: ArrayLike,
    *,
    reference: Reference | None = None,
    smoothing: float = 20,
    epochs: float | None = None,
    uirevision: str = "",
) -> Figure:
    """The training loss: as reported, faint, and smoothed, strong.

    Args:
        epoch: (N,) epochs since the start, increasing.
        loss: (N,) cross-entropy in nats; may hold NaN and infinities.
        reference: Another run's epochs and losses, and its name.
        smoothing: Span of `smooth`, in points.
        epochs: Planned length, so that the axis stands still while the run grows.
        uirevision: As long as it stays the same, the reader's zoom does too.
    """
    epoch, loss = _numbers(epoch), _numbers(loss)
    mean = smooth(loss, smoothing)
    lines = _reference(reference, ".3f") + _smoothed(epoch, loss, mean, "training", ".3f")
    view, note = _loss_view(loss, mean, reference)
    axis = {"range": view}
    return _figure("Loss", lines, axis, _notes(epoch, note), epochs, uirevision)


def accuracy_curve(
    epoch: ArrayLike,
    train: ArrayLike,
    test_epoch: ArrayLike,
    test: ArrayLike,
    *,
    group: int,
    composed: str = "",
    reference: Reference | None = None,
    chance: float = 0.1,
    smoothing: float = 20,
    epochs: float | None = None,
    uirevision: str = "",
) -> Figure:
    """Training and test accuracy, shown in percent.

    Args:
        epoch: (N,) epochs since the start, increasing.
        train: (N,) training accuracy, a fraction.
        test_epoch: (T,) epochs at which the test images were measured, increasing.
        test: (T,) test accuracy, a fraction.
        group: How many test images attended to each other; the accuracy depends on it.
        composed: How their groups were made up, to follow the size.
        reference: Another run's epochs and accuracies (fractions), and its name.
        chance: Accuracy of guessing, drawn as a dotted line.
        smoothing: Span of `smooth` for the training accuracy, in points.
        epochs: Planned length, so that the axis stands still while the run grows.
        uirevision: As long as it stays the same, the reader's zoom does too.
    """
    epoch, train, test_epoch, test = map(_numbers, (epoch, train, test_epoch, test))
    together = f"groups of {group}{composed}" if group > 1 else "each alone"
    style = {"mode": "lines+markers", "cliponaxis": False} | _stroke(ORANGE)
    lines = [
        *_reference(reference, ".1%"),
        *_smoothed(epoch, train, smooth(train, smoothing), "training (augmented)", ".1%"),
        _line(test_epoch, test, f"test, {together}", ".1%", style),
    ]
    best = _finite(train, test, _values(reference), [chance]).max()
    top = min(1.02, max(0.5, np.ceil(best * 10 + 0.2) / 10))
    axis = {"range": [0, top], "tickformat": ".0%"}
    notes = [*_notes(np.r_[epoch, test_epoch]), _chance_label(chance)]
    return _figure("Accuracy", lines, axis, notes, epochs, uirevision, _chance_line(chance))


def rate_curve(
    epoch: ArrayLike,
    rate: ArrayLike,
    *,
    planned: tuple[ArrayLike, ArrayLike] | None = None,
    reference: Reference | None = None,
    epochs: float | None = None,
    uirevision: str = "",
) -> Figure:
    """The learning rate so far, and where it will go.

    Args:
        epoch: (N,) epochs since the start, increasing.
        rate: (N,) learning rate.
        planned: Epochs and rates of the whole schedule, drawn faintly.
        reference: Another run's epochs and rates, and its name.
        epochs: Planned length, so that the axis stands still while the run grows.
        uirevision: As long as it stays the same, the reader's zoom does too.
    """
    epoch, rate = _numbers(epoch), _numbers(rate)
    lines = _reference(reference, ".3~g")
    if planned is not None:
        style = {"line": {"color": BLUE, "width": 1.5}, "opacity": 0.6}
        lines.append(_line(*map(_numbers, planned), "planned", ".3~g", style))
    lines.append(_line(epoch, rate, "so far", ".3~g", _stroke(BLUE) | {"legendrank": FIRST}))
    top = _finite(*(line["y"] for line in lines)).max(initial=0) or 0.01
    axis = {"range": [0, 1.05 * float(top)], "tickformat": "~g"}
    return _figure("Learning rate", lines, axis, _notes(epoch), epochs, uirevision)


def with_changes(figure: Figure, epochs: ArrayLike) -> Figure:
    """The same figure with dotted lines where the learning rate was changed by hand."""
    line = {"dash": "dot", "width": 1.5, "color": GREY}
    ends = ({"x0": epoch, "x1": epoch, "y0": 0, "y1": 1} for epoch in map(float, epochs))
    lines = ({"type": "line", "yref": "paper", "line": line, **end} for end in ends)
    layout = figure["layout"] | {"shapes": (*figure["layout"]["shapes"], *lines)}
    return figure | {"layout": layout}


def _figure(
    title: str,
    lines: list[dict],
    yaxis: dict,
    notes: list[dict],
    epochs: float | None,
    uirevision: str,
    *shapes: dict,
) -> Figure:
    """Lines against epochs: title above, legend below it, and a frame that does not move."""
    shown = {"range": [0, epochs]} if epochs else {"rangemode": "tozero"}
    layout = FRAME | {
        "title": TITLE | {"text": title},
        "uirevision": uirevision,
        "xaxis": EPOCHS | shown,
        "yaxis": {"zeroline": False, "nticks": 6, "ticklabelstandoff": 6, **yaxis},
        "shapes": shapes,
        "annotations": notes,
    }
    return {"data": lines, "layout": layout}


def _numbers(values: ArrayLike) -> np.ndarray:
    """The values as float32 where that loses nothing, which halves what a browser is sent."""
    wide = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow, wide, equal_nan=True) else wide


def _finite(*series: ArrayLike) -> np.ndarray:
    """All finite values of several series, in one."""
    values = np.concatenate([np.asarray(s, np.float64) for s in series])
    return values[np.isfinite(values)]


def _values(reference: Reference | None) -> np.ndarray:
    return np.empty(0) if reference is None else _numbers(reference[1])


def _stroke(color: str) -> dict:
    """A line that a projector shows, and the marker that stands for it while it is one point."""
    return {"line": {"color": color, "width": 2.5}, "marker": {"size": 7, "color": color}}


def _line(x: np.ndarray, y: np.ndarray, name: str, form: str, style: dict) -> dict:
    """A trace whose hover label formats the value by `form` (a d3 format)."""
    x, y = thin(x, y)
    mode = "lines" if y.size > 1 else "markers"  # a single point draws no line
    base = {"type": "scatter", "x": x, "y": y, "name": name, "mode": mode}
    return base | {"hovertemplate": f"%{{y:{form}}}"} | style


def _smoothed(x: np.ndarray, y: np.ndarray, mean: np.ndarray, name: str, form: str) -> list[dict]:
    """Two lines of one hue: the values, faint, and their average, strong."""
    shown = _kept(x, y, POINTS)  # the same points of both, so that hovering finds the pair
    x, y, mean = x[shown], y[shown], mean[shown].astype(np.float32)
    strong = _stroke(BLUE) | {"legendgroup": name, "legendrank": FIRST}
    faint = strong | {"line": {"color": BLUE, "width": 1}, "opacity": 0.4, "showlegend": False}
    return [
        _line(x, y, f"{name}, unsmoothed", form, faint),
        _line(x, mean, name, form, strong),
    ]


def _reference(reference: Reference | None, form: str) -> list[dict]:
    if reference is None:
        return []
    epochs, values, name = reference
    style = {
        "mode": "lines+markers", "line": {"color": GREY, "width": 1.5, "dash": "5px,4px"},
        "marker": {"size": 4, "color": GREY}, "legendrank": LAST,
    }  # fmt: skip
    return [_line(_numbers(epochs), _numbers(values), name, form, style)]


def _notes(epoch: np.ndarray, text: str = "") -> list[dict]:
    """A remark at the right of the title's line, where no curve runs."""
    text = text if epoch.size else WAITING
    corner = {"x": 1, "xref": "paper", "xanchor": "right", "y": 1, "yref": "paper"}
    place = corner | {"yanchor": "bottom", "yshift": 38}
    return [{"text": text, "showarrow": False, "font": {"size": 13}, **place}] if text else []


def _chance_line(chance: float) -> dict:
    level = {"x0": 0, "x1": 1, "xref": "paper", "y0": chance, "y1": chance}
    line = {"dash": "dot", "width": 1.5, "color": GREY}
    return {"type": "line", "layer": "below", "line": line, **level}


def _chance_label(chance: float) -> dict:
    place = {"x": 1, "xref": "paper", "xanchor": "right", "y": chance, "yanchor": "bottom"}
    return {"text": "chance", "showarrow": False, "font": {"size": 12, "color": GREY}, **place}


def _loss_view(
    loss: np.ndarray, mean: np.ndarray, reference: Reference | None
) -> tuple[list[float], str]:
    """The range to open on, in which a curve can be read, and a note on what it leaves out.

    It ends at the highest of the 99th percentile, the smoothed loss and the reference; but when
    the loss explodes, at 1.5 times the first or the median loss, whichever is higher. It moves in
    steps, so that it seldom moves. A double click shows everything (plotly's autorange).
    """
    values, other = _finite(loss), _finite(_values(reference))
    lost = loss.size - values.size
    note = f"{lost:,} not finite" if lost else ""
    if not values.size:
        return _stepped(other.min(initial=2), other.max(initial=2.4)), note
    limit = 1.5 * max(np.median(values[:5]), np.median(values))
    high = max(np.percentile(values, 99), _finite(mean).max())
    low = min(values.min(), other.min(initial=np.inf))
    view = _stepped(low, max(min(high, limit), other.max(initial=-np.inf)))
    if values.max() > view[1]:
        note = f"↑ up to {values.max():,.4g}, double-click to see{' · ' * bool(note)}{note}"
    return view, note


def _stepped(low: float, high: float) -> list[float]:
    """The range around low and high, ending on round numbers."""
    step = 10 ** np.floor(np.log10(max(abs(low), abs(high)) or 1.0)) / 4
    return [float(np.floor(low / step) * step), float(np.ceil(high * 1.02 / step) * step)]
