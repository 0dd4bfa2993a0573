"""The same film in other forms, and the way back from marks on a copy to the film's own pixels.

A film comes as 8 or 16 bits, turned, cut, with the scanner's glass around it, saved as JPEG, scanned coarser.
Exact alterations lose nothing that is to be seen, so the same marks are expected; lossy ones take something
away. Comparing each copy with an altered mask would change the truth along with the film (a mask at half the
pixels has lost its small flaws); so marks are brought back and scored where the truth was drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.benchmark.classical import scaled_to_255, white_level

Pixels = NDArray[Any]
Labels = NDArray[Any]
Shape = tuple[int, ...]

#: Width of a surround, pixels.
SURROUND = 100
HOT_PIXELS = 10
#: Standard deviation of the noise, grey levels of 255.
NOISE = 3.0
_SEED = 0


@dataclass(frozen=True)
class Alteration:
    """A way to alter a film, and the way back.

    Attributes
    ----------
    name
        What it is called in tables.
    exact
        Whether nothing that is to be seen is lost.
    copies
        From the film's pixels, ``(rows, columns)``, to one copy or several that together show the film.
    back
        From integer labels, one image for each copy, and the film's shape to labels of that shape.
    scale
        Pixels of a copy for each of the film's, along an edge.
    """

    name: str
    exact: bool
    copies: Callable[[Pixels], Sequence[Pixels]]
    back: Callable[[Sequence[Labels], Shape], Labels]
    scale: float = 1.0


def alterations_named(names: Iterable[str]) -> tuple[Alteration, ...]:
    """Return the alterations of these names, in their own order; ``exact`` and ``lossy`` name all of a kind.

    Raises
    ------
    SettingsError
        If there is none of a name.
    """
    asked = set(names)
    known = {each.name for each in ALTERATIONS} | {"exact", "lossy"}
    if unknown := sorted(asked - known):
        raise SettingsError(f"There is no alteration {unknown[0]!r}; there are {', '.join(sorted(known))}.")
    return tuple(each for each in ALTERATIONS if {each.name, "exact" if each.exact else "lossy"} & asked)


def _of_values(name: str, exact: bool, change: Callable[[Pixels], Pixels]) -> Alteration:
    return Alteration(name, exact, lambda pixels: (change(pixels),), lambda parts, shape: parts[0])


def _of_place(name: str, change: Callable[[Pixels], Pixels], undo: Callable[[Labels], Labels]) -> Alteration:
    return Alteration(
        name,
        True,
        lambda pixels: (change(pixels),),
        lambda parts, shape: np.ascontiguousarray(undo(parts[0])),
    )


def _turned(quarters: int) -> Alteration:
    return _of_place(
        f"turned {90 * quarters}°",
        lambda pixels: np.ascontiguousarray(np.rot90(pixels, quarters)),
        lambda labels: np.rot90(labels, -quarters),
    )


def _mirrored(name: str, axis: int) -> Alteration:
    def mirror(values: Pixels) -> Pixels:
        return np.ascontiguousarray(np.flip(values, axis))

    return _of_place(name, mirror, mirror)


def _surrounded(name: str, grey: float) -> Alteration:
    def surround(pixels: Pixels) -> Pixels:
        return _like(pixels, np.pad(scaled_to_255(pixels), SURROUND, constant_values=np.float32(grey)))

    inner = np.s_[SURROUND:-SURROUND, SURROUND:-SURROUND]
    return _of_place(name, surround, lambda labels: labels[inner])


def _resized(scale: float) -> Alteration:
    """Fewer or more pixels, as a coarser or finer scan has them; a mark is taken back pixel by pixel."""

    def resize(pixels: Pixels) -> Sequence[Pixels]:
        rows, columns = (max(1, round(edge * scale)) for edge in pixels.shape)
        picture = Image.fromarray(scaled_to_255(pixels))
        return (_like(pixels, np.asarray(picture.resize((columns, rows), Image.Resampling.BICUBIC))),)

    def back(parts: Sequence[Labels], shape: Shape) -> Labels:
        (labels,) = parts
        rows, columns = (
            ((np.arange(edge) + 0.5) * (own / edge)).astype(np.intp)
            for edge, own in zip(shape, labels.shape, strict=True)
        )
        return np.asarray(labels[np.ix_(rows, columns)])

    return Alteration(f"{scale:g} x", False, resize, back, scale)


def _halves(pixels: Pixels) -> Sequence[Pixels]:
    return np.array_split(pixels, 2, axis=int(np.argmax(pixels.shape)))


def _joined(parts: Sequence[Labels], shape: Shape) -> Labels:
    first, second = parts
    offset = first.max(initial=0)
    return np.concatenate([first, np.where(second > 0, second + offset, 0)], axis=int(np.argmax(shape)))


def _sixteen_bits(pixels: Pixels, gain: float) -> NDArray[np.uint16]:
    most = np.iinfo(np.uint16).max  # what is brighter than white stays white
    return np.clip(np.round(scaled_to_255(pixels).astype(np.float64) * gain), 0, most).astype(np.uint16)


def _hot(pixels: Pixels) -> Pixels:
    """Grey levels to 255 in a file of 16 bits, ten of them at its largest value."""
    hot = _sixteen_bits(pixels, 1.0)
    places = np.random.default_rng(_SEED).choice(hot.size, min(HOT_PIXELS, hot.size), replace=False)
    hot.flat[places] = np.iinfo(np.uint16).max
    return hot


def _jpeg(pixels: Pixels) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.round(scaled_to_255(pixels)), 0, 255).astype(np.uint8)).save(
        stream, "JPEG", quality=50
    )
    return np.asarray(Image.open(stream))


def _gamma(pixels: Pixels, exponent: float) -> Pixels:
    white = np.float32(255)
    share = np.maximum(scaled_to_255(pixels), 0) / white
    return _like(pixels, np.asarray(white * share ** np.float32(exponent), np.float32))


def _noisy(pixels: Pixels) -> Pixels:
    noise = np.random.default_rng(_SEED).standard_normal(pixels.shape, np.float32)
    return _like(pixels, scaled_to_255(pixels) + np.float32(NOISE) * noise)


def _blurred(pixels: Pixels) -> Pixels:
    return _like(pixels, ndimage.gaussian_filter(scaled_to_255(pixels), 1.0))


def _like(pixels: Pixels, grey: NDArray[np.float32]) -> Pixels:
    """Grey levels of 255 on the scale and in the dtype of `pixels`."""
    values = grey * np.float32(white_level(pixels) / 255)
    if pixels.dtype.kind not in "ui":
        return values.astype(pixels.dtype)
    limits = np.iinfo(pixels.dtype)
    return np.clip(np.round(values), limits.min, limits.max).astype(pixels.dtype)


#: All of them, the exact ones first.
ALTERATIONS: tuple[Alteration, ...] = (
    _of_values("16-bit", True, lambda pixels: _sixteen_bits(pixels, 257.0)),
    _of_values("gain 20", True, lambda pixels: _sixteen_bits(pixels, 20.0)),
    _of_values("float 0..1", True, lambda pixels: scaled_to_255(pixels) / np.float32(255)),
    _of_values("float 0..0.05", True, lambda pixels: scaled_to_255(pixels) * np.float32(0.05 / 255)),
    *(_turned(quarters) for quarters in (1, 2, 3)),
    _mirrored("mirrored", 1),
    _mirrored("upside down", 0),
    _surrounded("black surround", 0.0),
    _surrounded("grey surround", 128.0),
    _surrounded("white surround", 255.0),
    _of_values("ten hot pixels", True, _hot),
    Alteration("halves", True, _halves, _joined),
    _of_values("JPEG 50", False, _jpeg),
    *(_resized(scale) for scale in (0.5, 0.7, 1.4, 2.0)),
    _of_values("gamma 0.6", False, lambda pixels: _gamma(pixels, 0.6)),
    _of_values("gamma 1.6", False, lambda pixels: _gamma(pixels, 1.6)),
    _of_values("noise", False, _noisy),
    _of_values("blur", False, _blurred),
)
