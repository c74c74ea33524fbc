"""Ultimus: see attention happen. Start with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from ultimus.ui import attention, figure, train

HERE = Path(__file__).parent

st.set_page_config(page_title="Ultimus", page_icon=str(HERE / "assets" / "icon.svg"), layout="wide")
st.logo(str(HERE / "assets" / "logo.svg"), icon_image=str(HERE / "assets" / "icon.svg"))
st.html(HERE / "assets" / "page.css")
figure.install_plotly(HERE / "static")
pages = {
    "Train": st.Page(train.page, title="Train", icon=":material/model_training:", default=True),
    "Attention": st.Page(
        attention.page, title="Attention", url_path="attention", icon=":material/grid_on:"
    ),
}
st.session_state.pages = pages  # for links between them
st.navigation(list(pages.values()), position="top").run()
