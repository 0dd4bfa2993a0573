"""From a radiograph to probabilities, numbered indications and their table.

The one function that the widget, the command and a notebook share, so that they give the same arrays. What a
setting leaves open (0, ``auto``) is settled here and written into the record.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction import cautions, indications
from napari_weld_fcn.prediction.apply_model import apply_model
from napari_weld_fcn.prediction.record import (
    asked,
    check_input,
    make_record,
    model_file,
    no_longer_made,
    resolve,
    with_recorded_size,
)
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.tiles import sensible_tile
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph, to_luminance

Table = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Prediction:
    """What a model says of a radiograph.

    Attributes
    ----------
    probability
        The radiograph's shape, float32 in [0, 1]; 0 outside the region where one was given.
    labels
        The same shape, int32: 0 background, 1..n one number for each indication, through all planes.
    table
        Columns of length n, described at `indications.measure_indications`.
    record
        What was computed from what, JSON-able; see `record`.
    warnings
        Sentences for the user.
    seconds
        From pixels in memory to labels and table.
    """

    probability: NDArray[np.float32]
    labels: NDArray[np.int32]
    table: Table
    record: dict[str, Any]
    warnings: list[str]
    seconds: float


@dataclass(frozen=True)
class Relabelled:
    """Indications of a probability map at another threshold; the table is measured when it is asked for.

    Attributes
    ----------
    probability, labels
        As in `Prediction`.
    pixel_size_mm
        Edge of a pixel, or None.
    """

    probability: NDArray[np.float32]
    labels: NDArray[np.int32]
    pixel_size_mm: float | None = None

    @cached_property
    def table(self) -> Table:
        """Columns as in `Prediction`."""
        return indications.measure_indications(self.labels, self.probability, self.pixel_size_mm)


def predict(
    radiograph: Radiograph | Any,
    model: Model | str | Path = "default",
    settings: PredictionSettings = PredictionSettings(),
    *,
    region: Box | None = None,
    job: JobControl = ALONE,
) -> Prediction:
    """Find, mark and measure the indications of a radiograph.

    Parameters
    ----------
    radiograph
        A `Radiograph`, or an array ``(rows, columns)`` or ``(planes, rows, columns)`` of any real dtype,
        perhaps lazy (dask) or memory-mapped. A plain uint8 array whose last axis has 3 or 4 entries is
        taken for RGB(A), as image libraries give it, and becomes luminance; wrap it in a `Radiograph`
        if it is a stack of planes so narrow.
    model
        A model, its name, or its file.
    settings
        What is asked for.
    region
        Mark only inside this rectangle (of every plane). The network still sees what surrounds it, and
        the normalisation is the whole film's, so the inside is as without a region.
    job
        Is told `TileDone` and `Message`; can be stopped before each tile and each layer.

    Returns
    -------
    Prediction

    Raises
    ------
    Stopped
        If the job was stopped.
    RadiographError, ModelError, SettingsError
        If the pixels, the model or the settings cannot be used; the text says why.
    """
    film, ready = _as_radiograph(radiograph), _as_model(model)
    return _predicted(film, ready, ready.source, settings, region, job)


def _predicted(
    film: Radiograph,
    ready: Model,
    loaded: str,
    settings: PredictionSettings,
    region: Box | None,
    job: JobControl,
) -> Prediction:
    resolved = resolve(film, ready.card, settings, region)
    start = time.perf_counter()
    probability, planes = apply_model(film, ready, settings, resolved, job)
    found = relabel(
        probability,
        resolved.threshold,
        resolved.min_size_px,
        resolved.pixel_size_mm,
        resolved.peak_odds,
    )
    table = found.table
    seconds = time.perf_counter() - start
    warnings = [
        *film.notes,
        *settings.ignored,
        *cautions.small_tile(settings.tile, sensible_tile(settings.tile, ready.halo, ready.stride)),
        *cautions.left_out([plane.excluded for plane in planes], film.name),
        *cautions.dead_lines([plane.dead_lines for plane in planes], film.name),
        *cautions.size(film.pixels.shape, film.name),
        *cautions.levels([(plane.grey_levels, plane.flat) for plane in planes], film.name),
        *cautions.enlarged([plane.enlarged for plane in planes], film.name),
        *cautions.clipping([plane.clipped for plane in planes], film.name),
        *cautions.broken([plane.broken for plane in planes], film.name),
        *cautions.polarity([plane.polarity for plane in planes], film.name),
        *cautions.rounding([plane.difference for plane in planes], film.name),
        *cautions.mostly_marked(np.count_nonzero(found.labels) / found.labels.size, film.name),
        *cautions.scale(table["length_px"], ready.card.flaw_size_px, resolved.min_size_px, film.name),
    ]
    record = make_record(film, ready, loaded, settings, resolved, planes)
    return Prediction(probability, found.labels, table, record, warnings, seconds)


def probability(
    radiograph: Radiograph | Any,
    model: Model | str | Path = "default",
    settings: PredictionSettings = PredictionSettings(),
    *,
    region: Box | None = None,
    job: JobControl = ALONE,
) -> NDArray[np.float32]:
    """Return the probabilities alone; parameters and errors as for `predict`."""
    film, ready = _as_radiograph(radiograph), _as_model(model)
    resolved = resolve(film, ready.card, settings, region)
    return apply_model(film, ready, settings, resolved, job)[0]


def relabel(
    probability: NDArray[np.float32],
    threshold: float,
    min_size_px: float = 0.0,
    pixel_size_mm: float | None = None,
    peak_odds: float = indications.ALL_PEAKS,
) -> Relabelled:
    """Mark again at another threshold, without the network.

    Parameters
    ----------
    probability
        ``(rows, columns)`` or ``(planes, rows, columns)`` in [0, 1].
    threshold
        A pixel is marked where its probability is larger.
    min_size_px
        Smallest maximum Feret length that is kept, pixels.
    pixel_size_mm
        Edge of a pixel; None gives no column in mm.
    peak_odds
        As for `label`: 1 keeps what is nowhere surer than the threshold too.
    """
    labels = indications.label(probability, threshold, min_size_px, peak_odds)
    return Relabelled(probability, labels, pixel_size_mm)


def from_record(
    record: dict[str, Any],
    radiograph: Radiograph | None = None,
    model: Model | str | Path | None = None,
    *,
    job: JobControl = ALONE,
) -> Prediction:
    """Predict again what a record describes.

    A record of version 0.1 that is of several scales, or of half the pixels, cannot be repeated; what the one
    recipe of today finds is returned, with a warning.

    Parameters
    ----------
    record
        That of a `Prediction`, or read from `record.json`.
    radiograph, model
        None takes them from where the record says; a model that is not there any more, from any of the
        known ones with the same SHA-256. The pixel size is the record's in any case.
    job
        As for `predict`.

    Raises
    ------
    RadiographError, ModelError
        If pixels or model are not those of the record.
    SettingsError
        If it is no record of this version.
    """
    settings, region = asked(record)
    film = read(record["input"]["source"]) if radiograph is None else radiograph
    check_input(record, film)
    film = with_recorded_size(record, film)
    ready = _as_model(model_file(record) if model is None else model)
    if ready.sha256 != record["model"]["sha256"]:
        raise ModelError(
            f"Model {ready.card.name} (SHA-256 {ready.sha256[:12]}...) is not that of the record "
            f"({record['model']['sha256'][:12]}...)."
        )
    loaded = record["model"]["loaded"] if model is None else ready.source
    found = _predicted(film, ready, loaded, settings, region, job)
    return replace(found, warnings=[*no_longer_made(record), *found.warnings])


def _as_model(model: Model | str | Path) -> Model:
    return model if isinstance(model, Model) else Model.load(model)


def _as_radiograph(given: Radiograph | Any) -> Radiograph:
    if isinstance(given, Radiograph):
        return given
    array = given if hasattr(given, "shape") and hasattr(given, "dtype") else np.asarray(given)
    if array.ndim >= 3 and array.shape[-1] in (3, 4) and array.dtype == np.uint8:
        return Radiograph(to_luminance(np.asarray(array)))
    return Radiograph(array)
