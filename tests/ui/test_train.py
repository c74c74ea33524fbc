"""The Train page through Streamlit's AppTest: controls, choices and sentences."""

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.boards import figures, group, numbers, parts, told, words
from support.pages import OWNER, open_page
from support.shipped import BEST

from ultimus.analysis.measured import measured as figures_of
from ultimus.data.dataset import open_dataset
from ultimus.recipe import PRESETS, Recipe
from ultimus.runs import metrics
from ultimus.runs.run import Run, Status
from ultimus.ui.controls import data, rate
from ultimus.ui.live.curves import _number, duration

ROOT = Path(__file__).parents[2]
ENDED = "step 39,000 of 39,000"
BUTTONS = ("Start", "Pause", "Step", "Stop", "Restart")


@pytest.fixture
def runs(runs: Path) -> Path:
    open_dataset("shapes")  # a page would prepare it in the background
    return runs


def test_the_data_of_a_first_visitor_is_begun_before_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ULTIMUS_HOME", str(tmp_path))
    data.prepare_first()
    begun = data._preparations().pop("shapes")
    assert begun.done < 1
    begun.cancel()


def test_data_that_is_ready_is_not_prepared_again(runs: Path):
    data.prepare_first()
    assert not data._preparations()


def visit(**link: str) -> AppTest:
    return checked(open_page("train", **link))


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def buttons(page: AppTest) -> dict[str, bool]:
    """Which of the controls can be pressed."""
    return {each.label: not each.disabled for each in page.main.button if each.label in BUTTONS}


def choices(page: AppTest) -> dict[str, float]:
    return {each.key.split(" ")[0]: each.value for each in page.sidebar.number_input}


def opened(page: AppTest) -> AppTest:
    """The page with all fields of the recipe, of which most are not drawn before."""
    page.session_state["more"] = True
    return checked(page.run())


def test_a_first_visit_shows_the_shipped_run(runs: Path):
    page = visit()
    assert buttons(page) == dict.fromkeys(BUTTONS, False) | {"Start": True}
    assert ENDED in words(page)
    assert told(page)["Test, groups of 16"] == "68.99%"
    assert set(figures(page)) == {"loss", "accuracy", "learning-rate"}
    assert group(page) == {"scene": "explorer/scene/best-cifar10?images=probe", "live": False}


def _captions(page: AppTest) -> str:
    return "\n".join(each.value for each in page.caption)


def test_it_is_said_what_start_would_train_beside_the_run_on_show(runs: Path):
    said = _captions(visit(preset="best"))
    assert re.search(
        r"Start trains \*\*best\*\* on \*\*Shapes\*\*: [\d,]+ images, 100 epochs", said
    )


def test_while_data_is_not_ready_the_reason_stands_beside_start(runs: Path):
    page = visit(data="cifar10")
    assert not buttons(page)["Start"]
    assert "Start is off. The data on the left" in _captions(page)


def test_start_can_be_pressed_while_shapes_are_still_drawn(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ULTIMUS_HOME", str(tmp_path / "home"))
    page = visit(data="shapes")
    try:
        assert data._preparations()["shapes"].done < 1
        assert buttons(page)["Start"]
        said = _captions(page)
    finally:
        data._preparations().pop("shapes").cancel()
    assert "12,800 images" in said and "the run waits for them" in said


def test_the_notebook_log_is_offered_only_beside_runs_on_cifar10(runs: Path):
    page = visit()
    assert "Notebook log" in [each.label for each in page.toggle]
    assert "notebook log" in words(page)
    run = Run.create(runs, Recipe(data="shapes"))
    run.ran_with(dataset={"name": "Shapes", "fingerprint": "x", "classes": ["a", "b"]})
    run.set_status(Status("stopped", step=3, total=11))
    page = visit(run=run.id, seed_run="true")
    assert "Notebook log" not in [each.label for each in page.toggle]
    assert "notebook" not in words(page)
    assert "notebook log" not in str(figures(page)["loss"])


def test_a_note_speaks_of_the_data_that_is_chosen(runs: Path):
    measured = figures_of("seed-preset").percent("last test accuracy", 0)
    assert measured in _captions(visit(preset="seed", data="cifar10"))
    on_shapes = _captions(visit(preset="seed", data="shapes"))
    assert "On Shapes it collapses (3 seeds)" in on_shapes and measured not in on_shapes
    assert "41 %" in _captions(visit(preset="demo", data="cifar10"))
    assert "41 %" not in _captions(visit(preset="demo", data="shapes"))


def test_training_accuracy_is_told_apart_from_test_accuracy(runs: Path):
    page = visit()
    assert "Training (augmented)" in told(page)
    assert "weights that were still changing" in words(page)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(59.4, "59 s"), (59.6, "1 min 0 s"), (119.7, "2 min 0 s"), (1919.8, "32 min 0 s"),
     (3599.7, "1 h 0 min"), (7199, "2 h 0 min"), (5400, "1 h 30 min")],
)  # fmt: skip
def test_a_duration_has_no_sixty_seconds(seconds: float, said: str):
    assert duration(seconds) == said


def test_accuracy_names_the_groups_that_it_was_measured_in(runs: Path):
    run = Run.create(runs, Recipe(data="shapes", group=64))
    run.ran_with(dataset={"name": "Shapes", "fingerprint": "x", "classes": ["a", "b"]})
    line = {"step": 3, "epoch": 1.0, "loss": 2.0, "test_accuracy": 0.5, "test_group": 31}
    (run.folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    run.set_status(Status("stopped", step=3, total=11))
    names = [each["name"] for each in figures(visit(run=run.id))["accuracy"]["data"]]
    assert "test, groups of 31" in names


def test_the_figures_hold_the_shipped_runs_numbers(runs: Path):
    rows = [json.loads(line) for line in (BEST / "metrics.jsonl").read_text().splitlines()]
    tests = [row["test_accuracy"] for row in rows if "test_accuracy" in row]
    trace = next(t for t in figures(visit())["accuracy"]["data"] if t["name"].startswith("test"))
    assert len(tests) == 100
    assert numbers(trace["y"]).tolist() == pytest.approx(tests, rel=1e-7)


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [(6e-8, ".3g", "6 × 10<sup>−8</sup>"), (0.5, ".1%", "50.0%"), (float("nan"), ".3f", "–")],
)
def test_numbers_look_as_people_write_them(value: float, form: str, shown: str):
    assert _number(value, form) == shown


@pytest.mark.parametrize("preset", PRESETS)
def test_the_widgets_begin_with_the_preset(runs: Path, preset: str):
    page = visit(preset=preset)
    assert "clip" not in choices(page)
    found = choices(opened(page))
    assert "clip" in found
    for name, value in PRESETS[preset].model_dump().items():
        if name in found:
            assert found[name] == value


def test_the_short_lesson_is_offered_first(runs: Path):
    page = visit()
    assert page.sidebar.button_group(key="preset").value == "demo"
    assert choices(page)["epochs"] == PRESETS["demo"].epochs


def test_choosing_a_preset_sets_every_choice(runs: Path):
    page = opened(visit())
    checked(page.sidebar.button_group(key="preset").set_value("seed").run())
    found = choices(page)
    assert found["lr"] == 0.01
    assert found["groups"] == 1
    assert found["clip"] is None
    assert found["beta1_at_peak"] == 0.85
    options = {each.label: each.value for each in page.sidebar.selectbox}
    assert options["Optimizer"] == "adam"
    assert page.sidebar.button_group[1].value == ["flip", "cutout"]
    checked(page.sidebar.button_group(key="preset").set_value("steady").run())
    assert choices(page)["lr"] == PRESETS["steady"].lr


def test_a_changed_choice_is_in_the_link_and_comes_back(runs: Path):
    page = visit()
    checked(page.sidebar.number_input(key="lr").set_value(0.5).run())
    checked(page.sidebar.button_group(key="augment").set_value([]).run())
    assert (page.query_params["lr"], page.query_params["augment"]) == ("0.5", "none")
    again = visit(lr="0.5", augment="none")
    assert choices(again)["lr"] == 0.5
    assert again.sidebar.button_group(key="augment").value == []
    checked(again.sidebar.number_input(key="lr").set_value(PRESETS["demo"].lr).run())
    assert "lr" not in again.query_params


def test_changes_are_undone_at_once(runs: Path):
    page = visit(preset="patches", model="images", lr="0.5", augment="flip")
    assert any("here whole images" in line.value for line in page.sidebar.caption)
    undo = next(one for one in page.sidebar.button if one.label == "Undo changes")
    checked(undo.click().run())
    assert choices(page)["lr"] == PRESETS["patches"].lr
    assert not {"lr", "model", "augment"} & page.query_params.keys()
    undo = next(one for one in page.sidebar.button if one.label == "Undo changes")
    assert undo.disabled


def test_a_link_needs_to_say_only_what_differs_from_its_preset(runs: Path):
    found = choices(visit(preset="seed", epochs="5"))
    assert (found["epochs"], found["groups"], found["lr"]) == (5, 1, 0.01)


def test_values_out_of_bounds_in_a_link_are_not_taken(runs: Path):
    page = visit(epochs="-3", lr="nan", beta1="x", seed="1e9", max_seconds="inf")
    found = choices(opened(page))
    for name in ("epochs", "lr", "beta1", "seed", "max_seconds"):
        assert found[name] == getattr(PRESETS["demo"], name)


def test_a_recipe_too_large_for_the_data_gets_a_sentence(runs: Path):
    page = visit(group="1024", groups="1024")
    assert re.search("1048576 images per step, more than 4096", page.error[0].value)
    assert not buttons(page)["Start"]


def test_an_unknown_run_gets_a_sentence_and_a_way_back(runs: Path):
    page = visit(run="20260101-000000-nothing")
    assert "There is no run" in page.error[0].value
    checked(page.main.button[0].click().run())
    assert ENDED in words(page)


def test_a_damaged_run_gets_a_sentence(runs: Path):
    run = Run.create(runs, Recipe())
    (run.folder / "status.json").write_text("[]")
    assert "is damaged" in visit(run=run.id).error[0].value


def test_a_run_of_others_is_read_only(runs: Path):
    run = Run.create(runs, Recipe(), owner="somebody else")
    run.set_status(Status("stopped", step=3, total=11))
    page = visit(run=run.id)
    assert not any(on for name, on in buttons(page).items() if name != "Start")
    assert "a run that others started" in page.main.caption[0].value


@pytest.mark.parametrize("source", ["/no/such/folder", "~nobody-at-all/x"])
def test_a_folder_that_is_none_gets_a_sentence(runs: Path, source: str):
    page = visit(data="Folder", folder=source)
    assert page.error
    assert not buttons(page)["Start"]


def test_strangers_cannot_name_folders(runs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ULTIMUS_PUBLIC", "1")
    page = visit(data="Folder", folder="/etc")
    assert page.sidebar.selectbox(key="data").options == ["Shapes", "CIFAR-10", "Upload"]
    assert not page.sidebar.text_input


def _trained_now(runs: Path, owner: str) -> Run:
    run = Run.create(runs, PRESETS["demo"].with_factor(2, 0.5), owner=owner)
    run.set_status(Status("running", step=5, total=10))
    return run


@pytest.mark.parametrize(
    ("owner", "teaches", "may"),
    [(OWNER, False, True), ("other", True, True), ("other", False, False)],
)
def test_the_rate_of_a_live_run_is_its_owners_and_the_teachers(
    runs: Path, owner: str, teaches: bool, may: bool
):
    run = _trained_now(runs, owner)
    with run.hold():
        page = open_page("train", run=run.id, **{})
        page.session_state["teaches"] = teaches
        page = checked(page.run())
        change = [each for each in page.main.button if each.label == "Change it"]
        assert bool(change) == may
        if may:
            factor = next(each for each in page.main.number_input if each.label == "Planned rate ×")
            assert factor.value == 0.5
            assert page.success[0].value == "The rate is 0.5 × the planned one."
            factor.set_value(0.1)
            checked(change[0].click().run())
            for _ in "12":  # also where the page is drawn anew at once
                assert page.success[0].value == "The rate is 0.1 × the planned one."
                checked(page.run())
        assert run.take_request() == ("rate 0.1" if may else "")
        if may:  # the run has taken it, and then the teacher's
            run.ran_with(recipe=run.info().recipe.with_factor(6, 0.2).model_dump())
            page = checked(page.run())
            assert page.success[0].value == "The rate is 0.2 × the planned one."
        assert "rate × 0.5 from step 3 on" in words(page)


@pytest.mark.parametrize("is_pressed", [False, True])
def test_a_rate_that_is_chosen_as_the_run_ends_is_not_lost_without_a_word(
    runs: Path, is_pressed: bool
):
    run = _trained_now(runs, OWNER)

    def part(kind: str, label: str):
        return next(each for each in page.main.get(kind) if each.label == label)

    with run.hold():
        page = visit(run=run.id)
        part("number_input", "Planned rate ×").set_value(0.1)
        checked(part("button", "Change it").click().run() if is_pressed else page.run())
    run.set_status(Status("done", step=10, total=10))
    for _ in "12":
        page = checked(page.run())
        assert part("number_input", "Planned rate ×").value == 0.1
        assert part("button", "Change it").disabled
        assert [each.value for each in page.info] == [rate.NOT_TRAINED]
        assert [each.value for each in page.warning] == is_pressed * [
            "The run ended before its rate became 0.1 × the planned one."
        ]
    other = visit(run=run.id)  # who comes later has nothing to lose
    assert "Planned rate ×" not in [each.label for each in other.main.number_input]


def test_an_open_menu_stays_the_same_when_a_run_has_its_first_weights(runs: Path):
    run = _trained_now(runs, OWNER)

    def menus(page: AppTest) -> list[tuple[str, bool]]:
        found = [menu.proto.popover for menu in page.get("popover")]
        return [(menu.label, menu.disabled) for menu in found if menu.label]

    with run.hold():
        page = visit(run=run.id)
        before = menus(page)
        (run.folder / "weights" / "0.safetensors").write_bytes(b"")
        after = menus(checked(page.run()))
    assert ("Train on", True) in before and ("Train on", False) in after
    assert [label for label, _ in before] == [label for label, _ in after]


def test_the_planned_rates_are_those_that_the_steps_then_have(runs: Path):
    run = Run.create(runs, Recipe(data="shapes", max_steps=9))
    run.ran_with(dataset={"name": "Shapes", "train": 12_800})
    info = run.info()
    for step in range(1, 10):
        lr = info.recipe.rate(step - 1, 9)
        metrics.report(run.folder, {"step": step, "epoch": step / info.steps_per_epoch, "lr": lr})
    run.set_status(Status("done", step=9, total=9))
    page = visit(run=run.id)
    drawn = {line["name"]: line for line in figures(page)["learning-rate"]["data"]}
    for axis in "xy":
        so_far, planned = (numbers(drawn[name][axis]) for name in ("so far", "planned"))
        assert planned == pytest.approx(so_far)


@pytest.mark.parametrize(
    ("choices", "left"),
    [
        ({}, "48 s left"),
        ({"max_seconds": 20}, "8 s left"),
        ({"target": 0.3}, "until 30 % of the test images are right, at most 48 s left"),
    ],
)
def test_it_is_said_how_long_a_run_trains_and_what_may_end_it(runs: Path, choices, left):
    run = Run.create(runs, Recipe(data="shapes", **choices))
    with run.hold():
        run.set_status(Status("running", step=2, total=10, images_per_second=7, seconds=12))
        assert f"7 images/s · {left}" in words(visit(run=run.id))


@pytest.mark.parametrize(
    ("choices", "step", "why"),
    [
        ({"target": 0.3}, 5, "reached the 30 % of the test images that it aimed at"),
        ({"target": 0.9}, 40, "did not reach the 90 % of the test images"),
        ({"max_seconds": 20}, 5, "its 20 s were over"),
    ],
)
def test_it_is_said_why_a_run_ended_sooner_or_short_of_its_aim(runs: Path, choices, step, why):
    run = Run.create(runs, Recipe(data="shapes", **choices))
    metrics.report(run.folder, {"step": step, "test_accuracy": 0.35, "test_group": 16})
    run.set_status(Status("done", step=step, total=40, epoch=1.0))
    page = visit(run=run.id)
    assert why in words(page)
    assert 'aria-valuenow="100"' in "".join(part.get("html", "") for part in parts(page))


def test_whoever_follows_the_teacher_reads_the_choices_and_has_no_fields(runs: Path):
    page = visit(data="shapes", preset="seed", lr="0.07", clip="1", augment="flip", grid="2")
    page.session_state["before_following"] = ("Train", {})
    page.run()
    assert not page.number_input and "look around on your own" in _captions(page)
    table = next(each.proto.body for each in page.get("html") if "told" in each.proto.body)
    rows = dict(re.findall("<th>(.*?)</th><td>(.*?)</td>", table))
    assert rows["Data"] == "Shapes" and rows["Recipe"] == "seed"
    assert (rows["Peak learning rate"], rows["Gradient clipping"]) == ("0.07", "1")
    assert rows["Augmentation"] == "mirror" and "Weight decay" not in rows  # as the recipe has it
    changed = re.findall('class="changed"><th>(.*?)</th>', table)
    assert {*changed} == {"Peak learning rate", "Gradient clipping", "Augmentation"}
    del page.session_state["before_following"]
    page.run()
    fields = {field.label: field.value for field in page.number_input}
    assert fields["Peak learning rate"] == 0.07  # they begin with what was read


def test_what_cannot_be_trained_is_a_sentence_for_whoever_follows(runs: Path):
    page = visit(data="shapes", group="7", grouping="pairs")
    page.session_state["before_following"] = ("Train", {})
    checked(page.run())
    sentences = [error.value for error in page.error]
    assert any("groups of 7 cannot be made of pairs" in sentence for sentence in sentences)


def test_whoever_trains_on_with_other_classes_is_told(runs: Path):
    said = _captions(_about_to_train_on("best-cifar10"))
    assert "told other classes apart (airplane, automobile, bird, …)" in said
    run = Run.create(runs, Recipe(data="shapes"))
    run.ran_with(dataset={"name": "Shapes", "classes": [*open_dataset("shapes").classes]})
    run.set_status(Status("stopped", step=0, total=11))
    (run.folder / "weights" / "0.safetensors").write_bytes(b"")
    assert "other classes" not in _captions(_about_to_train_on(run.id))


def _about_to_train_on(run: str) -> AppTest:
    page = visit(run=run, data="shapes")
    page.session_state[f"training on from {run}"] = True
    page.run()
    assert "From step" in [choice.label for choice in page.selectbox]
    return page
