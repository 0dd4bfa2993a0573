"""How a network is scored on films that are held out: whole, by exact tiles, as it will be applied.

Crops show a network neither the letters at the end of a film nor the plate beside the bead, where false calls
are made. Counts are pooled over the films, ignored pixels left out. The films are predicted
anyway, so whoever wants to watch gets the probabilities for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import FilmSplit, LabelledFilm, Part
from napari_weld_fcn.dataset.pair import FLAW, IGNORED
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.scores import BestThreshold, ThresholdCounts, threshold_counts
from napari_weld_fcn.events import FilmPredicted, JobControl, OnEvent, ShouldStop, Validated, ignore, never
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

    def validate(
        self,
        model: Model,
        device: torch.device,
        step: int,
        *,
        on_event: OnEvent = ignore,
        should_show: ShouldStop = never,
        should_stop: ShouldStop = never,
    ) -> Validated:
        """Score a model on the parts that validate.

        Parameters
        ----------
        model
            Its card says the network alone.
        device
            Where it is applied.
        step
            Told with the scores.
        on_event
            Is handed a `FilmPredicted` for each film while `should_show` says so.

        Raises
        ------
        Stopped
            If `should_stop` said so.
        """
        counts: ThresholdCounts | None = None
        for index, (part, film) in enumerate(self._parts):
            probability = self._predicted(index, model, device, _box(part), should_stop)
            more = _counts(probability, film)
            counts = more if counts is None else counts + more
            if should_show():
                whole = Box(0, 0, *film.mask.shape)
                if _box(part) != whole:
                    probability = self._predicted(index, model, device, whole, should_stop)
                on_event(FilmPredicted(step, film.film, part.position, probability))
        assert counts is not None
        return self._told(self._best(counts), step)

    def at(
        self, model: Model, device: torch.device, threshold: float, step: int, should_stop: ShouldStop = never
    ) -> Validated:
        """Score a model as `validate` does, at a threshold that is given.

        Raises
        ------
        Stopped
            If `should_stop` said so.
        """
        return self._told(self.counts(model, device, should_stop).nearest(threshold), step)

    def counts(self, model: Model, device: torch.device, should_stop: ShouldStop = never) -> ThresholdCounts:
        """Count the pixels of all parts that validate above each threshold.

        Raises
        ------
        Stopped
            If `should_stop` said so.
        """
        counts = [
            _counts(self._predicted(index, model, device, _box(part), should_stop), film)
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

    def _predicted(
        self, index: int, model: Model, device: torch.device, box: Box, should_stop: ShouldStop
    ) -> NDArray[np.float32]:
        """Probabilities inside a box of a film, 0 elsewhere."""
        seen = replace(self._inputs[index], halo=model.halo, stride=model.stride)
        job = JobControl(should_stop=should_stop)
        return probability_of(seen, model, FLOAT32, device=device, region=box, job=job)


def _counts(probability: NDArray[np.float32], film: LabelledFilm) -> ThresholdCounts:
    labelled = film.mask != IGNORED
    return threshold_counts(probability[labelled], film.mask[labelled] == FLAW)


def _box(part: Part) -> Box:
    return Box(part.row, part.column, part.row + part.rows, part.column + part.columns)
