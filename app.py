"""Ultimus: see attention happen. Start with `streamlit run app.py`."""

import gc
import os
from pathlib import Path

import pandas  # noqa: F401  whole, before two sessions at once import parts of it through Streamlit
import streamlit as st

# Before torch is loaded. The server, its workers and the browser may share a few cores, and waiting
# threads that spin would keep the others from them: a run whose second core something else takes is
# two fifths faster so.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import torch

from ultimus.ui import attention, figure, predict, testset, train

HERE = Path(__file__).parent

# What pages compute is small; threads that wait for each other on a busy machine would take longer.
torch.set_num_threads(1)


@st.cache_resource(show_spinner=False)
def spare_the_collector() -> None:
    """Once: leave the 300,000 objects of the libraries out of every later collection."""
    gc.collect()
    gc.freeze()


spare_the_collector()
st.set_page_config(page_title="Ultimus", page_icon=str(HERE / "assets" / "icon.svg"), layout="wide")
st.logo(str(HERE / "assets" / "logo.svg"), icon_image=str(HERE / "assets" / "icon.svg"))
st.html(HERE / "assets" / "page.css")
figure.install_plotly(HERE / "static")
pages = {
    "Train": st.Page(train.page, title="Train", icon=":material/model_training:", default=True),
    "Attention": st.Page(
        attention.page, title="Attention", url_path="attention", icon=":material/grid_on:"
    ),
    "Predict": st.Page(
        predict.page, title="Predict", url_path="predict", icon=":material/image_search:"
    ),
    "Test set": st.Page(
        testset.page, title="Test set", url_path="testset", icon=":material/fact_check:"
    ),
}
st.session_state.pages = pages  # for links between them
st.navigation(list(pages.values()), position="top").run()
