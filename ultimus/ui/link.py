"""Choices that the link in the address bar carries, besides those of widgets.

The link is read once. From then on the session knows, and writes into the link: what a browser
reports as its link can be older than what this session has set.
"""

import streamlit as st


def read(name: str) -> str:
    """The value of a choice, empty if there is none; sees to it that the link has it."""
    key = f"link-{name}"
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get(name, "")
    value = st.session_state[key]
    if st.query_params.get(name, "") != value:
        if value:
            st.query_params[name] = value
        else:
            del st.query_params[name]
    return value


def write(name: str, value: str) -> None:
    """Make a choice. The link has it from the next `read` on.

    Written into the link at once, before a rerun, it could be lost: a rerun drops messages that
    are still to be sent.
    """
    st.session_state[f"link-{name}"] = value
