"""Ultimus: see attention happen. Start with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from ultimus.ui import figure, train

HERE = Path(__file__).parent

st.set_page_config(page_title="Ultimus", page_icon=str(HERE / "assets" / "icon.svg"), layout="wide")
st.logo(str(HERE / "assets" / "logo.svg"), icon_image=str(HERE / "assets" / "icon.svg"))
st.html(HERE / "assets" / "page.css")
figure.install_plotly(HERE / "static")
st.navigation([st.Page(train.page, title="Train", url_path="train", default=True)]).run()
