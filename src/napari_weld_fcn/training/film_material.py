"""Whole films as what a run learns from, with their masks or without labels.

In a run's folder each film is one pair of a dataset, which any other program can read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, split_films
from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.dataset.writing import as_stored
from napari_weld_fcn.events import ALONE, JobControl, Validated
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.normalisation import measure, white_of
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.training.clean import CleanLesson
from napari_weld_fcn.training.clean_films import CleanFilms
from napari_weld_fcn.training.film_source import FilmSource
from napari_weld_fcn.training.film_validation import FilmValidation
from napari_weld_fcn.training.material import Kind, Labelled, Lesson
from napari_weld_fcn.training.settings import SEEN_AS, RunSettings


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
            pixels = np.ascontiguousarray(as_stored(np.asarray(film.radiograph.pixels)))
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

    def lesson(
        self,
        about: RunSettings,
        split: Split | FilmSplit,
        start: Model | None,
        job: JobControl = ALONE,
    ) -> Lesson:
        """Begin the run that `about` describes."""
        assert isinstance(split, FilmSplit)
        return FilmLesson(self.films, about, split)

    def save(self, folder: Path) -> None:
        """Write each film as one pair of a dataset folder."""
        write_dataset((_pair_of(film, number) for number, film in enumerate(self.films)), folder)

    def notes(self, about: RunSettings) -> list[str]:
        """Name the films whose flaws are taken to be bright."""
        names = [film.film for film in self.films if flaws_are(film.radiograph.pixels) == "bright"]
        text = f"{', '.join(names)}: the bead is darker than the plate, so flaws are taken to be bright."
        return [text] if names else []


class FilmLesson(Labelled):
    """Windows drawn anew from the films that train; whole films are scored."""

    def __init__(self, films: Sequence[LabelledFilm], about: RunSettings, split: FilmSplit) -> None:
        self.validation = FilmValidation(films, split, about.threshold, about.train.margin)
        self._held_bytes = sum(int(film.radiograph.pixels.nbytes) + 2 * film.mask.nbytes for film in films)
        self.source = FilmSource(
            [part.of(films) for part in split.training],
            about.augmentation,
            batch=about.train.batch,
            window=about.train.window,
            seed=about.train.seed,
            seen_as=SEEN_AS if about.start_sha256 or about.train.preset == "recommended" else None,
            around=bool(about.start_sha256),
        )

    @property
    def held_bytes(self) -> int:
        """Memory that films, their masks and those of the parts take."""
        return self._held_bytes

    def validate(self, model: Model, step: int, job: JobControl) -> Validated:
        """Score a model on the films that are held out."""
        return self.validation.validate(model, step, job)


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

    def lesson(
        self,
        about: RunSettings,
        split: Split | FilmSplit,
        start: Model | None,
        job: JobControl = ALONE,
    ) -> Lesson:
        """Begin the run that `about` describes."""
        assert isinstance(split, FilmSplit) and start is not None
        return CleanLesson(self.clean, about, split, start, job)


def _pair_of(film: LabelledFilm, number: int) -> Pair:
    pixels = np.asarray(film.radiograph.pixels)
    normalisation = measure(pixels)
    return Pair(
        name=f"film_{number:03d}",
        pixels=pixels,
        mask=film.mask,
        film=film.film,
        row=0,
        column=0,
        normalisation=normalisation,
        full_scale=white_of(pixels, normalisation),
        pixel_size_mm=film.radiograph.pixel_size_mm,
        polarity=flaws_are(pixels),
    )
