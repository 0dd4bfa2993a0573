"""When a file's print resolution may be believed as a pixel size.

A wrong millimetre is worse than none. Programs that know nothing of the scanner still write 72 or 96 dpi,
1 pixel per unit, or resolutions that differ by axis; none of these is a measurement, so they count as not
known. What remains between 0.5 um (micro-focus, magnified) and 5 mm a pixel is taken at its word.
"""

from __future__ import annotations

import math

SMALLEST_MM, LARGEST_MM = 0.0005, 5.0
#: Written by programs that know no better, in dots per inch.
DEFAULT_DPI = (72, 96)

#: Millimetres in one unit, by the names that ImageJ and OME use.
MM_PER_UNIT = {
    "nm": 1e-6,
    "um": 1e-3,
    "µm": 1e-3,
    "μm": 1e-3,
    "micron": 1e-3,
    "microns": 1e-3,
    "mm": 1.0,
    "cm": 10.0,
    "m": 1e3,
    "inch": 25.4,
    "in": 25.4,
}


def believable(x_mm: float, y_mm: float) -> float | None:
    """Return the edge of a square pixel in mm, or None where the figures are no measurement.

    Parameters
    ----------
    x_mm, y_mm
        Width and height of one pixel in mm, as a file states them.
    """
    if not (SMALLEST_MM <= x_mm <= LARGEST_MM and math.isclose(x_mm, y_mm, rel_tol=0.01)):
        return None
    return x_mm


def from_density(x: float, y: float, mm_per_unit: float) -> float | None:
    """Turn a print resolution of `x` by `y` pixels a unit into mm a pixel, or None.

    Besides what `believable` refuses, the default resolutions of 72 and 96 dpi are not believed.

    Parameters
    ----------
    x, y
        Pixels in one unit of length.
    mm_per_unit
        25.4 for inches, 10 for centimetres.
    """
    if not (x > 0 and y > 0 and math.isfinite(x) and math.isfinite(y)):
        return None
    if any(math.isclose(x * 25.4 / mm_per_unit, default, rel_tol=1e-3) for default in DEFAULT_DPI):
        return None
    return believable(mm_per_unit / x, mm_per_unit / y)
