"""A teacher and a class in real browsers."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from support.hands import PATIENCE, rest, wait_until
from support.servers import TEACHER

from ultimus.recipe import PRESETS
from ultimus.runs import housekeeping
from ultimus.runs.run import Run, Status
from ultimus.ui.live import class_runs


def open_teachers_page(page: Page, server: str, key: str) -> None:
    page.goto(f"{server}/class")
    page.get_by_text("Teacher", exact=True).click()
    page.get_by_test_id("stForm").get_by_test_id("stTextInputField").fill(key)
    page.get_by_role("button", name="Open the teacher's page").click()


def test_everybody_follows_the_teachers_view_and_goes_back(
    person: Callable[[], Page], server: str, runs: Path
):
    run = Run.create(runs, PRESETS["demo"])
    run.set_status(Status("stopped"))
    student, late, teacher = person(), person(), person()
    student.goto(f"{server}/train?epochs=7")
    expect(student.get_by_role("spinbutton", name="Epochs")).to_have_value("7", timeout=PATIENCE)

    student.get_by_role("spinbutton", name="Epochs").fill("9")  # typed, and not confirmed

    open_teachers_page(teacher, server, "a guess")
    expect(teacher.get_by_text("This is not the teacher's key")).to_be_visible(timeout=PATIENCE)
    open_teachers_page(teacher, server, TEACHER)
    expect(teacher.get_by_test_id("stDataFrame")).to_be_visible(timeout=PATIENCE)
    teacher.get_by_role("button", name="Everybody follows my view").click()
    expect(teacher.get_by_text("Everybody follows you from page to page")).to_be_visible()
    teacher.get_by_role("link", name="Attention").click()
    expect(teacher.get_by_label("Images in the group")).to_be_visible(timeout=PATIENCE)
    expect(student).to_have_url(re.compile("/attention"), timeout=PATIENCE)
    expect(student.get_by_text("You follow the teacher's view.")).to_be_visible(timeout=PATIENCE)

    teacher.get_by_role("button", name="Shuffle").click()  # another view of the same page
    expect(teacher).to_have_url(re.compile("images="))
    images = re.escape(re.search(r"images=[^&]+", teacher.url)[0])
    expect(student).to_have_url(re.compile(images), timeout=PATIENCE)
    expect(student.get_by_role("rowheader", name="Picked by hand")).to_be_visible(timeout=PATIENCE)
    expect(student.get_by_role("button", name="Shuffle")).not_to_be_visible()
    late.goto(server)
    expect(late).to_have_url(re.compile(f"/attention.*{images}"), timeout=PATIENCE)
    late.get_by_role("button", name="Back to my page").click()
    expect(late.get_by_text("You follow the teacher's view.")).not_to_be_visible()
    expect(late).to_have_url(f"{server}/")

    teacher.reload()  # its browser is known again
    teacher.get_by_role("button", name="Lead from here").click(timeout=PATIENCE)
    teacher.get_by_role("link", name="Train").click()
    expect(student.get_by_text("As the teacher has it.")).to_be_visible(timeout=PATIENCE)
    expect(student.get_by_role("spinbutton", name="Epochs")).not_to_be_visible()
    teacher.get_by_role("link", name="Test set").click()
    expect(student).to_have_url(re.compile("/testset"), timeout=PATIENCE)

    other = teacher.context.new_page()
    other.goto(f"{server}/class")
    other.get_by_role("button", name="Everybody follows my view").click(timeout=PATIENCE)
    expect(teacher.get_by_text("Everybody follows another window.")).to_be_visible()
    teacher.get_by_role("button", name="Lead from here").click()
    expect(student).to_have_url(re.compile("/testset"), timeout=PATIENCE)

    teacher.get_by_role("button", name="Let everybody go back").click()
    expect(student).to_have_url(re.compile("/train.*epochs=9"), timeout=PATIENCE)
    expect(student.get_by_role("spinbutton", name="Epochs")).to_have_value("9")
    expect(student.get_by_text("You follow the teacher's view.")).not_to_be_visible()
    rest(late)
    expect(late).to_have_url(f"{server}/")

    late.get_by_role("link", name="Attention", exact=True).click()
    late.get_by_role("button", name="Share", exact=True).click()
    late.get_by_role("button", name="Large code for telephones").click()
    code = late.get_by_role("img", name="Code of this link")
    expect(code).to_be_visible(timeout=PATIENCE)
    assert code.evaluate("image => image.complete && image.getBoundingClientRect().width") > 400


def old_run(runs: Path, name: str) -> Run:
    """One that stands before all others in the list."""
    made = Run.create(runs, PRESETS["demo"])
    run = Run(made.folder.rename(runs / f"20000101-000000-{name}"))
    run.set_status(Status("stopped"))
    housekeeping.rename(run, name)
    return run


def test_a_chosen_run_stays_chosen_when_the_run_above_it_is_deleted(
    person: Callable[[], Page], server: str, runs: Path
):
    above, chosen, other = (old_run(runs, name) for name in ("above", "chosen", "other"))
    teacher = person()
    open_teachers_page(teacher, server, TEACHER)
    table = teacher.locator(".st-key-class-0").get_by_test_id("stDataFrame")
    expect(table).to_be_visible(timeout=PATIENCE)
    table.click(position={"x": 17, "y": class_runs.HEAD + class_runs.ROW * 1.5})
    expect(teacher.get_by_role("button", name="Stop", exact=True)).to_be_visible(timeout=PATIENCE)
    housekeeping.delete(above)
    expect(teacher.locator(".st-key-class-1")).to_be_visible(timeout=PATIENCE)  # of other rows
    teacher.get_by_role("button", name="Delete", exact=True).click()
    expect(teacher.get_by_text("chosen: weights and curves")).to_be_visible()
    teacher.get_by_role("button", name="Delete for good").click()
    wait_until(teacher, lambda: not chosen.folder.exists())
    assert other.folder.exists()
    housekeeping.delete(other)


def test_the_teacher_sees_how_the_guesses_of_a_class_are_spread(
    person: Callable[[], Page], server: str
):
    teacher, *students = person(), person(), person()
    open_teachers_page(teacher, server, TEACHER)
    teacher.get_by_role("combobox", name="Lesson").click(timeout=PATIENCE)
    teacher.get_by_role("option", name="The right learning rate").click()
    teacher.get_by_role("button", name="Gather the guesses of the class").click()
    expect(teacher.get_by_text("0 in the class have guessed")).to_be_visible(timeout=PATIENCE)
    first = teacher.locator(".guesses").first
    for student, key in zip(students, "22", strict=True):
        student.goto(f"{server}/?lesson=the-right-learning-rate&card=1")
        lesson = student.locator(".lesson")
        expect(lesson.get_by_text("The class sees how guesses are spread")).to_be_visible()
        lesson.get_by_role("heading", name="How far a step goes").press(key)
        expect(lesson.locator(".verdict")).to_have_text("Right.")
    expect(first.locator("td:last-child")).to_have_text(["0", "2", "0"], timeout=PATIENCE)

    students[0].locator(".lesson nav button").last.click()
    slider = students[0].get_by_role("slider", name="Your guess in times")
    slider.press("Home")
    students[0].get_by_role("button", name="This is my guess").click()
    number = teacher.locator(".guesses").last
    counts = ["1", *["0"] * 9]
    expect(number.locator("td:last-child")).to_have_text(counts, timeout=PATIENCE)
    students[0].get_by_role("button", name="Start again").click()
    students[0].get_by_role("heading", name="How far a step goes").press("1")
    expect(first.locator("td:last-child")).to_have_text(["1", "1", "0"], timeout=PATIENCE)
    expect(teacher.get_by_text("2 in the class have guessed")).to_be_visible()

    expect(number).not_to_contain_text("25")  # the answer
    expect(teacher.locator(".guesses .right")).to_have_count(0)
    teacher.get_by_role("button", name="Show the answer").last.click()
    expect(number).to_contain_text("It is 25", timeout=PATIENCE)
    expect(number.locator(".right th")).to_have_text("21 to 30 times")
    teacher.get_by_role("button", name="Close, and forget the guesses").click()
    expect(teacher.get_by_role("button", name="Gather the guesses of the class")).to_be_visible()
    teacher.get_by_role("button", name="Gather the guesses of the class").click()
    expect(teacher.get_by_text("0 in the class have guessed")).to_be_visible(timeout=PATIENCE)
    teacher.get_by_role("button", name="Close the teacher's page").click()
    expect(teacher.get_by_text("Teacher", exact=True)).to_be_visible(timeout=PATIENCE)
