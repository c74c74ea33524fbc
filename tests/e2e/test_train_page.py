"""The Train page as a class uses it."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from support.curves import points, range_of, wait_for_points, zoom
from support.hands import PATIENCE, button, press, step_of


def test_a_first_visit_shows_the_shipped_run(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/train")
    expect(page.get_by_text("You look at the run that comes with Ultimus")).to_be_visible()
    expect(page.get_by_text("Done")).to_be_visible()
    wait_for_points(page, "Loss", "training", more_than=100)
    assert points(page, "Accuracy", "test, groups of 16") == 100
    assert points(page, "Loss", "notebook log") == 24
    for name in ("Pause", "Step", "Stop", "Restart"):
        expect(button(page, name)).to_be_disabled()


def test_a_lesson(server: str, person: Callable[[], Page]):
    """Start, watch a curve grow, pause, step, resume, stop, reload, restart; others only watch."""
    teacher = person()
    teacher.goto(f"{server}/?epochs=3&groups=2")
    expect(button(teacher, "Start")).to_be_enabled(timeout=PATIENCE)
    press(teacher, "Start")
    expect(teacher).to_have_url(re.compile("run=.*-demo-"))
    expect(teacher.get_by_text("images/s")).to_be_visible(timeout=PATIENCE)
    first = wait_for_points(teacher, "Loss", "training", more_than=0)

    zoom(teacher, "Loss")
    zoomed = range_of(teacher, "Loss")
    wait_for_points(teacher, "Loss", "training", more_than=first + 5)
    assert range_of(teacher, "Loss") == zoomed

    student = person()
    student.goto(teacher.url)
    expect(student.get_by_text("You look at a run that others started")).to_be_visible()
    wait_for_points(student, "Loss", "training", more_than=first)
    expect(button(student, "Stop")).to_be_disabled()

    press(teacher, "Pause")
    expect(teacher.get_by_text("Paused")).to_be_visible()
    before = step_of(teacher)
    press(teacher, "Step")
    expect(teacher.get_by_text(re.compile(f"step {before + 1:,} of"))).to_be_visible()
    expect(student.get_by_text(re.compile(f"step {before + 1:,} of"))).to_be_visible()

    press(teacher, "Resume")
    expect(teacher.get_by_text("images/s")).to_be_visible(timeout=PATIENCE)
    press(teacher, "Stop")
    expect(teacher.get_by_text("Stopped")).to_be_visible()
    stopped = step_of(teacher)
    assert stopped >= before + 1

    teacher.reload()
    expect(teacher.get_by_text("Stopped")).to_be_visible()
    assert step_of(teacher) == stopped
    expect(button(teacher, "Resume")).to_be_enabled()

    former = teacher.url
    press(teacher, "Restart")
    expect(teacher.get_by_text(re.compile("step 0 of"))).to_be_visible(timeout=PATIENCE)
    assert teacher.url != former
    press(teacher, "Stop")
    expect(teacher.get_by_text("Stopped")).to_be_visible()


def test_settings_are_in_the_link(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/?preset=seed&epochs=5")
    expect(page.get_by_label("Groups per step", exact=True)).to_have_value("1")
    expect(page.get_by_label("Peak learning rate", exact=True)).to_have_value("0.01")
    page.get_by_label("Groups per step", exact=True).fill("8")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("groups=8"))
    page.reload()
    expect(page.get_by_label("Groups per step", exact=True)).to_have_value("8")
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("5")


def test_an_unknown_run_gets_a_sentence_and_a_way_back(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/?run=../../etc")
    expect(page.get_by_text("There is no run")).to_be_visible()
    press(page, "Show the run that comes with Ultimus")
    expect(page.get_by_text("Done")).to_be_visible()


def test_a_damaged_run_gets_a_sentence(server: str, runs: Path, person: Callable[[], Page]):
    damaged = runs / "20260101-000000-damaged-0000"
    damaged.mkdir()
    (damaged / "recipe.json").write_text('{"recipe": ')
    page = person()
    page.goto(f"{server}/?run={damaged.name}")
    expect(page.get_by_text("is damaged").first).to_be_visible()
    expect(button(page, "Show the run that comes with Ultimus")).to_be_visible()


def test_a_diverging_recipe_is_explained(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(f"{server}/?optimizer=sgd&lr=10&clip=0&schedule=constant&groups=1&max_steps=300")
    expect(button(page, "Start")).to_be_enabled(timeout=PATIENCE)
    press(page, "Start")
    expect(page.get_by_text("was no longer a finite number")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Failed")).to_be_visible()
    expect(button(page, "Restart")).to_be_enabled()


def test_nothing_is_fetched_from_elsewhere(server: str, person: Callable[[], Page]):
    page = person()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(f"{server}/train")
    wait_for_points(page, "Loss", "training", more_than=100)
    assert hosts - {""} == {server.split("/")[2]}
