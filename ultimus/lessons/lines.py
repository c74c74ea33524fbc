"""On which line of a TOML file something stands, which its parser does not tell."""

import re
from collections.abc import Iterator, Sequence

Path = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\- ]+?)\s*\]\]?")
_KEY = re.compile(r"\s*([\w\-]+)\s*=")
_LONG = re.compile(r'"""|\'\'\'')


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, of the entry that a path of names and places leads to, or of what is
    nearest above it.

    Args:
        text: the whole file.
        path: as pydantic names what is wrong, for instance ("card", 2, "question", "choices").
    """
    wanted, nearest, depth = tuple(path), 1, 0
    for number, found in _entries(text):
        shared = min(len(found), len(wanted))
        is_on_the_way = wanted[:shared] == found[:shared] and shared >= depth
        if is_on_the_way and not (len(found) > len(wanted) and depth == shared):  # the first of it
            nearest, depth = number, shared
    return nearest


def _entries(text: str) -> Iterator[tuple[int, Path]]:
    """Lines that begin a table or an entry, and the paths of these."""
    table: Path = ()
    counts: dict[Path, int] = {}
    closing = ""
    for number, line in enumerate(text.split("\n"), 1):
        if closing:  # inside a text of several lines
            closing = "" if closing in line else closing
            continue
        if header := _HEADER.match(line):
            table = _table(header[2].split("."), header[1] == "[[", counts)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, key[1])
        if (opening := _LONG.search(line)) and line.count(opening[0]) == 1:
            closing = opening[0]


def _table(names: list[str], is_listed: bool, counts: dict[Path, int]) -> Path:
    """The path of a table; of a list of tables that is met once more, the next place."""
    path: Path = ()
    for depth, name in enumerate(map(str.strip, names), 1):
        path = (*path, name)
        if is_listed and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
