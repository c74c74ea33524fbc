"""Checkpoints out of runs, and runs out of checkpoints.

A run is a folder, and a model at a step is a file in it. So what somebody brings becomes a run of
one snapshot, which every page can show like any other; what somebody takes is a snapshot with all
that is known about it.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from ..checkpoints import checkpoint, export_forms
from ..checkpoints.checkpoint import to_bytes, to_seed_bytes
from ..checkpoints.export_forms import Form
from ..checkpoints.metadata import UNKNOWN_DATA, Origin
from ..data.groups import conditions
from ..data.limits import one_line, shown
from ..data.sources import CIFAR10_CLASSES
from ..errors import UserError
from ..files import write_atomically
from ..model import Transformer
from ..recipe import Recipe
from .info import DataInfo
from .run import Run, Status

SHORT = 12  # digits of a hash that a sentence shows
SAME = ("file", "sha256", "note")  # what two runs of the same weights of the same file share
NOTE = 400  # characters of what is said about a file
UNKNOWN = "unknown"  # preset of a recipe that is only a placeholder


class Export(NamedTuple):
    """A file to be saved: its name and its content."""

    name: str
    content: bytes


def export(run: Run, step: int, form: Form = "safetensors") -> Export:
    """A snapshot as a file for elsewhere.

    Args:
        run: any run, also one that is being trained.
        step: one of its snapshots.
        form: "safetensors", with all that is known as metadata; "pt", a state_dict and no more,
            which the seed's code loads; "onnx"; or "hf", an archive of a Hugging Face folder.

    Raises:
        UserError: there is no such snapshot, it is damaged, or a package for this form is missing.
    """
    model, known = _snapshot(run, step)
    if form == "hf":
        files = export_forms.to_hugging_face(model, known)
        return Export(f"ultimus-{run.id}-step{step}-hf.zip", export_forms.zipped(files))
    writers = {
        "safetensors": lambda: to_bytes(model, **known.metadata()),
        "pt": lambda: to_seed_bytes(model),
        "onnx": lambda: export_forms.to_onnx(model),
    }
    return Export(f"ultimus-{run.id}-step{step}.{form}", writers[form]())


def metadata(run: Run, step: int) -> dict[str, str]:
    """What is known about a snapshot, as `Origin.read` reads it.

    Raises:
        UserError: there is no such snapshot, or it is damaged.
    """
    return _snapshot(run, step)[1].metadata()


def _snapshot(run: Run, step: int) -> tuple[Transformer, Origin]:
    steps = run.snapshots
    if step not in steps:
        latest = f"the last one is of step {steps[-1]}" if steps else "it has none yet"
        raise UserError(f"The run {run.id} has no snapshot {step}: {latest}.")
    found = checkpoint.read(run.snapshot(step))
    if run.info().loaded:  # its folder knows no more than the file did
        return found.model, found.origin
    return found.model, Origin.read(found.origin.metadata() | _facts(run, step))


def _facts(run: Run, step: int) -> dict[str, str]:
    """What a run's folder says about a snapshot, as metadata."""
    info = run.info()
    data = info.dataset
    facts = {
        "run": run.id,
        "step": step,
        "epoch": step / info.steps_per_epoch if info.steps_per_epoch else None,
        "recipe": info.recipe.model_dump_json(),
        "data": data.name,
        "fingerprint": data.fingerprint,
        "classes": "\n".join(data.classes),
        "train": data.train,
        "test": data.test,
        "version": info.version,
    }
    if test := _test_at(run, step):
        facts |= {"accuracy": test[0], "group": test[1], "grouping": info.recipe.grouping}
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}


def _test_at(run: Run, step: int) -> tuple[float, int] | None:
    """Accuracy, and how many images attended to each other in it, if it was measured there."""
    metrics = run.metrics()
    accuracy, group = metrics.column("test_accuracy"), metrics.column("test_group")
    found = np.flatnonzero((metrics.column("step") == step) & np.isfinite(accuracy + group))
    return (float(accuracy[found[-1]]), int(group[found[-1]])) if len(found) else None


def adopt(content: bytes, name: str, runs: Path, owner: str = "", weights: str = "") -> Run:
    """Make a checkpoint a run, done at its step, with one snapshot.

    The same weights of the same file give the same owner the same run again.

    Args:
        content: of a .safetensors, .pt or .pth file, which may be anybody's.
        name: the file's, for people; it is never a path.
        runs: the folder that holds all runs.
        owner: who brought it, as recipe.json knows people.
        weights: which set is meant, if the file holds several.

    Raises:
        SeveralWeights: it holds several sets of weights, and none is named.
        UserError: the file is refused, see `checkpoint.loads`, or the run cannot be written.
    """
    name = shown(name)
    model, known, form, note = checkpoint.loads(content, name, weights)
    checkpoint.check_answer(model, name)
    loaded = {
        "file": name,
        "form": form,
        "sha256": hashlib.sha256(content).hexdigest(),
        "note": note,
        "classes_known": bool(known.classes),
        "origin": known.metadata(),
    }
    if run := _adopted(runs, loaded, owner):
        return run
    step = known.step or 0
    snapshot = to_bytes(model, **known.metadata())

    def fill(run: Run) -> None:
        write_atomically(run.snapshot(step), snapshot)
        run.set_status(Status("done", step=step, total=step, epoch=known.epoch or 0.0))

    return Run.create(
        runs,
        _recipe(known, model),
        fill,
        version=__version__,
        dataset=_dataset(known, model.classes),
        loaded=loaded,
        **({"owner": owner} if owner else {}),
    )


def _recipe(known: Origin, model: Transformer) -> Recipe:
    """What a file says of its training, or a placeholder; of the kind that the network is."""
    recipe = known.recipe or Recipe(preset=UNKNOWN, data=UNKNOWN_DATA)
    kind = {"model": model.kind, "grouping": "random" if model.grid > 1 else recipe.grouping}
    return recipe.model_copy(update=kind | ({"grid": model.grid} if model.grid > 1 else {}))


def adopt_file(path: Path, runs: Path, weights: str = "") -> Run:
    """The same with a file of this machine, for all who use it.

    Raises:
        UserError: as for `adopt`, or there is no such file.
    """
    return adopt(checkpoint.content_of(path), path.name, runs, weights=weights)


def _adopted(runs: Path, loaded: dict[str, Any], owner: str) -> Run | None:
    """The run that these weights of this file became before."""
    for run in Run.all(runs):
        try:
            info = run.info()
        except UserError:
            continue
        same = info.loaded and all(getattr(info.loaded, key) == loaded[key] for key in SAME)
        if same and info.owner == owner and run.has_snapshots:
            return run
    return None


def _dataset(known: Origin, classes: int) -> dict[str, Any]:
    """The data as a trained run's recipe.json has it; what is not known is left out."""
    data = {"classes": known.classes or assumed_classes(classes)}
    for entry, value in (("name", known.data), ("fingerprint", known.fingerprint)):
        if value:
            data[entry] = value
    if known.recipe and (known.train or 0) >= known.recipe.batch:  # else it could not have trained
        data["train"] = known.train
    if known.test:
        data["test"] = known.test
    return data


def assumed_classes(count: int) -> tuple[str, ...]:
    """What classes are called that a checkpoint does not name: ten are taken for CIFAR-10's."""
    if count == len(CIFAR10_CLASSES):
        return CIFAR10_CLASSES
    return tuple(f"class {number}" for number in range(count))


def provenance(run: Run) -> str:
    """Where a run's weights come from, in sentences for people; empty where it began with new ones.

    Raises:
        UserError: recipe.json is damaged.
    """
    info = run.info()
    if info.parent:
        step, parent = info.parent.step, shown(info.parent.run)
        return f"It trains on from step {step:,} of the run {parent}."
    if not info.loaded:
        return ""
    file, digest = shown(info.loaded.file), shown(info.loaded.sha256[:SHORT])
    known = info.loaded.origin
    parts = [
        f"Loaded from {file} (sha256 {digest}…)",
        one_line(info.loaded.note, NOTE),
        _account(known),
        "" if known.classes else "The file does not name its classes" + _naming(info.dataset),
    ]
    return f"{'. '.join(filter(None, parts))}."


def _account(known: Origin) -> str:
    """What a file says about itself."""
    tested = f" of {known.test:,}" if known.test else ""
    together = conditions(known.group or 1, known.grouping)
    facts = [
        f"the run {known.run}" if known.run else "",
        "" if known.step is None else f"step {known.step:,}",
        "" if known.epoch is None else f"epoch {known.epoch:.4g}",
        f"the recipe {known.recipe.preset}, seed {known.recipe.seed}" if known.recipe else "",
        f"trained on {known.data}" if known.data else "",
        ""
        if known.accuracy is None or not known.group
        else f"{known.accuracy:.2%}{tested} test images right {together}",
    ]
    facts = list(filter(None, facts))
    if not facts:
        return "Only its weights are used; how it was trained is not known"
    return f"It says of itself: {', '.join(facts)}"


def _naming(data: DataInfo) -> str:
    if data.classes == CIFAR10_CLASSES:
        return ": its ten are taken to be those of CIFAR-10"
    return ", so they have numbers"
