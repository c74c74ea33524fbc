"""Hostile checkpoint files, made from a seed; run as a program it reads them all, see harm.py."""

import gzip
import json
import pickle
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from hostile import pickles as hostile_pickles
from hostile import safetensors as hostile_safetensors
from hostile.pickles import MARK
from safetensors.torch import save as to_safetensors
from support.handmade import START, STOP, archive, called, network, saved, text, zipped
from support.harm import HOSTILE_NAMES, File, flipped, measure, truncated

from ultimus import UserError
from ultimus.checkpoints import checkpoint
from ultimus.checkpoints.metadata import Origin
from ultimus.data.limits import MAX_CHECKPOINT_BYTES
from ultimus.recipe import Recipe
from ultimus.runs.exchange import adopt, provenance


def corpus(seed: int = 0) -> Iterator[File]:
    """All files; those that are large are made when they are asked for."""
    draw = np.random.default_rng(seed)
    forms = seeds()
    for form, content in forms.items():
        yield File(f"whole {form}", content, True)
        for file in truncated(form, content):
            yield file._replace(sound=False)
        yield from flipped(form, content, draw)
    for maker in (_tiny, _foreign, _polyglots, _names, _architectures, _weights, _limits):
        yield from maker(forms)
    yield from hostile_pickles.files(forms["new.pt"])
    yield from hostile_safetensors.files(forms["bare.safetensors"])


# Sound files --------------------------------------------------------------------------------------


def seeds() -> dict[str, bytes]:
    """A sound network in each form that is read."""
    model, origin = network(), Origin(run="a-run", step=17, recipe=Recipe(), accuracy=0.25, group=7)
    # An optimizer's state by hand, as torch.optim would leave a folder of the compiler's.
    averages = {n: {"exp_avg": each.detach()} for n, each in enumerate(model.parameters())}
    optimizer = {"state": averages, "param_groups": [{"lr": 0.1, "params": [*averages]}]}
    everything = {"state_dict": model.state_dict(), "optimizer": optimizer}
    halves = {name: each.half() for name, each in network(3).state_dict().items()}
    return {
        "told.safetensors": checkpoint.to_bytes(model, **origin.metadata()),
        "bare.safetensors": checkpoint.to_bytes(network(7)),
        "new.pt": checkpoint.to_seed_bytes(model),
        "old.pth": saved(model.state_dict(), old=True),
        "training.pt": saved(everything),
        "half.pt": saved(halves),
    }


# Damaged and foreign files ------------------------------------------------------------------------


def _tiny(forms: dict[str, bytes]) -> Iterator[File]:
    starts = (b"", b"\0", b"{", b"P", b"PK\3\4", b"PK\5\6" + bytes(18), b"\x80", b"\x80\x02",
              b"\x80\x02.", b"\x80\x02}.", b"\x80\x02N.", bytes(8) + b"{}",
              b"\2" + bytes(7) + b"{}", bytes(9), bytes(4099), b"\xff" * 4099)  # fmt: skip
    for place, start in enumerate(starts):
        yield File(f"tiny {place}.pt", start, False)


def _foreign(forms: dict[str, bytes]) -> Iterator[File]:
    weights = network().cap.weight.detach().numpy()
    array, arrays, packed = BytesIO(), BytesIO(), BytesIO()
    np.save(array, weights)
    np.savez(arrays, cap=weights)
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("sys_info", "pickle", "tensors", "storages"):  # torch.save's until 0.1.10
            tar.addfile(tarfile.TarInfo(name))
    for name, content in {
        "array.pt": array.getvalue(),
        "arrays.pt": arrays.getvalue(),
        "ancient.pt": packed.getvalue(),
        "packed.pt": gzip.compress(forms["new.pt"]),
        "keras.pth": b"\x89HDF\r\n\x1a\n" + bytes(997),
        "llama.pt": b"GGUF\3\0\0\0" + bytes(997),
        "graph.pt": b"\x08\x07\x12\x07pytorch\x1a\x051.9.0" + bytes(97),
        "program.pt": b"\x7fELF" + bytes(997),
        "page.safetensors": b"<html><script>alert(1)</script></html>",
        "script.pth": b"#!/bin/sh\nmkdir " + MARK.encode(),
        "settings.safetensors": json.dumps({"format": "pt"}).encode(),
        "python.pt": f"__import__('os').mkdir('{MARK}')".encode(),
        "text.pt": pickle.dumps({"a": 1}, 0),
        "numpy.pt": pickle.dumps({"cap.weight": weights}, 2),
        "model.pt": pickle.dumps(network(), 2),
        "state.pt": pickle.dumps(network().state_dict(), 2),
        **{f"protocol {n}.pt": pickle.dumps({"a": [1.5]}, n) for n in range(6)},
        **{f"archived {n}.pt": archive(b"}", start=bytes([0x80, n])) for n in (0, 1, 3, 4, 5, 255)},
    }.items():
        yield File(name, content, False)


def _polyglots(forms: dict[str, bytes]) -> Iterator[File]:
    told, new, old = forms["told.safetensors"], forms["new.pt"], forms["old.pth"]
    evil = zipped({"../../evil.py": b"print()"})
    yield File("wrongly named.pt", told, True)
    yield File("wrongly named.safetensors", new, True)
    yield File("wrongly named.png", old, True)
    yield File("no name", new, True)
    yield File("zip behind.safetensors", told + evil, False)
    yield File("pt behind.safetensors", told + new, False)
    yield File("zip behind.pt", new + evil, False)
    yield File("safetensors behind.pt", new + told)
    yield File("old behind.pt", new + old)
    yield File("zip before.pt", evil + new)
    yield File("old before.pt", old + new)  # torch alone would read the archive
    yield File("old with archive.pt", old + archive(called("posix mkdir", text(MARK.encode()))))
    yield File("text before.pt", b"#!/bin/sh\n" + new, False)
    yield File("picture before.pt", b"\x89PNG\r\n\x1a\n" + new, False)
    yield File("archive in pickle.pt", START + text(new)[:-1] + STOP, False)


def _names(forms: dict[str, bytes]) -> Iterator[File]:
    for name in HOSTILE_NAMES:
        yield File(name, forms["told.safetensors"], True)
        yield File(name, forms["new.pt"][:997], False)


# Other networks -----------------------------------------------------------------------------------


def _architectures(forms: dict[str, bytes]) -> Iterator[File]:
    state = network().state_dict()
    for name, content in {
        "linear": torch.nn.Linear(48, 10).state_dict(),
        "convolutions": torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU()
        ).state_dict(),
        "attention": torch.nn.MultiheadAttention(48, 6).state_dict(),
        "missing": {key: each for key, each in state.items() if key != "conv2.bias"},
        "unexpected": state | {"conv4.weight": torch.zeros(3)},
        "transposed": {key: each.transpose(0, -1) for key, each in state.items()},
        "flat": {key: each.flatten() for key, each in state.items()},
        "one class": state | {"cap.weight": torch.zeros(1, 48), "cap.bias": torch.zeros(1)},
        "many classes": state
        | {"cap.weight": torch.zeros(1000, 48), "cap.bias": torch.zeros(1000)},
        "no classes": state | {"cap.weight": torch.zeros(0, 48), "cap.bias": torch.zeros(0)},
        "unlike classes": state | {"cap.bias": torch.zeros(7)},
        "many dimensions": state | {"cap.bias": torch.zeros((1,) * 60)},
        "whole numbers": {key: each.long() for key, each in state.items()},
        "complex": {key: each.to(torch.complex64) for key, each in state.items()},
        "yes and no": {key: each > 0 for key, each in state.items()},
        "markup": state | {"<script>alert(1)</script>\n\x1b[2J": torch.zeros(3)},
        "long name": state | {"x" * 99_999: torch.zeros(3)},
    }.items():
        yield File(f"{name}.pt", saved(content), False)
        with_bytes = {key: each.contiguous() for key, each in content.items()}
        yield File(f"{name}.safetensors", to_safetensors(with_bytes), False)
    for place, content in enumerate(
        ([], [1, 2], "text", 7, None, {}, {1: torch.zeros(3)}, {"state_dict": None},
         {"a": 1}, {"": torch.zeros(3)}, {None: 1}, {"module.": torch.zeros(3)}, torch.zeros(3))
    ):  # fmt: skip
        yield File(f"content {place}.pt", saved(content), False)
    for place, content in enumerate(
        ({"state_dict": {"state_dict": state}}, [state], {(): state},
         {f"encoder.{key}": each for key, each in state.items()})
    ):  # fmt: skip
        yield File(f"wrapped {place}.pt", saved(content), True)


def _weights(forms: dict[str, bytes]) -> Iterator[File]:
    for name, value, sound in (
        ("nan", np.nan, False), ("inf", np.inf, False), ("minus inf", -np.inf, False),
        ("largest", 3.4e38, True), ("least", 1e-45, True), ("zero", 0.0, True),
    ):  # fmt: skip
        state = network().state_dict()
        state["conv2.weight"][-1, -1, -1, -1] = value
        yield File(f"{name}.pt", saved(state), sound)
        yield File(f"{name} old.pt", saved(state, old=True), sound)
        yield File(f"{name}.safetensors", to_safetensors(state), sound)
    state = network().state_dict()
    doubles = {key: each.double() for key, each in state.items()}
    yield File("doubles.pt", saved(doubles), True)
    doubles["cap.bias"][3] = 1e300  # finite, but not in the network's 32 bits
    yield File("too large doubles.pt", saved(doubles), False)
    yield File(
        "all largest.pt", saved({k: torch.full_like(v, 3e38) for k, v in state.items()}), False
    )
    shared = torch.zeros(48)
    yield File("shared.pt", saved(state | {"conv3.bias": shared, "cap.bias": shared[:10]}), True)
    spread = {key: torch.zeros(()).expand(each.shape) for key, each in state.items()}
    yield File("spread.pt", saved(spread), True)


def _limits(forms: dict[str, bytes]) -> Iterator[File]:
    yield File("too large.pt", bytes(MAX_CHECKPOINT_BYTES + 1), False)
    padded = forms["new.pt"] + bytes(MAX_CHECKPOINT_BYTES + 1 - len(forms["new.pt"]))
    yield File("padded.pt", padded, False)
    room = (MAX_CHECKPOINT_BYTES - 2**18) // 4
    state = network().state_dict()
    yield File("as large as can be.pt", saved({"model": state, "more": torch.ones(room)}), True)
    yield File(
        "large and old.pt", saved({"model": state, "more": torch.ones(room)}, old=True), True
    )
    yield File("large tensor.pt", saved(state | {"more": torch.ones(room)}), False)
    many = {f"{place}": torch.zeros(1) for place in range(900)}
    yield File("many tensors.pt", saved({"model": state, "more": many}))
    yield File("very many tensors.pt", saved({str(n): torch.zeros(1) for n in range(5000)}), False)
    yield File("losses.pt", saved({"model": state, "losses": [2.5] * 10_000}), True)


# Reading them all ---------------------------------------------------------------------------------


def read(file: File) -> list[str]:
    """Take a checkpoint in as a page does; says what comes out."""
    with TemporaryDirectory(dir=".") as folder:
        runs = Path(folder) / "runs"
        try:
            run = adopt(file.content, file.name, runs)
        except UserError:
            assert not runs.exists()
            raise
        model, told = checkpoint.load(run.snapshot(run.snapshots[-1])), provenance(run)
    assert all(each.isfinite().all() for each in model.state_dict().values())
    assert told.isprintable(), told
    return [type(model).__name__]


if __name__ == "__main__":
    sys.exit(measure(corpus(), read))
