"""A view's address as a code that the last row can read with a telephone."""

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


def offer(place: DeltaGenerator, leave_out: str = "") -> None:
    """Draw the button that shows the code, on a page whose header has none.

    Args:
        place: where.
        leave_out: of the address: the page's path, for a code that leads to the first page.
    """
    place.button(
        "Code for telephones", icon=":material/qr_code_2:", type="tertiary", key="code",
        on_click=_ask,
    )  # fmt: skip
    if st.session_state.pop("asked_for_this_code", False):
        show(st.context.url.removesuffix(leave_out) if leave_out else address())


def _ask() -> None:
    st.session_state.asked_for_this_code = True


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
