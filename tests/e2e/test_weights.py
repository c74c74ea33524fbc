"""Weights out of one browser and into another."""

from collections.abc import Callable
from pathlib import Path

import torch
from playwright.sync_api import Page, expect

from ultimus.checkpoints import checkpoint
from ultimus.model import Transformer

SLOW = 60_000  # milliseconds


def open_weights(page: Page) -> None:
    page.get_by_test_id("stPopoverButton").filter(has_text="Weights").click()
    expect(page.get_by_role("button", name=".safetensors", exact=True)).to_be_visible(timeout=SLOW)


def load(page: Page, path: Path) -> None:
    page.get_by_test_id("stPopoverBody").locator("input[type=file]").set_input_files(path)


def test_weights_go_from_one_person_to_another(
    server: str, person: Callable[[], Page], tmp_path: Path
):
    giver = person()
    giver.goto(f"{server}/train")
    open_weights(giver)
    for form in (".safetensors", ".pt"):
        with giver.expect_download() as saved:
            giver.get_by_role("button", name=form, exact=True).click()
        saved.value.save_as(tmp_path / saved.value.suggested_filename)
    paths = sorted(tmp_path.glob("ultimus-best-cifar10-step*"))
    models = [checkpoint.load(path).state_dict() for path in paths]
    assert [path.suffix for path in paths] == [".pt", ".safetensors"]
    assert all(models[0][name].equal(each) for name, each in models[1].items())

    taker = person()
    taker.goto(f"{server}/predict")
    open_weights(taker)
    load(taker, paths[1])
    told = f"Loaded from {paths[1].name} (sha256"
    expect(taker.get_by_text(told)).to_be_visible(timeout=SLOW)
    for name in ("Train", "Attention", "Test set"):  # every page can show it
        taker.get_by_role("link", name=name, exact=True).click()
        expect(taker.get_by_text(told)).to_be_visible(timeout=SLOW)
        expect(taker.get_by_test_id("stException")).to_have_count(0)


def test_what_is_refused_gets_a_sentence(server: str, person: Callable[[], Page], tmp_path: Path):
    weights = Transformer().state_dict()
    weights["cap.bias"] = torch.full((10,), torch.nan)
    torch.save(weights, tmp_path / "nan.pt")
    page = person()
    page.goto(f"{server}/train")
    open_weights(page)
    load(page, tmp_path / "nan.pt")
    expect(page.get_by_text("holds numbers that are not finite")).to_be_visible(timeout=SLOW)
