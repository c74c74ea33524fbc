"""Curves of several runs in one figure."""

import numpy as np
import plotly.graph_objects as go

from ultimus.plots.comparison import Series, colors, curves, words


def test_each_run_has_its_own_colour_and_its_own_numbers():
    runs = [Series("a", [0, 1, 2], [3.0, 2.0, 1.0]), Series("b", [0, 1], [0.5, np.nan])]
    fig = go.Figure(curves("Loss", runs))
    assert [trace.name for trace in fig.data] == ["a", "b"]
    assert list(fig.data[0].y) == [3, 2, 1] and list(fig.data[1].y) == [0.5]
    assert [trace.line.color for trace in fig.data] == colors(2) and len(set(colors(8))) == 8
    assert words("Loss", ["a", "b"]) == "Loss over the epochs of 2 runs: a; b"


def test_the_lines_of_a_few_runs_stand_out_on_a_light_and_on_a_dark_page():
    def light(color: str) -> float:  # WCAG 2
        parts = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
        red, green, blue = (p / 12.92 if p <= 0.04 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05

    for color in colors(4):
        assert light("#ffffff") / light(color) > 3 and light(color) / light("#1a1814") > 3


def test_a_run_that_explodes_leaves_the_others_readable():
    runs = [Series("calm", [0, 1], [2.0, 1.0]), Series("wild", [0, 1], [2.0, 4000.0])]
    low, high = curves("Loss", runs)["layout"]["yaxis"]["range"]
    assert low < 1 and high == 3


def test_a_short_run_can_be_seen_beside_a_long_one():
    epochs = np.arange(101)
    long, short = Series("long", epochs, epochs), Series("short", epochs[:3], epochs[:3])
    axis = curves("Loss", [long, short])["layout"]["xaxis"]
    low, high = axis["range"]
    assert axis["type"] == "log" and low < np.log10(1) and np.log10(100) < high
    assert np.log10(2) - low > 0.3 * (high - low)  # the part of the width that the short one has
    assert "type" not in curves("Loss", [long, long])["layout"]["xaxis"]


def test_runs_that_have_measured_nothing_yet_are_empty_lines():
    fig = go.Figure(curves("Accuracy", [Series("a", [], []), Series("b", [0], [np.nan])]))
    assert all(len(trace.y) == 0 for trace in fig.data)
