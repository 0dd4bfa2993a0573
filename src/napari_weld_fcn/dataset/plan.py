"""What will be cut from one plane of a film, before anything is cut.

Films differ: one has no bead that can be found, another no flaw or no truth, a third is smaller than a crop.
None of that ends a job over many films; each has its sentence in the plan, for the form, the command and the
log alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_weld_fcn.dataset.bead import find_bead
from napari_weld_fcn.dataset.pair import FLAW
from napari_weld_fcn.dataset.rois import (
    Band,
    Shape,
    Window,
    around_flaws,
    jittered,
    over_band,
    over_rectangles,
    spread_over_band,
    unique,
)
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.errors import SettingsError

Corners = NDArray[np.float64]
Mask = NDArray[np.uint8]

#: Of a place in pixels. A viewer keeps shapes in few digits and in millimetres, which must move no crop.
_DECIMALS = 3

NO_BEAD = "No weld bead was found; the crops cover the whole film."
NO_TRUTH = "There is no truth; the masks are ignored everywhere."
NO_FLAW = "There is no flaw in its truth to cut around."
NOTHING_TO_CUT_AROUND = "There is no truth, so there are no flaws to cut around."
NO_RECTANGLE = "None of the rectangles lies on it."


@dataclass(frozen=True)
class Plan:
    """Where the crops of one plane lie, and what the user ought to know of it, in sentences."""

    windows: tuple[Window, ...]
    notes: tuple[str, ...] = ()


def plan(
    pixels: Any,
    mask: Mask | None,
    settings: CropSettings,
    rectangles: Corners | None = None,
    rng: np.random.Generator | None = None,
) -> Plan:
    """Say where the crops of one plane lie.

    Parameters
    ----------
    pixels
        ``(rows, columns)``; computed only where the bead is to be found.
    mask
        Same shape, with the values of `dataset.pair`; None where there is no truth.
    settings
        Where to cut, and how many.
    rectangles
        ``(n, 4)``, as `over_rectangles` takes them.
    rng
        Draws the jitter; `jitter_of` gives that of a film.
    """
    shape = (int(pixels.shape[0]), int(pixels.shape[1]))
    notes = [] if mask is not None else [NO_TRUTH]
    if settings.rois in ("bead", "grid"):
        windows, note = _over_area(pixels, shape, settings)
    else:
        windows, note = _over_places(mask, shape, settings, rectangles)
    notes += [note] if note else []
    if windows and min(shape) < settings.size:
        notes.append(_too_small(shape, settings.size))
    repeated = len(windows) - len(unique(windows))
    if repeated:
        notes.append(f"It has too few places for {len(windows)} different crops; {repeated} are repeated.")
    if settings.jitter and rng is not None:
        windows = jittered(windows, shape, settings.jitter, rng)
    return Plan(tuple(windows), tuple(notes))


def jitter_of(film: str, seed: int) -> np.random.Generator:
    """Return what draws the jitter of a film, whatever other films there are."""
    return np.random.default_rng([seed, zlib.crc32(film.encode())])


def flaw_pixels(windows: Sequence[Window], mask: Mask | None) -> NDArray[np.int64]:
    """Count the flaw pixels in each window of a plane; zeros where there is no truth."""
    if mask is None:
        return np.zeros(len(windows), np.int64)
    shape = (mask.shape[0], mask.shape[1])
    return np.array([np.count_nonzero(mask[w.cut(shape)] == FLAW) for w in windows], np.int64)


def corners(rectangles: ArrayLike | None, settings: CropSettings) -> Corners | None:
    """Check rectangles, and that there are some where they are needed.

    Parameters
    ----------
    rectangles
        ``(n, 4)``, or ``(n, 5)`` with the plane's number first; None for none.
    settings
        Say whether rectangles are needed.

    Raises
    ------
    SettingsError
        If they are needed and not given, or are of another shape or not finite.
    """
    if rectangles is None:
        if settings.rois == "rectangles":
            raise SettingsError(
                "There are no rectangles to crop: give some, or crop a grid, the bead or the flaws."
            )
        return None
    found = np.asarray(rectangles, dtype=float).round(_DECIMALS)
    if found.size == 0:
        return found.reshape(0, 4)
    if found.ndim != 2 or found.shape[1] not in (4, 5) or not np.isfinite(found).all():
        raise SettingsError(f"Rectangles of shape {found.shape} are not rows of four finite coordinates.")
    return found


def of_plane(rectangles: Corners | None, plane: int) -> Corners | None:
    """Return the ``(n, 4)`` rectangles of one plane; those without a plane's number belong to all."""
    if rectangles is None or rectangles.shape[1] == 4:
        return rectangles
    return np.asarray(rectangles[np.rint(rectangles[:, 0]) == plane, 1:])


def _over_area(pixels: Any, shape: Shape, settings: CropSettings) -> tuple[list[Window], str]:
    bead = find_bead(pixels) if settings.rois == "bead" else None
    band = bead or Band.whole(shape)
    note = NO_BEAD if settings.rois == "bead" and bead is None else ""
    if settings.crops_per_film:
        return spread_over_band(band, shape, settings.size, settings.crops_per_film), note
    return over_band(band, shape, settings.size, settings.overlap), note


def _over_places(
    mask: Mask | None, shape: Shape, settings: CropSettings, rectangles: Corners | None
) -> tuple[list[Window], str]:
    if settings.rois == "flaws" and mask is not None:
        windows = around_flaws(mask == FLAW, settings.size, settings.overlap)
        return windows, "" if windows else NO_FLAW
    if rectangles is None or (settings.rois == "flaws" and not len(rectangles)):
        return [], NOTHING_TO_CUT_AROUND
    windows = over_rectangles(rectangles, shape, settings.size, settings.overlap)
    return windows, "" if windows else NO_RECTANGLE


def _too_small(shape: Shape, size: int) -> str:
    return (
        f"Its {shape[1]} x {shape[0]} pixels are less than a crop of {size} x {size}; "
        "what is missing is reflected, and ignored in the mask."
    )
