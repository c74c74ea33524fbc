"""Steps that a GPU makes on its own, on a processor: they are those of `Training`.

Where there is no GPU, a tape stands in for its recording: it replays the same operations on the
same memory with the Python numbers of the first time, which is what a CUDA graph does.
"""

import math

import pytest
import torch
from support.metrics import lines
from support.tape import record, tape
from torch.utils._pytree import tree_leaves

from ultimus.checkpoints import checkpoint
from ultimus.data.augment import Epoch
from ultimus.data.dataset import Dataset, Split
from ultimus.errors import UserError
from ultimus.evaluation import evaluate
from ultimus.recipe import Recipe
from ultimus.runs import worker
from ultimus.runs.recorder import Recorder
from ultimus.runs.run import Run
from ultimus.runs.worker import work
from ultimus.training import cuda_graph, strides, trainer
from ultimus.training.cuda_graph import Adam, Rates, Steps
from ultimus.training.strides import GraphTraining, Stride
from ultimus.training.trainer import train
from ultimus.training.training import FIRST_STEPS, DivergedError, Progress, Training

TRAIN, TEST, CLASSES = 101, 43, 3
PER_EPOCH, EPOCHS = TRAIN // 14, 4
WAITING = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "item", "unique")
RICH = {
    "cutout": 8, "shift": 3, "beta1_at_peak": 0.8, "clip": 0.5, "weight_decay": 0.03,
    "block_rate": 0.25, "lr": 0.003,
}  # fmt: skip

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
pytestmark = pytest.mark.usefixtures("one_thread")


def _split(count: int, seed: int) -> Split:
    """Noise on a colour that tells the class, but for some, so that the loss never vanishes."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=draw)
    colours = torch.tensor([[200, 50, 50], [50, 200, 50], [50, 50, 200]])[labels]
    noise = torch.randint(-40, 40, (count, 3, 32, 32), generator=draw)
    labels[::3] = torch.randint(CLASSES, labels[::3].shape, generator=draw)
    return Split((colours[:, :, None, None] + noise).to(torch.uint8), labels)


@pytest.fixture(autouse=True)
def _long_strides(monkeypatch):
    """However slow the machine is: only what is due ends a stride."""
    monkeypatch.setattr(strides, "STRIDE", 600)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset("Tiny", "tiny", ("red", "green", "blue"), _split(TRAIN, 1), _split(TEST, 2), "")


def _recipe(**choices) -> Recipe:
    shape = {"group": 7, "groups": 2, "epochs": EPOCHS, "snapshots": 4, "precision": "float32"}
    return Recipe.of(**{**shape, **choices})


def _graph(recipe: Recipe, dataset: Dataset, recorded: bool = False) -> GraphTraining:
    return GraphTraining(recipe, dataset, "cpu", recorded)


def _weights(training: Training) -> torch.Tensor:
    return torch.cat([each.detach().flatten().cpu() for each in training.model.parameters()])


def _effective(training: Training) -> torch.Tensor:
    """All but the key's bias: it adds the same to a whole row of scores, so softmax ignores it;
    its gradient is rounding noise, which Adam blows up to full steps."""
    weights = dict(training.model.named_parameters())
    del weights["ultimusBlock.k.bias"]
    return torch.cat([each.detach().flatten().cpu() for each in weights.values()])


def _to_the_end(training: Training) -> list[Progress]:
    seen = []
    while not training.finished:
        seen.append(training.advance())
    return seen


def _same(ours: Training, reference: Training, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(_effective(ours), _effective(reference), rtol=0, atol=tolerance)


@pytest.fixture
def taped(monkeypatch):
    monkeypatch.setattr(cuda_graph, "record", record)


# The same as on a processor -------------------------------------------------------------------


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "soap"])
@pytest.mark.parametrize("choices", [{}, RICH], ids=["plain", "rich"])
def test_it_trains_as_training_does(dataset, taped, optimizer, choices, recorded):
    recipe = _recipe(optimizer=optimizer, **choices)
    ours, reference = _graph(recipe, dataset, recorded), Training(recipe, dataset)
    seen, expected = _to_the_end(ours), _to_the_end(reference)
    assert seen[-1].step == expected[-1].step == EPOCHS * PER_EPOCH
    _same(ours, reference)
    assert sum(each.steps for each in seen) == len(expected) > len(seen)
    for each in seen:
        parts = expected[each.step - each.steps : each.step]
        for name in ("loss", "grad_norm"):
            mean = sum(getattr(part, name) for part in parts) / len(parts)
            assert getattr(each, name) == pytest.approx(mean, abs=1e-4, rel=1e-4)
        assert each.correct == sum(part.correct for part in parts)
        assert each.lr == parts[-1].lr and each.epoch == parts[-1].epoch
    ends = [[each for each in some if each.epoch_result] for some in (seen, expected)]
    for one, other in zip(*ends, strict=True):
        assert one.step == other.step and one.epoch_result.epoch == other.epoch_result.epoch
        assert one.epoch_result.loss == pytest.approx(other.epoch_result.loss, abs=1e-4)
        assert one.epoch_result.train_accuracy == other.epoch_result.train_accuracy
        assert one.epoch_result.test.loss == pytest.approx(other.epoch_result.test.loss, abs=1e-4)


@pytest.mark.parametrize("preset", ["seed", "best"])
def test_the_presets_too(dataset, taped, preset):
    recipe = Recipe.of(
        preset=preset, epochs=2, max_steps=11, group=7, groups=1, precision="float32"
    )
    ours, reference = _graph(recipe, dataset, True), Training(recipe, dataset)
    _to_the_end(ours), _to_the_end(reference)
    _same(ours, reference)


def test_it_runs_to_the_end_of_few_steps_of_one_epoch(dataset, taped):
    """The momentum would be 1 in a step that the epoch has but the run has not."""
    recipe = _recipe(max_steps=2, optimizer="adam", schedule="linear", warmup=0, beta1=0.75,
                     beta1_at_peak=0.5)  # fmt: skip
    assert recipe.momentum(3, 2) == 1
    ours, reference = _graph(recipe, dataset, True), Training(recipe, dataset)
    assert _to_the_end(ours)[-1].step == len(_to_the_end(reference)) == 2
    _same(ours, reference)


def test_an_epoch_may_be_a_single_step(dataset, taped):
    recipe = _recipe(groups=14, epochs=5)
    ours, reference = _graph(recipe, dataset, True), Training(recipe, dataset)
    assert len(_to_the_end(ours)) == len(_to_the_end(reference)) == 5
    _same(ours, reference)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_its_adam_is_torchs(name):
    recipe = _recipe(optimizer=name, weight_decay=0.07, beta1=0.93, beta2=0.97, beta1_at_peak=0.6,
                     block_rate=0.3, lr=0.02)  # fmt: skip
    draw = torch.Generator().manual_seed(5)
    shapes = ((5, 3), (7,), (2, 3, 11))
    plain = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    flat = torch.cat([each.flatten() for each in plain])
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]

    def optimizer(weights):
        groups = [{"params": weights[:1], "relative_rate": 1.0},
                  {"params": weights[1:], "relative_rate": 0.3}]  # fmt: skip
        return kind(groups, lr=1, weight_decay=0.07, foreach=False)

    own = cuda_graph.parts(flat, plain)
    ours, reference = Adam(recipe, optimizer(own), flat), optimizer(plain)
    table = Rates.table(recipe, range(13), 13).double()
    for step in range(13):
        for weight in plain:
            weight.grad = torch.randn(weight.shape, generator=draw, dtype=torch.float64)
        for group in reference.param_groups:
            group["lr"] = recipe.rate(step, 13) * group["relative_rate"]
            group["betas"] = recipe.momentum(step, 13), 0.97
        reference.step()
        gradient = torch.cat([each.grad.flatten() for each in plain])
        ours.update(gradient, Rates(*table[step]), torch.tensor(False))
        for mine, theirs in zip(own, plain, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-7)  # the table is float32
    former = [each.clone() for each in (flat, ours.mean, ours.square)]
    ours.update(gradient * math.nan, Rates(*table[12]), torch.tensor(True))
    for place, each in zip((flat, ours.mean, ours.square), former, strict=True):
        assert torch.equal(place, each)


# What a recording needs -----------------------------------------------------------------------


def _begun(recipe: Recipe, dataset: Dataset) -> Steps:
    steps = _graph(recipe, dataset)._steps
    steps.begin(Epoch(recipe, dataset.train, 0), 0)
    return steps


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "soap"])
def test_no_python_number_of_a_step_changes_with_the_step(dataset, optimizer):
    steps = _begun(_recipe(optimizer=optimizer, **RICH), dataset)
    scripts = [tape(steps._make_one).script() for _ in range(3)]
    assert len(scripts[0]) > 100 and scripts[0] == scripts[1] == scripts[2]
    assert steps._next.item() == 3 and len(set(steps.read(0, 3)[:, 0].tolist())) == 3


def test_nothing_in_a_step_waits_for_the_device(dataset):
    steps = _begun(_recipe(**RICH), dataset)
    asked = {operation for operation, _ in tape(steps._make_one).script()}
    assert not [each for each in asked for name in WAITING if f".{name}." in each]


def test_recording_changes_nothing(dataset, taped):
    training = _graph(_recipe(**RICH), dataset, recorded=True)
    training.advance()
    before, state = _weights(training), training.state()
    results = training._steps.read(0, 1)
    training._steps._record()
    assert torch.equal(_weights(training), before)
    again = training.state()["optimizer"]["state"]
    for number, own in state["optimizer"]["state"].items():
        assert all(torch.equal(own[name], again[number][name]) for name in own)
    assert torch.equal(training._steps.read(0, 1), results)


def test_all_weights_are_one_buffer_in_the_models_order(dataset):
    training = _graph(_recipe(), dataset)
    assert torch.equal(training.flat.weights, _weights(Training(_recipe(), dataset)))
    training.flat.weights.zero_()
    assert not any(each.any() for each in training.model.parameters())


def test_its_model_can_be_kept(dataset, tmp_path):
    training = _graph(_recipe(), dataset)
    training.advance()
    checkpoint.save(tmp_path / "x.safetensors", training.model)
    loaded = checkpoint.load(tmp_path / "x.safetensors")
    again = torch.cat([each.detach().flatten() for each in loaded.parameters()])
    assert torch.equal(again, _weights(training))


# Strides --------------------------------------------------------------------------------------


def test_strides_end_where_something_is_due(dataset):
    recipe = _recipe(epochs=13, snapshots=11)
    seen = _to_the_end(_graph(recipe, dataset))
    steps, total = [each.step for each in seen], 13 * PER_EPOCH
    assert steps[:FIRST_STEPS] == list(range(1, FIRST_STEPS + 1))
    assert {*recipe.snapshot_steps(total)} - {0} <= {*steps}
    assert {*range(PER_EPOCH, total + 1, PER_EPOCH)} <= {*steps}
    assert [each.step for each in seen if each.epoch_result] == [
        *range(PER_EPOCH, total + 1, PER_EPOCH)
    ]
    assert [0, *steps][:-1] == [each.step - each.steps for each in seen]
    assert max(each.steps for each in seen) > 1 and steps[-1] == total


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_changed_rate_holds_from_the_next_step_on(dataset, taped, optimizer):
    recipe = _recipe(optimizer=optimizer, **RICH)
    changed = recipe.with_factor(3, 0.1)
    ours, reference = _graph(recipe, dataset, recorded=True), Training(changed, dataset)
    ours.take(recipe)  # before any step, nothing is on the device
    ours.limit = 1
    while ours.step < 3:
        ours.advance()
    ours.take(changed)
    _to_the_end(reference)
    rates = [progress.lr for progress in _to_the_end(ours)]
    assert rates[0] == pytest.approx(0.1 * recipe.rate(3, ours.total))
    _same(ours, reference)


def test_a_limit_is_kept(dataset):
    training = _graph(_recipe(epochs=37), dataset)
    while training.step < 50:
        training.advance()
    for limit in (1, 2, 1):
        training.limit = limit
        assert training.advance().steps <= limit
    training.limit = None
    assert max(training.advance().steps for _ in range(7)) > 2


def test_strides_grow_and_shrink_to_their_time():
    stride = Stride(seconds=0.1)

    def lengths(pace: float, looks: int) -> list[int]:
        seen = []
        for _ in range(looks):
            seen.append(stride.length)
            stride.fit(stride.length, pace * stride.length)
        return seen

    assert 25 <= max(lengths(0.002, 60)[30:]) <= 50
    assert max(lengths(0.03, 20)) > 3  # until the new pace is known
    assert max(lengths(0.03, 20)) <= 3


def test_a_stride_that_something_ended_does_not_make_the_next_longer():
    stride = Stride(seconds=0.1)
    stride.length = 8
    stride.fit(3, 0.001)
    assert stride.length == 8


def test_max_seconds_end_it_with_a_result(dataset):
    *_, last = _to_the_end(_graph(_recipe(max_seconds=1e-9), dataset))
    assert last.step == 1 and last.epoch_result.epoch == 1


# Failing --------------------------------------------------------------------------------------


def _spoilt(dataset: Dataset, monkeypatch, step: int, what: str) -> None:
    """Let the loss or the gradient of one step of the first epoch be no number."""
    recipe, rows = _recipe(), dataset.train.labels
    chosen = Epoch(recipe, dataset.train, 0).order[step * 14 : (step + 1) * 14]
    plain = cuda_graph.loss_and_gradients

    def spoilt(*given):
        result, labels = plain(*given), given[2]
        bad = (labels == rows[chosen]).all()
        getattr(result, what).masked_fill_(bad, math.nan)
        return result

    monkeypatch.setattr(cuda_graph, "loss_and_gradients", spoilt)


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "soap"])
@pytest.mark.parametrize("failing", [0, 4, 6])
def test_a_step_that_fails_amid_a_stride_changes_nothing(
    dataset, monkeypatch, taped, optimizer, failing, what
):
    recipe = _recipe(optimizer=optimizer)
    _spoilt(dataset, monkeypatch, failing, what)
    monkeypatch.setattr(strides, "FIRST_STEPS", 0)
    training = _graph(recipe, dataset, recorded=True)
    training._snapshots, training._stride.length = (99,), 7
    if failing:
        assert training.advance().steps == failing
    with pytest.raises(DivergedError, match=rf"At step {failing + 1} the {what} "):
        training.advance()
    assert training.step == failing
    reference = Training(recipe, dataset)
    while reference.step < failing:
        reference.advance()
    _same(training, reference)


def test_blowing_up_says_when_and_keeps_the_weights(dataset):
    recipe = _recipe(optimizer="sgd", lr=10, clip=None, schedule="constant", epochs=50)
    training = _graph(recipe, dataset)
    with pytest.raises(DivergedError) as caught:
        _to_the_end(training)
    assert f"step {training.step + 1} " in str(caught.value) and "clip" in str(caught.value)
    assert _weights(training).isfinite().all()


def test_a_stride_begins_sound(dataset):
    training = _graph(_recipe(), dataset)
    training._steps._failed.fill_(True)
    before = _weights(training)
    training.advance()
    assert not torch.equal(_weights(training), before)


# States ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "soap"])
@pytest.mark.parametrize("at", [0, 10])
@pytest.mark.parametrize("onto_graph", [True, False])
def test_either_goes_on_from_the_others_state(dataset, tmp_path, optimizer, at, onto_graph):
    recipe = _recipe(optimizer=optimizer, **RICH)
    reference = Training(recipe, dataset)
    _to_the_end(reference)
    one, other = _graph(recipe, dataset), Training(recipe, dataset)
    begins, goes_on = (other, one) if onto_graph else (one, other)
    while begins.step < at:
        begins.advance()
    torch.save(begins.state(), tmp_path / "state.pt")
    _to_the_end(begins)  # which must not change what was saved
    goes_on.advance()  # nor may what was before matter
    goes_on.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    assert goes_on.step == at
    assert _to_the_end(goes_on)[-1].step == reference.step
    _same(goes_on, reference)


def _numbers(training: Training) -> list[torch.Tensor]:
    return [each for each in tree_leaves(training.state()) if isinstance(each, torch.Tensor)]


@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_going_on_is_bit_identical(dataset, optimizer, taped):
    recipe = _recipe(optimizer=optimizer, **RICH)
    whole, first, second = (_graph(recipe, dataset, recorded=True) for _ in range(3))
    _to_the_end(whole)
    while first.step < 10:
        first.advance()
    second.restore(first.state())
    _to_the_end(second)
    for ours, reference in zip(*(_numbers(each) for each in (second, whole)), strict=True):
        assert torch.equal(ours, reference)


def test_a_state_holds_no_more_than_its_numbers(dataset, tmp_path):
    """Its tensors are no views of the whole buffer, and not on a device."""
    for training in (_graph(_recipe(), dataset), Training(_recipe(), dataset)):
        training.advance()
        state = training.state()
        for each in tree_leaves(state):
            if isinstance(each, torch.Tensor):
                assert each.untyped_storage().nbytes() == each.numel() * each.element_size()
                assert each.device.type == "cpu"


@pytest.mark.parametrize("change", ["step", "model", "optimizer", "epoch_loss"])
def test_a_state_that_does_not_fit_is_one_sentence(dataset, change):
    for broken in (None, "nonsense", {}):
        state = {**_graph(_recipe(), dataset).state(), change: broken}
        with pytest.raises(UserError, match="restart"):
            _graph(_recipe(), dataset).restore(state)


# In a worker ----------------------------------------------------------------------------------


def test_a_worker_weighs_strides_and_makes_single_steps(dataset, tmp_path):
    recipe = _recipe(epochs=11, snapshots=4)
    run = Run.create(tmp_path, recipe)
    training = _graph(recipe, dataset)
    with run.hold():
        recorder = Recorder(run, recipe, dataset)
        recorder.record(training.progress())
        seen = []
        while training.step < 5 * PER_EPOCH:
            seen.append(training.advance())
            recorder.record(seen[-1])
            assert recorder.obey()
        for _ in range(3):
            run.ask("step")
            recorder.control.allowed = 0
            assert recorder.obey()
            assert training.advance().steps == 1
            recorder.control.allowed = 0
        run.ask("resume")
        assert recorder.obey() and training.limit is None
    rows = lines(run)
    assert [row["step"] for row in rows][:FIRST_STEPS] == list(range(1, FIRST_STEPS + 1))
    assert [row["step"] for row in rows if "test_loss" in row] == [7, 14, 21, 28, 35]
    last = [row["step"] for row in rows]
    for before, row in zip(last, rows[1:], strict=False):
        parts = [each for each in seen if before < each.step <= row["step"]]
        steps = row["step"] - before
        assert sum(each.steps for each in parts) == steps
        assert row["loss"] == pytest.approx(sum(each.loss * each.steps for each in parts) / steps)
        assert row["train_accuracy"] == sum(each.correct for each in parts) / (14 * steps)


@pytest.fixture
def gpu_in_name(monkeypatch):
    """What `train` takes for a GPU is a processor with a tape."""
    monkeypatch.setattr(cuda_graph, "record", record)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        trainer,
        "GraphTraining",
        lambda recipe, dataset, device, model: GraphTraining(
            recipe, dataset, {"cuda": "cpu"}[device], model
        ),
    )


def test_training_chooses_the_device(dataset, gpu_in_name):
    kinds = {None: GraphTraining, "cuda": GraphTraining, "cpu": Training}
    for device, kind in kinds.items():
        assert type(next(train(_recipe(), dataset, device=device)).training) is kind


@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_a_run_begun_on_a_gpu_ends_on_a_processor(dataset, gpu_in_name, tmp_path, optimizer):
    recipe = _recipe(optimizer=optimizer, epochs=7, lr=0.002, seed=3)  # in which no channel dies
    whole = Training(recipe, dataset)
    _to_the_end(whole)
    run = Run.create(tmp_path, recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "open_dataset", lambda source: dataset)
        asked = []

        def stop(progress: Progress) -> None:
            asked.append(progress)
            if progress.step > 30:
                run.ask("stop")

        assert work(run, stop).state == "stopped"
        assert type(asked[-1].training) is GraphTraining and asked[-1].step < 7 * PER_EPOCH
        patch.setattr(torch.cuda, "is_available", lambda: False)
        assert work(run, asked.append).state == "done"
    assert type(asked[-1].training) is Training
    _same(asked[-1].training, whole)
    steps = [row["step"] for row in lines(run)]
    assert steps == sorted({*steps}) and steps[-1] == whole.step
    assert {*recipe.snapshot_steps(whole.total)} <= {*run.snapshots}


# On a GPU -------------------------------------------------------------------------------------


def _near(ours: Training, reference: Training) -> None:
    """Other machines add in other orders, which Adam makes more of where gradients vanish."""
    expected = _effective(reference)
    assert (_effective(ours) - expected).norm() < 1e-3 * expected.norm()


@needs_gpu
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "soap"])
def test_replayed_steps_are_eager_ones(dataset, optimizer):
    recipe = _recipe(optimizer=optimizer, **RICH)
    replayed, eager = (GraphTraining(recipe, dataset, "cuda", each) for each in (True, False))
    plain = Training(recipe, dataset)
    for each in (replayed, eager, plain):
        _to_the_end(each)
    _same(replayed, eager, 1e-5)
    _near(replayed, plain)
    alone = evaluate(plain.model, dataset.test, 7)
    plain.model.to("cuda")
    assert evaluate(plain.model, dataset.test, 7).loss == pytest.approx(alone.loss, abs=1e-4)


@needs_gpu
def test_replayed_steps_do_not_wait(dataset):
    training = GraphTraining(_recipe(**RICH), dataset)
    training.advance()
    torch.cuda.set_sync_debug_mode("error")
    try:
        training._steps.make(1, 5, training._optimize)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert training._steps.read(1, 5).isfinite().all()


@needs_gpu
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "soap"])
def test_a_processor_goes_on_with_what_a_gpu_began(dataset, optimizer):
    recipe = _recipe(optimizer=optimizer, **RICH)
    begins, goes_on = GraphTraining(recipe, dataset), Training(recipe, dataset)
    while begins.step < 10:
        begins.advance()
    goes_on.restore(begins.state())
    whole = Training(recipe, dataset)
    for each in (goes_on, whole):
        _to_the_end(each)
    _near(goes_on, whole)
    again = GraphTraining(recipe, dataset)
    again.restore(goes_on.state())
    assert again.finished
