"""What a run learns from and what its steps show: the questions that crops and films answer alike.

All samplers share one jitter, one placing of windows, and one way to make batches ahead. Whatever a step
shows is a function of seed and step alone, so that a run that was killed sees, when resumed, what it would
have seen, and nothing has to be stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.training.settings import RARE, PatchSettings

if TYPE_CHECKING:
    from pathlib import Path

    from napari_weld_fcn.dataset.films import FilmSplit
    from napari_weld_fcn.dataset.places import Split
    from napari_weld_fcn.dataset.settings import SplitSettings
    from napari_weld_fcn.network.model import Model
    from napari_weld_fcn.training.settings import RunSettings

#: Batches made ahead of the fit.
AHEAD = 6
#: Fits of different seeds see simulated patches so far apart.
SEEDS = 100_000_000

Made = TypeVar("Made")


@dataclass(frozen=True)
class Patch:
    """One patch as the network sees it: pixels float32, truth and ignored bool, all ``(rows, columns)``."""

    pixels: NDArray[np.float32]
    truth: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    @classmethod
    def of(cls, pixels: NDArray[np.float32], mask: NDArray[np.uint8]) -> Patch:
        """Take normalised pixels and their mask."""
        return cls(pixels, mask == FLAW, mask == IGNORED)


@dataclass(frozen=True)
class Batch:
    """Patches as the network sees them.

    Attributes
    ----------
    pixels, truth
        ``(N, 1, rows, columns)`` float32; the truth is 0 or 1.
    ignored
        Bool of the same shape: pixels that take no part; None where all do.
    known
        ``(M, 1, rows, columns)`` float32: patches on which the network is to say what it said before
        (`training.distillation`); None where there are none.
    """

    pixels: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray | None = None
    known: np.ndarray | None = None

    @classmethod
    def of(cls, patches: Sequence[Patch], size: tuple[int, int]) -> Batch:
        """Lay patches of one size together; there may be none."""
        kinds = {"pixels": np.float32, "truth": np.float32, "ignored": bool}
        return cls(
            **{
                name: np.array([getattr(patch, name) for patch in patches], kind).reshape(-1, 1, *size)
                for name, kind in kinds.items()
            }
        )

    def part(self, patches: slice) -> Batch:
        """Return some of its patches; what is `known` goes with each part."""
        names = (field.name for field in fields(self) if field.name != "known")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        return replace(self, **{name: array[patches] for name, array in arrays.items() if array is not None})


#: Gives the batches of steps `start` to `stop`; of each batch this process's share.
Source = Callable[[int, int], Iterator[Batch]]


@dataclass(frozen=True)
class Share:
    """What one of `count` processes shows of each batch."""

    rank: int = 0
    count: int = 1

    @property
    def turns(self) -> slice:
        """Every so many patches, from one on."""
        return slice(self.rank, None, self.count)

    def stretch(self, patches: int) -> range:
        """As many patches in a row as there are for each process."""
        return range(self.rank * patches // self.count, (self.rank + 1) * patches // self.count)


#: All of it.
WHOLE = Share()


class Sampler(Protocol):
    """Batches of windows, each a function of its step."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which about all is shown once; a validation follows."""

    @property
    def flaw_share(self) -> float:
        """Share of the labelled pixels that are flaw."""

    def batches(self, start: int, stop: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield one process's shares of the batches of steps `start` to `stop`."""


def jitter(rng: np.random.Generator, seen_as: PatchSettings) -> tuple[np.float32, np.float32]:
    """Draw a factor and a shift: what a normalised patch would be as a part of another film."""
    factor = np.exp(rng.uniform(np.log(seen_as.spread_min), np.log(seen_as.spread_max)))
    return np.float32(factor), np.float32(rng.uniform(-seen_as.shift, seen_as.shift))


def origin_around(centre: int, part: int, first: int, end: int) -> int:
    """Where `part` pixels around a centre begin, moved as far as they must to lie in `first` to `end`."""
    return int(np.clip(centre - part // 2, first, max(end - part, first)))


def made_ahead(
    pool: Executor, make: Callable[[int], Made], start: int, stop: int, ahead: int = AHEAD
) -> Iterator[Made]:
    """Yield ``make(step)`` for steps `start` to `stop` in their order, some made ahead by the pool."""
    steps = iter(range(start, stop))
    waiting: deque[Future[Made]] = deque(pool.submit(make, step) for step in islice(steps, ahead))
    try:
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, step) for step in islice(steps, 1))
            yield made
    finally:
        for future in waiting:
            future.cancel()


Kind = Literal["crops", "films", "clean", "unlabelled"]


@dataclass(frozen=True)
class Task:
    """What one run shows, and how it is scored.

    Attributes
    ----------
    sampler
        What its steps show.
    validate
        Scores a model, after a number of steps, on what is held out.
    held_bytes
        Memory that films or crops take, at most.
    before
        The score of the model that the run began with, which must be beaten; None where it need not be.
    """

    sampler: Sampler
    validate: Callable[[Model, int, JobControl], Validated]
    held_bytes: int
    before: Validated | None = None

    @property
    def flaws_are_rare(self) -> bool:
        """Whether flaws are less than `RARE` of the labelled pixels that train."""
        return self.sampler.flaw_share < RARE


class TrainingData(Protocol):
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

    def task(
        self, about: RunSettings, split: Split | FilmSplit, start: Model | None, job: JobControl = ALONE
    ) -> Task:
        """Begin the run that `about` describes, from the model `start` or from nothing; may be `Stopped`."""

    def save(self, folder: Path) -> None:
        """Write it as a dataset folder."""

    @property
    def pixel_sizes_mm(self) -> list[float]:
        """Those that are known."""

    def notes(self, about: RunSettings) -> list[str]:
        """What the user ought to know before it begins."""
