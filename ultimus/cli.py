"""The command line: ultimus app | train | evaluate | predict | export | load | bench | data."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args
from zipfile import ZipFile

import numpy as np
from torch import Tensor
from tqdm import tqdm

from . import SPIN_COUNT, __version__
from .analysis.prediction import Prediction, draw_companions, examples, predict, ready_data
from .bench.measure import ROUNDS, SHORT_ROUNDS, bench
from .checkpoints import checkpoint
from .data import image_files
from .data.dataset import Dataset, open_dataset
from .data.limits import one_line
from .data.sources import CIFAR10_CLASSES
from .errors import UserError
from .evaluation import evaluate
from .explorer import page
from .files import storage_problem, write_atomically
from .model import Transformer
from .places import APP, runs_folder
from .recipe import PRESETS, Recipe
from .runs import housekeeping
from .runs.exchange import Form, adopt_file, export, provenance
from .runs.run import Run
from .runs.worker import located, work
from .training.trainer import Progress


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 2 with one sentence for bad input."""
    try:
        parser = _parser()
        options, others = parser.parse_known_args(arguments)
        if options.command is _app:
            _app(others)
        if others:
            parser.error(f"unrecognized arguments: {' '.join(others)}")
        return options.command(options)
    except UserError as error:
        print(f"ultimus: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ultimus: interrupted.", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the flags in one sentence, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}: see {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="ultimus", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_app(commands.add_parser("app", help="start the app; takes the flags of streamlit run"))
    _add_runs(commands.add_parser("runs", help="list and remove runs"))
    _add_train(commands.add_parser("train", help="train a network without a browser"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a run or a checkpoint"))
    _add_predict(commands.add_parser("predict", help="name the class of pictures"))
    _add_export(commands.add_parser("export", help="take the weights of a run's step away"))
    _add_load(commands.add_parser("load", help="make a checkpoint a run, for all pages"))
    _add_bench(commands.add_parser("bench", help="measure the speed beside the notebook's way"))
    _add_data(commands.add_parser("data", help="fetch and decode a data set ahead of time"))
    return parser


def _add_app(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_app)


def _app(flags: list[str]) -> NoReturn:
    """Become the server."""
    if os.environ["GOMP_SPINCOUNT"] == SPIN_COUNT:
        del os.environ["GOMP_SPINCOUNT"]  # the app has a count of its own
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(APP), *flags])


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_train)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with a stopped or interrupted run")
    recipe = parser.add_argument_group("recipe", "what is not given is taken from the preset")
    for name, field in Recipe.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        text = " or ".join(sorted(PRESETS)) if name == "preset" else field.description
        recipe.add_argument(flag, default=argparse.SUPPRESS, help=text)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_evaluate)
    parser.add_argument("what", metavar="RUN_OR_CHECKPOINT", help="a run, or a file of weights")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    parser.add_argument("--data", help="shapes, cifar10 or a folder; the run's own by default")
    parser.add_argument("--group", type=int, default=16, help="images that attend to each other")
    _add_weights(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_predict)
    parser.add_argument("what", metavar="CHECKPOINT", help="a file of weights, or a run")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a file with a picture")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    parser.add_argument(
        "--data",
        help="where companions are drawn from: shapes, cifar10 or a folder; by default the run's "
        "own data if it is on this machine, else the example pictures",
    )
    _add_weights(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_export)
    parser.add_argument("what", metavar="RUN", help="a run, or its folder")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    parser.add_argument("--step", type=int, help="which snapshot; the last by default")
    parser.add_argument(
        "--form",
        choices=(*get_args(Form), "page"),
        default="safetensors",
        help="pt is for the seed's code; onnx for other runtimes; hf is a folder for Hugging Face; "
        "page is one HTML file that shows the run",
    )
    parser.add_argument("--out", type=Path, help="where to; a name of its own by default")


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights", metavar="NAME", default="", help="which set, where the file holds several"
    )


def _add_load(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_load)
    parser.add_argument("file", metavar="CHECKPOINT", type=Path, help=".safetensors, .pt or .pth")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder that holds all runs"
    )
    _add_weights(parser)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_bench)
    parser.add_argument("--data", default="shapes", help="shapes, cifar10 or a folder")
    parser.add_argument(
        "--rounds", type=int, help=f"of alternating turns, about a second each; {ROUNDS} by default"
    )
    parser.add_argument("--short", action="store_true", help=f"{SHORT_ROUNDS} rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_runs)
    parser.add_argument("ids", metavar="RUN", nargs="*", help="only these; all by default")
    parser.add_argument(
        "--runs", type=Path, default=runs_folder(), help="folder that holds all runs"
    )
    parser.add_argument("--older", type=float, metavar="DAYS", help="only those unchanged so long")
    parser.add_argument("--larger", type=float, metavar="MB", help="only those of so much")
    parser.add_argument("--remove", action="store_true", help="remove them, live ones never")
    parser.add_argument("--dry-run", action="store_true", help="with --remove: only say which")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_data)
    parser.add_argument("source", help="shapes, cifar10 (downloads 170 MB) or a folder")
    parser.add_argument("--progress", action="store_true", help="print the fraction done by lines")


def _train(options: argparse.Namespace) -> int:
    run = _resumed(options) if options.resume else _created(options)
    print(f"run {run.folder}", flush=True)
    with _stopping(run), _Bar() as bar:
        status = work(run, bar.watch)
    if status.state in ("failed", "interrupted"):
        raise UserError(status.reason)
    if status.state != "done":
        go_on = f"ultimus train --runs {options.runs} --resume {run.id}"
        print(f"{status.state} at step {status.step:,}; go on with {go_on}")
    return 0


def _created(options: argparse.Namespace) -> Run:
    recipe = _recipe(options)
    dataset = _open(recipe.data)  # before there is a run, so that bad data leaves none behind
    recipe.steps_per_epoch(len(dataset.train))
    recipe = recipe.model_copy(update={"data": located(recipe.data)})
    return Run.create(options.runs, recipe, version=__version__)


@contextmanager
def _stopping(run: Run) -> Iterator[None]:
    """Ctrl-C and a polite kill end the run after its step, with everything kept."""
    former = {}
    try:
        for stop in (signal.SIGINT, signal.SIGTERM):
            former[stop] = signal.signal(stop, lambda *_: run.ask("stop"))
        yield
    finally:
        for stop, handler in former.items():
            signal.signal(stop, handler)


def _recipe(options: argparse.Namespace) -> Recipe:
    return Recipe.of(**{name: _value(text) for name, text in _given(options).items()})


def _given(options: argparse.Namespace) -> dict[str, str]:
    """The choices that were made on the command line."""
    return {name: getattr(options, name) for name in Recipe.model_fields if hasattr(options, name)}


def _value(text: str) -> str | None:
    return None if text.lower() in ("none", "off") else text


def _resumed(options: argparse.Namespace) -> Run:
    if given := _given(options):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UserError(f"A resumed run keeps its recipe: leave out {flags}.")
    run = _find(options.resume, options.runs)
    if run.status().state == "done":
        raise UserError(f"The run {run.id} is done: there is nothing left to train.")
    _open(run.info().recipe.data)
    if not run.is_held():
        run.take_request()  # what is left of its former life
    return run


def _find(name: str, runs: Path) -> Run:
    """A run by its id, or by the path of its folder."""
    folder = Path(name).absolute()
    return Run(folder) if os.path.isfile(folder / "recipe.json") else Run.find(name, runs)


class _Bar:
    """A progress bar over the steps, and a line for each epoch with the seed log's fields."""

    def __enter__(self) -> "_Bar":
        self._bar = tqdm(unit="step", dynamic_ncols=True)
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def watch(self, progress: Progress) -> None:
        self._bar.total = progress.training.total
        self._bar.update(progress.step - self._bar.n)
        if result := progress.epoch_result:
            self._bar.clear()
            print(
                f"epoch {result.epoch:>3}  loss {result.loss:.3f}  "
                f"accuracy {result.train_accuracy:.2%} (train)  "
                f"{result.test.accuracy:.2%} (test, groups of {result.test.group})  "
                f"lr {progress.lr:.6g}",
                flush=True,  # at once, also into a file or a pipe
            )


def _evaluate(options: argparse.Namespace) -> int:
    model, source = _model_and_data(options)
    dataset = _open(source)
    _check_classes(model, dataset)
    if not 1 <= options.group <= len(dataset.test):
        raise UserError(
            f"The group of {options.group} should be 1 to {len(dataset.test)}, the number of "
            "test images."
        )
    result = evaluate(model, dataset.test, options.group)
    answer = {
        "accuracy": result.accuracy,
        "loss": result.loss,
        "group": result.group,
        "images": result.images,
        "parameters": sum(each.numel() for each in model.parameters()),
        "data": dataset.name,
    }
    if options.json:
        print(json.dumps(answer))
    else:
        print(
            f"{result.accuracy:.2%} of {result.images:,} test images of {dataset.name}, "
            f"in groups of {result.group}; loss {result.loss:.4f}"
        )
    return 0


def _model_and_data(options: argparse.Namespace) -> tuple[Transformer, str]:
    if os.path.isfile(options.what):
        model, origin, *_ = checkpoint.read(Path(options.what), options.weights)
        own = ready_data(origin.fingerprint) if origin.fingerprint and not options.data else None
        if not options.data and not own:
            raise UserError(
                f"{options.what} does not say what it was trained on, or that is not ready on this "
                "machine: give --data."
            )
        return model, options.data or own.source
    run = _find(options.what, options.runs)
    return checkpoint.load(_last_snapshot(run)), options.data or run.info().recipe.data


def _last_snapshot(run: Run) -> Path:
    if not run.snapshots:
        raise UserError(f"The run {run.id} has kept no weights yet: let it train first.")
    return run.snapshot(run.snapshots[-1])


def _check_classes(model: Transformer, dataset: Dataset) -> None:
    if model.classes != len(dataset.classes):
        raise UserError(
            f"The network tells {model.classes} classes apart, but {dataset.name} has "
            f"{len(dataset.classes)}: give the data it was trained on."
        )


def _predict(options: argparse.Namespace) -> int:
    """A refused picture does not stop the others; the code is 2 where all were refused."""
    network = _network(options)
    data = _companions_data(options, network)
    pool = data.test if data else examples()
    companions = draw_companions(network.model, pool.images)
    read = [_read(file) for file in options.images]
    sound = [each for each in read if not isinstance(each, UserError)]
    made = iter(predict(network.model, np.stack(sound), companions) if sound else ())
    results = [each if isinstance(each, UserError) else next(made) for each in read]
    rows = list(zip(options.images, results, strict=True))
    show = _print_json if options.json else _print_table
    show(rows, _class_names(network, data))
    if sound and not options.json:
        drawn = f"random test images of {data.name}" if data else "the example pictures"
        print(f"Averages over {len(companions.indices)} groups of {companions.size} with {drawn}.")
    _note(companions.note)
    return 0 if sound else 2


class _Network(NamedTuple):
    """A network, and what is known about the data that it was trained on."""

    model: Transformer
    classes: tuple[str, ...] = ()
    fingerprint: str = ""
    sources: tuple[str, ...] = ()


def _network(options: argparse.Namespace) -> _Network:
    if os.path.isfile(options.what):
        model, origin, *_ = checkpoint.read(Path(options.what), options.weights)
        checkpoint.check_answer(model, options.what)
        return _Network(model, origin.classes, origin.fingerprint)
    run = _find(options.what, options.runs)
    info = run.info()
    return _Network(
        checkpoint.load(_last_snapshot(run)),
        info.dataset.classes,
        info.dataset.fingerprint,
        (info.recipe.data,),
    )


def _companions_data(options: argparse.Namespace, network: _Network) -> Dataset | None:
    """What --data names, else the network's own data if it is ready; None for the examples."""
    if options.data:
        data = _open(options.data)
        _check_classes(network.model, data)
        return data
    data = ready_data(network.fingerprint, network.sources)
    if not data:
        _note(
            "Companions are the example pictures, since the network's own data is not known or not "
            "on this machine: name others with --data."
        )
    return data


def _class_names(network: _Network, data: Dataset | None) -> tuple[str, ...]:
    known = (network.classes, data.classes if data else (), CIFAR10_CLASSES)
    numbers = tuple(str(number) for number in range(network.model.classes))
    return next((names for names in known if len(names) == len(numbers)), numbers)


def _read(file: str) -> np.ndarray | UserError:
    """A picture (3, 32, 32) uint8, or why it is refused."""
    if not os.path.isfile(file):
        return UserError(f"There is no picture {_shown(file)}: check the path.")
    try:
        picture, notes = image_files.reading(Path(file), _shown(file))
        _note("; ".join(f"{_shown(file)}: {note}" for note in notes))
        return image_files.shrink(picture)
    except UserError as error:
        return error


def _print_json(rows: list[tuple[str, Prediction | UserError]], classes: tuple[str, ...]) -> None:
    print(json.dumps([{"file": file} | _about(result, classes) for file, result in rows]))


def _about(result: Prediction | UserError, classes: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(result, UserError):
        return {"error": str(result)}

    def by_name(probabilities: Tensor) -> dict[str, float]:
        return dict(zip(classes, probabilities.tolist(), strict=True))

    return {
        "class": classes[result.top],
        "probabilities": by_name(result.probabilities),
        "alone": by_name(result.alone),
        "together": None if result.together is None else by_name(result.together),
        "std": by_name(result.company.std),
        "low": by_name(result.company.low),
        "high": by_name(result.company.high),
        "flip_rate": result.flip_rate,
    }


def _print_table(rows: list[tuple[str, Prediction | UserError]], classes: tuple[str, ...]) -> None:
    """A line for each picture on standard output; why one is refused on the other."""
    made = [(_shown(file), each) for file, each in rows if isinstance(each, Prediction)]
    names = [_shown(name) for name in classes]
    wide, class_wide = max((len(file) for file, _ in made), default=0), max(map(len, names))
    if made:
        print(
            f"{'file':{wide}}  {'in company':{class_wide + 8}}  {'alone':{class_wide + 8}}  flips"
        )
    for file, each in made:
        answers = "  ".join(
            f"{names[int(answer.argmax())]:{class_wide}}  {answer.max():6.1%}"
            for answer in (each.probabilities, each.alone)
        )
        print(f"{file:{wide}}  {answers}  {each.flip_rate:5.0%}")
    for _, error in rows:
        if isinstance(error, UserError):
            _note(str(error))


def _shown(name: str) -> str:
    """A name as it may be printed: one line, without what would move a terminal's cursor."""
    return one_line(name, 120)


def _note(text: str) -> None:
    if text:
        print(f"ultimus: {text}", file=sys.stderr)


def _export(options: argparse.Namespace) -> int:
    run = _find(options.what, options.runs)
    _last_snapshot(run)  # there is one
    name, content = _exported(run, options)
    path = options.out or Path(name.removesuffix(".zip"))
    try:
        if options.form == "hf":
            _unpack(content, path)
        else:
            write_atomically(path, content)
    except OSError as error:
        raise storage_problem(error, path.absolute().parent) from error
    print(path)
    return 0


def _unpack(content: bytes, folder: Path) -> None:
    with ZipFile(BytesIO(content)) as archive:
        for name in archive.namelist():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, archive.read(name))


def _exported(run: Run, options: argparse.Namespace) -> tuple[str, bytes]:
    if options.form != "page":
        step = run.snapshots[-1] if options.step is None else options.step
        return export(run, step, options.form)
    if options.step is not None:
        raise UserError("A page holds the snapshots of all steps: leave out --step.")
    return page.name(run), page.page(run)


def _load(options: argparse.Namespace) -> int:
    run = adopt_file(options.file, options.runs, options.weights)
    print(run.id)
    _note(provenance(run))
    return 0


def _bench(options: argparse.Namespace) -> int:
    rounds = options.rounds
    if rounds is None:
        rounds = SHORT_ROUNDS if options.short else ROUNDS
    dataset = _open(options.data)
    with tqdm(total=1, desc="measuring", bar_format="{desc} {percentage:3.0f}%|{bar}|") as bar:
        measured = bench(dataset, rounds, lambda done: bar.update(done - bar.n))
    print(json.dumps(measured.as_json()) if options.json else measured.as_text())
    return 0


def _runs(options: argparse.Namespace) -> int:
    """List runs, the oldest first; with --remove remove them, but for live ones."""
    wanted = {_find(name, options.runs).id for name in options.ids}
    chosen = [
        each
        for each in housekeeping.kept(options.runs)
        if (not wanted or each.run.id in wanted)
        and each.age >= (options.older or 0) * housekeeping.DAY
        and each.bytes >= (options.larger or 0) * 1e6
    ]
    if not options.remove:
        _list(chosen)
        return 0
    if not wanted and options.older is None and options.larger is None:
        raise UserError("All runs would be removed: name some, or give --older or --larger.")
    removed = [each for each in chosen if options.dry_run or _remove(each)]
    would = "would be " if options.dry_run else ""
    _list(removed)
    freed = sum(each.bytes for each in removed) / 1e6
    print(f"{len(removed)} of {len(chosen)} {would}removed, {freed:,.1f} MB")
    return 0


def _remove(kept: housekeeping.Kept) -> bool:
    try:
        housekeeping.delete(kept.run)
    except UserError as error:
        _note(str(error))
        return False
    return True


def _list(runs: list[housekeeping.Kept]) -> None:
    for each in runs:
        days, size = each.age / housekeeping.DAY, each.bytes / 1e6
        print(
            f"{days:7.1f} days  {size:8.1f} MB  {each.state:11}  {each.owner[:8] or '-':8}  "
            f"{each.run.id}  {each.name}".rstrip()
        )


def _data(options: argparse.Namespace) -> int:
    if options.progress:
        dataset = open_dataset(options.source, lambda done: print(done, flush=True))
    else:
        dataset = _open(options.source)
    print(
        f"{dataset.name}: {len(dataset.train):,} images to train on, {len(dataset.test):,} to "
        f"test on, {len(dataset.classes)} classes ({', '.join(dataset.classes)})"
    )
    return 0


def _open(source: str):
    """Open a data set; show how its decoding goes, should that be needed."""
    with tqdm(
        total=1, desc="decoding", delay=1, bar_format="{desc} {percentage:3.0f}%|{bar}|"
    ) as bar:
        return open_dataset(source, lambda done: bar.update(done - bar.n))
