"""A picture of what agrees: each pixel right, marked in vain, or missed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Values of the picture; 0 is what is neither marked nor flaw.
HIT, FALSE, MISSED = 1, 2, 3


def agreement(labels: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.uint8]:
    """Compare indications with the truth pixel by pixel.

    Parameters
    ----------
    labels
        ``(rows, columns)``, any value but 0 is marked.
    truth
        The same shape, any value but 0 is flaw.

    Returns
    -------
    numpy.ndarray
        ``(rows, columns)`` uint8 of `HIT`, `FALSE`, `MISSED` and 0; as many of each as the strict
        `PixelScores` count.
    """
    marked, flaw = labels != 0, truth != 0
    picture = np.zeros(marked.shape, np.uint8)
    picture[marked & flaw] = HIT
    picture[marked & ~flaw] = FALSE
    picture[flaw & ~marked] = MISSED
    return picture
