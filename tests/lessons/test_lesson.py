"""Lessons as teachers write them: read, refused in one sentence with the line, and harmless."""

import json
import re
from pathlib import Path

import pytest
import torch

from ultimus.analysis import range_test
from ultimus.analysis.ablation import ablate
from ultimus.analysis.measured import measured, notebook_log
from ultimus.analysis.prediction import examples
from ultimus.checkpoints import checkpoint
from ultimus.data.augment import preprocess
from ultimus.errors import UserError
from ultimus.evaluation import features_of
from ultimus.lessons import shelf
from ultimus.lessons.filled import filled
from ultimus.lessons.lesson import Card
from ultimus.lessons.page import lesson_page
from ultimus.lessons.reading import read
from ultimus.places import LESSONS, SHIPPED
from ultimus.runs.run import Run

pytestmark = pytest.mark.usefixtures("one_thread")

HEAD = 'title = "Mine"\nabout = "A try."\nminutes = 5\n'
CARD = '[[card]]\ntitle = "One"\npage = "attention"\ntext = "Look."\n'
TRAIN = CARD.replace("attention", "train")
ASKED = f'{CARD}[card.question]\ntext = "Which?"\nchoices = ["a", "b"]\nanswer = 2\n'
CHOICES = 'choices = ["a", "b"]\nanswer = 2'
BEST = "measured ablation-best-cifar10"
SCALE = "scale = { low = 1, high = 2 }"
WHOLE = f'{HEAD}{ASKED}[card.reveal]\ntext = "b."\n'
DRAWN = '[card.reveal.curves]\ntitle = "A"\nlines = {{ "a" = "{}" }}\n'


def written(folder: Path, text: str | bytes, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("path", sorted(LESSONS.glob("*.toml")), ids=lambda path: path.stem)
def test_each_shipped_lesson_has_all_its_numbers(path):
    made = filled(path.stem, read(path))
    asked = [card for card in made["cards"] if "question" in card]
    assert 5 <= made["minutes"] <= 15 and len(asked) >= 3
    assert not re.search(r"[{}\ue000]", str([card["text"] for card in made["cards"]]))
    for card in asked:
        scale, right = card["question"]["scale"], card["reveal"]["number"]
        assert scale is None or scale["low"] <= right["number"] <= scale["high"], card["title"]


CARDS = [
    pytest.param(card, id=f"{path.stem} {place}")
    for path in sorted(LESSONS.glob("*.toml"))
    for place, card in enumerate(read(path).card, 1)
]


def _words(card: Card) -> tuple[str, str]:
    """What a card says wherever it runs: before the guess, and after it."""
    question = card.question.text if card.question else ""
    return f"{card.text} {question}", card.reveal.text if card.reveal else ""


@pytest.mark.parametrize("card", CARDS)
def test_a_card_orders_nothing_that_a_file_cannot_do(card):
    words = " ".join(_words(card))
    assert not re.search(r"\*\*Start|»|sidebar|settings|in the Lab|\*Compare runs\*", words)
    if not card.is_in_file:
        assert not re.search(r"figure|\b(blue|grey|dashed|dotted)\b|[Pp]ress|the page", words)


@pytest.mark.parametrize("card", [card for card in CARDS if card.values[0].page == "train"])
def test_the_grey_line_is_drawn_where_a_card_speaks_of_it_and_shows_no_answer_before(card):
    for words, link in zip(_words(card), (card.link, card.link_after), strict=True):
        assert "grey" not in words or link.get("seed_run") == "true"
    asked = card.question and (card.question.number or "")
    assert not (asked or "").startswith("{notebook") or card.link["seed_run"] == "false"


def test_a_file_has_the_curves_of_which_its_cards_speak():
    made = lesson_page("mine", shelf.find("why-did-it-collapse")).decode()
    told = json.loads(re.search(r'id="lesson">(.*?)</script>', made, re.S)[1])
    (curves,) = told["trained"].values()
    run = Run.find("steady-cifar10", SHIPPED, SHIPPED)
    assert told["trained"].keys() == {run.id} and curves["epochs"] == run.status().epoch
    assert curves["rate"][-1] == [run.metrics().column(name)[-1] for name in ("step", "lr")]
    assert told["notebook"]["loss"][6] == [7, 2.355]
    assert [card["isInFile"] for card in told["cards"]] == [True, True, True, False, True]
    assert "**" not in (app := told["cards"][3]["app"]) and "Press <strong>Start</strong>" in app


def test_a_file_has_the_range_test_of_which_its_cards_speak():
    made = lesson_page("mine", shelf.find("the-right-learning-rate")).decode()
    told = json.loads(re.search(r'id="lesson">(.*?)</script>', made, re.S)[1])
    test, _ = range_test.shipped()
    assert told["range"]["steepest"] == test.suggestion == told["range"]["alone"][0]
    assert len(told["range"]["seeds"]) == 10
    assert [len(seed) for seed in told["range"]["seeds"]] == [len(test.rates)] * 10
    assert set(told["range"]["alone"]) < set(told["range"]["rates"])
    assert [card["isInFile"] for card in told["cards"]] == [True, True, True, False, True]


def test_a_curve_is_that_which_was_measured(tmp_path):
    lines = '"a" = "{curve seed-preset: seed 1, loss, loss}"\n"b" = "{curve notebook: lr}"\n'
    path = written(
        tmp_path,
        f'{WHOLE}[card.reveal.curves]\ntitle = "Both"\n[card.reveal.curves.lines]\n{lines}',
    )
    drawn = filled("mine", read(path))["cards"][0]["reveal"]["curves"]
    assert (drawn["title"], drawn["isShare"]) == ("Both", False)
    kept = measured("seed-preset").curves["seed 1, loss"]
    assert drawn["lines"][0]["points"] == list(zip(kept["epoch"], kept["loss"], strict=True))
    assert [line["isLog"] for line in drawn["lines"]] == [False, True]
    assert drawn["lines"][1]["points"][4] == (5, notebook_log()["epochs"][4]["lr"])
    place = f"seed 1, loss, loss, epoch={kept['epoch'][9]:g}"  # no share, though accuracies are
    assert _told(tmp_path, f"{{at seed-preset: {place}}}", "step = 0") == f"{kept['loss'][9]:.3g}"
    shares = filled("mine", shelf.find("why-did-it-collapse"))["cards"][1]["reveal"]["curves"]
    assert shares["isShare"] and len(shares["lines"]) == 3


def test_a_card_is_named_and_its_place_is_counted(tmp_path):
    first = CARD.replace("Look.", "See **{card: end}**.")
    end = f'{ASKED}[card.reveal]\ntext = "b."\n'.replace('"One"', '"Last"\nname = "end"')
    made = filled("mine", read(written(tmp_path, HEAD + first + CARD + end)))
    assert '<strong><button type="button" class="way" data-card="2">card 3<' in str(made)
    in_a_choice = HEAD + first + end.replace('["a"', '["{card: end}"')
    made = filled("mine", read(written(tmp_path, in_a_choice)))
    assert made["cards"][1]["question"]["choices"][0] == "card 2"


@pytest.mark.parametrize("path", sorted(LESSONS.glob("*.toml")), ids=lambda path: path.stem)
def test_no_text_types_the_number_of_a_card(path):
    assert not re.search(r"\bcards?\s+\d", path.read_text(), re.I)


@pytest.mark.parametrize(
    ("said", "part", "part_after"),
    [
        ("", "matrix", "matrix"),
        ("show = { walk = 3, cell = '1-2' }", "walk", "walk"),
        ("show = { walk = 3 } \nat = 'shares'", "shares", "shares"),
        ("show = { view = 'company' }", "company", "company"),
        ("show = { walk = 3 }\n[card.reveal]\nshow = { step = 7 }", "walk", "walk"),
        ("show = { walk = 3 }\n[card.reveal]\nshow = { ablation = 'none' }", "walk", "ablations"),
        ("show = { walk = 3 }\n[card.reveal]\nat = 'vectors'", "walk", "vectors"),
    ],
)
def test_what_a_card_speaks_of_is_what_it_shows(tmp_path, said, part, part_after):
    text, _, reveal = said.partition("[card.reveal]")
    asked = ASKED.removeprefix(CARD)
    file = f"{HEAD}{CARD}{text}\n{asked}[card.reveal]\ntext = 'b.'{reveal}\n"
    (card,) = filled("mine", read(written(tmp_path, file)))["cards"]
    assert (card["at"], card["reveal"]["at"]) == (part, part_after)


def test_its_numbers_are_those_of_the_network(tmp_path):
    text = """
{looks} gives {looked} {weight}, {keeps} to itself; {entropy} of {highest-entropy}; it says {says},
alone {says-alone}. {measured ablation-best-cifar10: learned - uniform} are lost, the notebook had
{notebook: train_accuracy 5}, and {notebook-interval} of tests; the rate was {recipe: lr}.
"""
    show = 'show = { pictures = "examples", cell = "5-7", step = 39000, run = "best-cifar10" }\n'
    path = written(
        tmp_path, f"{HEAD}{CARD.replace('Look.', 'X')}{show}".replace('"X"', f'"""{text}"""')
    )
    told = re.sub(r"<[^>]+>", "", filled("mine", read(path))["cards"][0]["text"])
    assert " ".join(told.replace("\u00a0", " ").split()) == (
        "frog #5 gives frog #7 82.9 %, 11.2 % to itself; 1.05 of 2.77; it says frog, alone frog. "
        "2.2 points are lost, the notebook had 47.7 %, and 40.0 to 42.0 % of tests; the rate was "
        "0.015."
    )


def _told(folder: Path, text: str, show: str) -> str:
    """A text of a card of the shipped run and the example pictures, filled."""
    shown = f'show = {{ pictures = "examples", run = "best-cifar10", {show} }}\n'
    path = written(folder, f"{HEAD}{CARD.replace('Look.', text)}{shown}")
    return re.sub(r"<[^>]+>", "", filled("mine", read(path))["cards"][0]["text"]).strip()


def test_where_attention_goes_is_told_of_oneself_ones_class_and_all_others(tmp_path):
    text = "{to-itself} {to-own-class} {to-others} {own-class} {by-chance}"
    after = _told(tmp_path, text, "step = 39000").replace("\u00a0%", "")
    before = _told(tmp_path, text, "step = 0").replace("\u00a0%", "")
    assert after == "44.7 7.9 47.5 52.5 14.1"
    assert before == "6.2 7.8 85.9 14.1 14.1"  # all alike: as chance would have it
    assert _told(tmp_path, "{mostly-itself} of {size}", "step = 39000") == "9 of 16"


def test_a_difference_is_that_of_the_figures_that_are_shown(tmp_path):
    parts = "learned", "uniform"
    text = " ".join(f"{{measured ablation-patches-cifar10: {part}}}" for part in parts)
    text += " {measured ablation-patches-cifar10: learned - uniform}"
    told = _told(tmp_path, text, "step = 0").replace("\u00a0", " ")
    assert told == "73.6 % 60.9 % 12.7 points"  # not 12.8, as of all digits


def test_a_row_that_is_not_divided_chooses_harder(tmp_path):
    text = "{weight} {weight-undivided}; {even}"
    told = _told(tmp_path, text, 'step = 39000, cell = "5-7"').replace("\u00a0", " ")
    assert told == "82.9 % 99.6 %; 6.25 %"


def test_a_product_is_less_than_eight_times_as_large_as_one_of_its_terms(tmp_path):
    model = checkpoint.load(SHIPPED / "best-cifar10" / "weights" / "39000.safetensors").eval()
    with torch.inference_mode():
        first = model.trace(preprocess(examples().images[:16])).passes[0]
    terms = first.q[:, None] * first.k  # (B, B, H)
    sizes = [float(numbers.square().mean().sqrt()) for numbers in (terms, terms.sum(-1))]
    by_8 = float((terms.sum(-1) / 8).softmax(-1)[5, 7])
    text = "{term-size} {product-size} {growth} {root}; {weight-by-8}"
    told = _told(tmp_path, text, 'step = 39000, cell = "5-7"').replace("\u00a0", " ")
    assert (
        told
        == f"{sizes[0]:.1f} {sizes[1]:.1f} {sizes[1] / sizes[0]:.1f} 2.8; {by_8:.1%}".replace(
            "%", " %"
        )
    )
    assert 2.8 < sizes[1] / sizes[0] < 4


def test_a_run_of_patches_has_a_recipe_to_tell_of(tmp_path):
    path = written(tmp_path, HEAD + CARD.replace("Look.", "{recipe: epochs} epochs")
                   + 'show = { run = "patches-cifar10" }\n')  # fmt: skip
    assert ">100</data> epochs" in filled("mine", read(path))["cards"][0]["text"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (HEAD, 1, "card is missing"),
        (HEAD.replace("5", '"five"') + CARD, 3, "minutes should be a whole number"),
        (HEAD.replace("5", "5000") + CARD, 3, "minutes should be less than or equal to 120"),
        (HEAD + CARD + 'colour = "red"\n', 8, "card.colour is nothing that a lesson has"),
        (HEAD + CARD.replace("attention", "nowhere"), 4, "no page 'nowhere'"),
        (HEAD + CARD + 'show = { stepp = 3 }\n', 4, "'stepp' is no choice of this page"),
        (HEAD + CARD + 'at = "moon"\n', 4, "the page attention has no part 'moon'"),
        (HEAD + CARD.replace("attention", "look") + 'at = "walk"\n', 4, "leave at out"),
        (HEAD + CARD + "show = { pass = 9 }\n", 4, "pass should be a whole number from 1 to 4"),
        (HEAD + CARD + CARD.replace("Look.", "It is {wait}."), 11, "{wait} is no placeholder"),
        (HEAD + CARD.replace('"Look."', '"""\nOne.\n{weight cell=x}."""'), 9, "cell should be"),
        (HEAD + CARD.replace("Look.", "{measured nothing: here}"), 7, "no figures 'nothing'"),
        (HEAD + CARD.replace("Look.", "{measured ../x: y}"), 7, "as {measured NAME: key}"),
        (HEAD + CARD.replace("Look.", f"{{{BEST}: luck}}"), 7, "has no 'luck'"),
        (HEAD + CARD.replace("Look.", "{notebook: loss 99}"), 7, "epochs 1 to 24"),
        (HEAD + CARD.replace("Look.", "{recipe: colour}"), 7, "a recipe has no 'colour'"),
        (HEAD + TRAIN.replace("Look.", "{weight}"), 7, "speaks of a cell"),
        (HEAD + CARD.replace("Look.", "An [x](term:luck)."), 7, "no term 'luck': it has image"),
        (WHOLE.replace('["a"', '["[a](term:step)"'), 10, "a choice explains no term"),
        (HEAD + CARD.replace("Look.", "{card: end}"), 7, "no card has the name 'end'"),
        (HEAD + CARD + 'name = "Two words"\n', 8, "card.name should be letters a to z"),
        (HEAD + (CARD + 'name = "a"\n') * 2, 13, "two cards have the name 'a'"),
        (WHOLE + DRAWN.format("{curve x: y, z}"), 16, "no figures 'x' in"),
        (WHOLE + DRAWN.format("{curve seed-preset: y}"), 16, "has no curve 'y' by epoch: it"),
        (WHOLE + DRAWN.format("{curve notebook: y}"), 16, "the notebook's log has no 'y'"),
        (WHOLE + DRAWN.format("{weight}"), 16, "a curve is written as {curve NAME:"),
        (HEAD + ASKED, 4, "a question needs a reveal"),
        (WHOLE.replace("answer = 2", "answer = 3"), 8, "from 1 to 2"),
        (WHOLE.replace("answer = 2", SCALE), 8, "either choices or a scale"),
        (WHOLE.replace(CHOICES, SCALE.replace("1", "3")), 10, "low up to high"),
        (WHOLE.replace(CHOICES, SCALE + '\nnumber = "1.5"'), 11, "number should"),
        (HEAD + CARD + "text = 3\n", 8, "overwrite"),
        (HEAD + '[[card]]\ntitle = "One\n', 5, "Illegal character"),
        (HEAD + CARD * 41, 4, "at most 40"),
        (HEAD + CARD.replace("Look.", "x" * 5001), 7, "at most 5000"),
        ("\ufeff" + HEAD + CARD + 'colour = "red"\n', 8, "card.colour is nothing"),
        ((HEAD + CARD).replace("Look.", "Käse").encode("latin1"), 7, "there is no UTF-8"),
        ((HEAD + CARD).encode("utf-16"), 1, "there is no UTF-8"),
        (HEAD + CARD.replace("[[card]]", "[card]"), 4, "begin each with [[card]], in two brackets"),
        (HEAD + "card = []\n", 4, "card should have at least 1 entry"),
        (HEAD + "card = [3]\n", 4, "card should be a table"),
        (HEAD + "[show]\nrum = 3\n" + CARD, 4, "'rum' is no choice of any page"),
        (HEAD + CARD + "show = { lr = nan }\n", 8, "card.show.lr should be a text in quotes"),
        (HEAD.replace("Mine", "  ") + CARD, 1, "title is empty"),
        (HEAD + CARD.replace("One", "a\\nb"), 5, "card.title stands on one line"),
        (WHOLE.replace('"a", ', ""), 8, "two or more, each another one"),
        (WHOLE.replace('"a"', '"b "'), 8, "two or more, each another one"),
        (WHOLE.replace("answer = 2", "answer = 2\nnumber = '{parameters}'"), 8, "with an answer"),
        (WHOLE.replace(CHOICES, f"{SCALE}\nanswer = 2\nnumber = '{{parameters}}'"), 8, "a number"),
        (WHOLE.replace(CHOICES, SCALE.replace("2", "2, step = 5")), 10, "no longer than the scale"),
        (WHOLE.replace(CHOICES, SCALE.replace("2", "inf")), 10, "high should be a finite number"),
        (WHOLE.replace(CHOICES, f"{SCALE}\nnumber = '{{says}}'"), 11, "{says} is no number"),
        (WHOLE.replace(CHOICES, f"{SCALE}\nnumber = '{{parameters}}'"), 11, "21,058, is not on"),
        (WHOLE + "[card.reveal.bars]\nit = '{recipe: preset}'\n", 15, "{recipe: preset} is no num"),
        (HEAD + CARD.replace("Look.", "{waight}"), 7, "no placeholder, such as {weight}: braces"),
        (HEAD + CARD.replace("Look.", f"{{weight {'x' * 300}}}"), 7, "no choice of this page"),
        (HEAD + CARD.replace("Look.", "{accuracy: gone}"), 7, "choose one from the list."),
        (HEAD + CARD.replace("Look.", "{weight}") + "show = { draw = 5 }\n", 7, 'images = "0,1,2"'),
        (HEAD + CARD.replace("Look.", "<https://a.org/{weight}>"), 7, "holds a placeholder"),
        (HEAD + CARD.replace("Look.", "[x](https://a.b/{recipe: lr})"), 7, "holds a placeholder"),
        (HEAD + CARD.replace('"Look."', '"""a\u2028b\n{wait}"""') + CARD, 8, "{wait} is no placeh"),
        (HEAD + CARD.replace('"Look."', '"""a\u2028b"""') + CARD + "x = 1\n", 12, "card.x is noth"),
    ],
)  # fmt: skip
def test_a_bad_file_is_answered_in_one_sentence_with_its_line(tmp_path, text, line, says):
    with pytest.raises(UserError) as refused:
        read(written(tmp_path, text))
    sentence = str(refused.value)
    assert f"on line {line} " in sentence and says in sentence, sentence
    assert re.search(r"[^.]\.$", sentence) and "\n" not in sentence and len(sentence) < 700


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 300_000, b"a=" + b"[" * 90_000])
def test_what_is_no_lesson_at_all_is_refused(tmp_path, content):
    with pytest.raises(UserError, match=r"^The lesson mine\.toml cannot be "):
        read(written(tmp_path, content))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[here](javascript:alert(1))", "[here](javascript:alert(1))"),
        ("[here](data:text/html,x)", "[here](data:text/html,x)"),
        ("![pixel](https://example.org/x.png)", None),
        ("[book](https://example.org)", 'rel="noopener noreferrer"'),
        ("[*it*](term:epoch)", 'title="Once through all training images."><em>it</em></button>'),
        ("[<b>](<term:training accuracy> (x))", "&lt;b&gt;</button>"),
        ("<div onclick='x'>\nblock\n</div>", "&lt;div onclick='x'&gt;"),
    ],
)
def test_texts_are_words_alone(tmp_path, words, shown):
    path = written(tmp_path, HEAD + CARD.replace('"Look."', f"'''{words}'''"))
    made = filled("mine", read(path))["cards"][0]["text"]
    assert not re.search(r"<(script|img|iframe|div|svg)|href=\"(?!https?:)", made)
    assert shown is None or shown in made


def test_the_picture_beside_the_test_of_the_patches_is_lost_without_their_attention():
    card = shelf.find("when-do-others-help").card[3]
    place = int(card.link["images"].split(",")[int(card.link["picture"])])
    label = examples().labels[place]
    run = Run.find(card.link["run"], SHIPPED, SHIPPED)
    model = checkpoint.load(run.snapshot(run.snapshots[-1])).eval()
    one = features_of(model, examples().images[place : place + 1])
    before, learned, alike = (
        ablate(model, one, name, passes=passes).logits[-1].softmax(-1).flatten()
        for name, passes in (("learned", 0), ("learned", 4), ("uniform", 4))
    )
    assert learned.argmax() == label != before.argmax() and alike.argmax() != label
    assert learned[label] > max(before[label], alike[label]) + 0.4  # it helps visibly
    assert card.link_after["ablation"] == "uniform"


def test_the_first_lesson_is_who_looks_at_whom():
    assert shelf.lessons()[0].name == "who-looks-at-whom"


def test_a_teachers_own_lessons_stand_beside_those_that_are_shipped(tmp_path, monkeypatch):
    written(tmp_path, WHOLE)
    written(tmp_path, WHOLE.replace("Mine", "Mine instead"), "who-looks-at-whom")
    written(tmp_path, "title =", "broken")
    written(tmp_path, WHOLE, "no name for a link")
    monkeypatch.setenv("ULTIMUS_LESSONS", str(tmp_path))
    assert shelf.lessons()[-1].lesson.order >= 1  # the shipped ones last, in their order
    listed = {name: (lesson, problem) for name, lesson, problem in shelf.lessons()}
    assert shelf.find("mine").title == "Mine"
    assert shelf.find("who-looks-at-whom").title == "Mine instead"
    assert listed["broken"][0] is None and "on line 1" in listed["broken"][1]
    assert "no name for a link" not in listed
    written(tmp_path, WHOLE.replace("Mine", "Mended"))
    assert shelf.find("mine").title == "Mended"
    with pytest.raises(UserError, match=r"There is no lesson '\.\./x' here"):
        shelf.find("../x")


@pytest.mark.parametrize(
    "card",
    [
        CARD.replace("Look.", "{weight}") + 'show = { run = "gone" }\n',
        CARD + 'show = { run = "gone" }\n',
        TRAIN.replace("One", "Two") + 'show = { run = "gone" }\n',
        f'{ASKED}[card.reveal]\ntext = "b."\nshow = {{ run = "gone" }}\n',
    ],
)
def test_a_lesson_of_a_run_that_is_not_here_says_on_which_card(tmp_path, card):
    first = CARD.replace("One", "First")
    lesson = read(written(tmp_path, HEAD + first + card))
    with pytest.raises(UserError, match=r"^Card 2 of the lesson mine .*: there is no run 'gone' "):
        lesson_page("mine", lesson)


def test_a_bar_of_what_is_no_number_in_this_run_is_refused(tmp_path):
    bars = '[card.reveal.bars]\nlimit = "{recipe: beta1_at_peak}"\n'  # it has none
    with pytest.raises(UserError, match=r"^Card 1 .*beta1_at_peak} is none here"):
        filled("mine", read(written(tmp_path, WHOLE + bars)))


def test_a_file_as_editors_on_windows_write_it_is_read(tmp_path):
    text = "\ufeff" + WHOLE.replace("\n", "\r\n")
    assert read(written(tmp_path, text)) == read(written(tmp_path, WHOLE))


def test_a_placeholder_that_an_editor_has_wrapped_is_filled(tmp_path):
    wrapped = CARD.replace('"Look."', f'"""{{{BEST}:\n  learned}}"""')
    assert "69.0" in filled("mine", read(written(tmp_path, HEAD + wrapped)))["cards"][0]["text"]


def test_the_page_shows_the_pictures_that_a_number_is_computed_from(tmp_path):
    card = read(written(tmp_path, HEAD + CARD.replace("Look.", "{looks}"))).card[0]
    assert card.link["images"] == ",".join(map(str, range(16))) and card.link["cell"] == "0-1"
    assert _told(tmp_path, "{looks} {looked}", "step = 0") == "cat #0 ship #1"
    group = read(written(tmp_path, HEAD + CARD.replace("Look.", "{right} {weight cell=2-3}")))
    assert "images" in group.card[0].link and "cell" not in group.card[0].link
    assert "images" not in read(written(tmp_path, HEAD + CARD)).card[0].link


def test_a_file_of_several_runs_knows_that_of_each_card(tmp_path):
    patches = CARD.replace("One", "Two") + 'show = { run = "patches-cifar10" }\n'
    made = lesson_page("mine", read(written(tmp_path, HEAD + patches + CARD))).decode()
    told = json.loads(re.search(r'id="lesson">(.*?)</script>', made, re.S)[1])
    runs = [card["link"]["run"] for card in told["cards"]]
    assert runs == ["patches-cifar10", "best-cifar10"]


@pytest.mark.parametrize("named", ["gone", "mine.toml", "x" * 300, "~nobody/x"])
def test_a_folder_of_lessons_that_is_none_is_told(tmp_path, monkeypatch, named):
    written(tmp_path, WHOLE)
    place = named if named[0] == "~" else str(tmp_path / named)
    monkeypatch.setenv("ULTIMUS_LESSONS", place)
    first, *others = shelf.lessons()
    assert first.lesson is None and "which ULTIMUS_LESSONS names" in first.problem
    assert str(tmp_path) not in first.problem and all(listed.lesson for listed in others)


def test_no_file_of_a_teachers_folder_is_left_out_unsaid(tmp_path, monkeypatch):
    for name in ("good", "Lektion 1", "Übung", "._good"):
        written(tmp_path, WHOLE, name)
    (tmp_path / "loud.TOML").write_text(WHOLE)
    (tmp_path / "gone.toml").symlink_to("nowhere")
    (tmp_path / "folder.toml").mkdir()
    monkeypatch.setenv("ULTIMUS_LESSONS", str(tmp_path))
    mine = [listed for listed in shelf.lessons() if listed.problem or listed.lesson.title == "Mine"]
    assert {listed.name for listed in mine if listed.lesson} == {"good", "loud"}
    said = sorted(listed.problem for listed in mine if listed.problem)
    assert [re.search(r"Lektion 1|Übung|gone", problem)[0] for problem in said] == [
        "Lektion 1", "Übung", "gone",
    ]  # fmt: skip
