import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from ultimus import load, open_dataset
from ultimus.analysis.out_of_distribution import (
    FEWEST,
    Cloud,
    Detector,
    calibrate,
    of_cifar10,
    statistics,
)
from ultimus.analysis.outsiders import KINDS, PHOTOGRAPHS, outsiders
from ultimus.analysis.prediction import examples
from ultimus.data.image_files import shrink
from ultimus.evaluation import features_of
from ultimus.model import Transformer
from ultimus.places import SHIPPED
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


@pytest.fixture(scope="module")
def steady():
    """The weights of a shipped run."""
    run = Run.find("steady-cifar10", SHIPPED)
    return load(run.snapshot(run.snapshots[-1])).eval()


def test_its_rates_are_what_it_says(model, images):
    detector = calibrate(model, images)
    assert detector.images == len(images) // 3
    assert 0 <= detector.false_alarms < 0.2
    for kind in KINDS:
        found = detector.is_outsider(model, outsiders(kind)).double().mean().item()
        assert detector.found[kind] == found
        assert f"{found:.0%} of 20 {kind}" in detector.rates()
    assert f"{detector.false_alarms:.0%} of {detector.images}" in detector.rates()


def test_the_threshold_is_where_one_in_twenty_lies_beyond(model, images):
    detector = calibrate(model, images)
    chosen = np.random.default_rng(0).permutation(len(images))
    share = detector.images
    held_out = images[torch.from_numpy(chosen[share : 2 * share])]
    outside = detector.is_outsider(model, held_out).double().mean()
    assert outside == pytest.approx(0.05, abs=1 / share)


def test_it_is_the_same_every_time(model, images):
    one, other = calibrate(model, images), calibrate(model, images)
    assert one.threshold == other.threshold
    for ours, theirs in zip(one.clouds, other.clouds, strict=True):
        torch.testing.assert_close(ours.widths, theirs.widths, rtol=0, atol=0)


def test_distance_is_mahalanobis_with_the_edge_as_its_unit():
    draw = torch.Generator().manual_seed(2)
    numbers = torch.randn(97, 5, dtype=torch.float64, generator=draw)
    held_out = torch.randn(41, 5, dtype=torch.float64, generator=draw)
    cloud = Cloud.of(numbers, held_out)
    inverse = torch.cov(numbers.T).inverse()

    def mahalanobis(x):
        gap = x - numbers.mean(0)
        return (gap @ inverse * gap).sum(1).sqrt()

    expected = mahalanobis(numbers[:7] * 3) / mahalanobis(held_out).quantile(0.975)
    torch.testing.assert_close(cloud.distance(numbers[:7] * 3), expected)


def test_the_farther_of_two_clouds_decides(model, images):
    both = calibrate(model, images)
    views = statistics(images[:9]), features_of(model, images[:9])
    distances = [cloud.distance(view) for cloud, view in zip(both.clouds, views, strict=True)]
    expected = torch.maximum(*distances)
    torch.testing.assert_close(both.distance(model, images[:9]), expected)
    pixels = Detector(both.clouds[:1], both.threshold)
    torch.testing.assert_close(pixels.distance(model, images[:9]), distances[0])


def test_statistics_tell_flat_from_noise_and_edges():
    flat = torch.full((1, 3, 32, 32), 200, dtype=torch.uint8)
    draw = torch.Generator().manual_seed(1)
    noise = torch.randint(256, (1, 3, 32, 32), generator=draw, dtype=torch.uint8)
    edge = flat.clone()
    edge[..., 16:] = 0
    of_flat, of_noise, of_edge = statistics(torch.cat([flat, noise, edge]))
    torch.testing.assert_close(of_flat[:3], torch.full((3,), 200 / 255, dtype=torch.float64))
    assert (of_flat[3:6] == np.log(1e-3)).all() and of_flat[6] == np.log(1e-3)
    assert of_noise[6] > of_edge[6] > of_flat[6]  # how much neighbours differ
    assert of_edge[7] > of_noise[7] + 1  # how unevenly: one row of edges among flat ones


def test_too_few_images_or_such_that_do_not_differ_give_none(model, images):
    assert calibrate(model, images[: 3 * FEWEST - 1]) is None
    assert calibrate(model, images[:1].expand(3 * FEWEST, -1, -1, -1)) is None


def test_outsiders_are_what_they_say():
    for kind in KINDS:
        assert outsiders(kind).shape == (20, 3, 32, 32)
        assert torch.equal(outsiders(kind, 20, 0), outsiders(kind))
    flat, other = outsiders("blank pictures")[0], outsiders("blank pictures", seed=1)
    assert torch.equal(flat, flat[:, :1, :1].expand(3, 32, 32))
    assert not torch.equal(other, outsiders("blank pictures"))


def _brought() -> dict[str, np.ndarray]:
    """Pictures as a class tries them, drawn by none of the code that the warning is tuned with."""
    noise = np.random.default_rng(11).normal(128, 35, (200, 300)).clip(0, 255).astype(np.uint8)
    page = Image.new("L", (400, 300), 255)
    lines = "To be, or not to be,\nthat is the question:\nWhether ’tis nobler"
    ImageDraw.Draw(page).text((20, 40), lines, 0, ImageFont.load_default(32))
    face = Image.new("RGB", (300, 300), "white")
    pen = ImageDraw.Draw(face)
    pen.ellipse((40, 40, 260, 260), "yellow", "black", 5)
    pen.ellipse((100, 100, 120, 130), "black")
    pen.ellipse((180, 100, 200, 130), "black")
    pen.arc((90, 110, 210, 220), 20, 160, "black", 6)
    pictures = {
        "white": Image.new("RGB", (64, 64), "white"),
        "black": Image.new("RGB", (640, 480), "black"),
        "grey noise": Image.fromarray(noise),
        "text": page,
        "a face": face,
    }
    return {name: shrink(picture.convert("RGB")) for name, picture in pictures.items()}


@pytest.mark.parametrize("name", _brought())
def test_without_any_data_blank_noise_text_and_drawings_are_noticed(steady, name):
    detector = of_cifar10(steady)
    assert detector.is_outsider(steady, torch.from_numpy(_brought()[name])[None]).all()
    assert not detector.is_outsider(steady, examples().images).all()
    assert detector.false_alarms < 0.06 and detector.images > 3000


def test_on_real_data(real_data, steady):
    test = open_dataset(real_data).test.images
    detector = calibrate(steady, test)
    assert detector.false_alarms < 0.08
    for kind in KINDS:
        assert detector.found[kind] >= (0.1 if kind == PHOTOGRAPHS else 0.9)
    outside = of_cifar10(steady).is_outsider(steady, test).double().mean()
    assert outside == pytest.approx(0.05, abs=0.01)
    for name, picture in _brought().items():
        assert detector.is_outsider(steady, torch.from_numpy(picture)[None]).all(), name


def test_patches_are_judged_by_their_mean(images):
    model = Transformer(3, grid=2).eval()
    detector = calibrate(model, images)
    pixels, features = detector.clouds
    expected = features.distance(features_of(model, images[:7]).double().mean(1))
    expected = torch.maximum(expected, pixels.distance(statistics(images[:7])))
    torch.testing.assert_close(detector.distance(model, images[:7]), expected)
