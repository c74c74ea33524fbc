"""Names that people or files give, in texts that Streamlit reads as Markdown."""

import re


def plain(name: str) -> str:
    """A name whose characters stand for themselves."""
    return re.sub(r"([\\`*_~:#|\[\]<>$])", r"\\\1", name)
