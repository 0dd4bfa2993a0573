"""How a network is scored on films that are held out: whole, by exact tiles, as it will be applied.

Crops show a network neither the letters at the end of a film nor the plate beside the bead, where false calls
are made. Counts are pooled over the films, ignored pixels left out. The films are predicted
anyway, so whoever wants to watch gets the probabilities for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part
from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.scores import BestThreshold, ThresholdCounts, threshold_counts
from napari_weld_fcn.events import ALONE, FilmPredicted, JobControl, Validated, ignore
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.apply_model import network_input, probability_of
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.tiles import Box

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
