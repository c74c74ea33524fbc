"""Which split a file or a folder belongs to, by its name; and whether parts are missing."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ...errors import UserError

WORDS = {
    "train": ("train", "training", "trainset", "trainingset", "traindata", "trainval"),
    "test": ("test", "testing", "tests", "testset", "testingset", "testdata"),
    "validation": (
        "val", "valid", "validation", "valset", "validset", "validationset", "valdata",
        "dev", "devset", "development",
    ),
    "eval": ("eval", "evaluation", "evalset", "evaluationset", "holdout", "heldout"),
    "extra": ("unsupervised", "unlabeled", "unlabelled", "extra"),
}  # fmt: skip
TESTS = ("test", "validation", "eval")
"""Splits that can be measured on, the best first."""

ROLES = {word: name for name, words in WORDS.items() for word in words}
FILLERS = {
    "set", "data", "dataset", "datasets", "of", "part", "shard", "split", "splits", "default",
    "parquet", "arrow", "images", "image", "imgs", "img", "pictures", "batch", "chunk",
}  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SHARD = re.compile(r"^(.*?)(\d{1,6})-of-(\d{1,6})(?!\d)")


def role(name: str) -> str:
    """ "train", "test", "validation", "eval", "extra" or "": what the last such word says.

    Words stand between other characters than letters, or begin with a capital.
    """
    roles = [ROLES[word] for word in _words(name) if word in ROLES]
    return roles[-1] if roles else ""


def role_of(parts: Sequence[str]) -> str:
    """The role of a file by its path: its name counts most, then the folder that is nearest."""
    return next(filter(None, map(role, reversed(parts))), "")


def _words(name: str) -> list[str]:
    found = []
    for run in _LETTERS.findall(name):
        known = run.lower() in ROLES or not (camel := _CAMEL.findall(run))
        found += [run.lower()] if known else [word.lower() for word in camel]
    return found


def without_split(name: str) -> str:
    """What a name says besides its split and its number: that of a data set, perhaps."""
    words = (word for word in _words(name) if word not in ROLES and word not in FILLERS)
    return " ".join(words)


def check_shards(paths: Iterable[Sequence[str]]) -> None:
    """Refuse a split of which numbered parts are missing, `train-00001-of-00003.parquet`.

    Raises:
        UserError: some are, or there are parts of two versions.
    """
    found: dict[tuple, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for *folder, name in paths:
        if match := _SHARD.match(name):
            head, number, total = match[1], int(match[2]), int(match[3])
            found[(*folder, head, name[match.end() :])][total].add(number)
    for (*_, head, tail), totals in found.items():
        if len(totals) > 1:
            both = " and ".join(str(total) for total in sorted(totals))
            raise UserError(
                f"{head}…{tail} are parts of two versions, of {both} files: remove the former one."
            )
        ((total, numbers),) = totals.items()
        first = 1 if total in numbers else 0
        missing = sorted(set(range(first, first + total)) - numbers)
        if missing:
            raise UserError(
                f"{len(missing)} of the {total} files {head}…{tail} are missing, the first is "
                f"number {missing[0]}: download them again."
            )


def check_one_set(paths: Sequence[Sequence[str]]) -> None:
    """Refuse files of several data sets, which lie in folders of their own.

    Raises:
        UserError: it names the folders.
    """
    folders: dict[str, str] = {}
    for *above, _ in paths:
        folders.setdefault(" ".join(filter(None, map(without_split, above))), "/".join(above))
    if len(folders) > 1:
        named = ", ".join(sorted(folder or "the folder itself" for folder in folders.values()))
        raise UserError(
            f"These are several data sets or configurations of one ({named[:200]}): give the "
            "folder of one of them."
        )
    stems: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        stems[role_of(path)].add(without_split(path[-1].partition(".")[0]))
    both = [names for name, names in stems.items() if name in ("train", *TESTS)]
    if len(both) > 1 and len(both[0]) > 1 and all(names == both[0] for names in both):
        raise UserError(
            f"These are several data sets ({', '.join(sorted(both[0]))}), with splits of their "
            "own: put each into a folder of its own."
        )
