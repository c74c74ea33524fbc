"""The Test set page in a real browser: a clicked cell, its pictures, where these lead."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect
from support.hands import press_cell
from support.shipped import BEST

from ultimus.analysis.test_report import Verdict, companions, measure, select
from ultimus.checkpoints import checkpoint
from ultimus.data.sources import CIFAR10_CLASSES
from ultimus.evaluation import features_of
from ultimus.runs.run import Run
from ultimus.ui.state import pool

STEPS = Run(BEST).snapshots
CLASSES = len(CIFAR10_CLASSES)


def judged(step: int = STEPS[-1]) -> Verdict:
    """What the core says about the example pictures and the shipped weights."""
    model = checkpoint.load(BEST / "weights" / f"{step}.safetensors").eval()
    split = pool.examples()
    return measure(model, features_of(model, split.images), split.labels)


def visit(page: Page, server: str, link: str = "") -> Page:
    page.goto(f"{server}/testset?{link}")
    return drawn(page)


def drawn(page: Page) -> Page:
    """The page, once its confusion matrix is drawn."""
    expect(matrix(page).locator(".ultimus-note")).to_have_attribute("hidden", "")
    return page


def matrix(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Confusion matrix"))


def click_cell(page: Page, i: int, j: int) -> None:
    matrix(page).evaluate("(box) => box.scrollIntoView({ block: 'center' })")
    press_cell(matrix(page), i, j, CLASSES)


def pictures(page: Page) -> Locator:
    return page.locator(".st-key-gallery a")


def image_of(picture: Locator) -> int:
    link = parse_qs(urlsplit(picture.get_attribute("href")).query)
    return int(link["images"][0].split(",")[0])


def heading(page: Page, text: str) -> Locator:
    return page.get_by_role("heading", name=text, exact=True)


def test_a_clicked_cell_shows_its_pictures(server: str, person: Callable[[], Page]):
    """A mistake, something right, and back to all mistakes by a second click."""
    verdict = judged()
    page = visit(person(), server)
    expect(heading(page, "Mistakes")).to_be_visible()
    mistakes = select(verdict).tolist()
    expect(pictures(page)).to_have_count(len(mistakes))
    true, called = int(verdict.labels[mistakes[0]]), int(verdict.guesses[mistakes[0]])
    for i, j in ((true, called), (8, 8)):
        click_cell(drawn(page), i, j)
        expect(page).to_have_url(re.compile(f"pair={i}-{j}"))
        expect(heading(page, "Mistakes")).to_have_count(0)
        expect(pictures(page)).to_have_count(int(verdict.confusion[i, j]))
        shown = [image_of(each) for each in pictures(page).all()]
        assert shown == select(verdict, i, j).tolist()
    page.reload()
    expect(heading(page, "True class ship, correct")).to_be_visible()
    click_cell(drawn(page), 8, 8)
    expect(heading(page, "Mistakes")).to_be_visible()


def test_pictures_are_enlarged_without_smoothing(server: str, person: Callable[[], Page]):
    page = visit(person(), server)
    look = pictures(page).first.locator("img").evaluate(
        "(img) => [img.clientWidth, img.naturalWidth, getComputedStyle(img).imageRendering]"
    )  # fmt: skip
    assert look == [96, 32, "pixelated"]


def test_a_picture_leads_to_its_group(server: str, person: Callable[[], Page]):
    """Whatever group and cell were looked at before."""
    page = person()
    page.goto(f"{server}/attention?images=3,0,6,11,19&cell=2-4&step={STEPS[20]}")
    expect(page.locator(".readout data")).to_be_visible()
    page.get_by_role("link", name="Test set").click()
    expect(pictures(page)).to_have_count(len(select(judged(STEPS[20]))))
    image = image_of(pictures(page).last)
    pictures(page).last.click()
    members = ", ".join(map(str, companions(20, 16, image)))
    field = page.get_by_label("Picked by hand", exact=True)
    expect(field).to_have_value(members)
    expect(page).to_have_url(re.compile(rf"step={STEPS[20]}.*cell=0-\d"))


def test_keys_and_playing_choose_the_snapshot(server: str, person: Callable[[], Page]):
    page = visit(person(), server)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text(f"with the weights of step {STEPS[-2]:,}")).to_be_visible()
    page.goto(f"{server}/testset?step={STEPS[3]}")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text(f"with the weights of step {STEPS[5]:,}.")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
