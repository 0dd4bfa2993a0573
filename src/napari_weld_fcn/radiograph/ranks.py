"""Between which grey levels a film lies, whatever a few of its pixels are.

Ranks alone do not tell: where more pixels are broken than a rank leaves out, or lead letters outshine a faint
film, the outer ranks are theirs. The inner greys are the film's own, for a bead covers more of a film than
letters do, and what is farther from them than they are wide is none of its greys.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Share of the pixels, at either end, that is drawn in.
OUTER_SHARE = 0.001
#: Share of the pixels, at either end, beside the film's inner greys.
INNER_SHARE = 0.025


def grey_limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return the darkest and the brightest grey level of a film.

    Parameters
    ----------
    values
        ``(pixels,)``, at least one; finite.
    """
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    outer, inner = (int(share * values.size) for share in (OUTER_SHARE, INNER_SHARE))
    places = (outer, inner, values.size - 1 - inner, values.size - 1 - outer)
    low, dark, bright, high = (float(each) for each in np.partition(values, places)[list(places)])
    width = bright - dark
    return (max(low, dark - width), min(high, bright + width)) if width else (low, high)
