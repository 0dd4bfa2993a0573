"""What a run learns from: crops of a dataset, or whole films with their masks.

Both answer the same questions: how they are split, what a step shows, how a network is scored on what is held
out. What came from memory is copied into the run's folder, as a dataset folder, so that the run can be
resumed when the window in which it was labelled is long closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
import torch

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, split_films
from napari_weld_fcn.dataset.labels import mask_of
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.splits import split as split_of
from napari_weld_fcn.dataset.store import Dataset, is_dataset, read_dataset, write_dataset
from napari_weld_fcn.errors import DatasetError, RadiographError
from napari_weld_fcn.events import Message, OnEvent, ShouldStop, Validated, ignore
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.oversampling import oversampling
from napari_weld_fcn.radiograph.gdxray import open_series
from napari_weld_fcn.radiograph.normalisation import full_scale, measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.training.clean import CleanLesson
from napari_weld_fcn.training.clean_films import CleanFilms, CleanKind
from napari_weld_fcn.training.crop_validation import validate_crops
from napari_weld_fcn.training.film_source import FilmSource
from napari_weld_fcn.training.film_validation import FilmValidation
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import TUNED_AS, RunSettings
from napari_weld_fcn.training.sources import (
    CropSource,
    fingerprint,
    pairs_of,
    pixel_sizes_of,
    places_of,
    variants_of,
)

Kind = Literal["crops", "films", "clean", "unlabelled"]
#: Whatever a run can learn from: a dataset folder or a GDXray series, pairs, labelled films, or clean ones.
Data = str | Path | Sequence[Pair] | Sequence[LabelledFilm] | CleanFilms


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
    def before(self) -> Validated | None:
        """The score of the model that the run began with, which must be beaten; None where it need not be."""

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""

    def validate(
        self,
        model: Model,
        device: torch.device,
        step: int,
        on_event: OnEvent,
        should_show: ShouldStop,
        should_stop: ShouldStop,
    ) -> Validated:
        """Score a model on what is held out."""


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

    def lesson(self, about: RunSettings, split: Split | FilmSplit, start: Model | None) -> Lesson:
        """Begin the run that `about` describes, from the model `start` or from nothing."""

    def save(self, folder: Path) -> None:
        """Write it as a dataset folder."""

    @property
    def pixel_sizes_mm(self) -> list[float]:
        """Those that are known."""

    def notes(self, about: RunSettings) -> list[str]:
        """What the user ought to know before it begins."""


def material_of(data: Data, on_event: OnEvent = ignore) -> Material:
    """Open what is to be learned from.

    Raises
    ------
    DatasetError
        If there is nothing, or a folder is neither a dataset nor a GDXray series with masks.
    """
    if isinstance(data, CleanFilms):
        return Unlabelled(data.films, kind=data.kind)
    if isinstance(data, str | Path):
        path = Path(data)
        return Crops(pairs_of(path)) if is_dataset(path) else _series(path, on_event)
    if len(data) and isinstance(data[0], LabelledFilm):
        return Films(tuple(cast(Sequence[LabelledFilm], data)))
    return Crops(pairs_of(cast(Sequence[Pair], data)))


def saved_material(folder: Path, kind: Kind) -> Material:
    """Open what `Material.save` wrote."""
    pairs = read_dataset(folder)
    if kind == "crops":
        return Crops(pairs)
    films = tuple(_film_of(pair) for pair in pairs)
    return Films(films) if kind == "films" else Unlabelled(films, kind=kind)


def clean_films(folder: Path, kind: CleanKind) -> CleanFilms:
    """Open films without labels that `Material.save` wrote."""
    return CleanFilms(tuple(_film_of(pair) for pair in read_dataset(folder)), kind)


@dataclass(frozen=True)
class Crops:
    """Crops, and perhaps variants of them, of a dataset folder or in memory."""

    pairs: Sequence[Pair]
    kind: Kind = "crops"

    @property
    def folder(self) -> str:
        """Where they lie; empty where they are in memory."""
        return str(self.pairs.folder.absolute()) if isinstance(self.pairs, Dataset) else ""

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sha256(self) -> str:
        """Of what is listed of them."""
        return fingerprint(self.pairs)

    @property
    def pixel_sizes_mm(self) -> list[float]:
        """Those that are known."""
        return pixel_sizes_of(self.pairs)

    def split(self, settings: SplitSettings) -> Split:
        """Split by film; DatasetError where a side has nothing, or nothing to be scored on."""
        divided = split_of(places_of(self.pairs), settings)
        if all(variants_of(self.pairs)[i] for i in divided.validation):
            raise DatasetError(
                "The films that validate have variants only; scores are taken on the crops themselves."
            )
        return divided

    def read_split(self, text: str, source: str) -> Split:
        """Read what `to_json` of its split wrote."""
        return Split.from_json(text, source)

    def lesson(self, about: RunSettings, split: Split | FilmSplit, start: Model | None) -> Lesson:
        """Begin the run that `about` describes."""
        assert isinstance(split, Split)
        return CropLesson(self.pairs, about, split)

    def save(self, folder: Path) -> None:
        """Write them as a dataset folder."""
        write_dataset(self.pairs, folder)

    def notes(self, about: RunSettings) -> list[str]:
        """Say that variants are not varied again."""
        varied = any(variants_of(self.pairs))
        return ["The dataset holds variants already; they are shown as they are."] if varied else []


class CropLesson:
    """Crops varied anew in each epoch; of those held out the crops themselves are scored."""

    def __init__(self, pairs: Sequence[Pair], about: RunSettings, split: Split) -> None:
        variants = variants_of(pairs)
        self.pairs, self.threshold = pairs, about.threshold
        self.held_out = [i for i in split.validation if variants[i] == 0]
        self.source = CropSource(
            pairs,
            split.training,
            places_of(pairs),
            None if any(variants) else about.augmentation,
            batch=about.train.batch,
            window=about.train.window,
            seed=about.train.seed,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every draw of an epoch is shown once."""
        return self.source.steps_per_epoch

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""
        return self.source.size

    @property
    def held_bytes(self) -> int:
        """Memory that crops take, at most, if they have 8 bits."""
        return 2 * self.source.kept_pixels

    @property
    def before(self) -> None:
        """A dataset's own convention is learned, whatever it was before."""

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""
        return self.source.batches(start, stop, rank, ranks)

    def validate(
        self,
        model: Model,
        device: torch.device,
        step: int,
        on_event: OnEvent,
        should_show: ShouldStop,
        should_stop: ShouldStop,
    ) -> Validated:
        """Score a model on the crops that are held out."""
        return validate_crops(model.network, self.pairs, self.held_out, step, self.threshold, should_stop)


@dataclass(frozen=True)
class Films:
    """Films with their masks."""

    films: tuple[LabelledFilm, ...]
    folder: str = ""
    kind: Kind = "films"

    def __len__(self) -> int:
        return len(self.films)

    @property
    def sha256(self) -> str:
        """Of names, pixels and masks."""
        digest = hashlib.sha256()
        for film in self.films:
            pixels = np.ascontiguousarray(film.radiograph.pixels)
            digest.update(f"{film.film}\t{pixels.dtype.str}\t{pixels.shape}\n".encode(errors="surrogatepass"))
            digest.update(pixels.data)
            digest.update(np.ascontiguousarray(film.mask).data)
        return digest.hexdigest()

    @property
    def pixel_sizes_mm(self) -> list[float]:
        """Those that are known."""
        sizes = (film.radiograph.pixel_size_mm for film in self.films)
        return [size for size in sizes if size is not None]

    def split(self, settings: SplitSettings) -> FilmSplit:
        """Split by film, or cut the one that has flaws; DatasetError where a side lacks something."""
        return split_films(self.films, settings)

    def read_split(self, text: str, source: str) -> FilmSplit:
        """Read what `to_json` of its split wrote."""
        return FilmSplit.from_json(text, source)

    def lesson(self, about: RunSettings, split: Split | FilmSplit, start: Model | None) -> Lesson:
        """Begin the run that `about` describes."""
        assert isinstance(split, FilmSplit)
        return FilmLesson(self.films, about, split)

    def save(self, folder: Path) -> None:
        """Write each film as one pair of a dataset folder."""
        write_dataset((_pair_of(film, number) for number, film in enumerate(self.films)), folder)

    def notes(self, about: RunSettings) -> list[str]:
        """Name the films that are shown with half of their pixels."""
        names = [film.film for film in self.films if oversampling(film.radiograph.pixels) > 1]
        text = f"{', '.join(names)}: more pixels than detail, so half of them are shown, as in a prediction."
        return [text] if names else []


class FilmLesson:
    """Windows drawn anew from the films that train; whole films are scored."""

    def __init__(self, films: Sequence[LabelledFilm], about: RunSettings, split: FilmSplit) -> None:
        self.validation = FilmValidation(films, split, about.threshold)
        self._held_bytes = sum(int(film.radiograph.pixels.nbytes) + 2 * film.mask.nbytes for film in films)
        self.source = FilmSource(
            [part.of(films) for part in split.training],
            about.augmentation,
            batch=about.train.batch,
            window=about.train.window,
            seed=about.train.seed,
            seen_as=TUNED_AS if about.start_sha256 else None,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which about as many pixels are shown as are labelled."""
        return self.source.steps_per_epoch

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of what a step shows."""
        return self.source.size

    @property
    def held_bytes(self) -> int:
        """Memory that films, their masks and those of the parts take."""
        return self._held_bytes

    @property
    def before(self) -> None:
        """The labels' own convention is learned, whatever it was before."""

    def batches(self, start: int, stop: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """Yield one rank's shares of the batches of steps `start` to `stop`."""
        return self.source.batches(start, stop, rank, ranks)

    def validate(
        self,
        model: Model,
        device: torch.device,
        step: int,
        on_event: OnEvent,
        should_show: ShouldStop,
        should_stop: ShouldStop,
    ) -> Validated:
        """Score a model on the films that are held out."""
        return self.validation.validate(
            model, device, step, on_event=on_event, should_show=should_show, should_stop=should_stop
        )


@dataclass(frozen=True)
class Unlabelled(Films):
    """Films without labels, which teach by what is put into them."""

    kind: Kind = "clean"

    @property
    def clean(self) -> CleanFilms:
        """The same as a value."""
        return CleanFilms(self.films, "clean" if self.kind == "clean" else "unlabelled")

    def split(self, settings: SplitSettings) -> FilmSplit:
        """Hold out some films, or a part of one that is alone; DatasetError where nothing could be."""
        return self.clean.split(settings)

    def lesson(self, about: RunSettings, split: Split | FilmSplit, start: Model | None) -> Lesson:
        """Begin the run that `about` describes."""
        assert isinstance(split, FilmSplit) and start is not None
        return CleanLesson(self.clean, about, split, start)


def _series(path: Path, on_event: OnEvent) -> Films:
    """The films of a GDXray series that have masks."""
    try:
        series = open_series(path)
        if series.is_mask:
            raise DatasetError(f"{path}: holds masks only; give the series of their films.")
        for problem in series.problems:
            on_event(Message(problem))
        without = [film.name for film in series if not film.has_mask]
        if without:
            on_event(Message(f"{len(without)} films have no mask and are left out, {without[0]} the first."))
        found = []
        for film in series:
            mask = film.mask()
            if mask is not None:
                found.append(LabelledFilm(film.radiograph(), mask_of(mask)))
    except RadiographError as fault:
        raise DatasetError(str(fault)) from fault
    if not found:
        raise DatasetError(f"{path}: none of its films has a mask.")
    return Films(tuple(found), str(path.absolute()))


def _pair_of(film: LabelledFilm, number: int) -> Pair:
    pixels = np.asarray(film.radiograph.pixels)
    return Pair(
        name=f"film_{number:03d}",
        pixels=pixels,
        mask=film.mask,
        film=film.film,
        row=0,
        column=0,
        normalisation=measure(pixels),
        full_scale=full_scale(pixels.dtype, float(pixels.max())),
        pixel_size_mm=film.radiograph.pixel_size_mm,
    )


def _film_of(pair: Pair) -> LabelledFilm:
    size = pair.pixel_size_mm
    radiograph = Radiograph(
        pair.pixels,
        name=pair.film,
        film=pair.film,
        pixel_size_mm=size,
        pixel_size_source="file" if size else "none",
    )
    return LabelledFilm(radiograph, pair.mask)
