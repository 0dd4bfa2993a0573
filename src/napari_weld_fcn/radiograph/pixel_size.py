"""When a file's print resolution may be believed as a pixel size.

A wrong millimetre is worse than none. Programs that know nothing of the scanner still write 72 or 96 dpi,
1 pixel per unit, or resolutions that differ by axis; none of these is a measurement, so they count as not
known. What remains between 0.5 um (micro-focus, magnified) and 5 mm a pixel is taken at its word. Where
pixels are longer than wide, as from a line scanner, there is no one edge to measure by, and that is told.
"""

from __future__ import annotations

import math
from typing import NamedTuple

SMALLEST_MM, LARGEST_MM = 0.0005, 5.0
#: Written by programs that know no better, in dots per inch.
DEFAULT_DPI = (72, 96)

#: Millimetres in one unit, by the names that ImageJ and OME use, in small letters.
MM_PER_UNIT = {
    name: millimetres
    for millimetres, names in {
        1e-6: "nm nanometer nanometre",
        1e-3: "um µm μm micron microns micrometer micrometre micrometers micrometres",
        1.0: "mm millimeter millimetre millimeters millimetres",
        10.0: "cm centimeter centimetre",
        1e3: "m meter metre",
        25.4: "in inch inches",
    }.items()
    for name in names.split()
}


class PixelSize(NamedTuple):
    """What a file's figures come to.

    Attributes
    ----------
    mm
        Edge of a square pixel, or None where it is not known.
    notes
        Why it is not, where a user would expect it.
    """

    mm: float | None = None
    notes: tuple[str, ...] = ()


def believable(x_mm: float, y_mm: float) -> PixelSize:
    """Return the edge of a square pixel, unless the figures are no measurement.

    Parameters
    ----------
    x_mm, y_mm
        Width and height of one pixel in mm, as a file states them.
    """
    if not all(SMALLEST_MM <= edge <= LARGEST_MM for edge in (x_mm, y_mm)):
        return PixelSize()
    if math.isclose(x_mm, y_mm, rel_tol=0.01):
        return PixelSize(x_mm)
    return PixelSize(
        notes=(
            f"its pixels are {x_mm:.4g} mm wide and {y_mm:.4g} mm high, not square, so this counts as no "
            "pixel size; scale the image to square pixels for lengths in mm.",
        )
    )


def from_density(x: float, y: float, mm_per_unit: float) -> PixelSize:
    """Turn a print resolution of `x` by `y` pixels a unit into mm a pixel.

    Besides what `believable` refuses, the default resolutions of 72 and 96 dpi are not believed.

    Parameters
    ----------
    x, y
        Pixels in one unit of length.
    mm_per_unit
        25.4 for inches, 10 for centimetres.
    """
    if not (x > 0 and y > 0 and math.isfinite(x) and math.isfinite(y)):
        return PixelSize()
    if any(math.isclose(x * 25.4 / mm_per_unit, default, rel_tol=1e-3) for default in DEFAULT_DPI):
        return PixelSize()
    return believable(mm_per_unit / x, mm_per_unit / y)
