"""What can be written behind `ultimus`: the commands, their arguments and their flags."""

import argparse
from pathlib import Path
from typing import NoReturn, get_args

from .. import __version__
from ..analysis import range_test
from ..checkpoints.export_forms import Form
from ..data.groups import ALIKE, SORTED
from ..errors import UserError
from ..evaluation import TTA
from ..places import runs_folder
from ..recipe import PRESETS, Recipe


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the flags in one sentence, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}: see {self.prog} --help.")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; what it returns names the `command`, a module of this folder."""
    whole = _Parser(prog="ultimus", description="See attention happen, in a tiny network.")
    whole.add_argument("--version", action="version", version=f"ultimus {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    runs = _flag("--runs", type=place, default=runs_folder(), help="folder that holds all runs")
    weights = _flag(
        "--weights", metavar="NAME", default="", help="which set, where the file holds several"
    )
    json = _flag("--json", action="store_true", help="print JSON")

    def add(name: str, about: str, *shared: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about, description=about, parents=shared)

    add("app", "start the app; takes the flags of streamlit run")
    _train(add("train", "train a network without a browser", runs))
    _sweep(add("sweep", "train one recipe with several values and seeds", runs, json))
    _range_test(add("range-test", "find out which learning rates suit", runs, json))
    _evaluate(add("evaluate", "measure a run or a checkpoint", runs, weights, json))
    _predict(add("predict", "name the class of pictures", runs, weights, json))
    _export(add("export", "take the weights of a run's step away", runs))
    _load(add("load", "make a checkpoint a run, for all pages", runs, weights))
    _rate(add("rate", "change the learning rate of a run while it trains", runs))
    _runs(add("runs", "list and remove runs", runs))
    _bench(add("bench", "measure the speed beside the notebook's way", json))
    _data(add("data", "fetch and decode a data set ahead of time"))
    return whole


def name(text: str) -> str:
    """An argument that names something: a run, a file, a folder.

    Raises:
        ArgumentTypeError: nothing can have that name.
    """
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"nothing is called {text[:40]!r}")
    return text


def place(text: str) -> Path:
    """An argument that is a path, also below somebody's home.

    Raises:
        ArgumentTypeError: there can be no such path.
    """
    try:
        return Path(name(text)).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"nobody here is called {text[:40]!r}") from error


def source(text: str) -> str:
    """An argument that is a source of data, see `open_dataset`.

    Raises:
        ArgumentTypeError: as for `place`.
    """
    return str(place(text))


def sizes(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between.

    Raises:
        ArgumentTypeError: it is something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no size of a group, such as 16, or several, such as 1,16,64"
        ) from error


def amount(text: str) -> float:
    """A number that is 0 or more.

    Raises:
        ArgumentTypeError: it is something else.
    """
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not found >= 0:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number that is 0 or more")
    return found


def _flag(flag: str, **about) -> argparse.ArgumentParser:
    """A flag that several commands share."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(flag, **about)
    return parent


def _train(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "--resume",
        metavar="RUN",
        type=name,
        help="go on with a stopped or interrupted run; --data says where its data is now",
    )
    train.add_argument(
        "--from",
        dest="start",
        metavar="RUN_OR_CHECKPOINT",
        type=name,
        help="begin with its weights; --from-step says which, the last by default",
    )
    train.add_argument("--from-step", type=int, metavar="STEP", help=argparse.SUPPRESS)
    _recipe(train, "what is not given is taken from the preset")


def _sweep(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument(
        "--seeds", type=int, default=1, help="runs of each value, with seeds counted from --seed"
    )
    _recipe(
        sweep,
        "one or two of them with several values, as in --lr 0.001,0.003,0.01; what is not given is "
        "taken from the preset",
    )


def _range_test(test: argparse.ArgumentParser) -> None:
    test.add_argument("--seeds", type=int, default=5, help="tests, with seeds from --seed on")
    test.add_argument("--low", type=float, default=range_test.LOW, help="first rate")
    test.add_argument("--high", type=float, default=range_test.HIGH, help="last rate")
    test.add_argument("--steps", type=int, default=range_test.STEPS, help="from one to the other")
    _recipe(test, "what is not given is taken from the preset; the rate is the test's own")


def _recipe(command: argparse.ArgumentParser, about: str) -> None:
    """A flag for each choice of a recipe."""
    recipe = command.add_argument_group("recipe", about)
    for choice, field in Recipe.model_fields.items():
        flag = f"--{choice.replace('_', '-')}"
        text = " or ".join(sorted(PRESETS)) if choice == "preset" else field.description
        kind = source if choice == "data" else str
        recipe.add_argument(flag, type=kind, default=argparse.SUPPRESS, help=text)


def _evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument(
        "what", metavar="RUN_OR_CHECKPOINT", type=name, help="a run, or a file of weights"
    )
    evaluate.add_argument(
        "--data", type=source, help="shapes, cifar10 or a folder; the run's own by default"
    )
    evaluate.add_argument(
        "--group",
        type=sizes,
        default=(16,),
        metavar="B[,B...]",
        help="images that attend to each other; several sizes are measured one after another",
    )
    evaluate.add_argument(
        "--grouping", choices=tuple(ALIKE), default="random", help="who meets in a group"
    )
    evaluate.add_argument(
        "--order",
        choices=("shuffled", SORTED),
        default="shuffled",
        help="in which order test images are put into groups; sorted is class by class",
    )
    evaluate.add_argument(
        "--tta",
        choices=TTA,
        default="none",
        help="test-time augmentation: mirror averages answers for each image and its mirror image",
    )


def _predict(predict: argparse.ArgumentParser) -> None:
    predict.add_argument(
        "what", metavar="RUN_OR_CHECKPOINT", type=name, help="a run, or a file of weights"
    )
    predict.add_argument("images", metavar="IMAGE", nargs="+", help="a file with a picture")
    predict.add_argument(
        "--data",
        type=source,
        help="where companions are drawn from: shapes, cifar10 or a folder; by default the run's "
        "own data if it is on this machine, else the example pictures",
    )


def _export(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "what", metavar="RUN", type=name, help="a run, or its folder; for a page also a lesson"
    )
    export.add_argument("--step", type=int, help="which snapshot; the last by default")
    export.add_argument(
        "--form",
        choices=(*get_args(Form), "page", "csv", "tensorboard"),
        default="safetensors",
        help="pt is for the seed's code; onnx for other runtimes; hf is a folder for Hugging Face; "
        "page is one HTML file that shows the run, or leads through the lesson",
    )
    export.add_argument("--out", type=place, help="where to; a name of its own by default")


def _load(load: argparse.ArgumentParser) -> None:
    load.add_argument("file", metavar="CHECKPOINT", type=place, help=".safetensors, .pt or .pth")


def _rate(rate: argparse.ArgumentParser) -> None:
    rate.add_argument("name", metavar="RUN", type=name, help="one that trains just now")
    rate.add_argument("factor", type=float, help="of the planned rate; 1 goes back to it")


def _runs(runs: argparse.ArgumentParser) -> None:
    runs.add_argument(
        "names", metavar="RUN", nargs="*", type=name, help="only these; all by default"
    )
    runs.add_argument("--older", type=amount, metavar="DAYS", help="only those unchanged so long")
    runs.add_argument("--larger", type=amount, metavar="MB", help="only those of so much")
    runs.add_argument("--remove", action="store_true", help="remove them, live ones never")
    runs.add_argument("--dry-run", action="store_true", help="with --remove: only say which")


def _bench(bench: argparse.ArgumentParser) -> None:
    bench.add_argument("--data", type=source, default="shapes", help="shapes, cifar10 or a folder")
    bench.add_argument("--rounds", type=int, help="of alternating turns, about a second each")
    bench.add_argument("--short", action="store_true", help="a look of a few rounds")
    bench.add_argument(
        "--gpu", action="store_true", help="measure training on an NVIDIA card, at most six minutes"
    )
    bench.add_argument("--out", type=place, metavar="FILE", help="write the card's figures there")


def _data(data: argparse.ArgumentParser) -> None:
    data.add_argument("source", type=source, help="shapes, cifar10 (downloads 170 MB) or a folder")
    data.add_argument("--progress", action="store_true", help="print the fraction done by lines")
