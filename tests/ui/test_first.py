"""What browsers fetch for the first page, and where its links lead."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.evaluation import features_of
from ultimus.explorer import scene
from ultimus.places import SHIPPED
from ultimus.ui.server import explorer_files

SCRIPT = Path(explorer_files.__file__).with_name("script.py")

pytestmark = pytest.mark.usefixtures("one_thread")


def request(**path: str) -> Request:
    return Request({"type": "http", "query_string": b"", "headers": [], "path_params": path})


def test_each_module_is_served_as_it_is():
    files = list(explorer_files.FOLDER.glob("*.js"))
    assert len(files) > 10
    for file in files:
        answer = explorer_files.module(request(version="any", module=file.stem))
        assert gzip.decompress(answer.body) == file.read_bytes()
        assert (
            answer.media_type == "text/javascript"
            and "immutable" in answer.headers["cache-control"]
        )


@pytest.mark.parametrize("name", ["nothing", "../page", "scene.json", ""])
def test_what_is_no_module_is_not_served(name):
    assert explorer_files.module(request(version="any", module=name)).status_code == 404


def test_its_scene_is_the_shipped_run_at_its_last_step():
    told = json.loads(gzip.decompress(explorer_files.first_scene(request()).body))
    assert told["snapshots"]["steps"] == [39000]
    model = checkpoint.load(SHIPPED / "best-cifar10" / "weights" / "39000.safetensors")
    with torch.inference_mode():
        expected = features_of(model, examples().images)
    assert told["snapshots"]["features"] == scene.packed(np.stack([expected.numpy()]))


@pytest.mark.parametrize(
    ("link", "title"), [({}, None), ({"run": "steady-cifar10"}, "Train"), ({"lr": "0.1"}, "Train")]
)
def test_a_link_with_choices_opens_train(tmp_path, monkeypatch, link, title):
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    page = AppTest.from_file(SCRIPT, default_timeout=60)
    for name, value in link.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert [each.value for each in page.title] == ([title] if title else [])
    assert page.query_params.keys() >= link.keys()
