"""Whole films as what a run learns from, with their masks or without labels.

In a run's folder each film is one pair of a dataset, which any other program can read.

They are scored whole, by exact tiles, as the network will be applied: crops show it neither the letters at
the end of a film nor the plate beside the bead, where false calls are made. Counts are pooled over the films,
ignored pixels left out. The films are predicted anyway, so whoever wants to watch gets the probabilities for
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part, split_films
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.places import Split
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.dataset.writing import as_stored
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.scores import BestThreshold, ThresholdCounts, threshold_counts
from napari_weld_fcn.events import ALONE, FilmPredicted, JobControl, Validated, ignore
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.apply_model import network_input, probability_of
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.normalisation import measure, white_of
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.radiograph.radiograph import Box
from napari_weld_fcn.training.data.film_sampler import FilmSampler
from napari_weld_fcn.training.data.sampling import Kind, Task
from napari_weld_fcn.training.settings import SEEN_AS, RunSettings
from napari_weld_fcn.training.simulated.clean_films import CleanFilms
from napari_weld_fcn.training.simulated.without_labels import clean_task


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

    def task(
        self, about: RunSettings, split: Split | FilmSplit, start: Model | None, job: JobControl = ALONE
    ) -> Task:
        """Show windows drawn anew from the films that train; whole films are scored."""
        assert isinstance(split, FilmSplit)
        films = self.films
        validation = FilmValidation(films, split, about.threshold, about.train.margin)
        sampler = FilmSampler(
            [part.of(films) for part in split.training],
            about.augmentation,
            batch=about.train.batch,
            window=about.train.window,
            seed=about.train.seed,
            seen_as=SEEN_AS if about.start_sha256 or about.train.preset == "recommended" else None,
            around=bool(about.start_sha256),
        )
        held_bytes = sum(int(film.radiograph.pixels.nbytes) + 2 * film.mask.nbytes for film in films)
        return Task(sampler, validation.validate, held_bytes)

    def save(self, folder: Path) -> None:
        """Write each film as one pair of a dataset folder."""
        write_dataset((_pair_of(film, number) for number, film in enumerate(self.films)), folder)

    def notes(self, about: RunSettings) -> list[str]:
        """Name the films whose flaws are taken to be bright."""
        names = [film.film for film in self.films if flaws_are(film.radiograph.pixels) == "bright"]
        text = f"{', '.join(names)}: the bead is darker than the plate, so flaws are taken to be bright."
        return [text] if names else []


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

    def task(
        self, about: RunSettings, split: Split | FilmSplit, start: Model | None, job: JobControl = ALONE
    ) -> Task:
        """Show windows of the films with flaws put in; held-out films are scored with flaws put in."""
        assert isinstance(split, FilmSplit) and start is not None
        return clean_task(self.clean, about, split, start, job)


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


#: How films are predicted that validate.
FLOAT32 = PredictionSettings(precision="float32")


class FilmValidation:
    """The films that validate, normalised and their polarity decided once.

    Parameters
    ----------
    films
        All films.
    split
        Says which of them, or which part of one, validate.
    threshold
        Of the model that is trained further; 0 where none is. On a part of a film of which the rest trains,
        it stays: a few flaws tell nothing of other films. Whole films move it as far as they must.
    margin
        How much of the largest pooled pixel F1 is given up for a threshold that is nearer to that one, or
        to one half on a part of a film: on a few flaws the largest is luck.

    Raises
    ------
    DatasetError
        If every pixel that would validate is ignored.
    """

    def __init__(
        self, films: Sequence[LabelledFilm], split: FilmSplit, threshold: float = 0.0, margin: float = 0.0
    ) -> None:
        self._threshold, self._margin, self._cut = threshold, margin, split.cuts_a_film
        self._parts = [(part, part.of(films)) for part in split.validation]
        self._inputs = [network_input(film.radiograph, None, FLOAT32)[0] for _, film in self._parts]
        if all((film.mask == IGNORED).all() for _, film in self._parts):
            raise DatasetError("Every pixel of the films that validate is ignored.")

    def validate(self, model: Model, step: int, job: JobControl = ALONE) -> Validated:
        """Score a model on the parts that validate.

        Parameters
        ----------
        model
            Its card says the network alone; applied on the device where it is.
        step
            Told with the scores.
        job
            Is told a `FilmPredicted` for each film while it says to show them.

        Raises
        ------
        Stopped
            If `job` said so.
        """
        counts: ThresholdCounts | None = None
        for index, (part, film) in enumerate(self._parts):
            probability = self._predicted(index, model, _box(part), job)
            more = _counts(probability, film)
            counts = more if counts is None else counts + more
            if job.should_show():
                whole = Box(0, 0, *film.mask.shape)
                if _box(part) != whole:
                    probability = self._predicted(index, model, whole, job)
                job.tell(FilmPredicted(step, film.film, part.position, probability))
        assert counts is not None
        return self._told(self._best(counts), step)

    def at(self, model: Model, threshold: float, step: int, job: JobControl = ALONE) -> Validated:
        """Score a model as `validate` does, at a threshold that is given.

        Raises
        ------
        Stopped
            If `job` said so.
        """
        return self._told(self.counts(model, job).nearest(threshold), step)

    def counts(self, model: Model, job: JobControl = ALONE) -> ThresholdCounts:
        """Count the pixels of all parts that validate above each threshold.

        Raises
        ------
        Stopped
            If `job` said so.
        """
        counts = [
            _counts(self._predicted(index, model, _box(part), job), film)
            for index, (part, film) in enumerate(self._parts)
        ]
        return sum(counts[1:], start=counts[0])

    def _told(self, found: BestThreshold, step: int) -> Validated:
        masks = [film.mask for _, film in self._parts]
        flaws = sum(int(np.count_nonzero(mask == FLAW)) for mask in masks)
        share = flaws / sum(int(np.count_nonzero(mask != IGNORED)) for mask in masks)
        scores = found.scores
        return Validated(step, scores.f1, scores.precision, scores.recall, found.threshold, share)

    def _best(self, counts: ThresholdCounts) -> BestThreshold:
        if self._threshold and self._cut:
            return counts.nearest(self._threshold)
        if self._threshold or self._cut:
            return counts.best(self._margin, self._threshold or 0.5)
        return counts.best()

    def _predicted(self, index: int, model: Model, box: Box, job: JobControl) -> NDArray[np.float32]:
        """Probabilities inside a box of a film, 0 elsewhere."""
        seen = replace(self._inputs[index], halo=model.halo, stride=model.stride)
        device = next(model.network.parameters()).device
        return probability_of(seen, model, FLOAT32, device=device, region=box, job=job.heard_by(ignore))


def _counts(probability: NDArray[np.float32], film: LabelledFilm) -> ThresholdCounts:
    labelled = film.mask != IGNORED
    return threshold_counts(probability[labelled], film.mask[labelled] == FLAW)


def _box(part: Part) -> Box:
    return Box(part.row, part.column, part.row + part.rows, part.column + part.columns)
