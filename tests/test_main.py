"""The command line: what it prints, what it leaves behind, and one sentence for bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from test_worker import TEST, write_pictures

from ultimus import checkpoint
from ultimus.__main__ import main
from ultimus.model import Transformer
from ultimus.recipe import PRESETS, Recipe
from ultimus.run import Metrics, Run

ROOT = Path(__file__).parents[1]
SMALL = ("--group", "7", "--groups", "2")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data") / "pictures"
    write_pictures(folder)
    return str(folder)


def _process(*arguments: str, threads: int = 1) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "ultimus", *arguments], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip


def _only_run(runs: Path) -> Run:
    (run,) = Run.all(runs)
    return run


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Run:
    runs = tmp_path_factory.mktemp("runs")
    assert main(["train", "--data", data, "--epochs", "3", *SMALL, "--runs", str(runs)]) == 0
    return _only_run(runs)


# Training -------------------------------------------------------------------------------------


def test_train_prints_the_folder_and_a_line_per_epoch(data, tmp_path, capsys):
    assert main(["train", "--data", data, "--epochs", "2", *SMALL, "--runs", str(tmp_path)]) == 0
    first, *epochs = capsys.readouterr().out.splitlines()
    run = _only_run(tmp_path)
    assert first == f"run {run.folder}" and run.status().state == "done"
    assert len(epochs) == 2
    for number, line in enumerate(epochs, 1):
        assert re.fullmatch(
            rf"epoch +{number}  loss \d\.\d{{3}}  accuracy [\d.]+% \(train\)  "
            r"[\d.]+% \(test, groups of 7\)  lr [\d.e-]+", line,
        )  # fmt: skip
    assert run.about["version"] and run.about["dataset"]["test"] == TEST


def test_train_on_shapes(tmp_path, capsys):
    arguments = ["train", "--data", "shapes", "--max-steps", "3", "--runs", str(tmp_path)]
    assert main(arguments) == 0
    assert "(test, groups of 16)" in capsys.readouterr().out
    assert _only_run(tmp_path).status().step == 3


def test_every_choice_of_a_recipe_is_a_flag(data, tmp_path):
    given = {
        "preset": "seed", "group": 5, "groups": 3, "optimizer": "sgd", "lr": 0.003,
        "weight_decay": 0.01, "beta1": 0.8, "beta2": 0.9, "beta1_at_peak": None,
        "schedule": "cosine", "warmup": 0.3, "start_divisor": 7, "end_divisor": 11, "clip": 0.7,
        "flip": 0.1, "cutout": 3, "cutout_chance": 0.2, "seed": 13, "epochs": 2, "max_steps": 2,
        "max_seconds": 500, "snapshots": 3, "data": data, "model": "ultimus",
    }  # fmt: skip
    assert given.keys() == Recipe.model_fields.keys()
    flags = [part for name, value in given.items()
             for part in (f"--{name.replace('_', '-')}", str(value))]  # fmt: skip
    assert main(["train", *flags, "--runs", str(tmp_path)]) == 0
    assert _only_run(tmp_path).recipe == Recipe.parse(given)


def test_help_names_every_choice(capsys):
    for command in ([], ["train"], ["evaluate"], ["data"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, "--help"])
        assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in text for name in Recipe.model_fields)
    assert all(preset in text for preset in PRESETS)


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(data, tmp_path, capsys):
    process = _process("train", "--data", data, "--epochs", "1000", *SMALL, "--runs", str(tmp_path))
    line = process.stdout.readline()  # at once, although it is a pipe
    run = Run(Path(line.removeprefix("run ").strip()))
    end = time.monotonic() + 60
    while not Metrics(run).read().rows and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in errors
    status = run.status()
    assert status.state == "stopped" and run.snapshots[-1] == status.step
    command = re.search(r"go on with python -m ultimus (.+)$", out.strip()).group(1)
    run.ask("stop")  # as if Ctrl-C had been pressed once more
    resumed = _process(*command.split())
    while run.status().step <= status.step and time.monotonic() < end:
        time.sleep(0.02)
    resumed.send_signal(signal.SIGTERM)
    resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    assert run.status().state == "stopped" and run.status().step > status.step


def test_resume_finishes_a_run(data, tmp_path, capsys):
    run = Run.create(tmp_path, Recipe.of(data=data, group=7, groups=2, epochs=2))
    assert main(["train", "--resume", run.id, "--runs", str(tmp_path)]) == 0
    assert run.status().state == "done"
    assert "epoch   2" in capsys.readouterr().out
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert handlers == (signal.default_int_handler, signal.SIG_DFL)


# Evaluating -----------------------------------------------------------------------------------


def _evaluated(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["evaluate", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_evaluate_takes_a_run_its_folder_and_files_of_weights(trained, data, tmp_path, capsys):
    torch.save(checkpoint.load(trained.live_weights).state_dict(), tmp_path / "weights.pt")
    last = Metrics(trained).read().rows[-1]
    answers = [
        _evaluated(capsys, *what, "--group", "7")
        for what in (
            (trained.id, "--runs", str(trained.folder.parent)),
            (str(trained.folder),),
            (str(trained.snapshot(trained.snapshots[-1])), "--data", data),
            (str(tmp_path / "weights.pt"), "--data", data),
        )
    ]
    assert all(each == answers[0] for each in answers)
    assert answers[0].keys() >= {"accuracy", "group", "images", "parameters"}
    assert answers[0]["accuracy"] == pytest.approx(last["test_accuracy"])
    assert (answers[0]["group"], answers[0]["images"]) == (7, TEST)
    assert answers[0]["parameters"] == 21_058 - 7 * 49  # three classes


def test_evaluate_says_the_same_in_words(trained, capsys):
    assert main(["evaluate", str(trained.folder), "--group", "5"]) == 0
    assert re.search(r"% of 31 test images of pictures, in groups of 5", capsys.readouterr().out)


def test_data_is_described(data, capsys):
    assert main(["data", data]) == 0
    assert "97 images to train on, 31 to test on, 3 classes" in capsys.readouterr().out


# Bad input ------------------------------------------------------------------------------------


def _bad(trained: Run, data: str, tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    """What is asked, and a word that the answer has."""
    runs = ["--runs", str(tmp_path / "runs")]
    (tmp_path / "file").write_text("")
    damaged = Run.create(tmp_path / "damaged", Recipe.of(data=data))
    (damaged.folder / "recipe.json").write_text("{")
    checkpoint.save(tmp_path / "five.safetensors", Transformer(5))
    (tmp_path / "cut.safetensors").write_bytes(b"nonsense")
    done = ["--runs", str(trained.folder.parent)]
    return {
        "preset": (["train", "--preset", "magic", *runs], "'magic'"),
        "bound": (["train", "--lr", "11", *runs], "less than or equal to 10"),
        "number": (["train", "--group", "many", *runs], "'many'"),
        "nan": (["train", "--lr", "nan", *runs], "lr"),
        "together": (["train", "--group", "512", "--groups", "13", *runs], "6656"),
        "flag": (["train", "--speed", "3", *runs], "--speed"),
        "command": (["dance"], "dance"),
        "nothing": ([], "required"),
        "folder": (["train", "--data", str(tmp_path / "nowhere"), *runs], "no data folder"),
        "group": (["train", "--data", data, "--group", "101", "--groups", "1", *runs], "97"),
        "unknown": (["train", "--resume", "nothing", *runs], "There is no run"),
        "path": (["train", "--resume", "../../etc", *runs], "There is no run"),
        "long": (["evaluate", "x" * 5000, *runs], "There is no run"),
        "done": (["train", "--resume", trained.id, *done], "nothing left"),
        "choices": (["train", "--resume", trained.id, "--epochs", "5", *done], "--epochs"),
        "damaged": (["train", "--resume", str(damaged.folder)], "recipe.json"),
        "unwritable": (
            ["train", "--data", data, *SMALL, "--runs", str(tmp_path / "file" / "runs")],
            "cannot be used",
        ),
        "evaluate damaged": (["evaluate", str(damaged.folder), "--data", data], "no weights"),
        "evaluate unknown": (["evaluate", "nothing", *runs], "There is no run"),
        "evaluate group": (["evaluate", str(trained.folder), "--group", "37"], "1 to 31"),
        "evaluate no group": (["evaluate", str(trained.folder), "--group", "0"], "1 to 31"),
        "evaluate word": (["evaluate", str(trained.folder), "--group", "all"], "all"),
        "classes": (["evaluate", str(tmp_path / "five.safetensors"), "--data", data], "5 classes"),
        "no data": (["evaluate", str(tmp_path / "five.safetensors")], "give --data"),
        "cut": (["evaluate", str(tmp_path / "cut.safetensors"), "--data", data], "cut.safetensors"),
        "data": (["data", str(tmp_path / "nowhere")], "no data folder"),
    }  # fmt: skip


CASES = [
    "preset", "bound", "number", "nan", "together", "flag", "command", "nothing", "folder",
    "group", "unknown", "path", "long", "done", "choices", "damaged", "unwritable",
    "evaluate damaged", "evaluate unknown", "evaluate group", "evaluate no group",
    "evaluate word", "classes", "no data", "cut", "data",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_sentence_and_the_code_2(case, trained, data, tmp_path, capsys):
    cases = _bad(trained, data, tmp_path)
    assert set(cases) == set(CASES)
    arguments, word = cases[case]
    capsys.readouterr()
    assert main(arguments) == 2
    out, errors = capsys.readouterr()
    lines = [line for line in errors.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("ultimus: ") and lines[0].endswith(".")
    assert word in lines[0] and ". " not in lines[0]
    assert not (tmp_path / "runs").exists()  # nothing is left behind
    assert out == ""


def test_a_failure_on_the_way_is_one_sentence_and_the_code_2(data, tmp_path):
    process = _process(
        "train", "--data", data, *SMALL, "--runs", str(tmp_path), "--optimizer", "sgd",
        "--lr", "10", "--clip", "none", "--schedule", "constant", "--epochs", "50",
    )  # fmt: skip
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and "Traceback" not in errors
    said = [line for line in errors.split("\n") if "ultimus: " in line]
    assert len(said) == 1 and "no longer a finite number" in said[0]
    assert _only_run(tmp_path).status().state == "failed"


# Real data ------------------------------------------------------------------------------------


def test_three_epochs_of_steady_reach_43_percent_of_cifar10(real_data, tmp_path):
    arguments = ("train", "--data", real_data, "--epochs", "3", "--runs", str(tmp_path))
    process = _process(*arguments, threads=2)
    process.communicate()
    assert process.returncode == 0
    process = _process("evaluate", str(_only_run(tmp_path).folder), "--json")
    answer = json.loads(process.communicate()[0])
    assert answer["accuracy"] >= 0.43
    assert (answer["images"], answer["group"], answer["parameters"]) == (10_000, 16, 21_058)
