"""The map of evidence, in float64, against the plain network and against taking a place away."""

import itertools

import pytest
import torch
from support.shipped import STEADY
from torch.nn import functional as F

from ultimus import Run, Transformer, load
from ultimus.analysis import evidence as module
from ultimus.analysis.evidence import Evidence, baseline, evidence
from ultimus.analysis.prediction import draw_companions, examples
from ultimus.data.augment import preprocess
from ultimus.model import FEATURES, PASSES

C, B, K, S = 5, 7, 3, 32
PLACES = [(13, 17), (0, 5), (31, 11), (19, 0), (23, 31), (0, 0), (31, 31), (0, 31), (31, 0)]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model() -> Transformer:
    """Plain, in float64, and enlarged, so that attention is far from uniform."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = Transformer(C, folded=False).double().requires_grad_(False)
    for layer in model.ultimusBlock.children():
        layer.weight.mul_(2)
    model.conv3.weight.mul_(20)
    return model


def _image(seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(256, (3, S, S), generator=draw, dtype=torch.uint8)


def _companions(*shape: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(*shape, FEATURES, generator=draw, dtype=torch.float64)


COMPANY = {"alone": None, "company": _companions(B - 1), "companies": _companions(K, B - 1)}


def _seen(model: Transformer, image: torch.Tensor) -> torch.Tensor:
    """What conv3 sees of a picture, (I, S, S)."""
    x = preprocess(image).double()
    return F.relu(model.conv2(F.relu(model.conv1(x))))


def _logits(
    model: Transformer, seen: torch.Tensor, companions: torch.Tensor | None
) -> torch.Tensor:
    """What the plain network makes of what conv3 sees, averaged over the groups."""
    features = model.gap(model.conv3(seen)).flatten()
    groups = [_companions(0)] if companions is None else companions.view(-1, B - 1, FEATURES)
    logits = []
    for others in groups:
        state = torch.cat([features[None], others])
        for _ in range(PASSES):
            state = state + model.ultimusBlock(state)
        logits.append(model.cap(state[0]))
    return torch.stack(logits).mean(dim=0)


def _close(ours, reference, tolerance=1e-10):
    torch.testing.assert_close(ours, reference, rtol=tolerance, atol=tolerance)


def _made(model: Transformer, company: str, seed: int = 0) -> Evidence:
    return evidence(model, _image(seed), COMPANY[company])


# Exact --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("company", COMPANY)
def test_places_and_constant_add_up_to_the_logits(model, company):
    made = _made(model, company)
    assert made.maps.shape == (C, S, S)
    assert made.constants.shape == made.logits.shape == (C,)
    _close(made.maps.sum((1, 2)) + made.constants, made.logits)
    _close(made.logits, _logits(model, _seen(model, _image()), COMPANY[company]))
    assert made.exact == (company == "alone")


def test_alone_the_logits_are_the_networks(model):
    _close(_made(model, "alone").logits, model(preprocess(_image()).double()[None])[0])


@pytest.mark.parametrize("company", COMPANY)
def test_a_map_is_the_plain_networks_derivative_times_what_it_sees(model, company):
    seen = _seen(model, _image()).requires_grad_()
    logits, made = _logits(model, seen, COMPANY[company]), _made(model, company)
    for each, ours in zip(logits, made.maps, strict=True):
        (gradient,) = torch.autograd.grad(each, seen, retain_graph=True)  # (I, S, S)
        _close(ours, (gradient * seen.detach()).sum(dim=0))


@pytest.mark.parametrize("place", PLACES)
def test_alone_a_place_that_is_taken_away_takes_its_contribution_along(model, place):
    made, seen = _made(model, "alone"), _seen(model, _image())
    seen[:, *place] = 0
    _close(_logits(model, seen, None), made.logits - made.maps[:, *place])
    assert made.maps[:, *place].abs().max() > 1e-5


def test_alone_the_constant_is_what_the_network_says_of_nothing_seen(model):
    nothing = torch.zeros_like(_seen(model, _image()))
    for seed in (0, 1):
        _close(_made(model, "alone", seed).constants, _logits(model, nothing, None))
    assert not torch.allclose(_made(model, "alone").maps, _made(model, "alone", seed=1).maps)


# From a baseline ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def others() -> torch.Tensor:
    return torch.stack([_image(seed) for seed in range(10, 17)])


@pytest.mark.parametrize("company", COMPANY)
def test_from_a_baseline_the_sums_stay_exact(model, company, others):
    start = baseline(model, others)
    made, plain = evidence(model, _image(), COMPANY[company], start), _made(model, company)
    _close(made.maps.sum((1, 2)) + made.constants, made.logits)
    _close(made.logits, plain.logits)
    assert (made.maps - plain.maps).abs().max() > 1e-5
    seen = _seen(model, _image()).requires_grad_()
    (gradient,) = torch.autograd.grad(_logits(model, seen, COMPANY[company])[2], seen)
    _close(made.maps[2], (gradient * (seen.detach() - start)).sum(dim=0))


def test_alone_the_constant_is_the_mean_logit_of_the_baselines_pictures(model, others):
    alone = torch.stack([model(preprocess(each).double()[None])[0] for each in others])
    made = evidence(model, _image(), None, baseline(model, others))
    _close(made.constants, alone.mean(dim=0))


def test_the_places_of_a_baselines_pictures_cancel_out(model, others):
    start = baseline(model, others)
    total = sum(evidence(model, each, None, start).maps for each in others)
    _close(total, torch.zeros_like(total))


def test_a_baseline_of_many_pictures_takes_some_of_them_always_the_same(model, monkeypatch, others):
    monkeypatch.setattr(module, "MOST", 3)
    start = baseline(model, others)
    assert torch.equal(start, baseline(model, others))
    sums = [
        torch.stack([_seen(model, others[n]) for n in chosen]).mean(dim=0)
        for chosen in itertools.combinations(range(len(others)), 3)
    ]
    assert sum(torch.allclose(start, each) for each in sums) == 1


# Of first order -----------------------------------------------------------------------------------


def test_in_company_a_place_that_fades_a_little_takes_as_much_along(model):
    made, seen = _made(model, "company"), _seen(model, _image())
    little = 1e-4
    for place in PLACES:
        faded = seen.clone()
        faded[:, *place] *= 1 - little
        change = made.logits - _logits(model, faded, COMPANY["company"])
        _close(change / little, made.maps[:, *place], 1e-5)


def test_the_map_in_many_companies_is_the_average_of_their_maps(model):
    each = [evidence(model, _image(), others) for others in COMPANY["companies"]]
    made = _made(model, "companies")
    for ours, *references in zip(made[:3], *(one[:3] for one in each), strict=True):
        _close(ours, torch.stack(references).mean(dim=0))
    assert (each[0].maps - each[1].maps).abs().max() > 1e-4  # company does matter


# Contrast -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("company", ["alone", "companies"])
def test_contrast_keeps_what_softmax_sees(model, company):
    made = _made(model, company)
    contrast = made.contrast()
    for part in contrast[:3]:
        _close(part.sum(dim=0), torch.zeros_like(part[0]))
    _close(contrast.maps.sum((1, 2)) + contrast.constants, contrast.logits)
    _close(contrast.logits.softmax(dim=0), made.logits.softmax(dim=0))
    _close(contrast.maps[2] - contrast.maps[1], made.maps[2] - made.maps[1])
    assert contrast.exact == made.exact


# The shipped model --------------------------------------------------------------------------------


def test_the_shipped_model_in_float32_and_with_companions_as_they_are_drawn():
    model, shown = load(Run(STEADY).snapshot(9360)), examples().images
    companions = draw_companions(model, shown).features
    for image in shown[:3]:
        for others in (None, companions[0], companions):
            made = evidence(model, image, others)
            assert not made.maps.requires_grad and not made.logits.requires_grad
            _close(made.maps.sum((1, 2)) + made.constants, made.logits, 1e-5)
        with torch.no_grad():
            alone = model(preprocess(image)[None])[0]
        _close(evidence(model, image).logits, alone, 1e-5)
    assert all(each.grad is None for each in model.parameters())


def test_of_patches_a_map_is_the_slope_of_the_logits_place_by_place():
    """Attention among patches is no linear thing: the map is of first order, and adds up."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = Transformer(C, grid=3).double().requires_grad_(False)
    found = evidence(model, _image(), companions=_companions(B - 1))
    _close(found.maps.sum((1, 2)) + found.constants, found.logits)
    _close(found.logits, model(preprocess(_image()[None]).double())[0])
    assert not found.exact

    def logits(seen):
        tokens = model.gap(model.conv3(seen)[None])[0].flatten(1).T  # (T, D), the plain form
        return model.trace_features(tokens).logits[-1]

    seen = _seen(model, _image())
    slope = torch.autograd.functional.jacobian(logits, seen)  # (C, I, S, S)
    _close(found.maps, (slope * seen).sum(1))
