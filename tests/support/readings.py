"""The numbers that an explorer shows in a browser, on the app's page as in a file."""

import numpy as np
from playwright.sync_api import Locator, Page, expect

BUSY = ":is(.explorer, #page) [aria-busy]"


def numbers(part: Locator) -> list[float]:
    """The numbers in a part of the page, with all their digits, once it shows what is chosen."""
    expect(part.page.locator(BUSY)).to_have_count(0)
    return part.locator("data").evaluate_all("all => all.map((each) => Number(each.value))")


def matrix(page: Page) -> np.ndarray:
    """All numbers of the matrix, as the page lists them."""
    details = page.locator(".figures")
    if not details.evaluate("each => each.open"):
        details.locator("summary").click()
    expect(details.locator("td").first).to_be_visible()
    expect(page.locator(BUSY)).to_have_count(0)
    cells = details.locator("td").all_inner_texts()
    size = round(len(cells) ** 0.5)
    return np.array(cells, dtype=float).reshape(size, size)
