"""The one recipe by which a model is applied to a film: its scale, polarity, area, arithmetic and tiles.

Predicting, evaluating, validating and feature maps all see a film by `network_input` and, but for the maps,
take its probabilities from `probability_of`: so a score is a score of what a prediction shows.

How much bfloat16 moves a probability depends on weights and film, and no trial on a part of a film bounds the
whole: windows passed on films of which a probability elsewhere moved by 0.03. So `auto` is float32, and
bfloat16 is the user's own choice. After it, the window where the network was least certain, which is where
rounding shows most, is computed in float32 too, and the difference is told.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.events import ALONE, Event, JobControl, TileDone
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.engine import BFLOAT16, FLOAT32, engine_for
from napari_weld_fcn.prediction.record import PlaneRun, ResolvedSettings
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.prediction.survey import broken_share, clipped_share, grey_levels, is_enlarged
from napari_weld_fcn.prediction.tiled_inference import NetworkInput, compute, default_tile, tiled_inference
from napari_weld_fcn.prediction.tiles import sensible_tile, split
from napari_weld_fcn.radiograph.area.film_area import FilmArea, film_area
from napari_weld_fcn.radiograph.normalisation import Normalisation, measure
from napari_weld_fcn.radiograph.polarity import ASKED, Decision, FlawsAre, decide
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph

#: Edge of the window that is computed in float32 too, pixels.
WINDOW_EDGE = 192


def apply_model(
    film: Radiograph, model: Model, settings: PredictionSettings, resolved: ResolvedSettings, job: JobControl
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
    part = job.heard_by(progress)
    runs: list[PlaneRun] = []
    for index in range(film.planes):
        view, decision = network_input(film, model, settings, plane=index)
        out = probability[index] if probability.ndim == 3 else probability
        # What had no memory for a tile on one plane has none on the next, so the tile is carried over.
        tile = runs[-1].tile if runs else None
        tile = _fill(out, view, model, settings, resolved.device, resolved.region, tile, part)
        difference = _difference(out, view, model, settings, resolved, part)
        runs.append(_plane_run(view, decision, settings, tile, difference))
        progress.next_plane()
    return probability, runs


def network_input(
    film: Radiograph,
    model: Model | None,
    settings: PredictionSettings,
    *,
    plane: int = 0,
    normalisation: Normalisation | None = None,
    polarity: FlawsAre | None = None,
) -> tuple[NetworkInput, Decision]:
    """Return how `model` sees one plane of a film, and how its flaws are looked for.

    Parameters
    ----------
    film, model, settings
        What is applied to what, and how; without a model the input has no halo yet.
    plane
        Number of the plane of a stack, from 0.
    normalisation
        Of the film that a crop was cut from, all of which is film; None measures the plane.
    polarity
        Of the flaws of that film, where the settings leave it open; None decides it on the plane.

    Raises
    ------
    RadiographError
        If no pixel is a finite number.
    """
    pixels = film.plane(plane)
    try:
        exposed = settings.area == "film" and normalisation is None
        area = film_area(pixels) if exposed else FilmArea.whole(pixels.shape)
        scale = normalisation or measure(pixels, area)
    except RadiographError as fault:
        raise RadiographError(f"{film.name}: {fault}") from fault
    known = polarity if settings.polarity == "auto" else None
    decision = Decision(known, ASKED) if known else decide(pixels, settings.polarity, area)
    halo, stride = (model.halo, model.stride) if model else (0, 1)
    return NetworkInput(pixels, scale, decision.polarity, halo, stride, area), decision


def probability_of(
    view: NetworkInput,
    model: Model,
    settings: PredictionSettings = PredictionSettings(),
    *,
    device: torch.device | str,
    region: Box | None = None,
    job: JobControl = ALONE,
) -> NDArray[np.float32]:
    """Return the probabilities of one plane: its shape, float32 in [0, 1], 0 beside the film and the region.

    Parameters
    ----------
    view
        How the model sees the plane; see `network_input`.
    model, settings, device
        What is applied, by which arithmetic and tiles, and where.
    region
        Within the plane; None is all of its film.
    job
        Is told `TileDone` and `Message`; can be stopped before each tile and each layer.

    Raises
    ------
    Stopped
        If the job was stopped.
    ModelError
        If the network gives numbers that are not finite, or the device has no memory for a tile.
    """
    out = np.zeros(view.pixels.shape, np.float32)
    _fill(out, view, model, settings, device, region, None, job)
    return out


def _fill(
    out: NDArray[np.float32],
    view: NetworkInput,
    model: Model,
    settings: PredictionSettings,
    device: torch.device | str,
    region: Box | None,
    tile: tuple[int, int] | None,
    job: JobControl,
) -> tuple[int, int]:
    """Write the probabilities of a region into `out`; return the tile that was possible."""
    arithmetic = BFLOAT16 if settings.precision == "bfloat16" else FLOAT32
    engine = engine_for(model, torch.device(device), arithmetic)
    edge = sensible_tile(settings.tile, model.halo, model.stride)
    tile = tile or ((edge, edge) if edge else default_tile(view, engine))
    return tiled_inference(view, engine, tile, region or view.box, out, job)


def _difference(
    out: NDArray[np.float32],
    view: NetworkInput,
    model: Model,
    settings: PredictionSettings,
    resolved: ResolvedSettings,
    job: JobControl,
) -> float:
    """Return the largest difference from float32 in the least certain window; elsewhere it may be larger."""
    inside = view.inside(resolved.region or view.box)
    if settings.precision != "bfloat16" or not inside:
        return 0.0
    found = out[view.box.slices]
    window = least_certain(found, inside)
    exact = compute(view, engine_for(model, torch.device(resolved.device), FLOAT32), window, job)
    return float(np.abs(exact - found[window.slices]).max())


def least_certain(probability: NDArray[np.float32], region: Box) -> Box:
    """Return the window of `region`, `WINDOW_EDGE` wide or what is there, with most of p (1 - p)."""

    def doubt(window: Box) -> float:
        values = probability[window.slices]
        return float((values * (1 - values)).sum())

    return max(split(region, (WINDOW_EDGE, WINDOW_EDGE), 1), key=doubt)


def _plane_run(
    view: NetworkInput,
    decision: Decision,
    settings: PredictionSettings,
    tile: tuple[int, int],
    difference: float,
) -> PlaneRun:
    pixels, scale, film = view.pixels, view.normalisation, view.film
    exposed = film if settings.area == "film" else film_area(pixels)
    return PlaneRun(
        scale.mean,
        scale.spread,
        "bfloat16" if settings.precision == "bfloat16" else "float32",
        difference,
        tile,
        decision,
        film.box,
        film.excluded(pixels.shape),
        film.dead.count,
        clipped_share(pixels, exposed, scale),
        broken_share(pixels, film, scale),
        *grey_levels(pixels, exposed),
        is_enlarged(pixels, exposed),
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
