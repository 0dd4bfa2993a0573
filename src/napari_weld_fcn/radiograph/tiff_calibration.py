"""The pixel size that a TIFF states: in OME's metadata, in ImageJ's, or by its resolution tags.

The first of these that holds a size counts. Metadata that name none, as programs write them by habit, must
not hide a good tag.
"""

from __future__ import annotations

from typing import Any

import tifffile

from napari_weld_fcn.radiograph.pixel_size import MM_PER_UNIT, PixelSize, believable, from_density

#: Millimetres in the unit of a resolution tag; those after the centimetre are TIFF/EP's.
_MM_PER_TAG_UNIT = {
    tifffile.RESUNIT.INCH: 25.4,
    tifffile.RESUNIT.CENTIMETER: 10.0,
    tifffile.RESUNIT.MILLIMETER: 1.0,
    tifffile.RESUNIT.MICROMETER: 1e-3,
}


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
