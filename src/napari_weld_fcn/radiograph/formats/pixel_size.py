"""When a file's print resolution may be believed as a pixel size.

A wrong millimetre is worse than none. Programs that know nothing of the scanner still write 72 or 96 dpi,
1 pixel per unit, or resolutions that differ by axis; none of these is a measurement, so they count as not
known. What remains between 0.5 um (micro-focus, magnified) and 5 mm a pixel is taken at its word. Where
pixels are longer than wide, as from a line scanner, there is no one edge to measure by, and that is told.
Of what a TIFF states in OME's metadata, in ImageJ's and by its resolution tags, the first size counts.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import tifffile

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

#: Millimetres in the unit of a resolution tag; those after the centimetre are TIFF/EP's.
_MM_PER_TAG_UNIT = {
    tifffile.RESUNIT.INCH: 25.4,
    tifffile.RESUNIT.CENTIMETER: 10.0,
    tifffile.RESUNIT.MILLIMETER: 1.0,
    tifffile.RESUNIT.MICROMETER: 1e-3,
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


def tiff_calibration(tif: tifffile.TiffFile, page: Any) -> PixelSize:
    """Find the pixel size of a TIFF's page.

    Parameters
    ----------
    tif
        The open file.
    page
        The page whose tags count.
    """
    own = _of_ome(tif.ome_metadata) if tif.is_ome and tif.ome_metadata else None
    if own is None and tif.is_imagej:
        own = _of_imagej(tif, page)
    return own or _of_tags(page)


def _of_tags(page: Any) -> PixelSize:
    x, y = _densities(page)
    unit = page.tags.get("ResolutionUnit")
    # The standard's default unit is the inch.
    mm = _MM_PER_TAG_UNIT.get(unit.value if unit else tifffile.RESUNIT.INCH)
    return from_density(x, y, mm) if mm else PixelSize()


def _of_imagej(tif: tifffile.TiffFile, page: Any) -> PixelSize | None:
    unit = str((tif.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ")
    mm = MM_PER_UNIT.get(unit.lower())
    x, y = _densities(page)
    return believable(mm / x, mm / y) if mm and x > 0 and y > 0 else None


def _of_ome(xml: str) -> PixelSize | None:
    """None also where what stands there is no size: the pixels are good without."""
    try:
        image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
        grid = (image[0] if isinstance(image, list) else image).get("Pixels", {})
        x_mm, y_mm = (
            float(grid.get(f"PhysicalSize{axis}", 0))
            * MM_PER_UNIT.get(str(grid.get(f"PhysicalSize{axis}Unit", "µm")).lower(), 0)
            for axis in "XY"
        )
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    size = believable(x_mm, y_mm or x_mm)
    return size if any(size) else None


def _densities(page: Any) -> tuple[float, float]:
    """Pixels in a unit along a row and along a column; the first for both where a file gives it alone."""
    x, y = (_ratio(page.tags.get(name)) for name in ("XResolution", "YResolution"))
    return x, y if page.tags.get("YResolution") else x


def _ratio(tag: Any) -> float:
    if tag is None:
        return 0.0
    numerator, denominator = tag.value if isinstance(tag.value, tuple) else (tag.value, 1)
    return float(numerator / denominator) if denominator else 0.0
