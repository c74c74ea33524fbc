"""A lesson in a real browser: guessed, walked and handed out, by keyboard."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ultimus import cli, glossary

pytestmark = pytest.mark.usefixtures("one_thread")

NAME = "who-looks-at-whom"


def on_card(page: Page, number: int) -> None:
    expect(page.locator(".lesson header span")).to_have_text(f"{number} of 12")
    if number > 1:
        expect(page).to_have_url(re.compile(rf"card={number}(&|$)"))


def test_it_leads_from_the_first_page_to_the_punch_line_by_keyboard(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.goto(server)
    page.get_by_role("button", name="Start with a lesson").press("Enter")
    lesson = page.locator(".lesson")
    on_card(page, 1)
    lesson.get_by_role("button", name="Next").press("Enter")
    on_card(page, 2)
    expect(page).to_have_url(re.compile("/attention?.*step=0"))
    expect(lesson.locator(".reveal")).to_have_count(0)  # guess first
    expect(page.locator(".readout data")).to_be_visible()  # the panel stays the same from now on
    meaning = lesson.get_by_role("note")
    word = lesson.get_by_role("button", name="step", exact=True)
    word.press("Enter")
    expect(meaning).to_have_text(glossary.term("step"))
    word.press("Enter")
    expect(meaning).to_have_count(0)
    page.keyboard.press("1")  # to all alike: not so
    expect(lesson.locator(".verdict")).to_have_text("Not so.")
    expect(lesson.locator(".compared data").first).to_have_text("82.9 %")
    expect(page).to_have_url(re.compile("step=39000"))  # the page shows the answer, too
    for number in range(3, 12):
        page.keyboard.press("ArrowRight")
        on_card(page, number)
        if number == 9:  # as the lesson's first figure, but others were shown since
            expect(page.locator(".scrubber .step")).to_contain_text("step 0,")
    slider = lesson.get_by_role("slider")
    slider.press("Home")
    slider.press("ArrowRight")
    lesson.get_by_role("button", name="This is my guess").press("Enter")
    expect(lesson.locator(".verdict")).to_have_text("You guessed 10.5 %; it is 66.8 %.")
    shown = lesson.locator(".compared data").all_inner_texts()
    assert [text.replace("\u00a0", " ") for text in shown] == [
        "69.0 %", "66.8 %", "65.6 %", "67.2 %", "68.9 %", "10.5 %",
    ]  # fmt: skip
    expect(page.locator(".tabs")).to_be_in_viewport(ratio=0.8)  # what the card speaks of
    line = lesson.locator(".compared .track b").first.bounding_box()
    bar = lesson.locator(".compared .track.mine i").bounding_box()
    assert line["x"] == pytest.approx(bar["x"] + bar["width"], abs=3)  # through all bars
    page.reload()  # which forgets no guess
    expect(lesson.locator(".verdict")).to_have_text(re.compile("10.5 %"))
    page.get_by_role("link", name="Train").first.click()  # a look at another page ends no lesson
    expect(page).to_have_url(re.compile(f"/train.*lesson={NAME}"))
    lesson.get_by_role("button", name="Next").click()
    on_card(page, 12)
    expect(page).to_have_url(re.compile("/attention"))
    expect(lesson.locator(".summary")).to_contain_text(
        "0 of 4 choices guessed right. 0 of 5 numbers guessed to a tenth of their scale."
    )
    steps = lesson.get_by_role("navigation").get_by_role("button")
    done = [1, 2, 6, 11, 12]  # guessed, or read where there is nothing to guess
    for number in range(1, 13):
        assert ("done" in (steps.nth(number - 1).get_attribute("class") or "")) == (number in done)
    lesson.get_by_role("button", name="Finish").click()
    expect(lesson).to_have_count(0)
    sidebar = page.locator('[data-testid="stSidebar"][data-collapsed="false"]')
    expect(sidebar).to_have_count(0)  # no empty one opens
    expect(page).not_to_have_url(re.compile("lesson="))
    shelf = page.locator(".shelf")  # the first page, where the next lesson is
    expect(shelf.get_by_role("button", name="Who looks at whom · ✓ finished")).to_be_visible()
    expect(shelf.get_by_text("✓ finished")).to_have_count(1)


def test_a_teachers_link_opens_its_card_beside_what_the_card_shows(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/?lesson={NAME}&card=8")
    expect(page).to_have_url(re.compile("/attention.*step=39000"))
    lesson = page.locator(".lesson")
    on_card(page, 8)
    box = lesson.bounding_box()
    assert box["x"] == 0 and box["width"] == 390 and box["y"] > 844 / 2  # the page stays in sight
    expect(page.locator(".shares tbody")).to_be_in_viewport(ratio=1)
    assert page.locator(".stMain").evaluate("main => main.scrollWidth") == 390
    steps = page.locator(".chapters button:not(.play)")  # of the walk, in one row
    assert steps.evaluate_all("all => [...new Set(all.map((one) => one.offsetTop))].length") == 1
    spoken_of = page.locator(".shares").bounding_box()
    assert spoken_of["y"] + spoken_of["height"] < box["y"]
    slider, below = lesson.get_by_role("slider"), lesson.get_by_role("button", name=" below ↓")
    expect(slider).not_to_be_in_viewport()
    expect(below).to_have_text("A question below ↓")  # so that nobody skips it unseen
    below.click()
    expect(slider).to_be_in_viewport()
    expect(below).to_be_hidden()
    lesson.get_by_role("button", name="Make the lesson small").click()
    expect(lesson.get_by_role("button", name="Next")).to_be_hidden()
    page.get_by_role("button", name="Compare").click()  # a second run, for which nothing is closed
    page.get_by_text("The same run, at another step").click()
    expect(page.locator(".both > section")).to_have_count(2)
    page.goto(f"{server}/?lesson=nowhere")
    expect(page.get_by_text("There is no lesson 'nowhere' here")).to_be_visible()


def test_page_and_card_share_what_an_open_sidebar_leaves(server: str, person: Callable[[], Page]):
    page = person()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{server}/?lesson=the-right-learning-rate&card=2")
    expect(page.locator(".ultimus-figure")).to_be_visible()
    board, figure = (
        f"document.querySelector('.{part}').clientWidth"
        for part in ("ultimus-board", "ultimus-figure")
    )
    alone = page.evaluate(board)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.wait_for_function(f"{board} > 600 && {board} < 700")  # 300 of sidebar, 312 of card
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_function(f"{board} < 400 && {figure} === {board}")  # its words below it
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_function(f"{board} === {alone}")


def test_a_lesson_in_a_file_needs_no_server(tmp_path: Path, person: Callable[[], Page]):
    file = tmp_path / "lesson.html"
    assert cli.main(["export", NAME, "--form", "page", "--out", str(file)]) == 0
    page = person()
    page.context.set_offline(True)
    page.goto(file.as_uri())
    lesson = page.locator(".lesson")
    lesson.get_by_role("button", name="Next").press("Enter")
    expect(page.locator(".scrubber .step")).to_contain_text("step 0,")
    lesson.get_by_role("button", name="step", exact=True).click()
    expect(lesson.get_by_role("note")).to_have_text(glossary.term("step"))
    page.keyboard.press("3")
    expect(lesson.locator(".verdict")).to_have_text("Right.")
    expect(page.locator(".scrubber .step")).to_contain_text("step 39,000")
    expect(page.locator(".readout")).to_contain_text("frog #5 → frog #7: weight 0.8292")
    page.reload()
    expect(lesson.locator(".verdict")).to_have_text("Right.")  # the guess is kept, and the card
    lesson.get_by_role("button", name="Close the lesson").click()
    page.get_by_role("button", name="Lesson", exact=True).click()
    expect(lesson.locator("h2")).to_have_text("A table of looks")


def test_a_file_holds_both_runs_of_a_lesson(tmp_path: Path, person: Callable[[], Page]):
    file = tmp_path / "lesson.html"
    assert cli.main(["export", "when-do-others-help", "--form", "page", "--out", str(file)]) == 0
    assert file.stat().st_size < 4_000_000
    page = person()
    page.goto(file.as_uri())
    lesson, title = page.locator(".lesson"), page.locator("h1")
    for number, whose in enumerate(["pictures", "pictures", "patches", "patches"], 1):
        expect(lesson.locator("header span")).to_have_text(f"{number} of 5")
        expect(title).to_contain_text(re.compile(f"{whose}.* look at each other"))
        lesson.get_by_role("button", name="Skip").click()
    expect(page.locator("main")).to_be_hidden()  # of the page Train there is nothing but this card
    expect(lesson.get_by_text("Press Start")).to_be_hidden()
    lesson.get_by_text("In the app", exact=True).click()
    expect(lesson.get_by_text("Press Start")).to_be_visible()
    for _ in range(3):
        lesson.get_by_role("button", name="Back").click()
    expect(page.locator(".grid")).to_be_visible()
    expect(page.locator("#look .received > *")).to_have_count(4)  # frogs among themselves


def test_a_file_draws_the_training_that_its_cards_speak_of(
    tmp_path: Path, person: Callable[[], Page]
):
    file = tmp_path / "lesson.html"
    assert cli.main(["export", "why-did-it-collapse", "--form", "page", "--out", str(file)]) == 0
    page = person()
    page.goto(file.as_uri())
    lesson, log = page.locator(".lesson"), page.locator(".curves polyline.log")
    expect(page.get_by_role("img", name="Loss on training pictures")).to_be_in_viewport()
    expect(log).to_have_count(0)  # which would tell the answer
    lesson.get_by_role("button", name="This is my guess").click()
    expect(log).to_have_count(3)
    drawn = lesson.get_by_role("img", name="Loss after each epoch")
    expect(drawn.locator("polyline.log")).to_be_visible()
    guess, ends = drawn.locator("line.mine").bounding_box(), drawn.bounding_box()
    assert ends["y"] < guess["y"] < ends["y"] + ends["height"]  # 2.00, of 1.4 to 3.2
    expect(page.get_by_role("img", name="Loss on training pictures")).to_be_in_viewport(ratio=1)
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="Learning rate")).to_be_in_viewport(ratio=1)
    expect(log).to_have_count(0)


def test_a_file_draws_the_range_test_that_its_cards_speak_of(
    tmp_path: Path, person: Callable[[], Page]
):
    file = tmp_path / "lesson.html"
    name = "the-right-learning-rate"
    assert cli.main(["export", name, "--form", "page", "--out", str(file)]) == 0
    page = person()
    page.goto(file.as_uri())
    lesson = page.locator(".lesson")
    lesson.get_by_role("button", name="Skip").click()
    drawn = page.get_by_role("img", name="Loss while the rate rises: steepest at 0.00029, div")
    expect(drawn).to_be_in_viewport(ratio=1)
    expect(drawn.locator("polyline.seed")).to_have_count(10)
    expect(drawn.locator("circle.alone")).to_have_count(10)
    steep, first = drawn.locator("line.steepest"), drawn.locator("circle.alone").first
    at, dot = steep.bounding_box()["x"], first.bounding_box()
    assert at == pytest.approx(dot["x"] + dot["width"] / 2, abs=3)  # seed 0 says what the mean says
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.locator("main")).to_be_hidden()  # runs are trained in the app alone
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="Learning rate")).to_be_in_viewport(ratio=1)
