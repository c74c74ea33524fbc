"""The page in a file: what is in it, and what it refuses."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from support.shipped import STEPS, part_of_it

from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.cli import main
from ultimus.data.sources import CIFAR10_CLASSES
from ultimus.evaluation import features_of
from ultimus.explorer import page, patches, scene
from ultimus.model import Transformer
from ultimus.places import SHIPPED
from ultimus.recipe import Recipe
from ultimus.runs.run import Run, Status

MODULES = sorted(Path(page.__file__).parent.glob("*.js"))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return part_of_it(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def html(run) -> str:
    return page.page(run).decode()


def _element(html: str, kind: str) -> dict:
    return json.loads(re.search(rf'<script type="{kind}"[^>]*>(.*?)</script>', html, re.S)[1])


def _floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_it_holds_the_networks_numbers_of_each_snapshot(run, html):
    told = _element(html, "application/json")
    assert told["snapshots"]["steps"] == list(STEPS)
    assert told["classes"] == list(CIFAR10_CLASSES)
    test = examples()
    assert told["pictures"]["labels"] == test.labels.tolist()
    assert base64.b64decode(told["pictures"]["pixels"]) == test.images.numpy().tobytes()
    models = [checkpoint.load(run.snapshot(step)) for step in STEPS]
    expected = torch.stack([features_of(model, test.images) for model in models])
    features = _floats(told["snapshots"]["features"]).reshape(expected.shape)
    assert np.array_equal(features, expected.numpy())
    whole = torch.cat([each.detach().flatten() for each in models[-1].parameters()])
    assert np.array_equal(_floats(told["weights"]["numbers"]), whole.numpy())
    assert sum(size for _, size in told["weights"]["parts"]) == len(whole) == 21058
    accuracy = dict(map(tuple, told["curves"]["accuracy"]))
    assert accuracy[39000] == pytest.approx(0.69, abs=0.005)


def test_all_it_needs_is_in_it(html):
    modules = _element(html, "importmap")["imports"]
    assert modules.keys() == {f"ultimus/{file.stem}" for file in MODULES}
    for address in modules.values():
        source = base64.b64decode(address.removeprefix("data:text/javascript;base64,")).decode()
        imported = re.findall(r'^import [^;]+ from "([^"]+)";$', source, re.M)
        assert set(imported) <= modules.keys()
    outside = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:)(\w+:)?//""", html)
    assert not outside and "@scene@" not in html


@pytest.mark.skipif(shutil.which("node") is None, reason="checks JavaScript: needs node")
@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_each_module_is_sound_javascript(file):
    done = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the browser's code: needs node")
def test_what_is_looked_at():
    file = Path(__file__).parent / "view.test.js"
    done = subprocess.run(["node", "--test", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_whole_shipped_run_fits_with_as_many_pictures_as_there_may_be(html, run):
    shipped, whole = len(Run(SHIPPED / "best-cifar10").snapshots), len(html)
    assert shipped <= scene.SNAPSHOTS
    per_picture = len(STEPS) * 48 * 4 + 3 * 32 * 32
    rest = whole - per_picture * len(examples()) * 4 / 3
    largest = rest + scene.PICTURES * (scene.SNAPSHOTS * 192 + 3072) * 4 / 3
    largest += scene.SNAPSHOTS * 2098 * 4 * 4 / 3  # block and classifier
    assert largest < 4e6


def test_of_many_snapshots_the_first_and_the_last_stay():
    steps = tuple(range(0, 4000, 10))
    chosen = scene.spread(steps, scene.SNAPSHOTS)
    assert len(chosen) == len(set(chosen)) == scene.SNAPSHOTS
    assert (chosen[0], chosen[-1]) == (0, 3990) and chosen == sorted(chosen)


def test_a_name_cannot_break_out_of_its_element(run, html):
    hostile = Run(shutil.copytree(run.folder, run.folder.with_name("<!--<script>")))
    made = page.page(hostile).decode()
    assert made.count("<!--") == html.count("<!--")
    assert _element(made, "application/json")["run"]["id"] == "<!--<script>"


def test_a_run_without_weights_is_refused(tmp_path, refused):
    run = Run.create(tmp_path, Recipe())
    with refused("no weights yet"):
        page.page(run)


def test_a_run_whose_pictures_are_elsewhere_is_refused(tmp_path, refused):
    run = part_of_it(tmp_path, (39000,))
    recipe = run.folder / "recipe.json"
    about = json.loads(recipe.read_text())
    about["dataset"] |= {"classes": ["red", "green"], "fingerprint": "0" * 32}
    recipe.write_text(json.dumps(about))
    with refused("best-in-part", "CIFAR-10", "bring it here"):
        page.page(run)


def test_a_network_of_other_classes_is_refused(tmp_path, refused):
    run = part_of_it(tmp_path, (39000,))
    checkpoint.save(run.snapshot(39000), Transformer(7))
    with refused("7 classes", "10"):
        page.page(run)


def test_the_command_line_writes_it(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(run.folder), "--form", "page", "--out", "lesson.html"]) == 0
    assert capsys.readouterr().out == "lesson.html\n"
    assert (tmp_path / "lesson.html").read_bytes() == page.page(run)
    assert main(["export", str(run.folder), "--form", "page"]) == 0
    assert (tmp_path / "ultimus-best-in-part.html").exists()


def test_a_page_of_one_step_is_not_to_be_had(run, capsys):
    assert main(["export", str(run.folder), "--form", "page", "--step", "0"]) == 2
    assert "leave out --step" in capsys.readouterr().err


def test_a_run_that_has_not_begun_to_count_is_drawn_all_the_same(tmp_path):
    run = part_of_it(tmp_path, (0,))
    run.set_status(Status("stopped"))
    (run.folder / "metrics.jsonl").unlink()
    told = _element(page.page(run).decode(), "application/json")
    assert told["snapshots"]["epochs"] == [0.0] and told["curves"]["loss"] == []


def test_a_run_of_patches_has_a_page_of_its_own_with_whole_networks():
    run = Run(SHIPPED / "patches-cifar10")
    html = page.page(run).decode()
    told = _element(html, "application/json")
    assert (told["grid"], told["snapshots"]["steps"]) == (4, list(run.snapshots))
    weights = checkpoint.load(run.snapshot(run.snapshots[-1])).parameters()
    expected = torch.cat([each.detach().flatten() for each in weights]).numpy()
    assert (_floats(told["snapshots"]["weights"][-1]) == expected).all()
    many = scene.spread(range(0, 1000, 7), patches.SNAPSHOTS)
    assert len(many) == patches.SNAPSHOTS and (many[0], many[-1]) == (0, 994)


def test_weights_of_another_network_than_the_runs_are_refused(tmp_path, refused):
    run = Run.create(tmp_path, Recipe.of(preset="patches"))
    run.set_status(Status("done", step=3, total=3))
    checkpoint.save(run.snapshot(3), Transformer())
    with refused("weights of step 3", "another network"):
        page.page(run)
