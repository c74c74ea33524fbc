import numpy as np
import pytest
import torch

from ultimus import open_dataset
from ultimus.analysis.out_of_distribution import FEWEST, Detector, calibrate, drawn, photographs
from ultimus.evaluation import features_of
from ultimus.model import Transformer
from ultimus.runs.run import Run


@pytest.fixture(scope="module")
def images():
    """Smooth pictures of two kinds."""
    rng = np.random.default_rng(3)
    small = rng.integers(0, 256, (3 * FEWEST + 7, 3, 4, 4), np.uint8)
    return torch.from_numpy(small.repeat(8, 2).repeat(8, 3))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(5)
    return Transformer(3).eval()


def test_its_rates_are_what_it_says(model, images):
    detector = calibrate(model, images)
    assert detector.images == len(images) // 3
    assert 0 <= detector.false_alarms < 0.2
    found = detector.is_outsider(features_of(model, photographs())).double().mean().item()
    assert detector.photographs == pytest.approx(found)
    found = detector.is_outsider(features_of(model, drawn())).double().mean().item()
    assert detector.graphics == pytest.approx(found)
    assert f"{detector.false_alarms:.0%} of {detector.images}" in detector.rates()


def test_the_threshold_is_where_one_in_twenty_lies_beyond(model, images):
    detector = calibrate(model, images)
    chosen = np.random.default_rng(0).permutation(len(images))
    share = detector.images
    held_out = features_of(model, images[torch.from_numpy(chosen[share : 2 * share])])
    assert detector.is_outsider(held_out).double().mean() == pytest.approx(0.05, abs=1 / share)


def test_it_is_the_same_every_time_and_does_not_depend_on_the_order_of_classes(model, images):
    one, other = calibrate(model, images), calibrate(model, images)
    assert one.threshold == other.threshold
    torch.testing.assert_close(one.widths, other.widths, rtol=0, atol=0)


def test_distance_is_mahalanobis():
    cloud = torch.randn(97, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    covariance = torch.cov(cloud.T)
    variances, directions = torch.linalg.eigh(covariance)
    detector = Detector(cloud.mean(0), directions / variances.sqrt(), 1.0)
    x = cloud[:7] * 3
    gap = x - cloud.mean(0)
    expected = (gap @ covariance.inverse() * gap).sum(1).sqrt()
    torch.testing.assert_close(detector.distance(x), expected)


def test_too_few_images_or_features_that_do_not_differ_give_none(model, images):
    assert calibrate(model, images[: 3 * FEWEST - 1]) is None
    assert calibrate(model, images[:1].expand(3 * FEWEST, -1, -1, -1)) is None


def test_the_outsiders_are_what_they_say():
    assert photographs().shape == (20, 3, 32, 32)
    assert drawn().shape == (60, 3, 32, 32)
    assert torch.equal(drawn(6)[0], drawn(6)[0, :, :1, :1].expand(3, 32, 32))  # flat


def test_on_real_data(real_data, capsys):
    run = Run.find("steady-cifar10", *[_shipped()])
    from ultimus import load

    model = load(run.snapshot(run.snapshots[-1])).eval()
    detector = calibrate(model, open_dataset(real_data).test.images)
    with capsys.disabled():
        print(f"\n{detector.rates()}")
    assert detector.false_alarms < 0.1
    assert detector.graphics > 0.8


def _shipped():
    from pathlib import Path

    import ultimus

    return Path(ultimus.__file__).parents[1] / "assets" / "runs"
