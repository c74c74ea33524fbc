import math

import numpy as np
import plotly.graph_objects as go
import pytest

from ultimus.plots import curves, style

N, T, R = 53, 7, 11  # points of a run, of its tests, of the reference
NAN, INF = math.nan, math.inf


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def checked(curve):
    """The same with plotly's object of the figure, for which plotly checks it."""
    return lambda *series, **options: go.Figure(curve(*series, **options))


loss_curve = checked(curves.loss_curve)
accuracy_curve = checked(curves.accuracy_curve)
rate_curve = checked(curves.rate_curve)


def reference(rng, name="notebook log"):
    return np.arange(R) + 0.64, rng.uniform(1, 2, R), name


def all_curves(rng, epoch, values, **options):
    """All three figures of one run."""
    epoch, values = np.asarray(epoch), np.asarray(values)
    yield loss_curve(epoch, values, **options)
    yield accuracy_curve(epoch, values, epoch[:T], values[:T], group=5, **options)
    yield rate_curve(epoch, values, **options)


def named(fig, name):
    return next(trace for trace in fig.data if trace.name == name)


def texts(fig):
    return [note.text for note in fig.layout.annotations]


def slow_smooth(values, span):
    a, mean, seen, out = 2 / (span + 1), 0.0, 0, []
    for value in map(float, values):
        if math.isfinite(value):
            seen += 1
            mean = (1 - a) * mean + a * value
            out.append(mean / (1 - (1 - a) ** seen))
        else:
            out.append(NAN)
    return out


@pytest.mark.parametrize("size", [0, 1, 2, 127, 128, 129, 1013])
@pytest.mark.parametrize("span", [1, 1.5, 20, 5003])
def test_smooth_is_the_documented_recursion(rng, size, span):
    values = rng.normal(3, 1, size)
    values[::13] = NAN
    values[5::17] = INF
    np.testing.assert_allclose(curves.smooth(values, span), slow_smooth(values, span), rtol=1e-11)


def test_smooth_starts_unbiased_and_keeps_a_constant():
    np.testing.assert_allclose(curves.smooth(np.full(N, 2.3), 20), 2.3, rtol=1e-13)


def test_smooth_refuses_a_span_below_one():
    with pytest.raises(ValueError, match=r"0\.5"):
        curves.smooth([1.0], 0.5)


def test_thin_leaves_a_short_series_alone(rng):
    x, y = np.arange(N), rng.normal(size=N)
    thin_x, thin_y = curves.thin(x, y, N)
    np.testing.assert_array_equal(thin_x, x)
    np.testing.assert_array_equal(thin_y, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thin_keeps_ends_and_extremes_and_invents_nothing(rng, dtype):
    x, y = np.arange(10007) / 3, rng.normal(size=10007).astype(dtype)
    y[[4001, 7001]] = [99, -99]
    thin_x, thin_y = curves.thin(x, y, 101)
    assert thin_y.dtype == dtype and thin_x.size <= 101 + 4
    assert (thin_x[0], thin_x[-1], thin_y.max(), thin_y.min()) == (x[0], x[-1], 99, -99)
    assert (np.diff(thin_x) > 0).all()
    np.testing.assert_array_equal(thin_y, y[np.searchsorted(x, thin_x)])


@pytest.mark.parametrize("ends", [0.0, NAN])
def test_thin_keeps_gaps(rng, ends):
    y = rng.normal(size=5003)
    y[2000:3000] = NAN
    y[[0, -1]] = ends
    x, kept = curves.thin(np.arange(5003), y, 101)
    assert x[0] == 0 and x[-1] == 5002
    assert np.isnan(kept[x == 2000]).all() and (x == 2000).any()
    assert np.nanmax(kept) == np.nanmax(y) and np.nanmin(kept) == np.nanmin(y)


def test_thin_survives_a_series_without_a_number():
    x, y = curves.thin(np.arange(5003), np.full(5003, NAN), 101)
    assert x[0] == 0 and x[-1] == 5002 and np.isnan(y).all()


def test_thin_names_both_shapes():
    with pytest.raises(ValueError, match=r"\(3,\).*\(5,\)"):
        curves.thin(np.zeros(3), np.zeros(5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_figures_hold_exactly_the_given_numbers(rng, dtype):
    epoch, values = np.arange(1, N + 1) / 31, rng.random(N).astype(dtype)
    tested, seed = rng.random(T), reference(rng)
    loss = loss_curve(epoch, values, reference=seed)
    accuracy = accuracy_curve(epoch, values, epoch[:T], tested, group=13, reference=seed)
    rate = rate_curve(epoch, values, planned=(epoch, values[::-1]), reference=seed)
    expected = [
        (loss, "training, unsmoothed", epoch, values),
        (accuracy, "training (augmented), unsmoothed", epoch, values),
        (accuracy, "test, groups of 13", epoch[:T], tested),
        (rate, "so far", epoch, values),
        (rate, "planned", epoch, values[::-1]),
        *((fig, "notebook log", *seed[:2]) for fig in (loss, accuracy, rate)),
    ]
    for fig, name, x, y in expected:
        np.testing.assert_array_equal(named(fig, name).x, x)
        np.testing.assert_array_equal(named(fig, name).y, y)


def test_float32_is_sent_where_it_loses_nothing(rng):
    fig = loss_curve(np.arange(N) / 10, rng.random(N).astype(np.float32).tolist())
    raw = named(fig, "training, unsmoothed")
    assert (raw.x.dtype, raw.y.dtype) == (np.float64, np.float32)


def test_the_smoothed_line_is_smooth_at_the_points_shown(rng):
    epoch, loss = np.arange(1009) / 100, rng.random(1009)
    fig = loss_curve(epoch, loss, smoothing=7)
    raw, mean = named(fig, "training, unsmoothed"), named(fig, "training")
    np.testing.assert_array_equal(raw.x, mean.x)
    shown = np.searchsorted(epoch, mean.x)
    np.testing.assert_array_equal(mean.y, curves.smooth(loss, 7)[shown].astype(np.float32))


def test_reference_is_drawn_only_when_given(rng):
    epoch, values = np.arange(N) / 5, rng.random(N)
    for fig in all_curves(rng, epoch, values):
        assert "notebook log" not in [trace.name for trace in fig.data]
    for fig in all_curves(rng, epoch, values, reference=reference(rng)):
        assert (
            named(fig, "notebook log").line.dash
            and named(fig, "notebook log").line.color == style.GREY
        )


@pytest.mark.parametrize("known", [True, False])
def test_a_run_without_points_waits(rng, known):
    options = {"reference": reference(rng)} if known else {}
    for fig in all_curves(rng, [], [], epochs=5, **options):
        assert curves.WAITING in texts(fig)
        assert fig.to_json()


def test_a_single_point_is_visible(rng):
    for fig in all_curves(rng, [0.25], [0.5]):
        assert curves.WAITING not in texts(fig)
        assert all("markers" in trace.mode for trace in fig.data)


@pytest.mark.parametrize("values", [[NAN], [INF], [NAN] * N, [1.0, NAN, INF, -INF, 2.0], [0.0] * 3])
def test_values_that_are_not_finite_make_no_trouble(rng, values):
    for fig in all_curves(rng, np.arange(len(values)), values, reference=reference(rng)):
        assert isinstance(fig, go.Figure)
        view = fig.layout.yaxis.range
        assert view is None or (np.isfinite(view).all() and view[0] < view[1])


def test_lost_values_are_counted():
    assert "2 not finite" in texts(loss_curve(range(5), [1, NAN, INF, 2, 1]))[0]


def test_an_exploding_loss_leaves_the_frame_and_says_so():
    loss = np.r_[np.linspace(2.3, 1.1, 43), np.geomspace(2, 1e6, 10)]
    fig = loss_curve(np.arange(N), loss)
    low, high = fig.layout.yaxis.range
    assert low <= 1.1 and 2.3 < high < 5
    assert "1e+06" in texts(fig)[0] and "double-click" in texts(fig)[0]


def test_a_quiet_loss_fits_the_frame(rng):
    loss = np.linspace(2.3, 1.1, N)
    low, high = loss_curve(np.arange(N), loss).layout.yaxis.range
    assert low <= loss.min() and high >= loss.max()


def test_options_reach_the_figure(rng):
    for fig in all_curves(rng, [1.0, 2.0], [0.5, 0.4], epochs=17, uirevision="run 7"):
        assert fig.layout.xaxis.range == (0, 17)
        assert fig.layout.uirevision == "run 7"


def test_the_group_is_named(rng):
    alone = accuracy_curve([1], [0.5], [1], [0.5], group=1)
    assert named(alone, "test, each alone")


def test_figures_carry_no_theme(rng):
    for fig in all_curves(rng, [1.0, 2.0], [0.5, 0.4]):
        assert fig.layout.paper_bgcolor is None and fig.layout.font.color is None
