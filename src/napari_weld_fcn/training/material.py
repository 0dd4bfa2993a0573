"""What a run learns from, and what of it a step shows: the questions that crops and films answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from napari_weld_fcn.dataset.films import FilmSplit
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import RARE, RunSettings

Kind = Literal["crops", "films", "clean", "unlabelled"]


class Lesson(Protocol):
    """What one run shows, and how it is scored."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps between two validations."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""

    @property
    def held_bytes(self) -> int:
        """Memory that films or crops take, at most."""

    @property
    def flaws_are_rare(self) -> bool:
        """Whether flaws are less than `RARE` of the labelled pixels that train."""

    @property
    def before(self) -> Validated | None:
        """The score of the model that the run began with, which must be beaten; None where it need not be."""

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""

    def validate(self, model: Model, step: int, job: JobControl) -> Validated:
        """Score a model on what is held out."""


class Windows(Protocol):
    """Batches of windows, each a function of its step."""

    size: tuple[int, int]

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which about all is shown once."""

    @property
    def flaw_share(self) -> float:
        """Share of the labelled pixels that are flaw."""

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""


class Labelled:
    """The part of a lesson with labels that follows from its windows."""

    source: Windows

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which about all is shown once."""
        return self.source.steps_per_epoch

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""
        return self.source.size

    @property
    def flaws_are_rare(self) -> bool:
        """Whether flaws are less than `RARE` of the labelled pixels that train."""
        return self.source.flaw_share < RARE

    @property
    def before(self) -> None:
        """The labels' own convention is learned, whatever it was before."""

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""
        return self.source.batches(start, stop, rank, ranks)


class Material(Protocol):
    """What a run is given."""

    @property
    def kind(self) -> Kind:
        """What it consists of."""

    @property
    def folder(self) -> str:
        """Where it lies; empty where it came from memory."""

    def __len__(self) -> int:
        """Crops, or films."""

    @property
    def sha256(self) -> str:
        """Tells it from any other."""

    def split(self, settings: SplitSettings) -> Split | FilmSplit:
        """Say what trains and what validates; DatasetError where it cannot."""

    def read_split(self, text: str, source: str) -> Split | FilmSplit:
        """Read what `to_json` of its split wrote."""

    def lesson(
        self,
        about: RunSettings,
        split: Split | FilmSplit,
        start: Model | None,
        job: JobControl = ALONE,
    ) -> Lesson:
        """Begin the run that `about` describes, from the model `start` or from nothing; may be `Stopped`."""

    def save(self, folder: Path) -> None:
        """Write it as a dataset folder."""

    @property
    def pixel_sizes_mm(self) -> list[float]:
        """Those that are known."""

    def notes(self, about: RunSettings) -> list[str]:
        """What the user ought to know before it begins."""
