"""Any page of the app through Streamlit's AppTest, which cannot go from the first to another."""

import hashlib

from streamlit.testing.v1 import AppTest

SECRET = "of-the-browser-under-test"
OWNER = hashlib.sha256(SECRET.encode()).hexdigest()[:32]  # as run folders know it
NAMES = ("train", "attention", "predict", "test_set")


def app(first: str) -> None:
    """As the server's script, but for the page that is the first."""
    from importlib import import_module

    import streamlit

    pages = {
        title: streamlit.Page(
            import_module(f"ultimus.ui.pages.{name}").page,
            title=title,
            url_path=name,
            default=name == first,
        )
        for title, name in (
            ("Train", "train"),
            ("Attention", "attention"),
            ("Predict", "predict"),
            ("Test set", "test_set"),
            ("Lab", "lab"),
            ("Class", "classroom"),
        )
    }
    streamlit.session_state.pages = pages
    streamlit.navigation(list(pages.values())).run()


def open_page(name: str, **link: str | list[str]) -> AppTest:
    """A page by its link."""
    page = AppTest.from_function(app, default_timeout=60, args=(name,))
    page.session_state["browser"] = SECRET
    page.query_params.update(link)
    return page.run()
