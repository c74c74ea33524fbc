"""Imports run one way, by folder; the core needs no interface, and an answer no training."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ultimus"

FLOORS = (
    {"errors", "places"},
    {"files", "locks", "recipe"},
    {"data", "glossary", "model"},
    {"evaluation", "checkpoints", "plots"},
    {"training", "analysis"},
    {"links", "runs"},
    {"bench", "explorer"},
    {"lessons"},
    {"ui", "cli"},
    {"app", "__main__"},
)
"""A room is a folder, or a file beside the folders; it imports only from rooms on floors above."""

RANK = {room: rank for rank, floor in enumerate(FLOORS) for room in floor}
BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in {blocked!r}):
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Block())
"""


def _files() -> Iterator[tuple[str, Path]]:
    """(room, file) of all source files."""
    yield "app", ROOT / "app.py"
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).with_suffix("").parts[0]
        if room != "__init__":
            yield room, file


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
    """Rooms that a file imports; `__version__` and SPIN_COUNT are known before all of them."""
    names = [name.split(".") for name in _imported(file)]
    known = {"__version__", "SPIN_COUNT"}
    return {name[1] for name in names if name[0] == "ultimus" and name[1] not in known}


FILES = list(_files())


def test_every_room_has_its_floor():
    assert {room for room, _ in FILES} == RANK.keys()


@pytest.mark.parametrize(
    ("room", "file"), FILES, ids=[str(file.relative_to(ROOT)) for _, file in FILES]
)
def test_imports_run_one_way(room, file):
    needed = _rooms_imported(file) - {room}
    assert {other for other in needed if RANK[other] >= RANK[room]} == set()


def test_no_file_imports_itself_in_a_circle():
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for _, file in FILES
    }
    needs = {
        name: {
            known
            for imported in _imported(file)
            for known in (imported, imported.rpartition(".")[0])
            if known in modules and known != name and modules[known].name != "__init__.py"
        }
        for name, file in modules.items()
    }
    while needs:
        free = {name for name, others in needs.items() if not others & needs.keys()}
        assert free, f"in a circle: {needs}"
        needs = {name: others for name, others in needs.items() if name not in free}


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("streamlit", {"ui", "app"}),
        ("distributed", {"runs"}),
        ("argparse", {"cli"}),
        ("plotly", {"plots", "ui"}),
    ],
)
def test_a_library_stays_in_its_rooms(library, allowed):
    users = {room for room, file in FILES for name in _imported(file)
             if name.split(".")[0] == library}  # fmt: skip
    assert users <= allowed


NOT_ON_WINDOWS = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_ONLY = set(dir(os)) & {
    "fchmod", "fork", "forkpty", "geteuid", "getpgid", "getpgrp", "getpriority", "getsid", "getuid",
    "killpg", "lockf", "mkfifo", "nice", "posix_spawn", "pread", "preadv", "pwrite", "sched_yield",
    "sched_getaffinity", "sched_setaffinity", "setpgid", "setpriority", "setsid", "statvfs",
    "sysconf", "uname", "wait3", "wait4", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC",
}  # fmt: skip


@pytest.mark.parametrize("file", [file for _, file in FILES], ids=lambda file: file.name)
def test_nothing_is_needed_that_windows_lacks(file):
    assert not {name.split(".")[0] for name in _imported(file)} & NOT_ON_WINDOWS
    if file == PACKAGE / "runs" / "machine.py":  # asks first, as its own test holds
        return
    named = {
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id in ("os", "signal", "time")
    }  # fmt: skip
    assert not named & (POSIX_ONLY | {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM", "alarm", "tzset"})


@pytest.mark.parametrize("file", sorted((PACKAGE / "plots").glob("*.py")), ids=lambda f: f.name)
def test_figures_are_made_of_arrays_alone(file):
    known = {*sys.stdlib_module_names, "numpy", "pandas", "plotly", "PIL", "tsdownsample"}
    assert {name.split(".")[0] for name in _imported(file)} <= {*known, "ultimus"}
    assert _rooms_imported(file) <= {"plots"}


def test_no_file_uses_anothers_private_names():
    ours = {(file, name) for _, file in FILES for name in _imported(file) if "ultimus." in name}
    private = {(file, name) for file, name in ours if name.rpartition(".")[2].startswith("_")}
    assert {(file, name) for file, name in private if not name.endswith(".__version__")} == set()


def _run_without(blocked: set[str], code: str) -> str:
    command = [sys.executable, "-c", BLOCKED.format(blocked=blocked) + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_core_loads_and_works_without_the_interface():
    code = (
        "import torch, ultimus, ultimus.cli, ultimus.runs.scheduler\n"
        "assert all(hasattr(ultimus, name) for name in ultimus.__all__)\n"
        "print(tuple(ultimus.Transformer()(torch.zeros(3, 3, 32, 32)).shape))"
    )
    assert _run_without({"streamlit", "plotly"}, code) == "(3, 10)\n"


HEAVY = {"torchvision", "pyarrow", "pandas", "streamlit", "plotly", "distributed", "dask"}


def test_what_names_a_picture_is_found_without_what_it_does_not_need():
    code = "import ultimus; print(ultimus.predict.__name__)"
    blocked = {*HEAVY, "pydantic", "ultimus.training", "ultimus.runs", "ultimus.data.sources"}
    assert _run_without(blocked, code) == "predict\n"


def test_a_picture_is_named_without_training_data_sets_and_interface():
    code = (
        "import numpy, torch, ultimus\n"
        "from ultimus.analysis.prediction import examples\n"
        "model = ultimus.load('assets/runs/best-cifar10/weights/39000.safetensors')\n"
        "pictures = examples().images\n"
        "companions = ultimus.draw_companions(model, pictures)\n"
        "print(ultimus.predict(model, pictures[:1].numpy(), companions)[0].top)"
    )
    blocked = {*HEAVY, "ultimus.training", "ultimus.runs", "ultimus.data.sources"}
    assert _run_without(blocked, code) == "3\n"  # a cat, as it is


def test_the_files_that_the_map_names_are_there():
    rows = [line.split("|")[2:4] for line in (ROOT / "docs" / "architecture.md").open()
            if line.startswith("| ")]  # fmt: skip
    named = re.findall(r"`([\w/]+\.\w+)`", str(rows))
    assert len(named) > 20
    assert [name for name in named if not (PACKAGE / name).is_file()] == []


def test_every_finding_is_listed_and_no_other():
    listed = re.findall(r"\]\(([\w-]+\.sh)\)", (ROOT / "findings" / "README.md").read_text())
    assert sorted(listed) == sorted(file.name for file in (ROOT / "findings").glob("*.sh"))
