"""The paper's figures, of one of the networks that were trained, and the parts of Figure 7 that are no welds.

The crops are the five that show most flaw among those that the network was tested on, none of which overlap;
chosen by the truth and before anything is marked, so that they flatter nobody.

A casting is brighter where it has a cavity, and full of what a weld never shows: holes, ribs, walls that end.
Where GDXray's are not there, parts are made up in their likeness: thickness by Beer and Lambert, with a few
ellipsoids taken out of it, some blur and grain; they stand for what such a part asks of a network, not for
any real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.places import Place
from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.evaluation.feature_maps import feature_maps
from napari_weld_fcn.evaluation.figures import comparison, stage_figure, write_figure
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import JobControl, ignore
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.output import make_folder
from napari_weld_fcn.reproduction.material import Material
from napari_weld_fcn.reproduction.plan import Training
from napari_weld_fcn.training.run_folder import RunFolder

#: Crops in a figure.
SHOWN = 5
#: Longest edge of a part in Figure 7, pixels.
_EDGE = 384
#: The casting that is shown first, and how many are shown.
FIRST_CASTING, CASTINGS = "C0031_0019", 3
_SHAPE = (572, 768)
#: Attenuation of the simulated parts, for each unit of thickness.
_MU = 1.1


def draw_figures(
    training: Training,
    material: Material,
    run: Path,
    castings: Sequence[Casting],
    folder: Path,
    job: JobControl,
) -> dict[str, Any]:
    """Write Figures 5, 6 and, where there are parts, 7.

    Returns
    -------
    dict
        ``files`` by the figure's name; ``crops`` that are shown; of each part how many of its boxes were hit,
        and the share of all else that was marked.

    Raises
    ------
    Stopped
        If `should_stop` said so.
    """
    make_folder(folder)
    model = Model.load(RunFolder(run).best)
    positions = most_flawed(material.places, material.division(training).test)
    pairs = list(material.tested(positions))
    names = [pair.name for pair in pairs]
    pixels = [pair.pixels for pair in pairs]
    heatmaps = [crop_probability(model, pair) for pair in pairs]
    maps = [
        feature_maps(
            pair.pixels,
            model,
            FeatureSettings(polarity=pair.polarity),
            normalisation=pair.normalisation,
            job=job.heard_by(ignore),
        )
        for pair in pairs
    ]
    figures = {
        "figure5": stage_figure(names, pixels, maps),
        "figure6": comparison(names, pixels, heatmaps, [pair.mask for pair in pairs]),
    }
    told: list[dict[str, Any]] = []
    if castings:
        settings = PredictionSettings(polarity="bright")
        found = [predict(part.pixels, model, settings, job=job.heard_by(ignore)) for part in castings]
        figures["figure7"] = comparison(
            [part.name for part in castings],
            [part.pixels for part in castings],
            [each.probability for each in found],
            edge=_EDGE,
        )
        told = [_told(part, each.labels > 0) for part, each in zip(castings, found, strict=True)]
    files = {
        name: [path.name for path in write_figure(folder / name, each)] for name, each in figures.items()
    }
    return {"files": files, "crops": names, "network": str(training), "parts": told}


def most_flawed(places: Sequence[Place], positions: Sequence[int]) -> list[int]:
    """Return up to five of some crops: those with most flaw, none of which shows a pixel of another."""
    kept: list[int] = []
    for position in sorted(positions, key=lambda i: (-places[i].flaw_pixels, i)):
        if len(kept) < SHOWN and not any(_overlap(places[position], places[other]) for other in kept):
            kept.append(position)
    return sorted(kept)


@torch.inference_mode()
def crop_probability(model: Model, pair: Pair) -> NDArray[np.float32]:
    """Return what a model makes of a crop that it sees alone: ``(rows, columns)`` float32 in [0, 1]."""
    pixels = torch.from_numpy(pair.seen())[None, None]
    return np.asarray(model.network(pixels).sigmoid()[0, 0].numpy())


def _overlap(one: Place, other: Place) -> bool:
    return (
        one.film == other.film
        and abs(one.row - other.row) < one.rows
        and abs(one.column - other.column) < one.columns
    )


def _told(part: Casting, marked: NDArray[np.bool_]) -> dict[str, Any]:
    hit, rest = part.found(marked)
    return {"part": part.name, "boxes": len(part.boxes), "hit": hit, "marked_elsewhere": rest}


@dataclass(frozen=True)
class Casting:
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


def gdxray_castings(root: Path) -> list[Casting]:
    """Return up to `CASTINGS` castings with boxes, one of a series, `FIRST_CASTING` before others."""
    found: list[Casting] = []
    castings = [folder for folder in list_series(root) if folder.group == "C"]
    for folder in sorted(castings, key=lambda folder: not FIRST_CASTING.startswith(folder.name)):
        if len(found) == CASTINGS:
            break
        with suppress(WeldFcnError):  # a damaged casting is no reason to lose the others
            boxed = [film for film in open_series(folder) if len(film.boxes)]
            film = min(boxed, key=lambda film: film.name != FIRST_CASTING, default=None)
            if film is not None:
                found.append(Casting(film.name, np.asarray(film.radiograph().pixels), film.boxes))
    return found


def simulated_castings(count: int = CASTINGS) -> list[Casting]:
    """Make up castings with bright cavities, the same ones each time."""
    return [_casting(seed) for seed in range(count)]


def _casting(seed: int) -> Casting:
    rng = np.random.default_rng([seed, 0xCA57])
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]].astype(np.float32)
    thickness = _body(x, y, rng)
    cavities, boxes = _cavities(x, y, thickness, rng)
    seen = np.exp(-_MU * np.maximum(thickness - cavities, 0))
    seen = ndimage.gaussian_filter(seen, 1.2)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, _SHAPE), 0.7)
    grey = 235 * seen / seen.max() + 2.5 * grain
    return Casting(f"simulated part {seed + 1}", np.clip(np.rint(grey), 0, 255).astype(np.uint8), boxes)


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
