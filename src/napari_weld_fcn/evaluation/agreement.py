"""A picture of what agrees: each pixel right, marked in vain, or missed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.evaluation.cases import Case

#: Values of the picture; 0 is what is neither marked nor flaw.
HIT, FALSE, MISSED = 1, 2, 3


def agreement(case: Case, labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Compare indications with the truth pixel by pixel.

    Parameters
    ----------
    case
        The film and its truth.
    labels
        ``(rows, columns)``, any value but 0 is marked.

    Returns
    -------
    numpy.ndarray
        ``(rows, columns)`` uint8 of `HIT`, `FALSE`, `MISSED` and 0; as many of each as the strict
        `PixelScores` count.
    """
    marked, flaw = labels != 0, case.instances != 0
    picture = np.zeros(marked.shape, np.uint8)
    picture[marked & flaw] = HIT
    picture[marked & ~flaw] = FALSE
    picture[flaw & ~marked] = MISSED
    return picture
