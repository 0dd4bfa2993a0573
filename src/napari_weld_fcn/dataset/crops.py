"""Crops: pairs of a window of a film and the same window of its truth.

`survey_crops` says what `crop` will cut, from the same plan, so that no form promises what the files do not
hold. Crops are handed out one by one, since those of hundreds of films would fill the memory.

What lies outside the film is reflected in the image, because a black border would look like the edge of a
weld, and is ignored in the mask, because what it shows is not there. A film without truth gives masks that
are ignored everywhere: taken for background, they would teach that its flaws are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_weld_fcn.dataset.pair import IGNORED, Pair, mask_of
from napari_weld_fcn.dataset.plan import Corners, Mask, Plan, corners, flaw_pixels, jitter_of, of_plane, plan
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.events import ALONE, JobControl, Message
from napari_weld_fcn.radiograph.normalisation import measure, white_of
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph


@dataclass(frozen=True)
class Survey:
    """What will be cut from a film.

    Attributes
    ----------
    plans
        One for each plane.
    crops, with_flaw
        How many crops there will be, and how many of them show some flaw.
    flaw_share
        Share of the crops' pixels that is flaw, 0..1.
    """

    plans: tuple[Plan, ...]
    crops: int
    with_flaw: int
    flaw_share: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user ought to know, each sentence once."""
        return tuple(dict.fromkeys(note for plan in self.plans for note in plan.notes))


def crop(
    radiograph: Radiograph,
    truth: Any = None,
    settings: CropSettings = CropSettings(),
    rectangles: ArrayLike | None = None,
    seed: int = 0,
    *,
    job: JobControl = ALONE,
) -> Iterator[Pair]:
    """Cut the crops of one film, or of every plane of a stack, each plane being a film of its own.

    Parameters
    ----------
    radiograph
        One plane or a stack; lazy pixels are computed plane by plane.
    truth
        Bool or whole numbers of the radiograph's shape, read as `settings.labels` says; None where there is
        none, which gives masks that are `IGNORED` everywhere.
    settings
        Where to cut, and how many.
    rectangles
        ``(n, 4)``: row and column of one corner and of the opposite one, counted in pixel centres from 0; or
        ``(n, 5)`` with the plane's number before them. Needed for ``rois="rectangles"``; for ``"flaws"`` they
        stand in for a truth that is not there.
    seed
        Of the jitter; the same film, settings and seed give the same crops, in whatever order films are cut.
    job
        Is told in a `Message` where a film differs from what was asked for: no bead, no truth, no flaw,
        smaller than a crop.

    Yields
    ------
    Pair
        ``(size, size)`` pixels and masks, called ``NAME_000`` and so on, of a stack ``NAME_p000_000``.
        Reflected, and ignored in the mask, where the film is smaller than `size`.

    Raises
    ------
    SettingsError
        If rectangles are needed and not given, or are no rectangles.
    RadiographError
        If the truth is of another shape or not of whole numbers, or a pixel is not a finite number.
    Stopped
        If the job was stopped.
    """
    _check(radiograph, truth)
    return _crops(radiograph, truth, settings, corners(rectangles, settings), seed, job)


def survey_crops(
    radiograph: Radiograph,
    truth: Any = None,
    settings: CropSettings = CropSettings(),
    rectangles: ArrayLike | None = None,
    seed: int = 0,
) -> Survey:
    """Say what `crop` will cut, without cutting it; parameters and errors are those of `crop`."""
    _check(radiograph, truth)
    checked = corners(rectangles, settings)
    plans, counts = [], [np.zeros(0, np.int64)]
    for plane in _planes(radiograph, truth, settings):
        plans.append(plane.plan(settings, checked, seed))
        counts.append(flaw_pixels(plans[-1].windows, plane.mask))
    flaw = np.concatenate(counts)
    pixels = max(flaw.size * settings.size**2, 1)
    return Survey(tuple(plans), flaw.size, int(np.count_nonzero(flaw)), float(flaw.sum() / pixels))


@dataclass(frozen=True)
class _Plane:
    """One plane of a radiograph, as lazy as that is, with its mask."""

    index: int
    name: str
    film: str
    pixels: Any
    mask: Mask | None

    def plan(self, settings: CropSettings, rectangles: Corners | None, seed: int) -> Plan:
        own = of_plane(rectangles, self.index)
        return plan(self.pixels, self.mask, settings, own, jitter_of(self.film, seed))


def _planes(radiograph: Radiograph, truth: Any, settings: CropSettings) -> Iterator[_Plane]:
    stack = len(radiograph.pixels.shape) == 3
    for index, plane in enumerate(radiograph.each_plane()):
        labels = truth[index] if truth is not None and stack else truth
        mask = mask_of(labels, settings.labels) if labels is not None else None
        yield _Plane(index, plane.name, plane.film, plane.pixels, mask)


def _crops(
    radiograph: Radiograph,
    truth: Any,
    settings: CropSettings,
    rectangles: Corners | None,
    seed: int,
    job: JobControl,
) -> Iterator[Pair]:
    for plane in _planes(radiograph, truth, settings):
        pixels = np.asarray(plane.pixels)
        normalisation, polarity = measure(pixels), flaws_are(pixels)
        white = white_of(pixels, normalisation)
        planned = replace(plane, pixels=pixels).plan(settings, rectangles, seed)
        for note in planned.notes:
            job.tell(Message(note if plane.name == radiograph.name else f"Plane {plane.index}: {note}"))
        for number, window in enumerate(planned.windows):
            job.check()
            yield Pair(
                name=f"{plane.name}_{number:03d}",
                pixels=_cut(pixels, window),
                mask=_cut_mask(plane.mask, pixels.shape, window),
                film=plane.film,
                row=window.top,
                column=window.left,
                normalisation=normalisation,
                full_scale=white,
                pixel_size_mm=radiograph.pixel_size_mm,
                polarity=polarity,
            )


def _cut(pixels: NDArray[Any], window: Box) -> NDArray[Any]:
    part = pixels[window.within((pixels.shape[0], pixels.shape[1])).slices]
    missing = _missing(pixels.shape, window)
    return np.pad(part, missing, mode="reflect") if np.any(missing) else part.copy()


def _cut_mask(mask: Mask | None, shape: tuple[int, ...], window: Box) -> Mask:
    if mask is None:
        return np.full(window.shape, IGNORED, np.uint8)
    part = mask[window.within((shape[0], shape[1])).slices]
    missing = _missing(shape, window)
    return np.pad(part, missing, constant_values=IGNORED) if np.any(missing) else part.copy()


def _missing(shape: tuple[int, ...], window: Box) -> tuple[tuple[int, int], ...]:
    """Pixels of the window before and behind the film, on each axis."""
    return tuple(
        (max(-first, 0), max(last - edge, 0))
        for first, last, edge in zip(
            (window.top, window.left), (window.bottom, window.right), shape, strict=True
        )
    )


def _check(radiograph: Radiograph, truth: Any) -> None:
    if truth is None:
        return
    if tuple(truth.shape) != tuple(radiograph.pixels.shape):
        sizes = (" x ".join(map(str, array.shape[::-1])) for array in (truth, radiograph.pixels))
        raise RadiographError("{}: its truth is {} pixels, but it is {}.".format(radiograph.name, *sizes))
    if truth.dtype.kind not in "buif":  # that floats are whole is looked at plane by plane
        raise RadiographError(
            f"{radiograph.name}: its truth holds {truth.dtype}, but labels are whole numbers."
        )
