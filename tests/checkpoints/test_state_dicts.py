"""The weights are the one dictionary with the network's sixteen tensors, wherever it lies."""

import argparse
from io import BytesIO

import pytest
import torch
import torch.nn.utils.prune as prune
from safetensors.torch import save as to_safetensors

from ultimus.checkpoints import checkpoint, state_dicts
from ultimus.checkpoints.state_dicts import MAX_DEPTH, SeveralWeights
from ultimus.model import Transformer

torch.manual_seed(17)
MODEL = Transformer()
STATE = MODEL.state_dict()
OTHER = {name: tensor + 0.01 for name, tensor in STATE.items()}


def saved(content) -> bytes:
    buffer = BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def prefixed(prefix: str, state=STATE):
    return {prefix + name: tensor for name, tensor in state.items()}


def loaded(content: bytes, weights: str = "") -> checkpoint.Checkpoint:
    return checkpoint.loads(content, "file.pt", weights)


def is_state(model: Transformer, state=STATE) -> bool:
    return all(model.state_dict()[name].equal(tensor) for name, tensor in state.items())


ADAM = torch.optim.Adam(MODEL.parameters()).state_dict()

USUAL = {
    "bare": (STATE, ""),
    "many losses": (
        {"state_dict": STATE, "losses": [0.5 + n for n in range(75_000)]},
        "The weights are the entry 'state_dict'; left aside: losses",
    ),
    "compiled": (prefixed("_orig_mod."), "The prefix '_orig_mod.' is cut from their names"),
    "compiled in parallel": (
        prefixed("module._orig_mod."),
        "The prefix 'module._orig_mod.' is cut from their names",
    ),
    "averaged": (
        {"n_averaged": torch.tensor(3), **prefixed("module.")},
        "The prefix 'module.' is cut from their names; left aside: n_averaged",
    ),
    "lightning": (
        {
            "state_dict": {**prefixed("model."), "loss.weight": torch.ones(10)},
            "epoch": 1,
            "optimizer_states": [ADAM],
            "hyper_parameters": {"lr": 0.01, "args": argparse.Namespace(a=1)},
        },
        "The weights are the entry 'state_dict'; the prefix 'model.' is cut from their names; left "
        "aside: epoch, optimizer_states, hyper_parameters and 1 more",
    ),
    "fastai": ({"model": STATE, "opt": ADAM}, "The weights are the entry 'model'; left aside: opt"),
    "deep": (
        {"checkpoint": {"nets": [{"net": STATE}]}, "epoch": 3},
        "The weights are the entry 'checkpoint.nets.0.net'; left aside: epoch",
    ),
    "a loss that keeps numbers": (
        {**STATE, "criterion.weight": torch.ones(10), "num_updates": torch.tensor(3)},
        "Left aside: criterion.weight, num_updates",
    ),
    "numbers beside": ({**STATE, "epoch": 3, "acc": 61.2}, "Left aside: epoch, acc"),
    "a block compiled": (
        {
            name.replace("ultimusBlock.", "ultimusBlock._orig_mod."): tensor
            for name, tensor in STATE.items()
        },
        "",
    ),
    "the same twice": (
        {"model": STATE, "state_dict": {**STATE}},
        "The weights are the entry 'model'; left aside: state_dict",
    ),
}


@pytest.mark.parametrize("case", USUAL)
def test_what_usual_training_saves_is_read_and_told(case):
    content, note = USUAL[case]
    found = loaded(saved(content))
    assert is_state(found.model)
    assert found.note == note


@pytest.mark.parametrize("prefix", ["", "model.", "module._orig_mod."])
def test_the_same_rule_holds_for_safetensors(prefix):
    aside = {"head.weight": torch.ones(3)} if prefix else {}
    found = loaded(to_safetensors({**prefixed(prefix), **aside}))
    assert is_state(found.model)
    assert ("head.weight" in found.note) == bool(prefix)


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        ({"model": STATE, "model_ema": OTHER}, ("model", "model_ema")),
        ({"state_dict": {**prefixed("net."), **prefixed("ema.module.", OTHER)}},
         ("state_dict.net", "state_dict.ema.module")),
        ({**STATE, **prefixed("ema.", OTHER)}, ("top", "ema")),
        ([STATE, OTHER], ("0", "1")),
        ({"student": OTHER, "teacher": {"state_dict": STATE}}, ("student", "teacher.state_dict")),
    ],
)  # fmt: skip
def test_of_two_sets_one_has_to_be_chosen(content, choices):
    with pytest.raises(SeveralWeights) as caught:
        loaded(saved(content))
    assert caught.value.choices == choices
    assert all(choice in str(caught.value) for choice in (*choices, "--weights"))
    models = [loaded(saved(content), choice).model for choice in choices]
    assert sorted(map(is_state, models)) == [False, True]


def test_a_set_that_is_not_there_is_refused_with_those_that_are(refused):
    with refused("file.pt has no weights called 'best': choose from model, model_ema"):
        loaded(saved({"model": STATE, "model_ema": OTHER}), "best")


def test_a_set_that_does_not_fit_is_no_choice():
    teacher = {**STATE, "conv1.weight": torch.ones(64, 3, 3, 3)}
    assert is_state(loaded(saved({"student": STATE, "teacher": teacher})).model)


@pytest.mark.parametrize("extra", ["bn1.weight", "conv4.bias", "mean", "head.weight"])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_network_with_more_layers_is_another(refused, extra, prefix):
    with refused(f"'{extra}' of the shape (5,) does not belong to it"):
        loaded(saved(prefixed(prefix, {**STATE, extra: torch.ones(5)})))


def quantised(network: Transformer) -> torch.nn.Module:
    return torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)


def parametrised(network: Transformer) -> torch.nn.Module:
    torch.nn.utils.parametrizations.spectral_norm(network.cap)
    return network


def pruned(network: Transformer) -> torch.nn.Module:
    prune.l1_unstructured(network.cap, "weight", 0.2)
    return network


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (quantised, "quantised weights: take the network before it was quantised, then save"),
        (parametrised, "in parts, as weight_norm and spectral_norm split them: join them"),
        (pruned, "pruned weights in two parts: join them with torch.nn.utils.prune.remove"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_weights_in_another_form_are_named_with_the_way_back(refused, change, what):
    with refused(what, 'torch.save(model.state_dict(), "weights.pt")'):
        loaded(saved(change(Transformer()).state_dict()))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda value: value.numpy(), "numpy arrays instead of tensors: make tensors of them"),
        (lambda value: value.to("meta"), "from the meta device and holds no numbers: load"),
        (lambda value: value.to_sparse(), "sparse tensors: make them dense with to_dense()"),
        (lambda value: value.to(torch.float8_e4m3fn), "as of 8 bits: convert them by float()"),
    ],
)
def test_what_stands_in_place_of_tensors_is_named_with_the_way_to_them(refused, change, what):
    with refused(what, 'torch.save(model.state_dict(), "weights.pt")'):
        loaded(saved({name: change(value) for name, value in STATE.items()}))


def test_an_adapter_beside_the_weights_is_named(refused):
    adapter = {"cap.lora_A.default.weight": torch.zeros(4, 48)}
    with refused("a LoRA adapter beside the weights: merge it"):
        loaded(saved({**STATE, **adapter}))


def test_the_tensors_that_are_there_are_named(refused):
    content = {"model": {"layer1.weight": torch.ones(64, 3), "layer1.bias": torch.ones(64)}}
    words = "the tensors in it are 'model.layer1.weight' (64, 3), 'model.layer1.bias' (64,)"
    with refused(f"file.pt does not hold an Ultimus network; {words}: choose another"):
        loaded(saved(content))
    with refused("holds a single tensor of the shape (7,)"):
        loaded(saved(torch.zeros(7)))
    with refused("holds no weights, only epoch, lr"):
        loaded(saved({"epoch": 3, "lr": 0.1}))


def test_an_optimizer_is_not_taken_for_the_network(refused):
    with refused("does not hold an Ultimus network"):
        loaded(saved(torch.optim.Adam(MODEL.parameters(), amsgrad=True).state_dict() | {"a": ADAM,
               "b": torch.ones(3)}))  # fmt: skip


def test_weights_are_found_as_deep_as_they_are_looked_for(refused):
    deep = STATE
    for _ in range(MAX_DEPTH - 1):
        deep = {"in": deep}
    assert is_state(loaded(saved(deep)).model)
    with refused("file.pt holds no weights"):
        loaded(saved({"in": deep}))


def test_a_name_is_made_harmless_in_what_is_told():
    note = loaded(saved({"<b>state\n": STATE, "more\x1b[2J": 1})).note
    assert note.isprintable() and "<" not in note


def test_all_sixteen_are_named():
    assert len(state_dicts.NAMES) == 16
