"""The Class page, who may do what on it, nicknames, the lead and the code of a view."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest
from starlette.requests import Request
from streamlit.testing.v1 import AppTest
from support.pages import OWNER, SECRET, app

from ultimus.lessons import shelf
from ultimus.lessons.guesses import guesses
from ultimus.recipe import PRESETS
from ultimus.runs import housekeeping, metrics, nicknames
from ultimus.runs.run import Run, Status
from ultimus.ui.controls import qr
from ultimus.ui.state import lead as lead_module
from ultimus.ui.state import teacher
from ultimus.ui.state.lead import Lead

KEY = "a key for this test"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ULTIMUS_RUNS", str(tmp_path))
    monkeypatch.setenv("ULTIMUS_TEACHER", KEY)
    monkeypatch.setattr(lead_module, "lead", Lead())
    teacher.key.cache_clear()
    teacher._wrong.clear()
    teacher._seen.clear()
    yield tmp_path
    teacher.key.cache_clear()


def visit(**session: object) -> AppTest:
    page = AppTest.from_function(app, default_timeout=60, args=("classroom",))
    page.session_state["browser"] = SECRET
    for name, value in session.items():
        page.session_state[name] = value
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    return checked(next(each for each in page.main.button if each.label == label).click().run())


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.main.button]


def a_run(runs: Path, state: str = "done", owner: str = OWNER) -> Run:
    run = Run.create(runs, PRESETS["demo"], owner=owner)
    run.set_status(Status(state, step=5, total=10))
    line = {"step": 5, "train_accuracy": 0.25, "test_accuracy": 0.5, "test_group": 16}
    metrics.report(run.folder, line)
    return run


# The key --------------------------------------------------------------------------------------


def test_only_the_key_opens_the_teachers_page(runs):
    page = visit()
    assert "Everybody follows my view" not in labels(page)
    for wrong in ("", " ", "another", KEY[:-1], "ä", KEY * 100):
        page.text_input(key="teacher_key").set_value(wrong)
        assert "not the teacher's key" in press(page, "Open the teacher's page").error[0].value
    page.text_input(key="teacher_key").set_value(f" {KEY} ")
    page = press(page, "Open the teacher's page")
    assert not page.error and "Everybody follows my view" in labels(page)
    assert KEY not in str(page.query_params)
    assert "Everybody follows my view" not in labels(visit())  # of another session


def test_keys_cannot_be_tried_without_end(runs):
    page = visit()
    for _ in range(teacher.TRIES):
        page.text_input(key="teacher_key").set_value("guess")
        press(page, "Open the teacher's page")
    page.text_input(key="teacher_key").set_value(KEY)
    assert "Too many" in press(page, "Open the teacher's page").error[0].value


def test_without_a_key_there_is_another_one_with_each_start(runs, monkeypatch, capsys):
    monkeypatch.delenv("ULTIMUS_TEACHER")
    teacher.announce()
    assert teacher.key() in capsys.readouterr().out and len(teacher.key()) >= 12
    first = teacher.key()
    teacher.key.cache_clear()
    assert teacher.key() != first
    monkeypatch.setenv("ULTIMUS_TEACHER", KEY)
    teacher.key.cache_clear()
    teacher.announce()
    assert capsys.readouterr().out == ""  # who has set it knows it


def test_each_lesson_can_be_taken_away_as_a_file(runs):
    titles = [lesson.title for _, lesson, _ in shelf.lessons()]
    assert [button.proto.label for button in visit().get("download_button")] == titles


# Runs -----------------------------------------------------------------------------------------


def test_the_teacher_sees_all_runs_with_who_made_them(runs):
    nicknames.call(OWNER, "Ada", runs)
    first, second = a_run(runs), a_run(runs, "failed", owner="somebody")
    housekeeping.rename(first, "my best")
    (runs / "20990101-000000-demo-damaged").mkdir()
    (runs / "20990101-000000-demo-damaged" / "recipe.json").write_text("{")
    table = visit(teaches=True).dataframe[0].value
    names = {second.id: "demo · shapes, seed 0", first.id: "my best"}
    order = sorted(names)
    assert [*table["Run"]][:2] == [names[run_id] for run_id in order]
    assert "damaged" in table["Run"][2]
    row = order.index(first.id)
    assert table["Who"][row] == "Ada" and table["Test accuracy"][row] == 0.5
    assert [*table["Training accuracy"][row]] == [0.25]
    assert table["Trained"][row] == 1 and table["Trained"][1 - row] == 0.5  # done; failed


CLICKS = """
def script():
    from ultimus.ui.live import class_runs
    from ultimus.ui.pages import classroom
    from ultimus.ui.state import guard, lead
    import streamlit as st

    does = {does}
    st.button("do", on_click=does)
    guard.show_problem()
"""


@pytest.mark.parametrize(
    "does",
    [
        "lambda: class_runs._delete((RUN,))",
        "lambda: class_runs._stop((RUN,))",
        "classroom._start_leading",
        "classroom._stop_leading",
    ],
)
def test_what_a_teacher_may_do_is_asked_at_each_click(runs, does):
    run = a_run(runs, "queued")
    code = CLICKS.format(does=does.replace("RUN", repr(run.id))) + "\nscript()"
    page = AppTest.from_string(code, default_timeout=60).run()
    press(page, "do")
    assert "Only the teacher" in page.error[0].value
    assert run.status().state == "queued" and not run.has_request()
    assert not lead_module.lead.is_on


def test_what_cannot_be_done_with_one_run_is_done_with_the_others(runs):
    first, live, last = a_run(runs), a_run(runs, "paused"), a_run(runs)
    ids = (first.id, live.id, "gone", last.id)
    code = CLICKS.format(does=f"lambda: class_runs._delete({ids})") + "\nscript()"
    page = AppTest.from_string(code, default_timeout=60)
    page.session_state["teaches"] = True
    press(checked(page.run()), "do")
    assert f"{live.id} is paused" in page.error[0].value and "1 other" in page.error[0].value
    assert [run.id for run in Run.all(runs)] == [live.id]


RECOGNIZES = """
import streamlit as st
from ultimus.ui.state import teacher

teacher.recognize(st.session_state.owner)
st.button("enter", on_click=lambda: teacher.enter(teacher.key()))
st.button("leave", on_click=teacher.leave)
st.text("teaches" if teacher.is_here() else "does not")
"""


def test_a_browser_is_known_after_a_reload_until_it_is_closed_or_long_silent(runs, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(teacher.time, "monotonic", lambda: now[0])

    def session(owner: str) -> AppTest:
        page = AppTest.from_string(RECOGNIZES, default_timeout=60)
        page.session_state["owner"] = owner
        return checked(page.run())

    first = press(session("mine"), "enter")
    now[0] = teacher.REMEMBERED - 1
    reloaded = session("mine")
    assert [page.text[0].value for page in (first, reloaded)] == ["teaches"] * 2
    assert session("another's").text[0].value == "does not"
    now[0] += teacher.REMEMBERED + 1
    assert session("mine").text[0].value == "does not"
    assert press(press(reloaded, "enter"), "leave").text[0].value == "does not"
    assert checked(first.run()).text[0].value == "does not"


# Nicknames ------------------------------------------------------------------------------------


def test_a_nickname_is_kept_and_taken_away(runs):
    page = visit()
    checked(page.text_input(key="nickname").set_value("  Grace   H. ").run())
    assert nicknames.nickname(OWNER, runs) == "Grace H."
    checked(page.text_input(key="nickname").set_value("").run())
    assert nicknames.nickname(OWNER, runs) == ""
    assert Run.all(runs) == []


@pytest.mark.parametrize(
    "name",
    ["x" * 25, "a\u202eb", "\x1b[2J", "a\u200b" * 12, "\x00", "\u3164", "a\u2800\u2800",
     "\u0301", "Zalgo" + "\u0301" * 5],
)  # fmt: skip
def test_a_nickname_that_would_disturb_is_refused(runs, name, refused):
    with refused("nickname"):
        nicknames.call(OWNER, name, runs)
    assert nicknames.nickname(OWNER, runs) == ""


@pytest.mark.parametrize(
    "name", ["👩\u200d🏫 Zoë", "علي\u200cرضا", "<b>$x^2$ `y`", "Nguye\u0302\u0303n", "שָׁלוֹם"]
)
def test_a_nickname_is_kept_as_people_write_it(runs, name):
    nicknames.call(OWNER, name, runs)
    a_run(runs)
    assert visit(teaches=True).dataframe[0].value["Who"][0] == name


def test_so_many_people_may_have_a_nickname_that_a_list_of_a_class_stays_quick(
    runs, monkeypatch, refused
):
    monkeypatch.setattr(nicknames, "MOST_PEOPLE", 2)
    for number in range(2):
        nicknames.call(str(number) * 32, "Ada", runs)
    with refused("2 people have a nickname here"):
        nicknames.call("2" * 32, "Ada", runs)
    nicknames.call("1" * 32, "Grace", runs)  # who has one may change it
    nicknames.call("0" * 32, "", runs)
    nicknames.call("2" * 32, "Ada", runs)


def test_people_with_the_same_nickname_are_told_apart(runs):
    others = [f"{digit}" * 32 for digit in "ab"]
    for owner, name in zip([OWNER, *others], ["Ali", "ali ", "Ada"], strict=True):
        nicknames.call(owner, name, runs)
        a_run(runs, owner=owner)
    mine = f"Ali · {OWNER[:4]}"
    assert {*visit(teaches=True).dataframe[0].value["Who"]} == {mine, "ali · aaaa", "Ada"}
    assert mine in visit().caption[0].value


def test_what_somebody_else_wrote_is_read_as_one_short_line(runs):
    (runs / "people").mkdir()
    (runs / "people" / OWNER).write_bytes(b"<b>\n\x1b[2J" + b"x" * 500)
    found = nicknames.nickname(OWNER, runs)
    assert len(found) <= nicknames.MAX_NICKNAME and found.isprintable()
    assert nicknames.nickname("../../etc/passwd", runs) == nicknames.nickname("", runs) == ""


# The lead -------------------------------------------------------------------------------------


def ask(token: str, view: str) -> int:
    async def receive() -> dict:
        return {"type": "http.request", "body": view.encode(), "more_body": False}

    headers = [(lead_module.TOKEN.encode(), token.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with ThreadPoolExecutor(1) as other:  # a browser of other tests may have a loop in this thread
        return other.submit(asyncio.run, lead_module.take(request)).result().status_code


def test_only_the_browser_that_leads_tells_the_view(runs):
    lead = lead_module.lead
    assert ask("", "/train") == ask("guess", "/train") == 403
    token = lead.begin()
    assert ask("guess", "/train") == 403 and not lead.is_on
    assert ask(token, "/train?run=a%20b") == 204
    assert lead.now().endswith(" /train?run=a%20b")
    assert ask(token, "x" * 5000) == 413
    other = lead.begin()
    assert ask(token, "/lab") == 403 and ask(other, "/lab") == 204


@pytest.mark.parametrize(
    "view",
    ["", "train", "//evil.example", "/a/b", "http://x", "/train?a b", "/train#x", "/class?x=1",
     "/\r\nset-cookie: a=b", "/train?\r\nx: y", "/" + "x" * 50, "/train?" + "x" * 3999],
)  # fmt: skip
def test_what_is_no_view_of_a_page_is_left_out(runs, view):
    lead = lead_module.lead
    token = lead.begin()
    before = lead.now()
    assert ask(token, view) in (204, 413)
    assert lead.now() == before and not lead.is_on


def test_what_browsers_hear_is_one_line_of_ascii(runs):
    lead = lead_module.lead
    ask(lead.begin(), "/train?name=ü💥'\"<>")
    assert lead.is_on and re.fullmatch(r"[!-~ ]+", lead.now())


def test_a_lead_ends_once_its_browser_has_gone(runs):
    now = [0.0]
    lead = Lead(lambda: now[0])
    token = lead.begin()
    lead.show("/train")
    before = lead.now()
    now[0] = lead_module.GONE - 1
    assert lead.now() == before and lead.is_led_by(token)
    lead.show("/train")  # which it says again and again
    now[0] += lead_module.GONE - 1
    assert lead.now() == before and not lead.left
    now[0] += 2
    assert lead.now() != before and not lead.is_on and not lead.is_led_by(token)
    assert lead.left == token
    lead.begin()
    assert not lead.left


def test_who_leads_hears_that_another_does_or_that_nobody_does(runs):
    lead = lead_module.lead
    lead.begin()
    turn = lead.turn
    for view in ("/train", "/lab"):
        lead.show(view)
        assert lead.now().startswith(turn)
    for change in (lead.begin, lead.end):
        change()
        assert not lead.now().startswith(turn)
        turn = lead.turn


FOLLOWS = """
from ultimus.ui.controls import follow_bar
from ultimus.ui.state import lead

follow_bar.show()
lead.follow(True, "Train")
"""


def test_who_followed_stays_and_reads_that_the_teacher_has_gone(runs, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(lead_module, "lead", Lead(lambda: now[0]))
    lead_module.lead.begin()
    lead_module.lead.show("/train")
    now[0] = lead_module.GONE + 1
    page = AppTest.from_string(FOLLOWS, default_timeout=60)
    page.session_state["before_following"] = ("Lab", {})
    page.session_state["view_seen"] = "1.1 /train"
    checked(page.run())
    assert "You stay where you are" in page.markdown[0].value
    assert not [*press(page, "All right").markdown]


def test_who_looks_around_alone_hears_of_no_other_view(runs):
    token = lead_module.lead.begin()
    lead_module.lead.show("/lab")
    page = AppTest.from_string(FOLLOWS, default_timeout=60)
    page.session_state["before_following"] = ("Train", {})
    page.session_state["view_seen"] = lead_module.lead.now()
    press(checked(page.run()), "Look around on my own")
    assert not [*page.markdown]
    ask(token, "/attention")
    checked(page.run())  # it would have to know the pages


def test_a_teacher_who_leads_no_more_reads_it_and_may_lead_again(runs, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(lead_module, "lead", Lead(lambda: now[0]))
    page = AppTest.from_string(FOLLOWS, default_timeout=60)
    page.session_state["teaches"] = True
    page.session_state["leads"] = lead_module.lead.begin()
    now[0] = lead_module.GONE + 1
    assert "silent for too long" in checked(page.run()).markdown[0].value
    assert "Everybody follows your view" in press(page, "Lead again").markdown[0].value
    lead_module.lead.begin()  # another teacher
    assert "Everybody follows another window" in checked(page.run()).markdown[0].value
    lead_module.lead.end()
    assert "another window has ended it" in checked(page.run()).markdown[0].value
    assert not [*press(page, "All right").markdown]
    lead_module.lead.begin()
    assert not [*press(checked(page.run()), "Let everybody go back").markdown]


# The code of a view ---------------------------------------------------------------------------


def test_a_link_becomes_a_code(runs):
    code = qr.code("https://class.example/train?run=20260101-101010-demo-aaaa&x='\"<script>")
    assert code.startswith("data:image/svg") and not {'"', "<", ">"} & {*code}
    assert "viewBox='0 0 29 29'" in unquote(qr.code("a"))  # 21 modules, no Micro QR, and a margin


def test_guesses_of_a_lesson_that_is_gone_can_be_closed(runs):
    guesses.open("gone")
    page = visit()
    page.text_input(key="teacher_key").set_value(KEY)
    page = press(page, "Open the teacher's page")
    assert "There is no lesson 'gone' here" in page.error[0].value
    press(page, "Close, and forget the guesses")
    assert guesses.lesson == ""
