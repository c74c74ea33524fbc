"""The app's first page in a real browser."""

import re
from collections.abc import Callable

import pytest
import torch
from playwright.sync_api import Page, expect

from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.places import SHIPPED

TOUCHING = """ring => {
    const box = (element) => element.getBoundingClientRect();
    const boxes = (kind) => [...ring.querySelectorAll(kind)].map(box);
    const touch = (a, b) =>
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const [names, pictures] = [boxes("text"), boxes("image")];
    return names.flatMap((name, n) => [...names, ...pictures.slice(0, n), ...pictures.slice(n + 1)]
        .filter((other) => other !== name && touch(name, other)).map(() => n));
}"""

pytestmark = pytest.mark.usefixtures("one_thread")


def test_it_shows_whom_a_picture_looks_at(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(server)
    page.locator(".ring [data-place='9']").hover()
    expect(page.locator(".card strong")).to_have_text(re.compile("#9$"))
    page.locator(".choice").get_by_role("button", name="2", exact=True).click()
    expect(page.locator(".card")).to_contain_text("Looks at, in pass 2")
    model = checkpoint.load(SHIPPED / "best-cifar10" / "weights" / "39000.safetensors")
    with torch.inference_mode():
        trace = model.trace(preprocess(examples().images[:16]))
    shown = page.locator(".looked data").evaluate_all("all => all.map((each) => +each.value)")
    assert shown == pytest.approx(trace.passes[1].weights[9].topk(5).values.tolist(), abs=1e-5)
    said = page.locator(".answers data").evaluate_all("all => all.map((each) => +each.value)")
    answers = trace.logits[:, 9].softmax(-1).amax(-1)
    assert said == pytest.approx(answers.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("door", "page_name"),
    [("See it", "attention"), ("Train it", "train"), ("Your picture", "predict")],
)
def test_its_doors_open(server: str, person: Callable[[], Page], door: str, page_name: str):
    page = person()
    page.goto(server)
    button = page.get_by_role("button", name=door)
    expect(button).to_be_in_viewport()
    button.click()
    expect(page).to_have_url(re.compile(f"/{page_name}"))


def test_sentence_pictures_and_doors_are_seen_at_once_on_a_laptop(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(server)
    expect(page.locator(".ring image")).to_have_count(16)
    for part in ("h1", ".ring", ".card", ".three"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800, part
    heights = page.locator(".three span").evaluate_all("all => all.map((e) => e.offsetHeight)")
    assert len(heights) == 4 and max(heights) < 30, "each door says its line on one line"


def test_the_names_in_the_ring_lie_apart_whoever_looks(server: str, person: Callable[[], Page]):
    page = person()
    page.emulate_media(reduced_motion="reduce")
    page.goto(server)
    ring = page.locator(".ring")
    for width, room in ((1280, "0 0 720 500"), (390, "0 0 400 600")):
        page.set_viewport_size({"width": width, "height": 800})
        expect(ring).to_have_attribute("viewBox", room)
        expect(ring.locator("text")).to_have_count(16)
        for place in range(16):
            ring.press("ArrowRight")
            assert ring.evaluate(TOUCHING) == [], (width, place)


def test_it_opens_with_the_picture_that_its_companions_help_most(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.emulate_media(reduced_motion="reduce")
    page.goto(server)
    model = checkpoint.load(SHIPPED / "best-cifar10" / "weights" / "39000.safetensors")
    labels = examples().labels[:16].long()
    with torch.inference_mode():
        logits = model.trace(preprocess(examples().images[:16])).logits
    chances = logits.softmax(-1)[:, torch.arange(16), labels]  # (P + 1, B)
    gains = torch.where(logits[-1].argmax(-1) == labels, chances[-1] - chances[0], 0)
    expect(page.locator(".card strong")).to_have_text(re.compile(f"#{int(gains.argmax())}$"))
    expect(page.locator(".card")).to_contain_text(re.compile("The network says .*: right"))


def test_it_fills_the_screen_for_a_projector(server: str, person: Callable[[], Page]):
    page = person()
    page.goto(server)
    page.get_by_role("button", name="Full screen").click()
    leave = page.get_by_role("button", name="Leave full screen")
    expect(leave).to_be_visible()
    assert page.locator(".explorer").evaluate("each => each.matches(':fullscreen')")
    leave.click()
    expect(page.get_by_role("button", name="Full screen", exact=True)).to_be_visible()


def test_it_follows_the_theme(server: str, person: Callable[[], Page]):
    page = person()
    page.emulate_media(color_scheme="dark")
    page.goto(server)
    expect(page.locator(".explorer[data-theme]")).to_have_attribute("data-theme", "dark")


def test_a_link_of_before_there_was_a_first_page_still_opens_its_run(
    server: str, person: Callable[[], Page]
):
    page = person()
    page.goto(f"{server}/?run=steady-cifar10")
    expect(page).to_have_url(re.compile(r"/train\?.*run=steady-cifar10"))
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
