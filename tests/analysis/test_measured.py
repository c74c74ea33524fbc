"""Measured figures: all that come with Ultimus are read; what is damaged is refused."""

import json

import pytest

from ultimus.analysis import measured as reading
from ultimus.analysis.measured import Measured, measured
from ultimus.places import ASSETS

NAMES = sorted(path.stem for path in (ASSETS / "measured").glob("*.json"))
SOUND = {
    "about": "Accuracy",
    "unit": "share",
    "data": "7 images",
    "machine": "a pocket calculator",
    "command": "count",
    "seeds": [0, 1, 2],
    "values": {"alone": [0.5, 0.7, 0.6]},
    "curves": {"seed 0": {"epoch": [1, 2], "loss": [2.3, 1.9]}},
}


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_with_ultimus_is_read(name):
    found = measured(name)
    assert found.values and all((found.about, found.unit, found.data, found.machine, found.command))
    if found.unit == "share":
        assert all(0 <= share <= 1 for shares in found.values.values() for share in shares)


def test_mean_and_spread_are_over_the_seeds():
    found = Measured.model_validate(SOUND)
    assert found.mean("alone") == pytest.approx(0.6)
    assert found.spread("alone") == pytest.approx(0.1)
    assert found.percent("alone") == "60.0 ± 10.0 %"
    one = Measured.model_validate(SOUND | {"seeds": [3], "values": {"alone": [0.689]}})
    assert one.spread("alone") == 0 and one.percent("alone") == "68.9 %"


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"alone": [0.5, 0.7]}},
        {"values": {"alone": [0.5, 0.7, float("nan")]}},
        {"curves": {"seed 0": {"epoch": [1, 2], "loss": [2.3]}}},
        {"machine": None},
        {"comment": "new"},
    ],
    ids=["a seed without a value", "no number", "a shorter column", "no machine", "another field"],
)
def test_damaged_figures_are_refused(change, refused, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "ASSETS", tmp_path)
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "damaged.json").write_text(json.dumps(SOUND | change))
    with refused("damaged.json", "install"):
        measured("damaged")
    with refused("missing.json", "install"):
        measured("missing")
