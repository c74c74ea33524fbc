"""The probe group on the Train page, in a real browser: live, in place, and true."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect
from support.hands import start_training, wait_until
from support.pace import newest_metrics
from support.readings import matrix, numbers

from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.data.dataset import open_dataset
from ultimus.evaluation import fixed_groups
from ultimus.model import Trace
from ultimus.places import SHIPPED
from ultimus.runs.run import Run
from ultimus.ui.state import pool

pytestmark = pytest.mark.usefixtures("one_thread")


def traced(run: Run, step: int, images: torch.Tensor) -> Trace:
    """What the network of a step computes for some pictures."""
    model = checkpoint.load(run.snapshot(step)).eval()
    with torch.inference_mode():
        return model.trace(preprocess(images))


def test_it_follows_a_run_in_place_and_leads_to_the_same_numbers(
    server: str,
    runs: Path,
    home: Path,
    person: Callable[[], Page],
    monkeypatch: pytest.MonkeyPatch,
):
    page = start_training(person, server, epochs=900)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/live?" in request.url else 0)
    group, told = page.locator(".ultimus-group"), page.locator(".ultimus-group .judged > .live")
    group.locator("[aria-label='Pass'] [data-value='3']").click()
    canvas = group.locator("canvas")
    canvas.click(position={"x": 30, "y": 50})
    chosen = group.locator(".readout b").all_inner_texts()
    canvas.hover(position={"x": 90, "y": 90})
    pointed = group.locator(".readout b").all_inner_texts()
    assert pointed != chosen
    canvas.evaluate("each => (each.isTheSame = true)")
    for _ in range(2):
        said = told.inner_text()
        expect(told).not_to_have_text(said)
    assert canvas.evaluate("each => each.isTheSame")
    assert group.locator(".readout b").all_inner_texts() == pointed
    expect(group.locator("[aria-label='Pass'] [data-value='3']")).to_have_attribute(
        "aria-pressed", "true"
    )

    run = Run(newest_metrics(runs).parent)
    page.set_viewport_size({"width": 1280, "height": 260})  # nobody sees it
    expect(group).not_to_be_in_viewport()
    asked.clear()
    for _ in range(2):
        stamp = run.live_weights.stat().st_mtime_ns
        wait_until(page, lambda stamp=stamp: run.live_weights.stat().st_mtime_ns != stamp)
    assert len(asked) <= 1  # one that was on its way
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped")).to_be_visible()
    last = run.snapshots[-1]
    expect(told).to_contain_text(f"Step {last:,},")
    assert group.locator(".mark.cell").get_attribute("style")
    monkeypatch.setenv("ULTIMUS_HOME", str(home))
    test = open_dataset("shapes").test
    members = fixed_groups(len(test), 16, test.labels, "random")[0]
    trace = traced(run, last, test.images[members])
    assert matrix(page) == pytest.approx(trace.passes[2].weights.numpy(), abs=1e-5)
    right = int((trace.logits[-1].argmax(dim=-1) == test.labels[members]).sum())
    assert numbers(group.locator(".judged p").first) == [right]

    group.get_by_role("button", name="Look closer").click()
    expect(page).to_have_url(re.compile(f"attention.*run={run.id}"))
    expect(page).to_have_url(re.compile("pass=3"))
    expect(page.locator(".look .readout b").first).to_have_text(chosen[0])
    assert matrix(page) == pytest.approx(trace.passes[2].weights.numpy(), abs=1e-5)


def test_of_patches_it_shows_a_picture_as_a_patch_looks_at_it(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.goto(f"{server}/train?run=patches-cifar10")
    group = page.locator(".ultimus-group")
    group.locator(".verdicts button").nth(2).click()
    run = Run(SHIPPED / "patches-cifar10")
    examples = pool.examples()
    members = fixed_groups(len(examples), 16, examples.labels, "random")[0]
    trace = traced(run, run.snapshots[-1], examples.images[members])
    answers = trace.logits[-1].softmax(dim=-1).max(dim=-1).values  # (B,)
    assert numbers(group.locator(".verdicts")) == pytest.approx(answers.tolist(), abs=1e-4)
    selected = group.locator(".heat").nth(1).locator(".cells button")
    selected.nth(5).hover()
    shares = selected.evaluate_all("all => all.map((each) => Number(each.dataset.weight))")
    assert shares == pytest.approx(trace.passes[1].weights[2, 5].tolist(), abs=1e-5)
