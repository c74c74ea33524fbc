"""Which of the dictionaries in a file are the network's weights.

One rule for every kind of file: the weights are the dictionary that holds the network's sixteen
tensors under one common prefix, wherever it lies. Whatever else is there is left aside, and said.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data.limits import MAX_CLASSES, MIN_CLASSES, one_line, shown
from ..errors import UserError
from ..model import SMALLEST_GRID, Transformer
from . import foreign
from .pickle_reader import Placeholder, StoredTensor

NUMBERS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
MAX_DEPTH = 32  # dictionaries and lists inside each other that are searched
MAX_SETS = 64  # sets of weights that are told apart
SHAPE = 40  # characters of a shape that an error repeats
FIRST = 3  # tensors or entries that a sentence names

NAMES = tuple(Transformer().state_dict())  # sixteen
LENGTHS = sorted({name.count(".") + 1 for name in NAMES})  # in parts between dots
WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
BESIDE = re.compile(r"(criterion|loss|metric|acc|ema|n_averaged|num_)|.*(loss|metric|acc(uracy)?)$")
SIGNATURE = tuple(Transformer(grid=SMALLEST_GRID).signature)
TOP = "top"  # what weights are called that lie in no entry and have no prefix


class SeveralWeights(UserError):
    """A file holds more than one set of weights, and nobody has said which is meant.

    Attributes:
        choices: what they are called.
    """

    def __init__(self, name: str, choices: tuple[str, ...]):
        self.choices = choices
        super().__init__(
            f"{name} holds {len(choices)} sets of weights ({_listed(choices)}): choose one of "
            "them, on the command line with --weights NAME."
        )


@dataclass(frozen=True)
class Found:
    """A dictionary that may be the network's.

    Attributes:
        label: where it lies and its prefix, as people write it.
        entry: where it lies in the file; empty for the file itself.
        prefix: what was cut from each name.
        tensors: name in the network -> what the file has under it, of any kind.
        others: names under the same prefix that the network does not have.
        aside: what is beside the weights, at the levels that lead to them.
        said: entries there of the names of a network's signature; the nearest where there are more.
    """

    label: str
    entry: str
    prefix: str
    tensors: dict[str, Any]
    others: dict[str, Any]
    aside: tuple[str, ...]
    said: dict[str, Any]

    @property
    def is_whole(self) -> bool:
        """Whether all sixteen are there, and are tensors."""
        return len(self.tensors) == len(NAMES) and all(map(is_tensor, self.tensors.values()))


def chosen(content: Any, name: str, wanted: str = "") -> Found:
    """The one set of weights in a file.

    Args:
        content: what the file holds.
        name: how an error calls the file.
        wanted: the label of the set that is meant, if there are several.

    Raises:
        SeveralWeights: there are several, and none is wanted.
        UserError: there is none, or none of that label.
    """
    found = sets(content)
    whole = [candidate for candidate in found if candidate.is_whole and not problem(candidate)]
    choices = tuple(candidate.label for candidate in whole)
    if wanted:
        named = [candidate for candidate in whole if candidate.label == wanted]
        if not named:
            raise UserError(
                f"{name} has no weights called {one_line(wanted, SHAPE)!r}: choose from "
                f"{_listed(choices) or 'another file'}."
            )
        return named[0]
    if len(whole) > 1 and not _alike(whole):
        raise SeveralWeights(name, choices)
    if whole:
        return whole[0]
    if not found:
        raise UserError(f"{name} {_what_is_there(content)}: choose another file.")
    nearest = max(found, key=lambda candidate: len(candidate.tensors))
    if form := _other_form(nearest):
        raise UserError(f"{name} {form}, then {foreign.SAVE}.")
    raise UserError(
        f"{name} does not hold a sound Ultimus network, since the tensor {problem(nearest)}: "
        "choose another file."
    )


def note(found: Found) -> str:
    """What was taken, cut and left aside, in a sentence; empty where that is the whole file."""
    parts = []
    if found.entry:
        parts.append(f"the weights are the entry '{shown(found.entry)}'")
    if found.prefix:
        parts.append(f"the prefix '{shown(found.prefix)}' is cut from their names")
    if found.aside:
        parts.append(f"left aside: {_listed(found.aside)}")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


# Searching ----------------------------------------------------------------------------------------


def sets(content: Any) -> list[Found]:
    """All dictionaries with at least half of the network's names under one prefix."""
    found: list[Found] = []
    for path, value in _containers(content):
        if isinstance(value, dict) and len(found) < MAX_SETS:
            found += _in_one(path, value)
    return found[:MAX_SETS]


Path = tuple[tuple[Any, str], ...]  # (container, name in it), from the file on


def _containers(content: Any) -> Iterator[tuple[Path, Any]]:
    """What holds other things, and where it lies: what lies less deep first, nothing twice."""
    level: list[tuple[Path, Any]] = [((), content)]
    seen = set()
    for _ in range(MAX_DEPTH):
        deeper = []
        for path, value in level:
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield path, value
            deeper += [
                ((*path, (value, name)), entry)
                for name, entry in _inside(value)
                if isinstance(entry, dict | list | tuple | Placeholder)
            ]
        level = deeper


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((str(key), value[key]) for key in value)
    elif isinstance(value, list | tuple):
        yield from ((str(place), entry) for place, entry in enumerate(value))
    elif isinstance(value, Placeholder):
        yield from _inside(value.entries)
        yield from _inside(value.held)


def _in_one(path: Path, value: dict) -> Iterator[Found]:
    """The sets of weights of one dictionary, one for each prefix."""
    direct = {key: entry for key, entry in value.items() if isinstance(key, str)}
    bare = {_unwrapped(key): entry for key, entry in direct.items()}
    found = [_under(prefix, direct, path) for prefix in _prefixes(direct)]
    if not any(candidate.is_whole for candidate in found) and len(bare) == len(direct):
        found = [_under(prefix, bare, path) for prefix in _prefixes(bare)]
    yield from found


def _unwrapped(key: str) -> str:
    return ".".join(part for part in key.split(".") if part not in WRAPPERS)


def _prefixes(entries: dict[str, Any]) -> list[str]:
    """What stands before at least half of the network's names."""
    counts: Counter[str] = Counter()
    for key in entries:
        parts = key.split(".")
        for length in LENGTHS:
            if ".".join(parts[-length:]) in NAMES:
                counts["".join(f"{part}." for part in parts[:-length])] += 1
    return [prefix for prefix, count in counts.items() if 2 * count >= len(NAMES)]


def _under(prefix: str, entries: dict[str, Any], path: Path) -> Found:
    below = {key.removeprefix(prefix): entry for key, entry in entries.items()
             if key.startswith(prefix)}  # fmt: skip
    tensors = {name: below[name] for name in NAMES if name in below}
    inner = tuple(other for other in _prefixes(below) if other)
    others = {name: entry for name, entry in below.items()
              if name not in tensors and not name.startswith(inner)}  # fmt: skip
    entry = ".".join(name for _, name in path)
    return Found(
        label=".".join(filter(None, (entry, prefix.rstrip(".")))) or TOP,
        entry=entry,
        prefix=prefix,
        tensors=tensors,
        others=others,
        aside=_aside(prefix, entries, tensors, path),
        said=_said([container for container, _ in path] + [entries]),
    )


def _said(containers: Sequence[Any]) -> dict[str, Any]:
    """What the dictionaries that lead to weights say of their network, the nearest last."""
    dictionaries = [container for container in containers if isinstance(container, dict)]
    return {name: held[name] for held in dictionaries for name in SIGNATURE if name in held}


def _aside(
    prefix: str, entries: dict[str, Any], tensors: dict[str, Any], path: Path
) -> tuple[str, ...]:
    """Names of what is beside the weights: in the dictionaries that lead to them, and in theirs."""
    names = [
        other
        for container, name in path
        if isinstance(container, dict)
        for other, _ in _inside(container)
        if other != name
    ]
    taken = {prefix + name for name in tensors}
    return (*names, *(key for key in entries if key not in taken))


# Judging ------------------------------------------------------------------------------------------


def is_tensor(value: Any) -> bool:
    """Whether something is a tensor, made or only described."""
    return isinstance(value, Tensor | StoredTensor)


def tensor_of(value: Tensor | StoredTensor) -> Tensor:
    """The tensor itself.

    Raises:
        ValueError: its numbers are not in the file.
    """
    return value if isinstance(value, Tensor) else value.tensor()


def problem(found: Found) -> str:
    """Why these are not the network's weights, naming the first tensor; empty if they are."""
    for name, value in Transformer(classes(found)).state_dict().items():
        if wrong := _wrong(found.tensors.get(name), value.shape):
            return f"'{name}' {wrong}"
    for name, value in found.others.items():
        if _belongs_elsewhere(name, value):
            shape = f"of the shape {_shape(value)} " if is_tensor(value) else ""
            return f"'{shown(name)}' {shape}does not belong to it"
    return ""


def classes(found: Found) -> int:
    """How many classes the weights tell apart; the most there can be if that is no such number."""
    cap = found.tensors.get("cap.weight")
    count = cap.shape[0] if is_tensor(cap) and len(cap.shape) else 0
    return count if MIN_CLASSES <= count <= MAX_CLASSES else MAX_CLASSES


def _wrong(value: Any, shape: torch.Size) -> str:
    """Why this is no weight of that shape; empty if it is one."""
    if value is None:
        return f"of the shape {tuple(shape)} is missing"
    if isinstance(value, Placeholder):
        return f"is more than a plain tensor ({shown(value.name)})"
    if not is_tensor(value):
        return "is not a tensor"
    if tuple(value.shape) != tuple(shape):
        return f"has the shape {_shape(value)}, not {tuple(shape)}"
    if value.dtype not in NUMBERS:
        return f"holds {value.dtype} instead of floating-point numbers"
    return ""


def _belongs_elsewhere(name: str, value: Any) -> bool:
    """Whether this is a layer that the network does not have, so that its answers would differ.

    A counter, or what a loss or a metric keeps, is none.
    """
    if not isinstance(value, Placeholder) and not is_tensor(value):
        return False
    if is_tensor(value) and (not len(value.shape) or value.dtype not in NUMBERS):
        return False
    return not BESIDE.match(name.split(".")[0].lower())


def _alike(found: list[Found]) -> bool:
    first, *others = (
        {name: tensor_of(tensor) for name, tensor in one.tensors.items()} for one in found
    )
    return all(other[name].equal(first[name]) for other in others for name in NAMES)


# Saying -------------------------------------------------------------------------------------------


def _what_is_there(content: Any) -> str:
    """What a file holds that has none of the network's tensors."""
    tensors = [
        f"'{shown('.'.join((*(at for _, at in path), name)))}' {_shape(entry)}"
        for path, value in _containers(content)
        for name, entry in _inside(value)
        if is_tensor(entry)
    ]
    if tensors:
        return f"does not hold an Ultimus network; the tensors in it are {_listed(tensors)}"
    if is_tensor(content):
        return f"holds a single tensor of the shape {_shape(content)}"
    entries = [name for name, _ in _inside(content)] if isinstance(content, dict) else []
    return f"holds no weights{f', only {_listed(entries)}' if entries else ''}"


OTHER_FORMS = (
    (
        re.compile(r"\._packed_params\.|\.zero_point$"),
        "holds quantised weights: take the network before it was quantised",
    ),
    (
        re.compile(r"\.(lora_[AB]|lora_magnitude_vector)\."),
        "holds a LoRA adapter beside the weights: merge it with model.merge_and_unload()",
    ),
    (
        re.compile(r"\.weight_mask$"),
        "holds pruned weights in two parts: join them with torch.nn.utils.prune.remove",
    ),
    (
        re.compile(r"(^|\.)parametrizations\.|\.weight_([gvu]|orig)$"),
        "holds weights in parts, as weight_norm and spectral_norm split them: join them with "
        "torch.nn.utils.parametrize.remove_parametrizations",
    ),
)
"""Names that tell of weights in another form, and how they become plain ones."""


OTHER_KINDS = {
    "wrapper_subclass": OTHER_FORMS[0][1],  # as torchao's
    "numpy": "holds numpy arrays instead of tensors: make tensors of them with torch.from_numpy",
    "meta_tensor": "was saved from the meta device and holds no numbers: load the weights first",
    "sparse": "holds sparse tensors: make them dense with to_dense()",
    "tensor_v3": "holds numbers of a kind that is not read, as of 8 bits: convert them by float()",
}
"""Parts of the names of what stands in place of tensors, and how it becomes those."""


def _other_form(found: Found) -> str:
    """What the weights are instead of plain ones, and what to do; empty if that is not told."""
    kinds = [value.name for value in found.tensors.values() if isinstance(value, Placeholder)]
    for part, what in OTHER_KINDS.items():
        if any(part in kind for kind in kinds):
            return what
    return next((what for form, what in OTHER_FORMS if any(map(form.search, found.others))), "")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - FIRST:,} more" if len(names) > FIRST else ""
    return ", ".join(shown(name) for name in names[:FIRST]) + more


def _shape(value: Tensor | StoredTensor) -> str:
    return one_line(str(tuple(value.shape)), SHAPE)
