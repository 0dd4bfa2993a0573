"""A training as a job of the viewer: from films in memory or a folder to a model among the user's own.

All that must outlive the window happens in the job: the run's folder is the core's, and the finished model
is taken among the user's own before the job ends, whoever is left to be told. What the network says of a film
meanwhile is made small here, in the job's thread, so that showing it costs the event loop little.

Where the runs of the forms go, and what they and their models are called.

A run lies beside the user's own models and is called as its model is: by what it learned from and the date.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.errors import ModelError, WeldFcnError
from napari_weld_fcn.events import FilmPredicted, JobControl, never
from napari_weld_fcn.network import library
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.settings import TrainSettings
from napari_weld_fcn.training.simulated.clean_films import MixedData
from napari_weld_fcn.viewer.train.labelled import LabelledLayer, WithoutLabels, read_labelled

if TYPE_CHECKING:
    from napari_weld_fcn.training.run_folder import Row
    from napari_weld_fcn.training.run_record import TrainResult


#: Is told what a run says, and `Begun` and `Glimpse` besides.
Listener = Callable[[Any], None]
#: Pixels of a prediction that is shown while the network learns.
MOST_SHOWN = 1 << 19


@dataclass(frozen=True)
class Plan:
    """Everything that a training needs, read off the form and the layers.

    Attributes
    ----------
    data
        The films' layers, or a dataset folder or GDXray series; None where films without labels are alone.
    run
        The run's folder.
    name
        What the model shall be called among the user's own.
    known
        Films without labels.
    """

    data: Sequence[LabelledLayer] | Path | None
    run: Path
    name: str
    settings: TrainSettings
    network: NetworkSettings | None
    start_from: str
    known: WithoutLabels | None = None


@dataclass(frozen=True)
class Begun:
    """What the run was asked for, and its validations before this session."""

    settings: TrainSettings
    history: tuple[Row, ...] = ()


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What the network says of a film that validates, small enough to be shown at once.

    Attributes
    ----------
    row, plane
        Of the form, and of that row's layer.
    probability
        Of blocks of `factor` x `factor` pixels the largest, float32.
    """

    row: int
    plane: int
    probability: NDArray[np.float32]
    factor: int


@dataclass(frozen=True, eq=False)
class FilmOfRun:
    """A film out of a run's folder, because no open layer is that film; the next row of the form's films.

    Attributes
    ----------
    pixels
        ``(rows, columns)``, as it was trained with.
    pixel_size_mm
        None where it is not known.
    """

    name: str
    pixels: NDArray[Any]
    pixel_size_mm: float | None


@dataclass(frozen=True)
class Trained:
    """What a training came to: its result, and the model among the user's own or why it is not there."""

    result: TrainResult
    name: str
    fault: str = ""


def train(*args: Any, **kwargs: Any) -> TrainResult:
    """`training.run.train`, imported in the thread that calls it, for it brings PyTorch."""
    from napari_weld_fcn.training.run import train as begin

    return begin(*args, **kwargs)


def train_as(plan: Plan, job: JobControl) -> Trained:
    """Train, and take the best model among the user's own.

    Raises
    ------
    WeldFcnError
        As `training.run.train`.
    Stopped
        If the job was stopped before there was anything to keep.
    """
    tell: Listener = job.on_event
    tell(Begun(plan.settings))
    places: list[tuple[int, int]] = []
    more: dict[str, Any] = {}
    data: Any = plan.data
    if plan.data is not None and not isinstance(plan.data, Path):
        taken = read_labelled(plan.data, job)
        data, places, more = taken.films, taken.places, {"split": taken.split}
    if plan.known is not None:
        clean, split = plan.known.read(job)
        if data is None:
            data, more = clean, {"split": split}
        else:
            data = MixedData(data, clean)
    result = train(
        data,
        plan.run,
        plan.settings,
        network=plan.network,
        start_from=plan.start_from,
        job=_watched(job, lambda film: places[film.position], shown=bool(places)),
        **more,
    )
    return adopted(result, plan.name)


def resume_as(run: Path, films: Sequence[Sequence[tuple[str, tuple[int, ...]]]], job: JobControl) -> Trained:
    """Go on with the run in a folder; its model keeps the name that it has among the user's own.

    Parameters
    ----------
    run
        The folder.
    films
        Of each open layer, the name and the shape of each plane: the film that validates is looked for there,
        and taken out of the run's folder where it is not among them.

    Raises
    ------
    WeldFcnError
        As `training.run.resume`.
    """
    from napari_weld_fcn.training.run import resume
    from napari_weld_fcn.training.run_folder import RunFolder

    folder = RunFolder(run)
    tell: Listener = job.on_event
    tell(Begun(folder.read_settings().train, tuple(folder.history())))
    finding = _Finding(folder.data, films, tell)
    result = resume(run, job=_watched(job, finding, shown=folder.data.exists()))
    name = library.own_of_run(result.model)
    return adopted(result, name or free_name(run.absolute().name))


def adopted(result: TrainResult, name: str) -> Trained:
    """Take the best model of a run among the user's own, in place of an earlier one of the same run."""
    from napari_weld_fcn.network.model import add_to_library  # brings PyTorch

    try:
        add_to_library(result.model, name, again=True)
    except WeldFcnError as fault:
        return Trained(result, name, str(fault))
    return Trained(result, name)


def reduced(probability: NDArray[np.float32], most: int = MOST_SHOWN) -> tuple[NDArray[np.float32], int]:
    """Make a prediction small: of each block of `factor` x `factor` pixels the largest.

    Parameters
    ----------
    probability
        ``(rows, columns)``.
    most
        Pixels that it may have; what does not fill a block is reduced with zeros.

    Returns
    -------
    tuple
        The blocks, and their edge in pixels.
    """
    factor = max(1, int(np.ceil(np.sqrt(probability.size / most))))
    if factor == 1:
        return probability, 1
    rows, columns = (-(-size // factor) for size in probability.shape)
    padded = np.zeros((rows * factor, columns * factor), np.float32)
    padded[: probability.shape[0], : probability.shape[1]] = probability
    blocks = padded.reshape(rows, factor, columns, factor)
    return blocks.max(axis=(1, 3)), factor


class _Finding:
    """Finds a film that validates among the open layers, else in the run's folder."""

    def __init__(
        self, data: Path, films: Sequence[Sequence[tuple[str, tuple[int, ...]]]], on_event: Listener
    ) -> None:
        self._data, self._on_event, self._rows = data, on_event, len(films)
        self._places: dict[tuple[str, tuple[int, ...]], tuple[int, int]] = {}
        for row, planes in enumerate(films):
            for plane, film in enumerate(planes):
                self._places.setdefault(film, (row, plane))

    def __call__(self, film: FilmPredicted) -> tuple[int, int]:
        known = (film.film, film.probability.shape)
        if known not in self._places:
            pair = read_dataset(self._data)[film.position]
            self._on_event(FilmOfRun(film.film, pair.pixels, pair.pixel_size_mm))
            self._places[known] = (self._rows, 0)
            self._rows += 1
        return self._places[known]


def _watched(
    job: JobControl, place: Callable[[FilmPredicted], tuple[int, int]], *, shown: bool
) -> JobControl:
    """Make the first prediction after each epoch a `Glimpse`, no others; none unless `shown`."""
    last = -1
    tell: Listener = job.on_event

    def listen(event: Any) -> None:
        nonlocal last
        if not isinstance(event, FilmPredicted):
            tell(event)
        elif event.step != last:
            last = event.step
            tell(Glimpse(*place(event), *reduced(event.probability)))

    return replace(job, on_event=listen, should_show=job.should_show if shown else never)


#: Environment variable with the folder that holds the runs.
FOLDER_VARIABLE = "WELD_FCN_RUNS"
#: Letters of the film's name that its model's name takes.
_LONGEST = 36


def runs_folder() -> Path:
    """Return the folder that holds the runs, which need not exist yet."""
    if override := os.environ.get(FOLDER_VARIABLE):
        return Path(override).absolute()
    return Path(platformdirs.user_data_dir("napari-weld-fcn", appauthor=False)) / "runs"


def free_name(subject: str, date: str = "") -> str:
    """Return a name that no own model has, and with a date no run, made of both.

    Parameters
    ----------
    subject
        A film, or a run; what no model may be called becomes an underscore.
    date
        Of the run that is to begin; empty for a run that is there.
    """
    plain = "".join(letter if letter.isalnum() or letter in " ._-" else "_" for letter in subject)
    stem = f"{plain.strip(' ._-')[:_LONGEST] or 'film'} {date}".strip()
    taken = {name.casefold() for name in library.own()}
    number, name = 1, stem
    while name.casefold() in taken or (date and (runs_folder() / name).exists()):
        number += 1
        name = f"{stem} {number}"
    return name


def check_name(name: str) -> None:
    """Refuse a name that an own model cannot have, or has.

    Raises
    ------
    ModelError
        In one sentence.
    """
    if fault := library.name_fault(name):
        raise ModelError(f"The model cannot be called {name!r}: {fault}.")
    if name.casefold() in {taken.casefold() for taken in library.own()}:
        raise ModelError(f"A model called {name!r} is there already; choose another name.")
