"""Measured figures: all that come with Ultimus are read; what is damaged is refused."""

import json
from pathlib import Path

import pytest

from ultimus.analysis import measured as reading
from ultimus.analysis.measured import Measured, measured
from ultimus.places import ASSETS

ROOT = Path(__file__).parents[2]
WHERE = ("with test images", "fresh install")
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


def test_documents_quote_what_was_measured():
    accuracy = (ROOT / "docs" / "accuracy.md").read_text()
    readme = (ROOT / "README.md").read_text()
    sizes = measured("groups-best-cifar10").curves["by size"]
    for name in ("shuffled", "sorted"):
        row = " | ".join(f"{100 * share:.1f}" for share in sizes[name])
        assert f"%  | {row} |".replace("  ", " ") in accuracy, name
    strangers = measured("outsiders-best-cifar10")
    for kind in ("blank pictures", "pictures of noise", "patterns", "pictures of text", "drawings"):
        found = (strangers.percent(f"{where}: {kind}") for where in WHERE)
        assert f"| {kind} | {' | '.join(found)} |" in accuracy
    for run, row in (("best", "`best-cifar10`, groups of 16"), ("patches", "`patches-cifar10`")):
        found = measured(f"mirrored-{run}-cifar10")
        shares = f"{found.percent('as they are')} | {found.percent('averaged')}"
        assert f"| {row} | {shares} |" in accuracy
    for name in ("seed-preset", "seed-preset-shapes"):
        for value in ("test accuracy before the collapse", "lowest later test accuracy",
                      "last test accuracy"):  # fmt: skip
            assert measured(name).percent(value) in accuracy, (name, value)
    attends = measured("who-attends-cifar10")
    assert all(attends.percent(value) in accuracy for value in attends.values)
    assert measured("seed-preset").percent("best test accuracy") in readme
    assert measured("seed-preset").percent("last test accuracy") in readme
