import base64
import io

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from ultimus.plots.axes import alt
from ultimus.plots.evidence import ENLARGED, evidence_map

S = 7


@pytest.fixture
def values():
    return np.random.default_rng(5).normal(size=(S, S)).astype(np.float32)


@pytest.fixture
def image():
    return np.random.default_rng(7).integers(0, 256, (3, S, S), np.uint8)


def test_plotly_accepts_it_and_it_holds_the_numbers(values, image):
    fig = evidence_map(values, image, "frog", "Evidence for “frog”")
    go.Figure(fig.to_dict())  # with plotly's own checks
    np.testing.assert_array_equal(fig.data[0].z, values)


def test_the_picture_below_is_grey_exact_and_not_smoothed(values, image):
    below = evidence_map(values, image, "frog", "Evidence for “frog”").layout.images[0]
    content = base64.b64decode(below.source.split(",")[1])
    shown = np.asarray(Image.open(io.BytesIO(content)))
    luma = np.tensordot([0.299, 0.587, 0.114], image, 1)  # ITU-R BT.601
    exact = luma.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    for channel in np.moveaxis(shown, -1, 0):
        np.testing.assert_allclose(channel, exact, atol=1)
    assert (below.x, below.y, below.sizex, below.sizey) == (-0.5, -0.5, S, S)


def test_nothing_is_clear_and_both_sides_are_on_one_scale(values, image):
    axis = evidence_map(values, image, "frog", "Evidence for “frog”").layout.coloraxis
    assert axis.cmin == -axis.cmax == -np.quantile(np.abs(values), 0.98)
    assert [color for at, color in axis.colorscale if at == 0.5] == [
        "rgba(128,115,172,0)",
        "rgba(204,116,16,0)",
    ]


def test_its_words_tell_the_strongest_place(values, image):
    values[2, 5] = -13
    words = alt(evidence_map(values, image, "frog", "Evidence for “frog”"))
    assert "row 2 and column 5, speaks against it" in words
    assert f"{values[values > 0].sum():.3g} in all speaks for frog" in words
    assert "no place" in alt(evidence_map(np.zeros((S, S)), image, "frog", "Evidence for “frog”"))
