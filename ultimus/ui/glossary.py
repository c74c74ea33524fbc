"""What the words of the pages mean, where they stand; glossary.toml holds them all."""

import tomllib
from functools import cache
from pathlib import Path

import streamlit as st

from ..recipe import Recipe


@cache
def _book() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def term(name: str) -> str:
    """What a term means, e.g. for the help of a widget."""
    return _book()["terms"][name]


def choice(name: str) -> str:
    """What a choice of a recipe means; as the recipe describes it where the book does not."""
    return _book()["recipe"].get(name) or _sentence(Recipe.model_fields[name].description or "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def show(*names: str) -> None:
    """Explain the terms of a page, for its end."""
    with st.expander("Words on this page", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{name}**: {term(name)}" for name in names))


def why_across_the_batch() -> None:
    """Answer what a professor asks first."""
    book = _book()["batch"]
    with st.expander(book["question"], icon=":material/help:"):
        st.markdown(book["answer"])
