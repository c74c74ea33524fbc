"""A lesson as its file says it (reading.py): TOML, a table for each card, texts in Markdown.

What a card shows is written with the names of its page's link, and checked by what checks links.
Numbers stand in texts as placeholders, such as {weight} or {measured NAME: key}; see values.py.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from ..links.kinds import Unfit
from ..links.pages import PAGES, Attention
from ..links.state import opened, understood
from . import values
from .lines import Path
from .moment import FIRST

PARTS = {
    "attention": ("matrix", "steps", "walk", "shares", "vectors", "passes", "company", "ablations"),
    "train": ("start", "loss", "accuracy", "rate"),
    "lab": ("start", "figure"),
    "testset": ("classes", "confusion", "sure"),
}
"""What a card may point at, by its page; explorer/pointing.js brings it into view."""
_ANY_PAGE = understood(state for states in PAGES.values() for state in states)


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty: write something")
    return text


def _on_one_line(text: str) -> str:
    if len(_said(text).splitlines()) > 1 or "\0" in text:
        raise ValueError("it stands on one line, without control characters")
    return text


Line = Annotated[str, Field(max_length=120), AfterValidator(_on_one_line)]
Words = Annotated[str, Field(max_length=5000), AfterValidator(_said)]
More = Annotated[str, Field(max_length=5000)]
Number = Annotated[str, Field(max_length=200, pattern=r"^\{[^{}\n]+\}$")]
Show = dict[str, str | int | float | bool]
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Scale(BaseModel):
    """The numbers that may be guessed.

    Attributes:
        low: the smallest.
        high: the largest.
        step: between two of them.
        unit: as it stands behind a number.
    """

    model_config = STRICT

    low: float
    high: float
    step: float = Field(1, gt=0)
    unit: str = Field("", max_length=20)

    @model_validator(mode="after")
    def _is_wide(self) -> "Scale":
        if not self.low < self.high or (self.high - self.low) / self.step > 10_000:
            raise ValueError("a scale goes from low up to high, in 10,000 steps at most")
        if self.step > self.high - self.low:
            raise ValueError("a step of a scale is no longer than the scale")
        return self


class Question(BaseModel):
    """What is guessed before the answer is shown: one of some choices, or a number.

    Attributes:
        text: the question.
        choices: to choose from.
        answer: which of them is right, from 1.
        scale: of a number instead.
        number: the right one, a placeholder.
    """

    model_config = STRICT

    text: Words
    choices: list[Line] = Field([], max_length=6)
    answer: int | None = None
    scale: Scale | None = None
    number: Number | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Question":
        if bool(self.choices) == bool(self.scale):
            raise ValueError("a question has either choices or a scale")
        if self.choices and len({*map(str.strip, self.choices)}) < max(len(self.choices), 2):
            raise ValueError("choices should be two or more, each another one")
        if self.choices and not 1 <= (self.answer or 0) <= len(self.choices):
            raise ValueError(f"answer should be the right choice, from 1 to {len(self.choices)}")
        if (self.answer if self.scale else self.number) is not None:
            raise ValueError("choices go with an answer, and a scale with a number")
        if self.scale and not self.number:
            raise ValueError("number should be a placeholder, such as {measured NAME: key}")
        return self


class Curves(BaseModel):
    """Curves to draw beside each other, epoch by epoch.

    Attributes:
        title: what they are of.
        lines: placeholders, see curves.py, by their names.
    """

    model_config = STRICT

    title: Line
    lines: dict[Line, Number] = Field(min_length=1, max_length=3)


class Reveal(BaseModel):
    """What is shown once somebody has guessed.

    Attributes:
        text: what the answer is, and why.
        app: what is to be seen or done in the app alone, said below it.
        show: what the page shows from then on, beside what it showed.
        at: the part of the page that it speaks of, as for a card.
        bars: numbers to draw, placeholders, by their names; the guess is drawn among them.
        curves: to draw, with the guess as a line through them.
    """

    model_config = STRICT

    text: Words
    app: More = ""
    show: Show = {}
    at: str = ""
    curves: Curves | None = None
    bars: dict[Line, Number] = Field({}, max_length=12)


class Card(BaseModel):
    """A step of a lesson.

    Attributes:
        title: of the card.
        name: by which others speak of it, see values.py.
        page: that stands beside it, a name of `links.pages.PAGES`.
        show: what that page shows, as its link says it.
        at: the part of the page that it speaks of, one of PARTS; found out where it is not said.
        text: what the card says.
        app: what can be done or seen in the app alone, said below it; a file puts it away.
        question: to guess.
        reveal: after the guess.
    """

    model_config = STRICT

    title: Line
    name: str = Field("", max_length=40, pattern=r"^[a-z0-9-]*$")
    page: str
    show: Show = {}
    at: str = ""
    text: Words
    app: More = ""
    question: Question | None = None
    reveal: Reveal | None = None

    @model_validator(mode="after")
    def _fits_its_page(self) -> "Card":
        if self.page not in PAGES:
            raise ValueError(f"there is no page {self.page[:40]!r}: there are {', '.join(PAGES)}")
        parts = PARTS.get(self.page, ())
        for at in filter(None, (self.at, self.reveal and self.reveal.at)):
            if at not in parts:
                known = f"it has {', '.join(parts)}" if parts else "leave at out"
                raise ValueError(f"the page {self.page} has no part {at[:40]!r}: {known}")
        if (self.question is None) != (self.reveal is None):
            raise ValueError("a question needs a reveal, and a reveal a question")
        try:
            opened(self.said, PAGES[self.page])
            opened(self.revealed.said, PAGES[self.page])
        except Unfit as unfit:
            raise ValueError(str(unfit)) from unfit
        return self

    @property
    def said(self) -> dict[str, str]:
        """What the card shows, as a link says it."""
        return {name: str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in self.show.items()}  # fmt: skip

    @property
    def link(self) -> dict[str, str]:
        """What the page's link says: of a card with computed numbers also of which pictures, and of
        which cell, so that the page shows what they speak of."""
        said = self.said
        told = [found for _, text in _texts(self) for found in values.placeholders(text)]
        shown = {}
        if any(map(values.is_of_cell, told)) and not said.get("images", "").strip():
            shown["images"] = ",".join(map(str, range(int(said.get("size", Attention.size)))))
        if any(map(values.names_no_cell, told)) and "cell" not in said:
            shown["cell"] = "-".join(map(str, FIRST))
        return said | shown

    @property
    def revealed(self) -> "Card":
        """The same once the answer is shown."""
        shown = self.reveal.show if self.reveal else {}
        return self.model_copy(update={"show": self.show | shown})

    @property
    def link_after(self) -> dict[str, str]:
        """What the page's link says then."""
        return self.revealed.link

    @property
    def is_in_file(self) -> bool:
        """Whether a lesson in a file can show what the card speaks of: of Train only the curves of
        a run that has a name, of Lab the figure of a range test, of Test set nothing."""
        if self.page == "train":
            return bool(self.link.get("run")) and self.part != "start"
        if self.page == "lab":
            return self.link.get("tool") == "range" and self.part == "figure"
        return self.page in ("look", "attention", "predict")

    @property
    def part(self) -> str:
        """The part of the page that it speaks of; empty for its top."""
        top = "matrix" if self.page == "attention" else ""
        return self.at or self._shown_in(self.show) or top

    @property
    def part_after(self) -> str:
        """The same once the answer is shown: it stays where nothing is said of it."""
        reveal = self.reveal
        return (reveal and (reveal.at or self._shown_in(reveal.show))) or self.part

    def _shown_in(self, show: Show) -> str:
        """Where on the Attention page that is seen which a card shows."""
        if self.page != "attention":
            return ""
        if show.get("view") in PARTS["attention"]:
            return str(show["view"])
        places = {"ablation": "ablations", "walk": "walk", "cell": "matrix", "show": "matrix"}
        return next((part for name, part in places.items() if name in show), "")


class Lesson(BaseModel):
    """A lesson.

    Attributes:
        title: of the lesson.
        about: one sentence for whoever chooses.
        minutes: that it takes.
        order: where it stands among the lessons of its folder.
        show: what all cards show, as far as their pages can; a card may say otherwise.
        card: its cards.
    """

    model_config = STRICT

    title: Line
    about: Words
    minutes: int = Field(ge=1, le=120)
    order: int = Field(100, ge=0, le=1000)
    show: Show = {}
    card: list[Card] = Field(min_length=1, max_length=40)

    @model_validator(mode="before")
    @classmethod
    def _shared(cls, entries: Any) -> Any:
        """Give each card what all of them show."""
        shared, cards = entries.get("show", {}), entries.get("card")
        if not (isinstance(shared, dict) and isinstance(cards, list)):
            return entries  # which is said where they are checked
        return entries | {"card": [_with(shared, card) for card in cards]}

    @field_validator("show")
    @classmethod
    def _fits_some_page(cls, show: Show) -> Show:
        for name in show:
            if name not in _ANY_PAGE:
                raise ValueError(f"{name[:40]!r} is no choice of any page")
        return show

    @property
    def places(self) -> dict[str, int]:
        """Where the cards that have a name stand, from 1."""
        return {card.name: place for place, card in enumerate(self.card, 1) if card.name}


def _with(shared: dict[str, Any], card: Any) -> Any:
    if not isinstance(card, dict) or not isinstance(card.get("show", {}), dict):
        return card
    known = understood(PAGES.get(str(card.get("page")), ()))
    return card | {"show": {k: v for k, v in shared.items() if k in known} | card.get("show", {})}


def texts(lesson: Lesson) -> list[tuple[Path, str]]:
    """All texts that may hold placeholders, and where they stand."""
    return [
        (("card", place, *at), text)
        for place, card in enumerate(lesson.card)
        for at, text in _texts(card)
    ]


def _texts(card: Card) -> list[tuple[Path, str]]:
    """The same of one card."""
    found: list[tuple[Path, str]] = [(("text",), card.text), (("app",), card.app)]
    if question := card.question:
        found.append((("question", "text"), question.text))
        found += [(("question", "choices"), choice) for choice in question.choices]
        found.append((("question", "number"), question.number or ""))
    if reveal := card.reveal:
        found += [(("reveal", name), getattr(reveal, name)) for name in ("text", "app")]
        found += [(("reveal", "bars"), bar) for bar in reveal.bars.values()]
    return found


def curves(lesson: Lesson) -> Iterator[tuple[Path, str]]:
    """All placeholders of curves, and where they stand."""
    for place, card in enumerate(lesson.card):
        if card.reveal and card.reveal.curves:
            for line in card.reveal.curves.lines.values():
                yield ("card", place, "reveal", "curves", "lines"), line
