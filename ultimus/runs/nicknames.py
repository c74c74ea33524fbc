"""What people call themselves: a nickname for each browser that wishes one, not an account."""

import os
import re
import unicodedata
from collections import Counter
from pathlib import Path

from ..data.limits import one_line
from ..errors import UserError
from ..files import read_bounded, storage_problem, write_atomically
from .housekeeping import PEOPLE

MAX_NICKNAME = 24  # characters
MOST_PEOPLE = 1000  # with a nickname; all are read for each list of a class
MOST_MARKS = 4  # on one letter; more of them cover the lines above
BLANK = "\u034f\u115f\u1160\u2800\u3164\uffa0"  # drawn as nothing, though they are no spaces
OWNER = re.compile(r"[0-9a-f]{32}")  # as recipe.json knows people


def nickname(owner: str, runs: Path) -> str:
    """What somebody is called; empty for nobody in particular, or without a nickname."""
    if not OWNER.fullmatch(owner):
        return ""
    try:
        text = read_bounded(runs / PEOPLE / owner, 1000).decode(errors="replace")
    except OSError:
        return ""
    return one_line(text, MAX_NICKNAME)


def labels(runs: Path) -> dict[str, str]:
    """What everybody is called, by owner; those with the same nickname are told apart."""
    names = {owner: name for owner in _people(runs) if (name := nickname(owner, runs))}
    count = Counter(map(_heard, names.values()))
    return {
        owner: name if count[_heard(name)] == 1 else f"{name} · {owner[:4]}"
        for owner, name in names.items()
    }


def _people(runs: Path) -> list[str]:
    try:
        return sorted(os.listdir(runs / PEOPLE))
    except OSError:  # nobody has a nickname yet
        return []


def _is_legible(name: str) -> bool:
    """Whether all of it can be seen, on its own line."""
    marks = "".join("m" if unicodedata.combining(character) else " " for character in name)
    return not (set(BLANK) & set(name) or marks[:1] == "m" or "m" * (MOST_MARKS + 1) in marks)


def _heard(name: str) -> str:
    """The same for nicknames that look alike."""
    return re.sub("[\u200c\u200d\\s]", "", unicodedata.normalize("NFKC", name)).casefold()


def call(owner: str, text: str, runs: Path) -> None:
    """Give somebody a nickname; an empty one takes it away.

    Raises:
        UserError: it is too long, cannot be read by others, too many have one, or the folder cannot
            be written.
    """
    text = " ".join(text.split())
    if len(text) > MAX_NICKNAME or one_line(text, MAX_NICKNAME) != text or not _is_legible(text):
        raise UserError(
            f"A nickname has at most {MAX_NICKNAME} characters, all visible: shorten it, or type "
            "it anew."
        )
    path = runs / PEOPLE / owner
    if text and not path.exists() and len(_people(runs)) >= MOST_PEOPLE:
        raise UserError(
            f"{MOST_PEOPLE:,} people have a nickname here: ask your teacher to remove old ones."
        )
    try:
        if text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode())
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_problem(error, path.parent) from error
