"""What trains a run: pulls the steps, writes the run folder, obeys its requests.

The command line and the lab both train through `work`, so a run is the same whoever started it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO

import torch

from ..data.dataset import Dataset, is_ready, open_dataset
from ..data.sources import located
from ..errors import UserError
from ..files import read_bounded, storage_problem
from ..training.trainer import train
from ..training.training import DivergedError, Progress
from . import metrics
from .continuation import model_of
from .control import PATIENCE
from .info import RunInfo
from .recorder import Recorder
from .run import Run, State, Status

MAX_RESUME_BYTES = 2**28  # of resume.pt, which takes about a megabyte


def work(
    run: Run,
    watch: Callable[[Progress], None] = lambda progress: None,
    patience: float = PATIENCE,
) -> Status:
    """Train a run from where it stands until it ends, is stopped or stays paused.

    Args:
        run: queued, or to be resumed.
        watch: called after each step, on a GPU after each stride of steps.
        patience: seconds to stand paused before the worker is given to another run.

    Returns:
        How the run stands afterwards. A failure is a status, not an exception, as far as it can
        be written into the run folder.

    Raises:
        UserError: the run is damaged, is already being trained, or cannot be written.
    """
    with run.hold(), _own_threads():
        try:
            return _work(run, watch, patience)
        except DataAwayError as error:
            return _end(run, "interrupted", str(error))
        except UserError as error:
            return _end(run, "failed", str(error))
        except OSError as error:
            problem = storage_problem(error, run.folder)
            try:
                return _end(run, "interrupted", str(problem))
            except OSError:
                raise problem from error
        except Exception as error:
            _end(run, "failed", f"An unexpected error: {type(error).__name__}: {error}")
            raise


@contextmanager
def _own_threads() -> Iterator[None]:
    """Whatever a run sets, the next one in this process finds the number of threads as it was."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _end(run: Run, state: State, reason: str) -> Status:
    status = replace(run.status(), state=state, reason=reason, doing="")
    run.set_status(status)
    return status


def _work(run: Run, watch: Callable[[Progress], None], patience: float) -> Status:
    recipe = run.info().recipe
    run.set_status(replace(run.status(), state="running", reason="", doing=_opening(recipe.data)))
    dataset = _former_data(run.info())
    _surroundings(run, dataset)
    state = _saved_state(run)
    metrics.forget_after(run.folder, state["step"] if state else -1)
    recorder = Recorder(run, recipe, dataset, patience)
    try:
        for progress in train(recipe, dataset, state, model=model_of(run, dataset)):
            recorder.record(progress)
            watch(progress)
            if not progress.training.finished and not recorder.obey():
                break
    except DivergedError:
        recorder.keep_last_good()
        raise
    return recorder.finish()


def _opening(source: str) -> str:
    try:
        is_here = is_ready(source)
    except UserError:  # told by what opens it
        is_here = True
    return "opening the data" if is_here else "waiting for its pictures, which are prepared once"


class DataAwayError(UserError):
    """The run goes on once its data is there again."""


def _former_data(info: RunInfo) -> Dataset:
    """The data that was asked for, or that the run began with."""
    try:
        dataset = open_dataset(info.recipe.data)
    except UserError as error:
        raise DataAwayError(str(error)) from error
    if info.dataset.fingerprint not in ("", dataset.fingerprint):
        raise DataAwayError(
            f"The data in {dataset.source} has changed since this run began: put the former data "
            "back, or start a new run."
        )
    return dataset


def move_data(run: Run, place: str) -> None:
    """Let a run go on with its data at another place.

    Args:
        run: one that has begun.
        place: a source of data, see `open_dataset`.

    Raises:
        UserError: the data there is not the run's, or nothing tells.
    """
    info, dataset = run.info(), open_dataset(place)
    if not info.dataset.fingerprint:
        raise UserError(
            f"The run {run.id} has not begun, so nothing tells whether this is its data: start a "
            "new run."
        )
    if dataset.fingerprint != info.dataset.fingerprint:
        raise UserError(
            f"The data in {place} is not what the run {run.id} began with: give the place where "
            "that is now."
        )
    run.ran_with(recipe=info.recipe.with_data(located(place)).model_dump())


def _surroundings(run: Run, dataset: Dataset) -> None:
    """Compute with as many threads as before, and note what the run runs with."""
    threads = run.info().threads or torch.get_num_threads()
    torch.set_num_threads(threads)  # the order of additions, so the last bit, depends on it
    run.ran_with(
        dataset={
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "classes": dataset.classes,
            "train": len(dataset.train),
            "test": len(dataset.test),
            "notes": dataset.notes,
        },
        threads=threads,
        torch=torch.__version__,
    )


def _saved_state(run: Run) -> dict | None:
    try:
        content = read_bounded(run.resume_file, MAX_RESUME_BYTES)
        state = torch.load(BytesIO(content), weights_only=True)
        if state["step"] < 0:
            raise ValueError(f"step {state['step']}")
        return state
    except FileNotFoundError:
        return None
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise UserError(
            f"The run {run.id} cannot go on, since resume.pt is damaged: restart the run instead."
        ) from error
