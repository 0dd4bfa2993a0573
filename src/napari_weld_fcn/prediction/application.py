"""A model applied to every plane of a radiograph: its normalisation, arithmetic and tile, then the sweep."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.events import Event, JobControl, TileDone
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.engine import FLOAT32, engine_for
from napari_weld_fcn.prediction.enlargement import is_enlarged
from napari_weld_fcn.prediction.precision import arithmetic_for, difference_from_float32
from napari_weld_fcn.prediction.record import PlaneRun
from napari_weld_fcn.prediction.resolved import Resolved
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.survey import broken_share, clipped_share, grey_levels
from napari_weld_fcn.prediction.sweep import View, default_tile, tiled_inference
from napari_weld_fcn.radiograph.area.film_area import FilmArea, film_area
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.polarity import Decision, decide
from napari_weld_fcn.radiograph.radiograph import Radiograph


def apply(
    film: Radiograph,
    model: Model,
    settings: PredictionSettings,
    resolved: Resolved,
    job: JobControl,
) -> tuple[NDArray[np.float32], list[PlaneRun]]:
    """Return the probabilities, in the film's shape, and how each plane was computed.

    Raises
    ------
    Stopped
        If the job was stopped.
    RadiographError
        If no pixel is a finite number.
    ModelError
        If the network gives numbers that are not finite, or the device has no memory for a tile.
    """
    probability = np.zeros(film.pixels.shape, np.float32)
    progress = _Progress(film.planes, job)
    runs: list[PlaneRun] = []
    for index in range(film.planes):
        view, decision = _view(film, index, model, settings)
        out = probability[index] if probability.ndim == 3 else probability
        # What had no memory for a tile on one plane has none on the next, so the tile is carried over.
        tile = runs[-1].tile if runs else None
        runs.append(_plane(view, decision, model, settings, resolved, tile, out, job.heard_by(progress)))
        progress.next_plane()
    return probability, runs


def _view(film: Radiograph, index: int, model: Model, settings: PredictionSettings) -> tuple[View, Decision]:
    plane = film.plane(index)
    try:
        area = area_of(plane, settings)
        normalisation = measure(plane, area)
    except RadiographError as fault:
        raise RadiographError(f"{film.name}: {fault}") from fault
    decision = decide(plane, settings.polarity, area)
    return View(plane, normalisation, decision.polarity, model.halo, model.stride, area), decision


def area_of(plane: Any, settings: PredictionSettings) -> FilmArea:
    """Return the part of a plane that is to be predicted."""
    return film_area(plane) if settings.area == "film" else FilmArea.whole(plane.shape)


def _plane(
    view: View,
    decision: Decision,
    model: Model,
    settings: PredictionSettings,
    resolved: Resolved,
    tile: tuple[int, int] | None,
    out: NDArray[np.float32],
    job: JobControl,
) -> PlaneRun:
    device, arithmetic = torch.device(resolved.device), arithmetic_for(settings.precision)
    engine = engine_for(model, device, arithmetic)
    if tile is None:
        tile = (settings.tile, settings.tile) if settings.tile else default_tile(view, engine)
    region = resolved.region or view.box
    tile = tiled_inference(view, engine, tile, region, out, job)
    difference = 0.0
    inside = view.inside(region)
    if arithmetic != FLOAT32 and inside:
        film = out[view.box.slices]
        difference = difference_from_float32(view, model, device, inside, film, job)
    exposed = view.film if settings.area == "film" else film_area(view.pixels)
    return PlaneRun(
        view.normalisation.mean,
        view.normalisation.spread,
        arithmetic.name,
        difference,
        tile,
        decision,
        view.film.box,
        view.film.excluded(view.pixels.shape),
        view.film.dead.count,
        clipped_share(view.pixels, exposed, view.normalisation),
        broken_share(view.pixels, view.film, view.normalisation),
        *grey_levels(view.pixels, exposed),
        is_enlarged(view.pixels, exposed),
    )


class _Progress:
    """Turns the tiles of one plane into those of the stack."""

    def __init__(self, planes: int, job: JobControl) -> None:
        self._waiting = planes - 1
        self._job = job
        self._before = self._here = 0
        self._start = time.perf_counter()

    def __call__(self, event: Event) -> None:
        if isinstance(event, TileDone):
            self._here = event.done
            done = self._before + event.done
            left = event.seconds_left or 0.0
            whole = (time.perf_counter() - self._start + left) if self._waiting else 0.0
            event = TileDone(
                done, self._before + event.total * (self._waiting + 1), left + whole * self._waiting
            )
        self._job.tell(event)

    def next_plane(self) -> None:
        """Count what is done, and go on with the next plane."""
        self._before += self._here
        self._waiting -= 1
        self._here, self._start = 0, time.perf_counter()
