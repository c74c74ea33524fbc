"""What the words of pages and lessons mean; glossary.toml holds them all."""

import tomllib
from functools import cache
from pathlib import Path

from .errors import UserError
from .recipe import Recipe


@cache
def book() -> dict[str, dict[str, str]]:
    """All of it, by chapter and name."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def term(name: str) -> str:
    """What a term means.

    Raises:
        UserError: it is not in the book; a part of a sentence.
    """
    terms = book()["terms"]
    if name not in terms:
        raise UserError(f"the glossary has no term {name[:40]!r}: it has {', '.join(terms)}")
    return terms[name]


def choice(name: str) -> str:
    """What a choice of a recipe means; as the recipe describes it where the book does not."""
    return book()["recipe"].get(name) or _sentence(Recipe.model_fields[name].description or "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
