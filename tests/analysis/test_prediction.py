"""Predictions against groups put together by hand, and the same numbers however they are asked."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from support.networks import network
from support.pictures import write_pictures
from support.shipped import STEADY

from ultimus import Run, Transformer, load, open_dataset
from ultimus.analysis.companions import redraw
from ultimus.analysis.prediction import (
    DRAWS,
    SIZE,
    SPARE,
    Companions,
    draw_companions,
    examples,
    influences,
    predict,
    ready_data,
)
from ultimus.data.augment import preprocess
from ultimus.evaluation import features_of
from ultimus.model import FEATURES

N, M, K, B, C = 11, 101, 5, 7, 3

pytestmark = pytest.mark.usefixtures("one_thread")


def _images(count: int, seed: int = 0) -> torch.Tensor:
    """Noise in as many colours."""
    draw = torch.Generator().manual_seed(seed)
    images = torch.randint(64, (count, 3, 32, 32), generator=draw)
    return (images + torch.randint(192, (count, 3, 1, 1), generator=draw)).to(torch.uint8)


def _model(classes: int = C) -> Transformer:
    return network(classes, conv3=20, among=_images(M), q=2, k=2, v=2)


@pytest.fixture(scope="module")
def model() -> Transformer:
    return _model()


@pytest.fixture(scope="module")
def pool() -> torch.Tensor:
    return _images(M, seed=1)


@pytest.fixture(scope="module")
def companions(model, pool) -> Companions:
    return draw_companions(model, pool, K, B, seed=3)


def _close(ours, reference, tolerance=1e-5):
    torch.testing.assert_close(ours, reference, rtol=tolerance, atol=tolerance)


@torch.no_grad()
def _answers(model: Transformer, *images: torch.Tensor) -> torch.Tensor:
    """The plain network's probabilities for a group of images."""
    return model(preprocess(torch.stack(images))).softmax(dim=1)


# Companions ---------------------------------------------------------------------------------------


def test_companions_are_drawn_by_the_seed(model, pool, companions):
    again, other = (draw_companions(model, pool, K, B, seed) for seed in (3, 4))
    assert torch.equal(again.indices, companions.indices)
    assert torch.equal(again.features, companions.features)
    assert not torch.equal(other.indices, companions.indices)
    assert companions.indices.shape == (K, B - 1 + SPARE) and companions.size == B
    for row in companions.indices.tolist():
        assert len(set(row)) == B - 1 + SPARE and set(row) <= set(range(M))
    assert companions.note == ""


def test_companions_bring_their_own_features(model, pool, companions):
    assert companions.features.shape == (K, B - 1 + SPARE, FEATURES)
    with torch.no_grad():
        _close(companions.features[3], model.features(preprocess(pool[companions.indices[3]])))


def test_by_default_there_are_32_groups_of_16(model, pool):
    assert (DRAWS, SIZE) == (32, 16)
    assert draw_companions(model, pool).beside(_images(1)[0]).indices.shape == (32, 15)


def _as_jpeg(image: torch.Tensor) -> torch.Tensor:
    """The same picture after it was saved at a usual quality."""
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=90)
    return torch.from_numpy(np.asarray(Image.open(file)).transpose(2, 0, 1).copy())


@pytest.mark.parametrize("copied", [lambda image: image, _as_jpeg], ids=["itself", "as JPEG"])
def test_no_picture_is_its_own_companion(copied):
    model, shown = load(Run(STEADY).snapshot(9360)), examples().images
    companions = draw_companions(model, shown)
    assert (companions.indices[:, :15] == 3).any()  # it would be, had nobody looked
    image = copied(shown[3])
    beside = companions.beside(image)
    assert beside.indices.shape == (32, 15) and beside.pool == 19
    assert not (beside.indices == 3).any()
    for row, drawn in zip(beside.indices.tolist(), companions.indices.tolist(), strict=True):
        assert row == [each for each in drawn if each != 3][:15]
    _close(
        beside.features[5, 7], companions.features[companions.indices == beside.indices[5, 7]][0]
    )
    (answer,) = predict(model, image[None], companions)
    assert torch.equal(answer.company.companions, beside.indices)
    assert 3 not in {each.companion for each in influences(model, image, companions)}


def test_a_stranger_meets_the_first_of_each_draw(companions):
    beside = companions.beside(_images(1)[0])
    assert torch.equal(beside.indices, companions.indices[:, : B - 1]) and beside.pool == M
    assert torch.equal(beside.features, companions.features[:, : B - 1])


def test_where_the_picture_is_half_of_the_pool_its_groups_are_small(model, pool):
    twins = draw_companions(model, torch.cat([pool[:4], pool[:1].expand(4, -1, -1, -1)]), K, B)
    beside = twins.beside(pool[0])
    assert beside.size <= 4 and beside.pool == 3
    assert set(beside.indices.flatten().tolist()) <= {1, 2, 3}
    (alone,) = predict(model, pool[:1], draw_companions(model, pool[:1]))
    assert alone.company.companions.shape == (DRAWS, 0)
    _close(alone.probabilities, alone.alone)


def test_a_small_pool_makes_small_groups_and_says_so(model, pool):
    made = draw_companions(model, pool[:3], K, B)
    assert made.size == 4
    assert "only 3 pictures" in made.note and "every group has 4" in made.note
    assert all(set(row) == {0, 1, 2} for row in made.indices.tolist())
    (answer,) = predict(model, _images(1), made)
    _close(answer.probabilities, _answers(model, _images(1)[0], *pool[:3])[0])
    assert answer.change_rate == 0 and answer.company.std.max() < 1e-6
    assert "only 1 picture to" in draw_companions(model, pool[:1]).note
    assert draw_companions(model, pool[:B], K, B).note == ""


def test_what_cannot_be_drawn_is_refused(model, pool, refused):
    with refused("no companions"):
        draw_companions(model, pool[:0])
    with refused("0 groups of 7"):
        draw_companions(model, pool, 0, B)
    with refused("-3"):
        draw_companions(model, pool, seed=-3)
    with refused("float32"):
        draw_companions(model, preprocess(pool))


# Answers ------------------------------------------------------------------------------------------


def test_answers_are_those_of_the_groups(model, pool, companions):
    images = _images(N)
    made = predict(model, images, companions)
    together = _answers(model, *images)
    assert len(made) == N
    for image, answer, among_others in zip(images, made, together, strict=True):
        beside = companions.beside(image).indices
        in_company = [_answers(model, image, *pool[row])[0] for row in beside]
        _close(answer.company.probabilities, torch.stack(in_company))
        _close(answer.probabilities, torch.stack(in_company).mean(dim=0))
        _close(answer.alone, _answers(model, image)[0])
        _close(answer.together, among_others)
        assert answer.top == answer.probabilities.argmax()
        tops = [int(each.argmax()) for each in in_company]
        assert answer.change_rate == pytest.approx(sum(top != answer.top for top in tops) / K)
        assert torch.equal(answer.company.companions, beside)
    assert max(each.company.std.max() for each in made) > 1e-2  # company does matter
    assert len({each.top for each in made}) > 1 and any(each.change_rate for each in made)


@pytest.mark.parametrize("count", [1, 2, 8, 9])
def test_a_picture_has_the_same_numbers_however_many_are_asked_about(model, companions, count):
    images = _images(N)
    few, many = (predict(model, each, companions) for each in (images[:count], images))
    for ours, reference in zip(few, many, strict=False):
        assert torch.equal(ours.company.probabilities, reference.company.probabilities)
        assert torch.equal(ours.alone, reference.alone)


def test_the_order_of_pictures_does_not_matter(model, companions):
    images = _images(N)
    backwards = predict(model, images.flip(0), companions)[::-1]
    for ours, reference in zip(backwards, predict(model, images, companions), strict=True):
        assert torch.equal(ours.probabilities, reference.probabilities)
        _close(ours.together, reference.together)


def test_one_picture_and_none(model, companions):
    (lone,) = predict(model, _images(1), companions)
    assert lone.together is None
    assert predict(model, _images(0), companions) == []


def test_arrays_are_taken_too(model, companions):
    images = _images(2)
    ours, reference = (predict(model, each, companions) for each in (images.numpy(), images))
    assert torch.equal(ours[1].probabilities, reference[1].probabilities)


def test_in_a_group_of_one_everybody_is_alone(model, pool):
    nobody = draw_companions(model, pool, K, size=1)
    made = predict(model, _images(2), nobody)[0]
    _close(made.company.probabilities, made.alone.expand(K, -1))
    assert influences(model, _images(1)[0], nobody) == []


@pytest.mark.parametrize("classes", [2, 10])
def test_any_number_of_classes(pool, classes):
    model = _model(classes)
    made = predict(model, _images(N), draw_companions(model, pool))
    for each in made:
        for answer in (each.probabilities, each.alone, each.together):
            assert answer.shape == (classes,)
            assert answer.sum().item() == pytest.approx(1, abs=1e-6)


def test_pictures_of_another_kind_are_refused(model, companions, refused):
    for images in (_images(1)[0], _images(2)[..., :31], torch.zeros(2, 32, 32, 3)):
        with refused("uint8", str(tuple(images.shape))):
            predict(model, images, companions)


# Who matters --------------------------------------------------------------------------------------


def test_influence_is_leaving_out_one_by_one(model, pool):
    image, few = _images(1)[0], pool[:11]
    companions = draw_companions(model, few, K, B)
    answer = predict(model, image[None], companions)[0].top
    changes = {}
    for row in companions.beside(image).indices.tolist():
        complete = _answers(model, image, *few[row])[0, answer]
        for left in row:
            rest = [each for each in row if each != left]
            change = _answers(model, image, *few[rest])[0, answer] - complete
            changes.setdefault(left, []).append(change.item())
    made = influences(model, image, companions)
    assert {each.companion for each in made} == changes.keys()
    for each in made:
        assert each.change == pytest.approx(np.mean(changes[each.companion]), abs=1e-5)
        assert each.groups == len(changes[each.companion])
    sizes = [abs(each.change) for each in made]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 1e-3


def test_who_leaves_and_takes_the_class_along_has_a_negative_influence():
    """Attention is uniform, and class 0 gains by the group's mean of feature 0."""
    model = Transformer(2).requires_grad_(False)
    for each in [*model.ultimusBlock.parameters(), *model.cap.parameters()]:
        each.zero_()
    model.ultimusBlock.v.weight[3, 0] = model.ultimusBlock.out.weight[1, 3] = 1
    model.cap.weight[0, 1] = 1
    model.cap.bias[0] = 1  # class 0 comes first in any company
    features = torch.zeros(1, 4, FEATURES)
    features[0, :, 0] = torch.tensor([0.0, 0.3, -0.5, 0.01])
    drawn = Companions(torch.tensor([[20, 21, 22, 23]]), features, _images(4, seed=1)[None], 5, 30)
    made = influences(model, _images(1)[0], drawn)
    assert [each.companion for each in made[:2]] == [22, 21]
    assert made[0].change > 0 > made[1].change


# Where companions come from -----------------------------------------------------------------------


def test_examples_come_along():
    shown = examples()
    assert shown.images.shape == (20, 3, 32, 32) and shown.images.dtype == torch.uint8
    assert shown.labels[:5].tolist() == [3, 8, 8, 0, 6]


def test_ready_data_is_found_by_its_fingerprint(tmp_path, monkeypatch):
    for seed, name in enumerate(("ours", "others", "never opened")):
        write_pictures(tmp_path / name, seed)
    ours, others = (open_dataset(str(tmp_path / name)) for name in ("ours", "others"))
    gone, fresh = str(tmp_path / "gone"), str(tmp_path / "never opened")
    monkeypatch.delenv("ULTIMUS_DATA", raising=False)
    sources = (gone, fresh, others.source, ours.source)
    assert ready_data(ours.fingerprint, sources).source == ours.source
    assert ready_data(ours.fingerprint, (gone, fresh, others.source)) is None
    assert ready_data("", sources) is None
    monkeypatch.setenv("ULTIMUS_DATA", ours.source)
    assert ready_data(ours.fingerprint, (gone,)).source == ours.source


# Real data ----------------------------------------------------------------------------------------


def test_the_shipped_model_on_the_real_data(real_data, capsys):
    test, model = open_dataset(real_data).test, load(Run(STEADY).snapshot(9360))
    images, labels = test.images[:211], test.labels[:211]
    made = predict(model, images, draw_companions(model, test.images))

    def share_right(answers: list[torch.Tensor]) -> float:
        return (torch.stack(answers).argmax(dim=1) == labels).double().mean().item()

    in_company = share_right([each.probabilities for each in made])
    alone = share_right([each.alone for each in made])
    together = share_right([each.together for each in made])
    flips = np.mean([each.change_rate for each in made])
    with capsys.disabled():
        print(f"\n  {len(made)} test images: right in company {in_company:.1%}, alone {alone:.1%}, "
              f"together {together:.1%}; {flips:.1%} of answers flip")  # fmt: skip
    assert 0.5 < in_company < 0.75 and 0.5 < alone < 0.75
    assert 0 < flips < 0.2


def test_of_patches_a_picture_has_one_answer(pool, refused):
    """Whoever else is asked about, and whatever companions were to be drawn from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = Transformer(C, grid=3)
    nobody = draw_companions(model, pool)
    assert not nobody.any and "does not depend on other pictures" in nobody.note
    images = _images(5)
    with torch.no_grad():
        expected = model(preprocess(images)).softmax(dim=1)
    for one, probabilities in zip(predict(model, images, nobody), expected, strict=True):
        for answer in (one.probabilities, one.alone, one.together):
            _close(answer, probabilities)
        assert one.change_rate == 0 and one.company.probabilities.shape == (1, C)
    assert influences(model, images[0], nobody) == []
    with refused("patches", "no companions"):
        redraw(model, 0, features_of(model, pool))
