"""Labels, exact: a mask or a label image as its numbers stand in the file.

A film is read as it looks, and a mask that is read so is wrong without a word: a table in which 0 is white
negates it, a transparent layer becomes all flaw, class 1 painted in red becomes 0, and the grey fringes of a
JPEG become flaws of their own. Here 0 is background and any other number a flaw, as stored. What cannot be
labels is refused in a sentence, and what is read but hard to believe is told in one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import LabelError
from napari_weld_fcn.radiograph.formats.format import Stored, read_stored
from napari_weld_fcn.radiograph.output import is_output

#: A mask in colours has no more kinds of flaws than this.
MOST_COLOURS = 32
#: Grey levels between background and white from which on they may be those of a JPEG or of a soft edge.
LEAST_GREYS = 4
#: Share of them that is nearly black or nearly white around what a JPEG packed.
MOST_OF_THE_GREYS = 0.8
#: Share of marked neighbours in a row that may be of two flaws; in a film's noise most differ.
MOST_BORDERS = 0.25
#: Share of an image's edge that no flaw covers.
MOST_OF_THE_EDGE = 0.9
#: Share of the marked pixels that may have no neighbour of their own number, where a packing may be lossy.
MOST_LONE = 0.01
#: White is at least this in a picture of white flaws.
LEAST_WHITE = 64
_FLAW = 255


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Labels, and what the user ought to know of them.

    Attributes
    ----------
    values
        ``(rows, columns)`` or ``(planes, rows, columns)`` bool or integers: 0 background, others flaws.
    cautions
        Sentences that name the file.
    exact
        Whether the values are those of the file, and not its grey levels above half of its white.
    """

    values: NDArray[Any]
    cautions: tuple[str, ...] = ()
    exact: bool = True


def read_labels(path: str | Path) -> LabelImage:
    """Read a mask or a label image from a PNG, TIFF, JPEG or BMP file.

    Numbers are as stored, of a table of colours the places in it, unless those would make most of the image
    flaw and it is black to look at. Where an image has colours, those in one channel are its numbers; else
    black is background and the other colours count from 1, in their order.
    What is transparent is background; black on a transparent layer is flaw. Of a JPEG, and of a mask with
    soft edges, what is brighter than half of its white is flaw, and that is told.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    RadiographError
        If there is no such file or it is damaged or no image.
    LabelError
        If it holds a radiograph, a heatmap, numbers below 0, or is drawn black on white.
    """
    path = Path(path)
    stored = read_stored(path)
    values = _exact(stored, path)
    cautions = []
    if stored.turned:
        cautions.append(
            f"{path}: a tag says that it is to be turned; it is read as it is stored, so check that it lies "
            "on its film."
        )
    lossy = stored.lossy or (stored.perhaps_lossy and _has_lone_pixels(values))
    exact = not _looks_like_a_picture(values, lossy)
    if not exact:
        values, levels = _black_or_white(values, path)
        cautions.append(
            f"{path}: has {levels} grey levels, as a JPEG or a resized mask has; what is brighter than half "
            "of its white was taken for flaw. Save masks as PNG or TIFF, with hard edges."
        )
    share = np.count_nonzero(values) / values.size
    if share > 1 / 2 and not is_output(path):
        _refuse_black_on_white(values, path)
        cautions.append(f"{path}: {share:.1%} of it is flaw; check that 0 is the background.")
    return LabelImage(values, tuple(cautions), exact)


def read_exact(path: str | Path) -> NDArray[Any]:
    """Read labels whose meaning is known, as those that this program wrote: `read_labels` without a doubt.

    Raises
    ------
    RadiographError
        As there; a mask may be drawn as it likes.
    """
    path = Path(path)
    return _exact(read_stored(path), path)


def whole_numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return labels as bool or integers.

    Parameters
    ----------
    values
        Of any real type; floating ones are labels if they are whole.
    name
        What a fault is told of.

    Raises
    ------
    LabelError
        If some are below 0, broken, or no numbers.
    """
    if values.dtype.kind not in "buif":
        raise LabelError(f"{name}: holds {values.dtype}, but labels are whole numbers from 0 on.")
    if values.dtype.kind == "f":
        if not np.array_equal(values, np.floor(values)) or np.isinf(values).any():
            raise LabelError(
                f"{name}: holds {values.dtype} numbers that are not whole, but labels are whole numbers from "
                "0 on; give a label image or a mask, not a heatmap."
            )
        values = values.astype(np.int64)
    if values.dtype.kind == "i" and values.size and values.min() < 0:
        raise LabelError(
            f"{name}: has values below 0 ({values.min()}), but labels are whole numbers from 0 on, and 0 is "
            "the background."
        )
    return values


def _exact(stored: Stored, path: Path) -> NDArray[Any]:
    return whole_numbers(_numbers(stored, path), str(path))


def _numbers(stored: Stored, path: Path) -> NDArray[Any]:
    values, seen, coloured = stored.values, stored.visible, stored.coloured
    if stored.palette is not None and _shown_on_black(stored):
        values, coloured = stored.palette[values], True
    if coloured:
        values = _of_colours(values, seen, path)
    if seen is None:
        return values
    shown = np.where(seen, values, 0)
    return shown if shown.any() else np.where(seen, np.uint8(_FLAW), np.uint8(0))


def _shown_on_black(stored: Stored) -> bool:
    """Whether a table has black elsewhere than at 0, and most of the image is black."""
    assert stored.palette is not None
    black = np.asarray(~stored.palette.any(axis=1))
    if black[0] or np.count_nonzero(stored.values) <= stored.values.size / 2:
        return False
    return bool(np.count_nonzero(black[stored.values]) > stored.values.size / 2)


def _of_colours(colours: NDArray[Any], seen: NDArray[np.bool_] | None, path: Path) -> NDArray[Any]:
    shown = colours if seen is None else colours * seen[..., np.newaxis]
    used = [channel for channel in np.moveaxis(shown, -1, 0) if channel.any()]
    if len(used) <= 1:
        return np.asarray(used[0] if used else shown[..., 0])
    brightest = np.max(used, axis=0)
    if _of_one_hue(used, brightest):
        return np.asarray(brightest)
    packed = shown[..., 0].astype(np.int64) << 32 | shown[..., 1].astype(np.int64) << 16 | shown[..., 2]
    distinct, places = np.unique(packed, return_inverse=True)
    if len(distinct) > MOST_COLOURS or _has_soft_edges(brightest):
        raise LabelError(
            f"{path}: has {len(distinct)} colours, which no mask has; save it without smoothing and not as "
            "JPEG, one colour or number for each kind of flaw, on black."
        )
    return np.asarray(places.reshape(packed.shape) + int(distinct[0] != 0))


def _of_one_hue(channels: list[NDArray[Any]], brightest: NDArray[Any]) -> bool:
    """Whether all colours are shades of one, but for rounding."""
    peak, light = np.int64(brightest.max()), brightest.astype(np.int64)
    return all((np.abs(each * peak - light * each.max()) <= peak).all() for each in channels)


def _has_soft_edges(values: NDArray[Any]) -> bool:
    """Whether most of what is neither background nor white is a step from one to the other.

    It lies between its two neighbours in a row or a column, which labels have beside them as well.
    """
    white = int(values.max(initial=0))
    between = (values != 0) & (values != white)
    steps = np.zeros(values.shape, np.bool_)
    for axis in (-1, -2):
        across, found = np.moveaxis(values, axis, -1), np.moveaxis(steps, axis, -1)
        before, here, after = across[..., :-2], across[..., 1:-1], across[..., 2:]
        found[..., 1:-1] |= ((before < here) & (here < after)) | ((before > here) & (here > after))
    soft = np.count_nonzero(steps & between) > np.count_nonzero(between) / 2
    return white >= LEAST_WHITE and bool(soft)


def _looks_like_a_picture(values: NDArray[Any], lossy: bool) -> bool:
    """Whether numbers are grey levels.

    Most of these lie beside others, which touching flaws do at their borders alone. Of a soft edge most have
    no neighbour of their own level; around what a JPEG packed most are nearly black or nearly white.
    """
    if values.dtype == np.bool_:
        return False
    white = int(values.max(initial=0))
    between = (values != 0) & (values != white)
    if lossy:
        return bool(between.any()) or 0 < white < LEAST_WHITE
    if _is_film(values) or _has_soft_edges(values):
        return True
    if white < LEAST_WHITE or np.unique(values[between]).size < LEAST_GREYS:
        return False
    half = np.count_nonzero(between) / 2
    mixed = between & _beside(values, lambda one, other: (one != other) & (one != 0) & (other != 0))
    if np.count_nonzero(mixed) <= half:
        return False
    alone = mixed & ~_beside(values, lambda one, other: one == other)
    extreme = between & ((values < white / 4) | (values > white * 3 / 4))
    return bool(np.count_nonzero(alone) > half or np.count_nonzero(extreme) > MOST_OF_THE_GREYS * 2 * half)


def _has_lone_pixels(values: NDArray[Any]) -> bool:
    """Whether numbers change from pixel to pixel, as a lossy packing leaves them around every edge."""
    lone = (values != 0) & ~_beside(values, lambda one, other: one == other)
    return bool(np.count_nonzero(lone) > MOST_LONE * np.count_nonzero(values))


def _beside(
    values: NDArray[Any], holds: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """Where something holds of a pixel and one of the four beside it."""
    found = np.zeros(values.shape, np.bool_)
    right = holds(values[..., :-1], values[..., 1:])
    below = holds(values[..., :-1, :], values[..., 1:, :])
    found[..., :-1] |= right
    found[..., 1:] |= right
    found[..., :-1, :] |= below
    found[..., 1:, :] |= below
    return found


def _is_film(values: NDArray[Any]) -> bool:
    """Whether hardly any is background, and neighbours are not of one flaw."""
    if np.count_nonzero(values) <= values.size / 2:
        return False
    left, right = values[..., :-1], values[..., 1:]
    both = (left != 0) & (right != 0)
    return bool(np.count_nonzero(both & (left != right)) > MOST_BORDERS * np.count_nonzero(both))


def _black_or_white(values: NDArray[Any], path: Path) -> tuple[NDArray[np.uint8], int]:
    """Flaw where it is brighter than half of white, and how many grey levels there were."""
    white = int(values.max())
    bright, dark = np.count_nonzero(values > white * 3 / 4), np.count_nonzero(values <= white / 4)
    if values.size - bright - dark >= min(bright, dark) or white < LEAST_WHITE:
        raise LabelError(
            f"{path}: looks like a radiograph, a JPEG of labels or a mask that was shrunk, for its grey "
            "levels differ from pixel to pixel; give a label image or a mask, as PNG or TIFF."
        )
    return np.where(values > white / 2, np.uint8(_FLAW), np.uint8(0)), np.unique(values).size


def _refuse_black_on_white(values: NDArray[Any], path: Path) -> None:
    """Refuse what covers most of the image and its edge with one number, beside another."""
    edges = (values[..., 0, :], values[..., -1, :], values[..., :, 0], values[..., :, -1])
    edge = np.concatenate([each.ravel() for each in edges])
    paper = np.median(edge)
    around = np.count_nonzero(edge == paper) > MOST_OF_THE_EDGE * edge.size
    share = np.count_nonzero(values == paper) / values.size
    if paper and around and 1 / 2 < share < 1:
        raise LabelError(
            f"{path}: {share:.1%} of it is flaw, its edge too, as in a mask that is drawn black on white; "
            "invert it, for 0 is the background."
        )
