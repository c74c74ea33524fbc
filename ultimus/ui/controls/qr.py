"""A view's address as a code that the last row can read with a telephone."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

MOST = 1800  # characters, of which a code can still be read from afar
LOCAL = ("localhost", "127.0.0.1", "::1")


def address(**more: str) -> str:
    """The link to what is on show.

    Args:
        more: what the link has to say besides.
    """
    said = {name: st.query_params.get_all(name) for name in st.query_params} | more
    return f"{st.context.url}?{urlencode(said, doseq=True)}" if said else st.context.url


def code(link: str) -> str:
    """A link as the address of a picture, black on white in either theme."""
    return segno.make(link, error="l", micro=False).svg_data_uri(
        border=4, light="white", omitsize=True
    )


def home(page: str) -> str:
    """The link to the first page, from a page with this path."""
    return st.context.url.removesuffix(page)


def offer(
    place: DeltaGenerator,
    label: str = "Code for telephones",
    link: Callable[[], str] = address,
) -> None:
    """Draw a button that shows a link as a code.

    Args:
        place: where.
        label: on the button, another one for each of a page.
        link: gives it once the button is pressed.
    """
    key = f"code {label}"
    place.button(
        label, icon=":material/qr_code_2:", type="tertiary", key=key, on_click=_ask, args=(key,)
    )
    if st.session_state.pop(f"asked for {key}", False):
        show(link())


def _ask(key: str) -> None:
    st.session_state[f"asked for {key}"] = True


@st.dialog("Open this view", width="large")
def show(link: str) -> None:
    """Draw it as large as the window allows."""
    if len(link) > MOST:
        st.warning("This link is too long for a code that can be read from afar: share its text.")
    else:
        st.html(f'<img class="ultimus-qr" alt="Code of this link" src="{code(link)}">')
    st.code(link, language=None, wrap_lines=True)
    if urlsplit(link).hostname in LOCAL:
        st.caption(
            "This address leads to this machine only. Open the app by the address that others use, "
            "then the code is right."
        )
