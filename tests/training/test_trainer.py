"""Training against plain loops, and its promises: repeatable, resumable, honest when it fails."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from ultimus.data.augment import Epoch
from ultimus.data.dataset import Dataset, Split
from ultimus.errors import UserError
from ultimus.evaluation import evaluate
from ultimus.model import Transformer
from ultimus.recipe import Recipe
from ultimus.training.trainer import train
from ultimus.training.training import DivergedError, Training

TRAIN, TEST, CLASSES = 101, 43, 3


pytestmark = pytest.mark.usefixtures("one_thread")


def _split(count: int, seed: int, hard: bool = False) -> Split:
    """Noise on a colour that tells the class; where it is hard, the labels mean nothing."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=draw)
    colours = torch.tensor([[200, 50, 50], [50, 200, 50], [50, 50, 200]])[labels]
    noise = torch.randint(-40, 40, (count, 3, 32, 32), generator=draw)
    if hard:
        labels = torch.randint(CLASSES, (count,), generator=draw)
    return Split((colours[:, :, None, None] + noise).to(torch.uint8), labels)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset("Tiny", "tiny", ("red", "green", "blue"), _split(TRAIN, 1), _split(TEST, 2), "")


def _recipe(**choices) -> Recipe:
    return Recipe.of(**{"group": 7, "groups": 2, "epochs": 3, "precision": "float32", **choices})


def _weights(model: Transformer) -> torch.Tensor:
    return torch.cat([each.detach().flatten().clone() for each in model.parameters()])


def _effective(model: Transformer) -> torch.Tensor:
    """All but the key's bias: it adds the same to a whole row of scores, so softmax ignores it;
    its gradient is rounding noise, which Adam blows up to full steps."""
    weights = dict(model.named_parameters())
    del weights["ultimusBlock.k.bias"]
    return torch.cat([each.detach().flatten() for each in weights.values()])


def _final(recipe: Recipe, dataset: Dataset) -> torch.Tensor:
    *_, last = train(recipe, dataset)
    return _weights(last.training.model)


# What it does ---------------------------------------------------------------------------------


def test_it_learns_what_is_easy(dataset):
    *_, last = train(_recipe(epochs=13), dataset)
    assert last.step == 13 * (TRAIN // 14)
    assert last.epoch_result.loss < 0.5 < math.log(CLASSES)
    assert last.epoch_result.test.accuracy > 0.8


def test_progress_counts_from_before_the_first_step(dataset):
    seen = list(train(_recipe(), dataset))
    assert [each.step for each in seen] == list(range(22))
    assert math.isnan(seen[0].loss) and seen[0].epoch_result is None
    ends = [each for each in seen if each.epoch_result]
    assert [each.step for each in ends] == [7, 14, 21]
    assert [each.epoch_result.epoch for each in ends] == [1, 2, 3]
    for end, steps in zip(ends, (seen[1:8], seen[8:15], seen[15:22]), strict=True):
        assert end.epoch_result.loss == pytest.approx(sum(each.loss for each in steps) / 7)
        assert end.epoch_result.train_accuracy == sum(each.correct for each in steps) / 98
        assert end.epoch_result.test.group == 7 and end.epoch_result.test.images == TEST


def test_pulling_one_step_at_a_time_is_running_freely(dataset):
    steps = train(_recipe(), dataset)
    for progress in steps:
        pulled = progress
        evaluate(pulled.training.model, dataset.test)  # looking changes nothing
        torch.rand(3)
    assert torch.equal(_weights(pulled.training.model), _final(_recipe(), dataset))


def test_closing_it_stops_it(dataset):
    steps = train(_recipe(), dataset)
    for _ in range(5):
        training = next(steps).training
    steps.close()
    assert training.step == 4 and list(steps) == []


def test_same_seed_same_weights_other_seed_other_weights(dataset):
    torch.manual_seed(1)
    first = _final(_recipe(seed=5), dataset)
    torch.manual_seed(2)
    assert torch.equal(_final(_recipe(seed=5), dataset), first)
    assert not torch.equal(_final(_recipe(seed=6), dataset), first)


def test_the_global_random_state_is_left_alone(dataset):
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    _final(_recipe(), dataset)
    assert torch.equal(torch.rand(5), expected)


def test_max_steps_end_the_run_with_a_result(dataset):
    *_, last = train(_recipe(max_steps=11), dataset)
    assert last.step == 11 and last.epoch_result.epoch == 2
    assert last.epoch_result.test.images == TEST
    assert last.lr == pytest.approx(_recipe().rate(10, 11))  # the schedule spans what is run


def test_max_seconds_end_the_run_with_a_result(dataset):
    *_, last = train(_recipe(max_seconds=1e-9), dataset)
    assert last.step == 1 and last.epoch_result.epoch == 1
    assert last.training.finished


def test_too_little_data_names_both_numbers(dataset):
    with pytest.raises(UserError, match=r"needs 119 images.*has 101"):
        next(train(_recipe(groups=17), dataset))


# Resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "soap"])
@pytest.mark.parametrize("at", [0, 1, 7, 10, 20, 21])
def test_going_on_from_a_state_is_bit_identical(dataset, optimizer, at, tmp_path):
    recipe = _recipe(optimizer=optimizer, cutout=8, beta1_at_peak=0.8)
    results = list(train(recipe, dataset))
    for progress in train(recipe, dataset):
        if progress.step == at:
            torch.save(progress.training.state(), tmp_path / "state.pt")
            break
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed = list(train(recipe, dataset, state))
    assert [each.step for each in resumed] == list(range(at, 22))
    for ours, reference in zip(resumed[1:], results[at + 1 :], strict=True):
        assert ours.loss == reference.loss and ours.correct == reference.correct
        assert ours.epoch_result == reference.epoch_result
    model = results[-1].training.model
    assert torch.equal(_weights(resumed[-1].training.model), _weights(model))


def test_a_state_does_not_change_afterwards(dataset):
    training = Training(_recipe(), dataset)
    for _ in range(3):
        training.advance()
    state, weights = training.state(), _weights(training.model)
    training.advance()
    training.restore(state)
    assert training.step == 3 and torch.equal(_weights(training.model), weights)


@pytest.mark.parametrize("change", ["step", "model", "optimizer", "epoch_loss"])
def test_a_state_that_does_not_fit_is_one_sentence(dataset, change):
    training = Training(_recipe(), dataset)
    training.advance()
    for broken in (None, "nonsense", {}):
        state = {**training.state(), change: broken}
        if broken is None:
            del state[change]
        with pytest.raises(UserError, match="restart"):
            Training(_recipe(), dataset).restore(state)


def test_a_state_of_another_network_is_refused(dataset):
    state = Training(_recipe(), replace(dataset, classes=("one", "two"))).state()
    with pytest.raises(UserError, match="does not fit"):
        list(train(_recipe(), dataset, state))


# Failing --------------------------------------------------------------------------------------


def test_blowing_up_says_when_and_keeps_the_weights(dataset):
    hard = replace(dataset, train=_split(TRAIN, 3, hard=True))
    recipe = _recipe(optimizer="sgd", lr=10, clip=None, schedule="constant", epochs=50)
    before, step = None, 0
    with pytest.raises(DivergedError) as caught:
        for progress in train(recipe, hard):
            training = progress.training
            before, step = _weights(training.model), progress.step
    sentence = str(caught.value)
    assert f"step {step + 1} " in sentence and "clip" in sentence and sentence.endswith(".")
    assert torch.equal(_weights(training.model), before) and before.isfinite().all()
    assert training.step == step


# Against plain torch --------------------------------------------------------------------------


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_one_step_is_torchs_unfused_one(dataset, name, clip):
    """Compared where it is well conditioned: Adam divides a gradient by its own size, and so makes
    a whole step of the rounding error of one that is nearly 0."""
    recipe = _recipe(optimizer=name, clip=clip, weight_decay=0.03, schedule="constant")
    training = Training(recipe, dataset)
    plain = Transformer(CLASSES)
    plain.load_state_dict(training.model.state_dict())
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    special = {"momentum": 0.9} if name == "sgd" else {"betas": (0.9, 0.999)}
    reference = kinds[name](
        plain.parameters(), lr=recipe.lr, weight_decay=0.03, foreach=False, fused=False, **special
    )
    sure = torch.ones(len(_weights(plain)), dtype=torch.bool)
    for step in range(2):
        inputs, labels = Epoch(recipe, dataset.train, 0).batch(step)
        reference.zero_grad()
        F.cross_entropy(plain(inputs, 7), labels).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(plain.parameters(), clip, foreach=False)
        size = torch.cat([each.grad.flatten().abs() for each in plain.parameters()])
        sure &= size > 1e-4 * size.square().mean().sqrt()  # rounding is some 1e-6 of the mean
        reference.step()
        training.advance()
    assert sure.double().mean() > 0.85
    ours, theirs = _weights(training.model)[sure], _weights(plain)[sure]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=5e-6)


def test_the_block_has_a_rate_of_its_own(dataset):
    """One step of plain gradient descent moves a weight by its rate times its gradient."""
    recipe = _recipe(optimizer="sgd", lr=0.1, block_rate=0.25, clip=None, weight_decay=0,
                     schedule="constant")  # fmt: skip
    training = Training(recipe, dataset)
    before = {name: each.detach().clone() for name, each in training.model.named_parameters()}
    training.advance()
    for name, weight in training.model.named_parameters():
        rate = 0.1 * (0.25 if name.startswith("ultimusBlock.") else 1)
        expected = before[name] - rate * weight.grad
        torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-7)


def test_the_seed_recipe_is_a_plain_loop(dataset):
    recipe = Recipe.of(preset="seed", epochs=2, precision="float32")
    steps = recipe.total_steps(TRAIN)
    plain = Transformer(CLASSES, folded=False)
    plain.load_state_dict(Training(recipe, dataset).model.state_dict())
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01, foreach=False)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.01, total_steps=steps, pct_start=0.2, anneal_strategy="linear",
        div_factor=10, final_div_factor=100,
    )  # fmt: skip
    epochs = [Epoch(recipe, dataset.train, number) for number in range(2)]
    per_epoch = TRAIN // 16
    losses = []
    for step in range(steps):
        inputs, labels = epochs[step // per_epoch].batch(step % per_epoch)
        optimizer.zero_grad()
        loss = F.cross_entropy(plain(inputs), labels)
        loss.backward()
        optimizer.step()
        if step < steps - 1:
            schedule.step()
        losses.append(loss.item())
    progress = list(train(recipe, dataset))
    assert [each.loss for each in progress[1:]] == pytest.approx(losses, abs=1e-5)
    ours = _effective(progress[-1].training.model)
    torch.testing.assert_close(ours, _effective(plain), rtol=0, atol=5e-5)


def test_patches_are_trained_and_resume_to_the_bit(dataset):
    recipe = _recipe(model="patches", grid=3, epochs=2)
    seen = list(train(recipe, dataset))
    ends = [progress.epoch_result.test for progress in seen if progress.epoch_result]
    assert {test.group for test in ends} == {1}
    model = seen[-1].training.model
    assert model.grid == 3 and ends[-1] == evaluate(model, dataset.test)
    steps = train(recipe, dataset)
    state = [next(steps) for _ in range(5)][-1].training.state()
    *_, again = train(recipe, dataset, state)
    assert torch.equal(_weights(again.training.model), _weights(model))
    other = Training(_recipe(epochs=2), dataset)
    with pytest.raises(UserError, match="does not fit"):
        other.restore(state)


@pytest.mark.parametrize("grouping", ["pairs", "one class"])
def test_groups_are_composed_in_training_and_in_tests(dataset, grouping):
    recipe = _recipe(group=6, grouping=grouping)
    _, labels = Epoch(recipe, dataset.train, 1).batch(0)
    groups = labels.view(recipe.groups, -1, 2 if grouping == "pairs" else 6)
    assert (groups == groups[..., :1]).all()
    *_, last = train(_recipe(group=6, grouping=grouping, epochs=1), dataset)
    assert last.epoch_result.test == evaluate(last.training.model, dataset.test, 6, grouping)
    assert last.epoch_result.test.grouping == grouping
