"""A run's curves for the tools that people keep: a table, or TensorBoard's event files."""

import csv
import io
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..errors import UserError
from .metrics import DENSE, SPARSE
from .run import Run

FORMS = ("csv", "tensorboard")
TAGS = {
    "loss": "loss/train", "test_loss": "loss/test", "train_accuracy": "accuracy/train",
    "test_accuracy": "accuracy/test", "lr": "learning rate", "grad_norm": "gradient norm",
    "images_per_second": "images per second",
}  # fmt: skip


def export(run: Run, form: str) -> tuple[str, bytes]:
    """A run's curves as a file, or as an archive of a folder: its name and its content.

    Args:
        run: any run that was trained here.
        form: one of FORMS.

    Raises:
        UserError: the run has no curves, or the package for the form is missing.
    """
    return name(run, form), to_csv(run) if form == "csv" else _zipped_events(run)


def name(run: Run, form: str) -> str:
    """What such a file is called."""
    return f"ultimus-{run.id}.csv" if form == "csv" else f"ultimus-{run.id}-tensorboard.zip"


def has_tensorboard() -> bool:
    """Whether its own writer is installed, which is no part of Ultimus."""
    return find_spec("tensorboard") is not None


def to_csv(run: Run) -> bytes:
    """A line for each report, with the names of metrics.jsonl; empty where it has no number.

    Raises:
        UserError: the run has no curves, or they are damaged.
    """
    columns = _columns(run)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        table.writerow("" if np.isnan(value) else _digits(value) for value in row)
    return text.getvalue().encode()


def to_tensorboard(run: Run, folder: Path) -> None:
    """Event files as TensorBoard's own writer writes them.

    Args:
        run: any run.
        folder: to write into; it is TensorBoard's `--logdir`, or a run in it.

    Raises:
        UserError: the package is missing, or the run has no curves.
    """
    if not has_tensorboard():
        raise UserError("TensorBoard is not installed: pip install tensorboard, then try again.")
    columns = _columns(run)
    from torch.utils.tensorboard import SummaryWriter  # it takes a second to load

    ended = (run.folder / "metrics.jsonl").stat().st_mtime
    times = ended - np.nan_to_num(columns["seconds"][-1] - columns["seconds"])
    with SummaryWriter(str(folder)) as writer:
        for column, tag in TAGS.items():
            for step, value, time in zip(columns["step"], columns[column], times, strict=True):
                if not np.isnan(value):
                    writer.add_scalar(tag, value, int(step), walltime=time)


def _zipped_events(run: Run) -> bytes:
    """The same in an archive, under a name of the run's own: unpacked once more it takes the place
    of the former, while TensorBoard would draw both."""
    buffer = io.BytesIO()
    with TemporaryDirectory() as place, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as found:
        to_tensorboard(run, Path(place))
        for number, file in enumerate(_files(Path(place))):
            found.write(file, f"events.out.tfevents.{number}.{run.id}")
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.iterdir()) if file.is_file())


def _columns(run: Run) -> dict[str, np.ndarray]:
    metrics = run.metrics()
    if not metrics.rows:
        raise UserError(f"The run {run.id} has no curves: choose one that was trained here.")
    return {column: metrics.column(column) for column in (*DENSE, *SPARSE)}


def _digits(value: float) -> str:
    """As many as read back as the same number."""
    return str(int(value)) if value.is_integer() else repr(float(value))
