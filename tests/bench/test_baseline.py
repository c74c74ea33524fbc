"""The notebook's way computes what the published network computes, and what ours does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.seed_notebook import SeedTransformer
from torch.nn import functional as F

from ultimus.bench.baseline import Notebook, Pictures
from ultimus.data.augment import CUTOUT_FILL, Epoch, preprocess
from ultimus.data.dataset import Split, open_dataset
from ultimus.recipe import Recipe
from ultimus.training.trainer import train

SEED = Recipe.of(preset="seed", precision="float32")
PLAIN = SEED.model_copy(update={"flip": 0.0, "cutout_chance": 0.0})
STEPS = 5

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def dataset():
    return open_dataset("shapes")


@pytest.fixture
def batches(dataset):
    epoch = Epoch(PLAIN, dataset.train, 0)
    return [epoch.batch(index) for index in range(STEPS)]


def test_it_learns_as_the_published_network_does(dataset, batches):
    notebook, seed = Notebook(SEED, dataset), SeedTransformer()
    seed.load_state_dict(notebook.model.state_dict())
    optimizer = torch.optim.Adam(seed.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.01, total_steps=24 * (len(dataset.train) // 16), pct_start=0.2,
        anneal_strategy="linear", div_factor=10, final_div_factor=100,
    )  # fmt: skip
    for images, labels in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(seed(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        assert notebook.step(images, labels) == pytest.approx(loss.item(), rel=1e-5)


def test_it_learns_as_ours_does(dataset, batches):
    notebook = Notebook(PLAIN, dataset)
    steps = train(PLAIN, dataset)
    notebook.model.load_state_dict(next(steps).training.model.state_dict())
    for (images, labels), progress in zip(batches, steps, strict=False):
        assert notebook.step(images, labels) == pytest.approx(progress.loss, rel=1e-4)


def test_it_makes_the_steps_of_its_recipe_and_no_more(dataset):
    few = replace(dataset, train=Split(dataset.train.images[:50], dataset.train.labels[:50]))
    recipe = Recipe.of(preset="seed", epochs=5, max_steps=13)
    assert len(list(Notebook(recipe, few).train())) == 13  # three in each epoch


def test_pictures_are_scaled_and_mirrored_as_ours_are(dataset):
    for flip, mirrored in ((0, lambda images: images), (1, lambda images: images.flip(-1))):
        pictures = Pictures(PLAIN.model_copy(update={"flip": flip}), dataset.train)
        for index in (0, 5):
            image, label = pictures[index]
            expected = preprocess(mirrored(dataset.train.images[index]))
            torch.testing.assert_close(image, expected)
            assert label == dataset.train.labels[index]
    assert len(pictures) == len(dataset.train)


def test_the_grey_square_is_that_of_ours(dataset):
    torch.manual_seed(3)
    pictures = Pictures(PLAIN.model_copy(update={"cutout_chance": 1}), dataset.train)
    grey = preprocess(torch.tensor(CUTOUT_FILL, dtype=torch.uint8))
    sides = []
    for _ in range(100):
        image, _ = pictures[0]
        cut = (image != preprocess(dataset.train.images[0])).any(0).nonzero()  # (pixels, 2)
        (top, left), (bottom, right) = cut.amin(0), cut.amax(0) + 1
        torch.testing.assert_close(image[:, top:bottom, left:right].unique(), grey[None])
        sides += [int(bottom - top), int(right - left)]
    assert max(sides) == SEED.cutout and min(sides) < SEED.cutout  # some reach over the border


def test_half_of_the_pictures_are_changed_in_each_way(dataset):
    torch.manual_seed(4)
    for chances in ({"cutout_chance": 0}, {"flip": 0}):
        pictures = Pictures(SEED.model_copy(update=chances), dataset.train)
        original = preprocess(dataset.train.images[0])
        same = [torch.allclose(pictures[0][0], original, atol=1e-6) for _ in range(200)]
        assert 0.35 < np.mean(same) < 0.65
