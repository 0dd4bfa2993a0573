"""A pair: a piece of a radiograph and its mask, with the film and the place that it was cut from.

Crops are pairs, and so are their variants. A pair carries its film's own normalisation figures, full scale
and polarity, because a network that sees whole films in use must see a crop as its film would show it;
measured on the crop alone, the same pore would look different in two crops of one film, and more so once
negated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
