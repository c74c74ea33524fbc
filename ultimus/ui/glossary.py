"""What the words of a page mean, at its end."""

import streamlit as st

from ..glossary import book, term


def show(*names: str) -> None:
    """Explain the terms of a page."""
    with st.expander("Words on this page", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{name}**: {term(name)}" for name in names))


def why_across_the_batch() -> None:
    """Answer what a professor asks first."""
    chapter = book()["batch"]
    with st.expander(chapter["question"], icon=":material/help:"):
        st.markdown(chapter["answer"])
