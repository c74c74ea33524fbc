"""Choices that both the person and the program make."""

from streamlit.testing.v1 import AppTest


def script():
    import streamlit as st

    from ultimus.ui.state import link

    st.number_input(
        "n", 0, 9, link.whole("n", 3, 0, 9), key=link.key("n"), on_change=link.take, args=("n",)
    )
    st.button("set", on_click=link.write, args=("n", "7"))
    st.button("take back", on_click=link.reset, args=("n",))
    st.write(link.read("n"))


def visit(**link: str) -> AppTest:
    page = AppTest.from_function(script)
    page.query_params.update(link)
    return page.run()


def test_the_persons_change_is_kept_by_the_same_widget():
    page = visit()
    page.number_input(key="n").set_value(5).run()
    assert page.query_params["n"] == "5"
    assert page.number_input(key="n").value == 5


def test_the_programs_change_makes_another_widget():
    page = visit(n="5")
    assert page.number_input(key="n").value == 5
    page.button[0].click().run()
    assert page.query_params["n"] == "7"
    assert page.number_input[0].value == 7
    assert page.number_input[0].key != "n"  # what a browser still sends for n counts for nothing


def test_a_choice_taken_back_is_the_default_again():
    page = visit(n="5")
    page.button[1].click().run()
    assert "n" not in page.query_params
    assert page.number_input[0].value == 3


def test_nonsense_in_the_link_is_the_default_and_too_much_is_bounded():
    for text, value in (("x", 3), ("9" * 9999, 3), ("-4", 0), ("12", 9)):
        assert visit(n=text).number_input(key="n").value == value
