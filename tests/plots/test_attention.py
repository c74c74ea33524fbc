import base64
import io
import re
from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from plotly.io.json import to_json_plotly

from ultimus.plots import attention as maps
from ultimus.plots import axes, style
from ultimus.plots import faces as pictures
from ultimus.plots import vectors as bars
from ultimus.plots.answers import ablation_bars, class_bars, spread_figure

B, C, K = 13, 5, 11  # images, classes, draws
CLASSES = ("cat", "dog", "ship", "frog", "horse")
WHITE, BLACK = (1.0, 1.0, 1.0), tuple(c / 255 for c in (0x0E, 0x11, 0x17))

# How the colour-blind see linear RGB: Machado, Oliveira & Fernandes 2009, table 1, severity 1.
SEEN = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip


def group(count, seed=2):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 3, 8, 8), np.uint8).repeat(4, 2).repeat(4, 3)
    return pictures.faces(images, [i * 2 % C for i in range(count)], CLASSES)


@pytest.fixture
def who():
    return group(B)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def figures(count, seed=5):
    """One figure of each kind, of a group of this size."""
    rng, who = np.random.default_rng(seed), group(count)
    scores = rng.normal(size=(count, count)).astype(np.float32)
    weights = softmax(scores)
    answers = softmax(rng.normal(size=(K, C)))
    colors = style.class_colors(C)
    last = count - 1
    yield maps.attention_map(weights, who, selected=(last, 0))
    yield maps.attention_map(scores, who, "scores", selected=(0, last), zmax=3.0)
    yield maps.attention_map(scores, who, "products")
    yield bars.influence_bars(scores[0] / 9, who, "Change of “cat”", 260)
    yield class_bars(answers[0], CLASSES, colors, truth=1)
    yield spread_figure(answers, answers[0], CLASSES, colors)
    yield ablation_bars(CLASSES, answers[0], 0.5)


@pytest.mark.parametrize("count", [1, 2, 61])
def test_every_figure_passes_plotlys_own_check(count):
    for fig in figures(count):
        spec = fig.to_dict()
        go.Figure(spec)  # raises for a name or a value that plotly does not know
        text = to_json_plotly(spec)
        assert "NaN" not in text and "Infinity" not in text


@pytest.mark.parametrize("count", [1, 2, 61])
def test_every_figure_says_what_it_shows(count):
    words = [axes.alt(fig) for fig in figures(count)]
    assert all(word.endswith(".") and word.count("\n") == 0 for word in words)
    assert len(set(words)) == len(words)


def test_figures_of_a_group_are_small_enough_to_be_sent_at_each_change():
    sizes = [len(to_json_plotly(fig)) for fig in figures(16)]
    assert max(sizes) < 60_000


# Maps ---------------------------------------------------------------------------------------------


def test_attention_map_holds_the_matrix_with_row_0_at_the_top(who, rng):
    matrix = rng.random((B, B)).astype(np.float32)
    fig = maps.attention_map(matrix, who)
    (trace,) = fig.data
    np.testing.assert_array_equal(trace.z, matrix)
    assert trace.z.dtype == np.float32
    assert list(trace.x) == list(trace.y) == who.labels
    assert fig.layout.yaxis.range == (B - 0.5, -0.5)
    assert fig.layout.xaxis.range == (-0.5, B - 0.5)
    assert (fig.layout.yaxis.title.text, fig.layout.yaxis.title.font.color) == (
        "looks (query)", "#0072B2",
    )  # fmt: skip
    assert (fig.layout.xaxis.title.text, fig.layout.xaxis.title.font.color) == (
        "is looked at (key)", "#D55E00",
    )  # fmt: skip
    assert fig.layout.yaxis.scaleanchor == "x"  # square cells


@pytest.mark.parametrize(
    ("kind", "hover"),
    [
        ("weights", "%{y} looks at %{x}: <b>%{z:.6~g}</b><extra></extra>"),
        ("scores", "%{y} looks at %{x}, score <b>%{z:.6~g}</b><extra></extra>"),
        ("products", "query of %{y} · key of %{x} = <b>%{z:.6~g}</b><extra></extra>"),
    ],
)
def test_hovering_names_who_looks_first(who, rng, kind, hover):
    assert maps.attention_map(rng.random((B, B)), who, kind).data[0].hovertemplate == hover
    assert who.labels[3] == "dog #3"


@pytest.mark.parametrize("zmax", [None, 2.5])
def test_colours_of_weights_start_at_0_and_those_of_signed_numbers_are_centred_on_it(
    who, rng, zmax
):
    matrix = rng.random((B, B)) - 0.7
    top = zmax or np.abs(matrix).max()
    ends = {"weights": (0, zmax or 1), "scores": (-top, top), "products": (-top, top)}
    for kind, (low, high) in ends.items():
        axis = maps.attention_map(matrix, who, kind, zmax=zmax).layout.coloraxis
        assert (axis.cmin, axis.cmax) == (low, high)


def test_a_matrix_of_zeros_has_a_scale(who):
    axis = maps.attention_map(np.zeros((B, B)), who).layout.coloraxis
    assert (axis.cmin, axis.cmax) == (0, 1)


def test_the_selected_cell_its_row_and_its_column_are_outlined(who, rng):
    fig = maps.attention_map(rng.random((B, B)), who, selected=(3, 11))
    frames = [s for s in fig.layout.shapes if s.type == "rect" and s.xref is None]
    places = {(s.x0, s.x1, s.y0, s.y1) for s in frames}
    assert places == {
        (-0.5, 12.5, 2.5, 3.5), (10.5, 11.5, -0.5, 12.5), (10.5, 11.5, 2.5, 3.5),
    }  # fmt: skip


def test_nothing_moves_but_what_changed(who, rng):
    first, second = (
        maps.attention_map(rng.random((B, B)), who, zmax=1, selected=s).to_dict()["layout"]
        for s in ((0, 1), (5, 7))
    )
    changed = {key for key in first if first[key] != second[key]}
    assert changed == {"shapes", "meta"}


@pytest.mark.parametrize("count", [1, 2, 13, 61])
def test_pictures_stand_at_both_axes_in_order_outside_the_cells(rng, count):
    who = group(count)
    images = maps.attention_map(rng.random((count, count)), who).layout.images
    rows, columns = images[:count], images[count:]
    assert [im.source for im in rows] == [im.source for im in columns] == list(who.pictures)
    assert [im.y for im in rows] == [im.x for im in columns] == list(range(count))
    assert all(im.x < 0 and im.xanchor == "right" and im.xref == "x domain" for im in rows)
    assert all(im.y > 1 and im.yanchor == "bottom" and im.yref == "y domain" for im in columns)
    assert all(im.sizey <= 0.94 + 1e-9 for im in rows)  # cells: no picture covers its neighbour


def test_the_stripe_paints_each_image_in_the_colour_of_its_class(who, rng):
    shapes = maps.attention_map(rng.random((B, B)), who).layout.shapes
    rows = [s for s in shapes if s.type == "path" and s.yref == "y"]
    painted = {}
    for shape in rows:
        for start in re.findall(r"M[^,]*,([-\d.]+)L", shape.path):
            painted[round(float(start) + 0.46)] = shape.fillcolor
    assert [painted[i] for i in range(B)] == list(who.colors)


def test_words_of_a_map_name_the_right_images(who):
    matrix = np.full((B, B), 0.02)
    matrix[3, 7] = 0.0832
    matrix[5, 1] = 0.01
    fig = maps.attention_map(matrix, who, title="Attention of pass 2")
    assert axes.alt(fig) == (
        "Attention of pass 2 among 13 images: image 3 (dog) looks most at image 7 (horse), "
        "0.0832; the least is 0.01."
    )
    alone = maps.attention_map(np.ones((1, 1)), group(1), title="Alone")
    assert axes.alt(alone) == (
        "Alone among 1 image: image 0 (cat) looks most at itself, 1; the least is 1."
    )


def test_pictures_of_unknown_class_are_called_images():
    who = pictures.faces(np.zeros((2, 3, 32, 32), np.uint8), [None, 1], CLASSES)
    assert who.labels == ["image #0", "dog #1"]
    assert who.image(0) == "image 0"


# Bars ---------------------------------------------------------------------------------------------


def test_bars_over_pictures_name_each_image_and_hold_its_number(who, rng):
    values = rng.normal(size=B)
    fig = bars.influence_bars(values, who, "Change of “cat”", 260)
    np.testing.assert_array_equal(fig.data[0].y, values)
    assert list(fig.data[0].x) == who.labels
    assert [im.source for im in fig.layout.images] == list(who.pictures)
    colors = {color for color, v in zip(fig.data[0].marker.color, values, strict=True) if v < 0}
    assert colors == {style.NEGATIVE}


@pytest.mark.parametrize("scale", [1e-7, 1e-3, 0.5])
def test_what_changes_hardly_anything_looks_small(who, scale):
    fig = bars.influence_bars(np.linspace(-scale, scale, B), who, "Change of “cat”", 260)
    low, high = fig.layout.yaxis.range
    assert -low == high >= max(0.01, scale)


def test_words_of_bars_name_the_right_images(who):
    values = np.zeros(B)
    values[5], values[8] = 0.25, -0.5
    assert axes.alt(bars.influence_bars(values, who, "Change of “frog”", 260)).endswith(
        "the largest change is −50 percentage points, when image 8 (dog) leaves."
    )


def test_spread_shows_every_draw_the_mean_and_alone(rng):
    values, alone = softmax(rng.normal(size=(K, C))), softmax(rng.normal(size=C))
    dots, mean, lone = spread_figure(values, alone, CLASSES, style.class_colors(C)).data
    np.testing.assert_array_equal(np.asarray(dots.x).reshape(K, C), values)
    np.testing.assert_array_equal(np.round(dots.y).reshape(K, C), [range(C)] * K)
    assert dots.customdata[C + 2] == "draw 1, ship"
    np.testing.assert_array_equal(mean.x, values.mean(axis=0))
    np.testing.assert_array_equal(lone.x, alone)


def test_class_bars_write_the_largest_and_mark_the_truth():
    values = np.array([0.1, 0.05, 0.5, 0.05, 0.3])
    fig = class_bars(values, CLASSES, style.class_colors(C), truth=4)
    np.testing.assert_array_equal(fig.data[0].x, values)
    assert [bool(t) for t in fig.data[0].texttemplate] == [True, False, True, False, True]
    assert fig.layout.yaxis.ticktext[4] == "<b>horse ✓</b>"
    assert axes.alt(fig) == (
        "Answer: ship 50.0%, horse 30.0%, cat 10.0%; the right answer is horse."
    )


def test_ablation_bars_hold_the_fractions_and_a_reference():
    fig = ablation_bars(["as learned", "none"], [0.628, 0.625], 0.628, title="Accuracy")
    assert list(fig.data[0].x) == [0.628, 0.625]
    assert fig.layout.shapes[0].x0 == 0.628
    assert axes.alt(fig) == "Accuracy: as learned 62.8%, none 62.5%."


# Colours and pictures -----------------------------------------------------------------------------


def linear(color):
    srgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(light):
    """Ottosson 2020, from linear RGB."""
    cones = np.array(
        [[0.41222147, 0.53633254, 0.05144599], [0.2119035, 0.6806995, 0.10739696],
         [0.08830246, 0.28171884, 0.6299787]]
    )  # fmt: skip
    axes = np.array(
        [[0.21045426, 0.79361778, -0.00407205], [1.9779985, -2.4285922, 0.4505937],
         [0.02590404, 0.78277177, -0.80867577]]
    )  # fmt: skip
    return axes @ np.cbrt(cones @ np.clip(light, 0, 1))


def contrast(color, page):
    """WCAG 2."""
    page = "#" + "".join(f"{round(c * 255):02X}" for c in page)
    a, b = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] + 0.05 for c in (color, page))
    return b / a


@pytest.mark.parametrize(
    ("eyes", "least"),
    [("normal", 0.2), ("protanopia", 0.12), ("deuteranopia", 0.12), ("tritanopia", 0.12)],
)
def test_class_colours_are_told_apart(eyes, least):
    seen = [oklab(np.array(SEEN[eyes]) @ linear(color)) for color in style.CLASS_COLORS]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > least


@pytest.mark.parametrize("page", [WHITE, BLACK])
def test_colours_stand_out_from_the_page(page):
    assert min(contrast(color, page) for color in style.CLASS_COLORS) >= 2
    for color in (
        style.BLUE,
        style.VERMILION,
        style.GREEN,
        style.WEIGHT,
        style.POSITIVE,
        style.NEGATIVE,
    ):
        assert contrast(color, page) >= 3


def test_class_colours_repeat_from_the_eleventh_on():
    assert style.class_colors(13)[10:] == list(style.CLASS_COLORS[:3])


@pytest.mark.parametrize("signed", [False, True])
def test_scales_are_clear_at_zero_and_grow_darker_on_light_pages_and_lighter_on_dark(signed):
    for scale, sign in zip(axes.scales(signed), (-1, 1), strict=True):
        stops = dict(scale)
        assert list(stops) == sorted(stops)
        assert stops[0.5 if signed else 0].endswith(",0)")
        for side in (1, -1) if signed else (1,):
            solid = [c for _, c in scale[::side] if c.endswith(",1)")]
            solid = solid[len(solid) // 2 :] if signed else solid
            light = [
                oklab(linear("#{:02X}{:02X}{:02X}".format(*rgb)))[0] for rgb in map(parts, solid)
            ]
            assert (np.diff(light) * sign > 0.05).all()


def parts(color):
    return [int(n) for n in re.findall(r"\d+", color)[:3]]


def test_a_data_uri_is_the_picture_exactly(rng):
    image = rng.integers(0, 256, (3, 32, 32), np.uint8)
    kind, data = pictures.data_uri(image).split(",")
    assert kind == "data:image/png;base64"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    np.testing.assert_array_equal(decoded.transpose(2, 0, 1), image)


def test_a_thumbnail_is_small_and_looks_like_the_picture():
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    image = np.stack([np.tile(ramp, (32, 1)), np.tile(ramp[:, None], 32), np.full((32, 32), 90)])
    image = image.astype(np.uint8)
    for side in (32, 16):
        uri = pictures.thumbnail(image, side)
        decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
        assert decoded.shape == (side, side, 3)
        small = image.reshape(3, side, 32 // side, side, 32 // side).mean((2, 4))
        assert np.abs(decoded.transpose(2, 0, 1) - small).mean() < 8


def test_a_thumbnail_is_smaller_than_the_exact_picture(rng):
    image = rng.integers(0, 256, (3, 32, 32), np.uint8)
    assert len(pictures.thumbnail(image)) < len(pictures.data_uri(image))
