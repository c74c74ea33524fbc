"""What a run's folder says about the run: typed, checked, and read in this place alone."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from ..checkpoints.metadata import Origin
from ..data.limits import MAX_CLASSES, MIN_CLASSES
from ..errors import UserError, reason
from ..files import read_bounded
from ..recipe import Recipe, problems

MAX_JSON_BYTES = 2**20  # of recipe.json or status.json, which take about a thousand
MOST = 10**12  # steps or images
MAX_THREADS = 1024
REMEMBERED = 512  # recipes of runs, a few kilobytes each

State = Literal["queued", "running", "paused", "done", "stopped", "failed", "interrupted"]
Count = Annotated[int, Field(ge=0, le=MOST)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
Text = Annotated[str, Field(max_length=1000)]

CHECKED = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, protected_namespaces=())


class DataInfo(BaseModel, frozen=True):
    """What is known about the data of a run; it is not before the run has begun.

    Attributes:
        name: how a person calls it.
        fingerprint: hash of its images, labels and class names.
        classes: class names; none where they are not known.
        train: how many images are trained on.
        test: how many images are tested on.
        notes: what was decided about its source, and what was left out.
    """

    model_config = CHECKED

    name: Text = ""
    fingerprint: Text = ""
    classes: tuple[Text, ...] = Field((), min_length=MIN_CLASSES, max_length=MAX_CLASSES)
    train: Count | None = None
    test: Count | None = None
    notes: tuple[Text, ...] = ()


def _origin(entries: Any) -> Any:
    return Origin.read(entries) if isinstance(entries, dict) else entries


class LoadedInfo(BaseModel, frozen=True):
    """Where the weights come from that somebody brought.

    Attributes:
        file: its name, for people.
        form: what kind of file it was.
        sha256: hash of its content.
        note: what of it was taken, and what was left aside.
        classes_known: whether it named its classes.
        origin: what it said about itself.
    """

    model_config = CHECKED

    file: Text = ""
    form: Text = ""
    sha256: Text = ""
    note: Text = ""
    classes_known: bool = False
    origin: Annotated[InstanceOf[Origin], BeforeValidator(_origin)] = Origin()


class Parent(BaseModel, frozen=True):
    """The weights that a run began with.

    Attributes:
        run: whose they are.
        step: of its snapshot.
    """

    model_config = CHECKED

    run: Text
    step: Count


class RunInfo(BaseModel, frozen=True):
    """What was asked of a run, and what it ran with: recipe.json.

    Attributes:
        recipe: what was asked.
        dataset: what is known about the data.
        owner: who started it, as the pages know people; empty for nobody in particular.
        sweep: that it is a part of; empty for none.
        parent: whose weights it began with; None for new ones.
        loaded: where the weights come from, if somebody brought them.
        version: of Ultimus.
        threads: that computed it.
        torch: version of torch that computed it.
    """

    model_config = CHECKED

    recipe: Recipe
    dataset: DataInfo = DataInfo()
    owner: Text = ""
    sweep: Text = ""
    parent: Parent | None = None
    loaded: LoadedInfo | None = None
    version: Text = ""
    threads: int | None = Field(None, ge=1, le=MAX_THREADS)
    torch: Text = ""

    @property
    def data_name(self) -> str:
        """How a person calls the data."""
        return self.dataset.name or Path(self.recipe.data).name  # no server's path

    @property
    def steps_per_epoch(self) -> int | None:
        """None where the images are not known, or are too few for one step."""
        images = self.dataset.train or 0
        return self.recipe.steps_per_epoch(images) if images >= self.recipe.batch else None

    @property
    def total_steps(self) -> int | None:
        """The steps that are planned; None as for `steps_per_epoch`."""
        return self.steps_per_epoch and self.recipe.total_steps(self.dataset.train)


@dataclass(frozen=True, config=CHECKED)
class Status:
    """How a run stands: status.json.

    Attributes:
        state: "interrupted" where the worker died.
        reason: why it failed or was interrupted, in a sentence.
        step: steps made.
        total: steps planned; 0 before it has started.
        epoch: epochs made.
        images_per_second: training speed of late.
        seconds: time spent in training.
        doing: what it does besides training, e.g. "decoding the data".
    """

    state: State
    reason: str = ""
    step: Count = 0
    total: Count = 0
    epoch: Amount = 0.0
    images_per_second: Amount = 0.0
    seconds: Amount = 0.0
    doing: str = ""

    @property
    def progress(self) -> float:
        """The part that is trained, 0...1; a run that ended sooner than planned is done, too."""
        if self.state == "done":
            return 1.0
        return min(1.0, self.step / self.total) if self.total else 0.0

    def epoch_of(self, step: int) -> float:
        """A step in epochs; 0 where the run has made none."""
        return step * self.epoch / self.step if self.step else 0.0


_STATUS = TypeAdapter(Status)


def read_info(folder: Path) -> RunInfo:
    """What recipe.json says; it is parsed again only once it has changed.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / "recipe.json"
    try:
        stat = os.stat(path)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    return _info(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=REMEMBERED)
def _info(path: Path, version: tuple[int, int, int]) -> RunInfo:
    try:
        return RunInfo.model_validate_json(read_bounded(path, MAX_JSON_BYTES))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error


def check_info(entries: dict[str, Any]) -> None:
    """See to it that recipe.json could be read again, if it said this.

    Raises:
        UserError: it could not be.
    """
    try:
        RunInfo.model_validate_json(json.dumps(entries))
    except ValueError as error:
        raise UserError(
            f"This cannot be kept with the run ({_why(error)}): choose shorter names."
        ) from error


def read_status(folder: Path) -> Status:
    """What status.json says.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / "status.json"
    try:
        return _STATUS.validate_json(read_bounded(path, MAX_JSON_BYTES))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> UserError:
    """One sentence about a file of a run folder that cannot be used."""
    return UserError(
        f"The run {path.parent.name} is damaged, since {path.name} cannot be used "
        f"({_why(error)}): restore the file, or delete the run's folder."
    )


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is missing"
    if not isinstance(error, ValidationError):
        return reason(error)
    kind = error.errors()[0]["type"]
    return "it is not readable as JSON" if kind == "json_invalid" else problems(error)
