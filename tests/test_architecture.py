"""Imports run one way, and the core needs no interface."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ultimus"

LAYERS = (
    {"errors"},
    {"files", "recipe", "shapes", "vision", "limits", "containers", "pictures"},
    {"sources", "model"},
    {"data"},
    {"summary", "checkpoint", "train", "run", "predict", "plots"},  # and all rooms not named here
    {"worker"},
    {"lab", "bench"},
    {"__init__"},
    {"__main__", "ui"},
    {"app"},
)
"""Each room imports only from rooms above it, or from its own line without going in circles."""

CORE = next(rank for rank, layer in enumerate(LAYERS) if "train" in layer)
RANK = {path.stem: CORE for path in PACKAGE.glob("*.py")} | {
    room: rank for rank, layer in enumerate(LAYERS) for room in layer
}
BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Block())
"""


def _files() -> Iterator[tuple[str, Path]]:
    """(room, file) of all source files; every page of the interface is in the room ui."""
    yield "app", ROOT / "app.py"
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        yield parts[0], file


def _imported(file: Path) -> Iterator[str]:
    """Dotted names that a file imports, wherever in it; relative ones begin with ultimus."""
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _rooms_imported(file: Path) -> set[str]:
    rooms = set()
    for name in _imported(file):
        first, *rest = name.split(".")
        if first == "ultimus":
            rooms.add(rest[0] if rest and rest[0] in RANK else "__init__")
    return rooms


FILES = list(_files())


@pytest.mark.parametrize(
    ("room", "file"), FILES, ids=[str(file.relative_to(ROOT)) for _, file in FILES]
)
def test_imports_run_one_way(room, file):
    names = {"ultimus.__version__"}  # the package's own constant, known before all rooms
    needed = _rooms_imported(file) - {room}
    if names & set(_imported(file)):
        needed.discard("__init__")
    assert {other for other in needed if RANK[other] > RANK[room]} == set()


def test_no_room_imports_itself_in_a_circle():
    needs = {room: set() for room in RANK}
    for room, file in FILES:
        needs[room] |= _rooms_imported(file) - {room, "__init__"}
    while needs:
        free = {room for room, others in needs.items() if not others & needs.keys()}
        assert free, f"in a circle: {needs}"
        needs = {room: others for room, others in needs.items() if room not in free}


@pytest.mark.parametrize(
    ("library", "allowed"),
    [("streamlit", {"ui", "app"}), ("distributed", {"lab"}), ("argparse", {"__main__"})],
)
def test_a_library_stays_in_its_rooms(library, allowed):
    users = {room for room, file in FILES for name in _imported(file)
             if name.split(".")[0] == library}  # fmt: skip
    assert users <= allowed


def test_figures_need_no_torch():
    names = {name.split(".")[0] for name in _imported(PACKAGE / "plots.py")}
    assert not names & {"torch", "streamlit"}


def test_the_core_loads_and_works_without_the_interface():
    code = BLOCKED.format(blocked={"streamlit", "plotly"}) + (
        "import torch, ultimus, ultimus.__main__, ultimus.lab\n"
        "assert all(hasattr(ultimus, name) for name in ultimus.__all__)\n"
        "print(tuple(ultimus.Transformer()(torch.zeros(3, 3, 32, 32)).shape))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "(3, 10)\n", done.stderr
