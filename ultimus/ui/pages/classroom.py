"""The Class page: a nickname for whoever wishes one; for the teacher, all runs and the lead."""

import streamlit as st

from ...lessons.guesses import guesses
from ...places import runs_folder
from ...runs import nicknames
from ..controls import qr
from ..lesson import sheets, spread
from ..live import class_runs
from ..state import browser, choices, guard, lead, teacher, text

ABOUT = """
All who open this app are a class. The teacher leads everybody to a view, sees all runs side by
side, and how the guesses of a lesson are spread; your runs stay yours.
"""
REFRESH = 2.0  # seconds


@guard.guarded
def page() -> None:
    """Draw the page."""
    choices.arrive("Class")
    row = st.container(horizontal=True, vertical_alignment="center")
    row.title("Class", anchor=False, width="stretch")
    sheets.offer(row)
    qr.offer(row, link=lambda: qr.home("class"))  # where a class begins
    guard.show_problem()
    if teacher.is_here():
        _leading()
        spread.show()
        guard.fragment(_runs, run_every=REFRESH)(_who_leads())
    else:
        st.markdown(ABOUT)
        _nickname()
        _key()


# For everybody ------------------------------------------------------------------------------------


def _nickname() -> None:
    me = browser.owner()
    nickname = nicknames.nickname(me, runs_folder())
    st.text_input(
        "Your nickname", nickname, width=320, max_chars=nicknames.MAX_NICKNAME, key="nickname",
        on_change=_call, placeholder="none",
        help="If you wish: the class sees it beside your runs.",
    )  # fmt: skip
    label = nicknames.labels(runs_folder()).get(me, nickname)
    if label != nickname:
        st.caption(
            f"Somebody else has this nickname, too: you are listed as “{text.plain(label)}”."
        )


@guard.click
def _call() -> None:
    if "nickname" in st.session_state:  # else its field was left with the page
        nicknames.call(browser.owner(), st.session_state.nickname, runs_folder())


def _key() -> None:
    with st.expander("Teacher"), st.form("teacher", border=False, clear_on_submit=True):
        st.text_input(
            "Key", type="password", key="teacher_key", max_chars=teacher.MAX_KEY, width=320,
            help="It stands where the app was started, or in ULTIMUS_TEACHER.",
        )  # fmt: skip
        st.form_submit_button("Open the teacher's page", on_click=_enter)


@guard.click
def _enter() -> None:
    teacher.enter(st.session_state.teacher_key)


# For the teacher ----------------------------------------------------------------------------------


def _leading() -> None:
    row = st.container(horizontal=True, vertical_alignment="center")
    if not lead.leads():
        row.button(
            "Everybody follows my view", icon=":material/cast:", type="primary",
            on_click=_start_leading,
            help="The pages that you open from now on open in all browsers of the class, which "
            "read what you choose. Who wants to try something looks around on their own.",
        )  # fmt: skip
    if lead.leads() or lead.is_led_elsewhere():
        row.button("Let everybody go back", icon=":material/undo:", on_click=_stop_leading)
        where = "you from page to page, but not to this one" if lead.leads() else "another window"
        row.caption(f"Everybody follows {where}.")
    row.button("Close the teacher's page", icon=":material/lock:", on_click=_leave)


def _who_leads() -> tuple[bool, bool]:
    return lead.leads(), lead.is_led_elsewhere()


def _runs(leading: tuple[bool, bool]) -> None:
    if _who_leads() != leading:
        st.rerun()  # another window has begun or ended
    class_runs.show()


@guard.click
def _start_leading() -> None:
    lead.start()


@guard.click
def _stop_leading() -> None:
    lead.stop()


@guard.click
def _leave() -> None:
    if lead.leads():
        lead.stop()
    guesses.close()
    teacher.leave()
