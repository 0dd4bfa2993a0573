"""How a TIFF's samples become the grey that is seen on a light box.

What a sample means is said by the photometric interpretation and never by how many there are: of three or
four samples, ink is dark where it is large, and YCbCr has its light in one sample. Each interpretation
becomes the luminance of the colour that a viewer shows; one that says grey in ink or in lightness gives that
grey to the last digit. White as zero is turned once, whatever the number type.

Fewer than eight bits are spread over eight, as PNG's are; 10, 12 and 14 stay what they are, in 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_weld_fcn.radiograph.formats.raster import luminance
from napari_weld_fcn.radiograph.radiograph import to_luminance

_P = tifffile.PHOTOMETRIC
_LIGHTNESS = (_P.CIELAB, _P.ICCLAB, _P.ITULAB)
_GREYS = (_P.MINISBLACK, _P.MINISWHITE, None)
_CMYK = 1
#: What turns YCbCr into red, green and blue when it unpacks: all decoders of pictures but JPEG 2000's.
_TURNING = tifffile.TIFF.IMAGE_COMPRESSIONS - {33003, 33004, 33005, 34712}

Convert = Callable[[NDArray[Any]], NDArray[Any]]


def grey_as_seen(pixels: Any, page: Any, in_samples: bool) -> Any:
    """Turn the numbers of a TIFF into grey.

    Parameters
    ----------
    pixels
        ``(..., rows, columns)``, or with a last axis of samples, as tifffile decodes them.
    page
        tifffile's page whose tags count.
    in_samples
        Whether there is an axis of samples.

    Returns
    -------
    ndarray
        ``(..., rows, columns)`` in `grey_dtype`; the same array where nothing is to be done.

    Raises
    ------
    ValueError
        If the samples have a meaning that cannot be shown as grey; the text says which.
    """
    grey = _grey(pixels, page, in_samples)
    if page.photometric == _P.MINISWHITE and not is_mask(page):
        grey = negated(grey, page.bitspersample)
    return _spread(grey, page)


def grey_dtype(page: Any) -> np.dtype[Any]:
    """Number type that `grey_as_seen` gives."""
    if page.photometric == _P.PALETTE:
        return np.dtype(np.uint8 if page.dtype.itemsize == 1 else np.uint16)
    dtype: np.dtype[Any] = page.dtype.newbyteorder("=")
    return dtype


def is_stored_as_seen(page: Any) -> bool:
    """Whether the file's numbers, or the luminance of its red, green and blue, are what is seen."""
    if page.photometric == _P.MINISWHITE:
        return is_mask(page)
    plain = page.photometric in (_P.MINISBLACK, _P.RGB) or _decoded_as_rgb(page)
    return plain and not _is_shallow(page)


def negated(pixels: Any, bits: int) -> Any:
    """Exchange black and white: over all numbers of an integer type, over the range that floats have."""
    if pixels.dtype.kind == "u":
        return pixels.dtype.type(2**bits - 1) - pixels
    if pixels.dtype.kind != "f":
        return ~pixels
    finite = pixels[np.isfinite(pixels)]
    black, white = (finite.min(), finite.max()) if finite.size else (0, 1)
    both = 1 if black >= 0 and white <= 1 else float(black) + float(white)
    return np.subtract(both, pixels, dtype=pixels.dtype)


def _grey(pixels: Any, page: Any, in_samples: bool) -> Any:
    if page.photometric == _P.PALETTE and page.colormap is not None:
        index = pixels[..., 0] if in_samples else pixels
        return _greys_of_palette(page)[index.astype(np.uint8) if index.dtype == np.bool_ else index]
    if not in_samples and page.photometric not in (_P.SEPARATED, _P.CFA):
        return pixels
    return luminance(pixels, _conversion(page, pixels.shape[-1] if in_samples else 1))


def _conversion(page: Any, samples: int) -> Convert:
    """How a block of samples becomes grey."""
    meaning, number = page.photometric, page.dtype.kind
    transparent = all(extra in (1, 2) for extra in page.extrasamples) and bool(page.extrasamples)
    if meaning in _LIGHTNESS or (meaning in _GREYS and (samples == 2 or transparent)):
        return lambda block: block[..., 0]
    if meaning in _GREYS and samples <= 4:
        return to_luminance
    if samples >= 3 and (meaning == _P.RGB or _decoded_as_rgb(page)):
        return to_luminance
    if samples >= 3 and meaning == _P.YCBCR and number == "u":
        return lambda block: _of_ycbcr(block, page)
    if samples >= 4 and meaning == _P.SEPARATED and number in "uf" and _ink_set(page) == _CMYK:
        return lambda block: _of_inks(block, page.bitspersample)
    named = "of no stated meaning" if meaning is None else f"that mean {getattr(meaning, 'name', meaning)}"
    raise ValueError(f"it has {samples} samples a pixel {named}, which is neither grey nor a known colour")


def _ink_set(page: Any) -> Any:
    return page.tags.valueof("InkSet", _CMYK)


def _decoded_as_rgb(page: Any) -> bool:
    together = page.planarconfig == tifffile.PLANARCONFIG.CONTIG
    return together and page.photometric == _P.YCBCR and page.compression in _TURNING


def is_mask(page: Any) -> bool:
    """Whether tifffile wrote a bool array: it says of each that 0 is white, though True is True."""
    return bool(page.dtype == np.bool_) and str(page.software).startswith("tifffile")


def _greys_of_palette(page: Any) -> NDArray[Any]:
    dtype, colours = grey_dtype(page), page.colormap.T
    shifted = colours >> 8 if dtype == np.uint8 and colours.max() > 255 else colours
    return to_luminance(shifted.astype(dtype))


def _is_shallow(page: Any) -> bool:
    bits = page.bitspersample
    return page.dtype == np.uint8 and isinstance(bits, int) and bits < 8 and page.photometric != _P.PALETTE


def _spread(grey: Any, page: Any) -> Any:
    if not _is_shallow(page):
        return grey
    white = 2**page.bitspersample - 1
    return np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)[grey]


def _of_inks(block: NDArray[Any], bits: int) -> NDArray[Any]:
    """Cyan, magenta, yellow and black on white paper, as viewers without a colour profile show them."""
    white = 2**bits - 1 if block.dtype.kind == "u" else 1
    paper = 1 - block[..., :4].astype(np.float64) / white
    return _as(block.dtype, to_luminance(paper[..., :3] * paper[..., 3:]) * white)


def _of_ycbcr(block: NDArray[Any], page: Any) -> NDArray[Any]:
    """Luminance of the red, green and blue that YCbCr stands for (TIFF 6.0, section 21)."""
    top = 2**page.bitspersample - 1
    half = (top + 1) // 2
    red, green, blue = _ratios(page, "YCbCrCoefficients", (0.299, 0.587, 0.114))
    limits = _ratios(page, "ReferenceBlackWhite", (0, top, half, top, half, top))
    black, white = np.asarray(limits[::2]), np.asarray(limits[1::2])
    y, cb, cr = np.moveaxis((block[..., :3] - black) * (top, top - half, top - half) / (white - black), -1, 0)
    r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
    colour = np.stack([r, (y - blue * b - red * r) / green, b], axis=-1)
    return _as(block.dtype, to_luminance(colour.clip(0, top)))


def _as(dtype: np.dtype[Any], values: NDArray[np.float64]) -> NDArray[Any]:
    return (np.rint(values) if dtype.kind in "ui" else values).astype(dtype)


def _ratios(page: Any, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    stated = page.tags.valueof(name)
    if stated is None:
        return default
    return tuple(stated[at] / (stated[at + 1] or 1) for at in range(0, len(stated), 2))
