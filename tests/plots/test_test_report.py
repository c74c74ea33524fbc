"""The figures of a test set: what they hold, what is written in them, what plotly accepts."""

import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.io.json import to_json_plotly

from ultimus.plots import test_report
from ultimus.plots.axes import alt
from ultimus.plots.style import class_colors
from ultimus.plots.test_report import (
    CLEAR,
    accuracy_bars,
    bars_height,
    calibration_figure,
    confusion_map,
    size_figure,
)

C, M = 5, 7  # classes, bins
CLASSES = ("cat", "dog", "ship", "frog", "horse")
COLORS = class_colors(C)
COUNTS = np.array([
    [61, 30, 2, 4, 3],
    [40, 53, 0, 4, 3],
    [1, 1, 998, 0, 0],
    [0, 0, 0, 0, 0],  # a class without pictures
    [5, 6, 1, 2, 86],
])  # fmt: skip


def figures():
    yield confusion_map(COUNTS, CLASSES, COLORS)
    for selected in ((1, 0), (1, None), (None, 3), (2, 2)):
        yield confusion_map(COUNTS, CLASSES, COLORS, selected=selected)
    values, low, high = np.array([0.0, 0.3, np.nan, 0.9, 1.0]), np.zeros(C), np.ones(C)
    yield accuracy_bars(CLASSES, COLORS, values, low, high, overall=0.4)
    yield reliability()


def reliability():
    count = np.array([0, 11, 3, 0, 1, 0, 1013])
    sure = np.array([np.nan, 0.2, 0.4, np.nan, 0.7, np.nan, 0.99])
    right = np.array([0, 2, 1, 0, 1, 0, 1000])
    return calibration_figure(count, sure, right, np.full(M, 0.1), np.full(M, 1.0))


def cells(fig, trace):
    return np.asarray(fig.data[trace].z, float)


@pytest.mark.parametrize("fig", list(figures()))
def test_plotly_knows_every_word_of_it(fig):
    go.Figure(fig.to_dict())  # raises for a name or a value that plotly does not know
    to_json_plotly(fig.to_dict())  # as the page sends it
    assert len(alt(fig)) > 20


# Confusions ---------------------------------------------------------------------------------------


def test_cells_hold_the_shares_of_their_row():
    fig = confusion_map(COUNTS, CLASSES, COLORS)
    mistakes, right = cells(fig, 0), cells(fig, 1)
    both = np.where(np.isnan(mistakes), right, mistakes)
    totals = COUNTS.sum(axis=1, keepdims=True)
    assert both == pytest.approx(COUNTS / np.maximum(totals, 1))
    assert np.array_equal(np.isnan(mistakes), np.eye(C, dtype=bool))
    assert np.array_equal(np.isnan(right), ~np.eye(C, dtype=bool))


def test_the_scale_runs_from_0_to_the_most_frequent_mistake():
    axis = confusion_map(COUNTS, CLASSES, COLORS).layout.coloraxis
    assert (axis.cmin, axis.cmax) == (0, 0.4)
    assert confusion_map(np.eye(C, dtype=int), CLASSES, COLORS).layout.coloraxis.cmax == 1


def test_every_number_is_written_once_and_where_it_can_be_read():
    """By the heatmap in coloured cells, in the page's own colour in all others."""
    fig = confusion_map(COUNTS, CLASSES, COLORS)
    strong, weak = np.array(fig.data[0].text, object), np.full((C, C), "", object)
    for x, y, text in zip(fig.data[2].x, fig.data[2].y, fig.data[2].text, strict=True):
        weak[CLASSES.index(y), CLASSES.index(x)] = text
    assert not ((strong != "") & (weak != "")).any()
    assert (((strong + weak) != "") == (COUNTS > 0)).all()
    assert (cells(fig, 0)[strong != ""] >= CLEAR * 0.4).all()
    assert (cells(fig, 0)[(weak != "") & ~np.eye(C, dtype=bool)] < CLEAR * 0.4).all()
    assert (strong[1, 0], weak[0, 0], weak[2, 0], weak[2, 2]) == ("40", "<b>61</b>", "<1",
                                                                  "<b>100</b>")  # fmt: skip


def test_hovering_names_both_classes_and_the_counts():
    words = confusion_map(COUNTS, CLASSES, COLORS).data[0].hovertext
    assert words[1][0] == "dog, predicted as cat:<br><b>40</b> of 100 (40.0%)"
    assert words[2][2] == "ship, correct:<br><b>998</b> of 1,000 (99.8%)"
    assert words[3][1] == "no images of the class frog"


def test_classes_that_are_called_like_numbers_keep_their_places():
    names = ["1", "0", "3", "2", "10"]
    fig = confusion_map(COUNTS, names, COLORS)
    assert list(fig.layout.xaxis.tickvals) == list(fig.data[0].x) == names
    assert fig.layout.xaxis.type == fig.layout.yaxis.type == "category"
    assert set(fig.data[2].x) <= set(names)


@pytest.mark.parametrize(
    ("selected", "frame"),
    [
        ((1, 3), (2.5, 3.5, 0.5, 1.5)),
        ((1, None), (-0.5, C - 0.5, 0.5, 1.5)),
        ((None, 3), (2.5, 3.5, -0.5, C - 0.5)),
    ],
)
def test_what_is_selected_is_outlined(selected, frame):
    plain = confusion_map(COUNTS, CLASSES, COLORS).layout.shapes
    shapes = confusion_map(COUNTS, CLASSES, COLORS, selected=selected).layout.shapes
    assert len(shapes) == len(plain) + 2
    for shape in shapes[-2:]:
        assert (shape.x0, shape.x1, shape.y0, shape.y1) == frame


def test_the_words_name_the_most_frequent_mistakes():
    words = alt(confusion_map(COUNTS, CLASSES, COLORS))
    assert "1,198 of 1,300 correct" in words
    assert "dog predicted as cat (40 of 100), cat predicted as dog (30 of 100)" in words
    assert alt(confusion_map(np.eye(C, dtype=int), CLASSES, COLORS)).endswith("correct.")


# Accuracies and calibration -----------------------------------------------------------------------


def test_bars_tell_their_values_and_intervals():
    values, low, high = np.array([0.5, np.nan]), np.array([0.25, 0.0]), np.array([0.75, 1.0])
    fig = accuracy_bars(CLASSES[:2], COLORS[:2], values, low, high, overall=0.4)
    assert np.array_equal(fig.data[0].x, values, equal_nan=True)
    assert [each.text for each in fig.layout.annotations] == ["50.0%", "–"]
    interval, overall = fig.layout.shapes  # none for the class without pictures
    assert interval.path.startswith("M0.25000,0H0.75000")
    assert (overall.x0, overall.x1) == (0.4, 0.4)
    assert "cat 50.0% (25.0% to 75.0%), dog no images; all together 40.0%" in alt(fig)
    assert bars_height(2) < bars_height(3)


def test_calibration_draws_bins_that_have_answers():
    fig = reliability()
    assert list(fig.data[0].x) == [0.2, 0.4, 0.7, 0.99]
    assert list(fig.data[0].y) == pytest.approx([2 / 11, 1 / 3, 1, 1000 / 1013])
    assert list(fig.data[1].y) == [0, 11, 3, 0, 1, 0, 1013]
    assert list(fig.data[1].x) == pytest.approx([(2 * m + 1) / 14 for m in range(M)])
    ends = np.add(fig.data[0].y, fig.data[0].error_y.array)
    assert ends == pytest.approx(np.ones(4))
    assert "at 99% it is right in 98.7% of 1,013" in alt(fig)


def test_figures_need_no_torch_and_no_streamlit():
    source = Path(test_report.__file__).read_text()
    assert not re.search(r"^\s*(import|from) (torch|streamlit)", source, re.MULTILINE)


def test_accuracy_by_group_size_has_a_line_for_each_order_and_tells_all_in_words():
    fig = size_figure([1, 2, 4], [0.5, 0.6, 0.7], [0.5, 0.45, 0.4])
    go.Figure(fig.to_dict())  # with plotly's own checks
    shuffled, by_class = fig.data
    assert shuffled.y.tolist() == [0.5, 0.6, 0.7] and by_class.y.tolist() == [0.5, 0.45, 0.4]
    assert fig.layout.xaxis.type == "log" and fig.layout.xaxis.tickvals == (1, 4)  # both ends
    assert not fig.layout.yaxis.title.text  # plotly would move it among the lines
    assert "sorted by class: 50.0% in groups of 1, 45.0% in groups of 2" in alt(fig)
