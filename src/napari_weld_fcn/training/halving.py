"""A film and its labels with half the pixels each way, so that nothing that was labelled is lost.

A stroke one pixel wide leaves most of each 2 x 2 pixels unlabelled, and a flaw of one pixel is a quarter of
them. So what was not labelled has no voice in a cell, and a flaw that is half of no cell is flaw in each that
it touches. Labels that were found to be enough at full size are enough then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED

_CONNECTED = np.ones((3, 3), bool)


def halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """Means of 2 x 2 pixels, in the same dtype; a last row or column that is alone counts twice."""
    means = _cells(pixels).astype(np.float64).mean(axis=(1, 3))
    return np.asarray((np.rint(means) if pixels.dtype.kind in "bui" else means).astype(pixels.dtype))


def halved_mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Flaw where half of what is labelled of 2 x 2 pixels is, or a thin flaw; ignored where all is."""
    labelled = np.count_nonzero(_cells(mask != IGNORED), axis=(1, 3))
    flaw = 2 * np.count_nonzero(_cells(mask == FLAW), axis=(1, 3)) >= np.maximum(labelled, 1)
    flaw |= _thin(mask == FLAW, flaw)
    return np.select([flaw, labelled == 0], [np.uint8(FLAW), np.uint8(IGNORED)], np.uint8(BACKGROUND))


def _thin(flaws: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The cells of those flaws that have none among the cells that are `found`."""
    numbers, count = ndimage.label(flaws, _CONNECTED)
    cells = _cells(numbers)
    lost = np.ones(count + 1, bool)
    lost[cells[np.broadcast_to(found[:, None, :, None], cells.shape)]] = False
    lost[0] = False
    return np.asarray(lost[cells].any(axis=(1, 3)))


def _cells(plane: NDArray[Any]) -> NDArray[Any]:
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
