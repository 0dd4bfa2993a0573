"""Parts that are not welds, for the paper's Figure 7: GDXray's castings, or parts made up in their likeness.

A casting is brighter where it has a cavity, and full of what a weld never shows: holes, ribs, walls that end.
The simulated ones are thickness by Beer and Lambert, with a few ellipsoids taken out of it, some blur and
grain; they stand for what such a part asks of a network, not for any real one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series

#: The casting that is shown first, and how many are shown.
FIRST, SHOWN = "C0031_0019", 3
_SHAPE = (572, 768)
#: Attenuation of the simulated parts, for each unit of thickness.
_MU = 1.1


@dataclass(frozen=True)
class Part:
    """A part and where its flaws are.

    Attributes
    ----------
    name
        What it is called.
    pixels
        ``(rows, columns)``, brighter where there is less material.
    boxes
        ``(n, 4)`` first row and column, last row and column, around each flaw that is known.
    """

    name: str
    pixels: NDArray[Any]
    boxes: NDArray[np.float64]

    def found(self, marked: NDArray[np.bool_]) -> tuple[int, float]:
        """Return how many boxes have a marked pixel, and the share of all else that is marked."""
        inside = np.zeros(marked.shape, np.bool_)
        hit = 0
        for top, left, bottom, right in np.rint(self.boxes).astype(int):
            box = (slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1))
            inside[box] = True
            hit += bool(marked[box].any())
        rest = marked[~inside]
        return hit, float(rest.mean()) if rest.size else 0.0


def gdxray_castings(root: Path) -> list[Part]:
    """Return up to `SHOWN` castings with boxes, one of a series, `FIRST` before others."""
    found: list[Part] = []
    castings = [folder for folder in list_series(root) if folder.group == "C"]
    for folder in sorted(castings, key=lambda folder: not FIRST.startswith(folder.name)):
        if len(found) == SHOWN:
            break
        with suppress(WeldFcnError):  # a damaged casting is no reason to lose the others
            boxed = [film for film in open_series(folder) if len(film.boxes)]
            film = min(boxed, key=lambda film: film.name != FIRST, default=None)
            if film is not None:
                found.append(Part(film.name, np.asarray(film.radiograph().pixels), film.boxes))
    return found


def simulated_castings(count: int = SHOWN) -> list[Part]:
    """Make up castings with bright cavities, the same ones each time."""
    return [_casting(seed) for seed in range(count)]


def _casting(seed: int) -> Part:
    rng = np.random.default_rng([seed, 0xCA57])
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]].astype(np.float32)
    thickness = _body(x, y, rng)
    cavities, boxes = _cavities(x, y, thickness, rng)
    seen = np.exp(-_MU * np.maximum(thickness - cavities, 0))
    seen = ndimage.gaussian_filter(seen, 1.2)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, _SHAPE), 0.7)
    grey = 235 * seen / seen.max() + 2.5 * grain
    return Part(f"simulated part {seed + 1}", np.clip(np.rint(grey), 0, 255).astype(np.uint8), boxes)


def _body(x: NDArray[np.float32], y: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Thickness of a wall that gets thicker to one side, with a rib and one bored hole."""
    angle = rng.uniform(0, np.pi)
    along = (x - 384) * np.cos(angle) + (y - 286) * np.sin(angle)
    across = (y - 286) * np.cos(angle) - (x - 384) * np.sin(angle)
    thickness = 1.0 + 0.5 * np.tanh(along / 220) + 0.4 * np.exp(-((across / 60) ** 4))
    row, column, radius = rng.uniform(80, 200), rng.uniform(120, 650), rng.uniform(45, 75)
    thickness[np.hypot(y - row, x - column) < radius] = 0.15
    return np.asarray(thickness, np.float32)


def _cavities(
    x: NDArray[np.float32], y: NDArray[np.float32], thickness: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Material that two clusters of small ellipsoids take away, and a box around each cluster."""
    missing = np.zeros(_SHAPE, np.float32)
    boxes = []
    for column in (rng.uniform(120, 330), rng.uniform(430, 650)):
        row, pores = rng.uniform(320, 480), np.zeros(_SHAPE, np.float32)
        for _ in range(int(rng.integers(3, 7))):
            centre = (row + rng.normal(0, 18), column + rng.normal(0, 18))
            size = rng.uniform(3.5, 9, 2)
            inside = 1 - ((y - centre[0]) / size[0]) ** 2 - ((x - centre[1]) / size[1]) ** 2
            pores += rng.uniform(0.12, 0.3) * np.sqrt(np.maximum(inside, 0))
        rows, columns = np.nonzero(pores)
        boxes.append([rows.min(), columns.min(), rows.max(), columns.max()])
        missing += pores
    return np.minimum(missing, thickness), np.array(boxes, np.float64)
