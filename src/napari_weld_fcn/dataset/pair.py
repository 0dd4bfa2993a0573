"""A pair: a piece of a radiograph and its mask, with the film and the place that it was cut from.

Crops are pairs, and so are their variants. A pair carries its film's own normalisation figures, full scale
and polarity, because a network that sees whole films in use must see a crop as its film would show it;
measured on the crop alone, the same pore would look different in two crops of one film, and more so once
negated.

From a person's labels to a mask: what the numbers mean, and which part was looked at at all.

Two conventions are in use, and a number alone does not tell which: in *dense* labels all that is 0 was found
to be background, in *sparse* ones (scribbles) it was not looked at. Taking the one for the other teaches that
flaws are background, so the convention is always said. Where only a part of a film was labelled densely,
rectangles say which; outside of them nothing is known, and it takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_weld_fcn.errors import DatasetError, LabelError
from napari_weld_fcn.radiograph.labels import whole_numbers
from napari_weld_fcn.radiograph.normalisation import Normalisation, full_scale, white_of
from napari_weld_fcn.radiograph.polarity import FlawsAre, seen

#: Values of a mask.
BACKGROUND, IGNORED, FLAW = 0, 128, 255


@dataclass(frozen=True)
class Pair:
    """One crop, or one variant of a crop.

    Attributes
    ----------
    name
        What its files are called, without a suffix; unique within a dataset.
    pixels
        ``(rows, columns)``, in the film's own dtype and grey levels.
    mask
        Same shape, uint8: `BACKGROUND`, `FLAW`, or `IGNORED` where it takes no part in loss and scores.
    film
        Identifies the film; splits are by film.
    row, column
        Place of the crop's first pixel in the film; negative where the film was reflected to fill the crop.
    normalisation
        Of the whole film, in the grey levels of `pixels` (a negated variant has its film's negated).
    full_scale
        Grey level that stands for white in the whole film, as `radiograph.normalisation.white_of` has it.
    pixel_size_mm
        Edge of one pixel in mm, or None where it is not known.
    variant
        0 for the crop itself.
    parameters
        What the variant's transforms drew, by name, such as ``{"angle": 12.5}``; empty for variant 0.
    polarity
        Of the whole film's flaws; a negated variant keeps it, for it is to look as if they were the other.
    """

    name: str
    pixels: np.ndarray
    mask: np.ndarray
    film: str
    row: int
    column: int
    normalisation: Normalisation
    full_scale: float
    pixel_size_mm: float | None = None
    variant: int = 0
    parameters: Mapping[str, float] = field(default_factory=dict)
    polarity: FlawsAre = "dark"

    def seen(self, part: tuple[slice, slice] = np.s_[:, :]) -> NDArray[np.float32]:
        """Return a part of the pixels as a network sees them within their film: flaws are dark."""
        return seen(self.pixels[part], self.normalisation, self.polarity)


def guessed_full_scale(pixels: np.ndarray, film: Normalisation) -> float:
    """Guess the full scale of a film of which only a crop is known.

    Parameters
    ----------
    pixels
        ``(rows, columns)``, any real dtype.
    film
        Of the whole film: where all of a crop is darker than its film is on average, its own brightest pixel
        says too little.
    """
    return max(white_of(pixels, film), full_scale(pixels.dtype, film.mean))


Mask = NDArray[np.uint8]
Convention = Literal["dense", "sparse"]


@dataclass(frozen=True)
class LabelCounts:
    """Pixels of a mask by what they are."""

    flaw: int
    background: int
    ignored: int


def mask_of(labels: Any, convention: Convention = "dense", looked_at: ArrayLike = ()) -> Mask:
    """Turn labels into a mask.

    Parameters
    ----------
    labels
        ``(rows, columns)`` bool or whole numbers from 0 on.
    convention
        ``"dense"``: 0 is background, any other number a flaw. ``"sparse"``: 0 is not labelled, 1 background,
        any other number a flaw.
    looked_at
        ``(n, 4)``: row and column of one corner and of the opposite one, pixel centres from 0. What lies in
        none of them is `IGNORED`; without any, all was looked at.

    Returns
    -------
    numpy.ndarray
        Same shape, uint8: `BACKGROUND`, `IGNORED`, `FLAW`.

    Raises
    ------
    DatasetError
        If the labels are no plane of whole numbers, or the rectangles no rows of four finite coordinates.
    """
    numbers = np.asarray(labels)
    if numbers.ndim != 2:
        raise DatasetError(f"Labels of shape {numbers.shape} are no plane of whole numbers.")
    try:
        numbers = whole_numbers(numbers, "The labels")
    except LabelError as fault:
        raise DatasetError(str(fault)) from fault
    if convention == "dense":
        mask = np.where(numbers != 0, np.uint8(FLAW), np.uint8(BACKGROUND))
    else:
        mask = np.where(numbers == 1, np.uint8(BACKGROUND), np.uint8(FLAW))
        mask[numbers == 0] = IGNORED
    rectangles = np.asarray(looked_at, float)
    return _inside(mask, rectangles) if rectangles.size else mask


def count(mask: Mask) -> LabelCounts:
    """Count the pixels of a mask, ``(rows, columns)`` uint8, by what they are."""
    flaw, ignored = (int(np.count_nonzero(mask == value)) for value in (FLAW, IGNORED))
    return LabelCounts(flaw, mask.size - flaw - ignored, ignored)


def _inside(mask: Mask, rectangles: NDArray[np.float64]) -> Mask:
    """The mask where the centre of a pixel lies in a rectangle, `IGNORED` elsewhere."""
    if rectangles.ndim != 2 or rectangles.shape[1] != 4 or not np.isfinite(rectangles).all():
        raise DatasetError(f"Rectangles of shape {rectangles.shape} are not rows of four finite coordinates.")
    seen = np.full_like(mask, IGNORED)
    for first_row, first_column, last_row, last_column in rectangles:
        rows = _span(first_row, last_row, mask.shape[0])
        columns = _span(first_column, last_column, mask.shape[1])
        seen[rows, columns] = mask[rows, columns]
    return seen


def _span(one: float, other: float, size: int) -> slice:
    low, high = sorted((one, other))
    return slice(int(np.clip(np.ceil(low), 0, size)), int(np.clip(np.floor(high) + 1, 0, size)))
