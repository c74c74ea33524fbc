"""All pages: the script that Streamlit runs for each visitor. What starts it is app.py."""

import streamlit as st
import torch

from ultimus.ui.controls import follow_bar
from ultimus.ui.lesson import panel
from ultimus.ui.pages import attention, classroom, first, lab, predict, test_set, train
from ultimus.ui.server import head, memory
from ultimus.ui.state import browser, teacher

# What pages compute is small; threads that wait for each other on a busy machine would take longer.
torch.set_num_threads(1)
memory.spare_the_collector()
head.show()
pages = {
    "First": st.Page(first.page, title="Look", icon=":material/hub:", default=True),
    "Train": st.Page(train.page, title="Train", url_path="train", icon=":material/model_training:"),
    "Lab": st.Page(lab.page, title="Lab", url_path="lab", icon=":material/science:"),
    "Attention": st.Page(
        attention.page, title="Attention", url_path="attention", icon=":material/grid_on:"
    ),
    "Predict": st.Page(
        predict.page, title="Predict", url_path="predict", icon=":material/image_search:"
    ),
    "Test set": st.Page(
        test_set.page, title="Test set", url_path="testset", icon=":material/fact_check:"
    ),
    "Class": st.Page(classroom.page, title="Class", url_path="class", icon=":material/groups:"),
}
st.session_state.pages = pages  # for links between them
teacher.recognize(browser.owner())
page = st.navigation(list(pages.values()), position="top")
st.set_page_config(initial_sidebar_state=panel.sidebar(page.title))
browser.attend(page.title)
panel.show(page.title)
page.run()
follow_bar.show()
