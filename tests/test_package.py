"""The package as somebody installs it, without a clone."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.servers import served

from ultimus.ui.figures import plotly_js

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "assets" / "examples" / "cifar10_01_8.png"


def test_the_pinned_set_is_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {wanted.name: wanted for wanted in map(Requirement, project["dependencies"])}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert sorted(asked) == sorted(pin.name for pin in pins)
    for pin in pins:
        (exactly,) = pin.specifier
        assert exactly.operator == "==" and exactly.version in asked[pin.name].specifier, pin.name
        assert pin.extras == asked[pin.name].extras, pin.name


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the built package, and with the libraries of this one."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], folder)
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    libraries = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    (wheel,) = folder.glob("*.whl")
    _run([*pip, "--python", python, "install", "--no-deps", wheel], folder)
    return folder / "venv" / "bin" / "ultimus"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    own = {"ULTIMUS_RUNS": str(tmp_path / "runs"), "ULTIMUS_HOME": str(tmp_path / "home")}
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return known | own


def _run(command: list, folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_measured_figures_come_with_it(installed):
    (inside,) = installed.parents[1].glob("lib/*/site-packages/ultimus/assets/measured")
    beside = ROOT / "assets" / "measured"
    assert {file.name for file in inside.iterdir()} == {file.name for file in beside.iterdir()}


@pytest.mark.slow
def test_the_command_names_a_picture_with_the_shipped_run(installed, environment, tmp_path):
    (shipped,) = installed.parents[1].glob("lib/*/site-packages/ultimus/assets/runs/best-cifar10")
    said = _run([installed, "predict", shipped, PICTURE], tmp_path, environment)
    assert "automobile" in said


@pytest.mark.slow
def test_the_command_starts_the_app_with_its_settings(installed, environment, tmp_path, capfd):
    with served([str(installed), "app"], tmp_path, environment) as address:
        for path in ("", plotly_js.ADDRESS, "attention"):
            with urllib.request.urlopen(f"{address}/{path}") as answer:
                assert answer.status == 200
        assert "Collecting usage statistics" not in capfd.readouterr().out
