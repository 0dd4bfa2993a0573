"""The paper's figures, of one of the networks that were trained.

The crops are the five that show most flaw among those that the network was tested on, none of which overlap;
chosen by the truth and before anything is marked, so that they flatter nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.dataset.pair import Pair
from napari_weld_fcn.dataset.places import Place
from napari_weld_fcn.evaluation.feature_maps import feature_maps
from napari_weld_fcn.evaluation.figures import comparison, stage_figure, write_figure
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import JobControl, ShouldStop
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.output import make_folder
from napari_weld_fcn.reproduction.castings import Part
from napari_weld_fcn.reproduction.plan import Training
from napari_weld_fcn.reproduction.trainings import Material
from napari_weld_fcn.training.run_folder import RunFolder

#: Crops in a figure.
SHOWN = 5
#: Longest edge of a part in Figure 7, pixels.
_EDGE = 384


def draw_figures(
    training: Training,
    material: Material,
    run: Path,
    parts: Sequence[Part],
    folder: Path,
    should_stop: ShouldStop,
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
    positions = chosen(material.places, material.division(training).test)
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
            job=JobControl(should_stop=should_stop),
        )
        for pair in pairs
    ]
    figures = {
        "figure5": stage_figure(names, pixels, maps),
        "figure6": comparison(names, pixels, heatmaps, [pair.mask for pair in pairs]),
    }
    told: list[dict[str, Any]] = []
    if parts:
        settings = PredictionSettings(polarity="bright")
        found = [
            predict(part.pixels, model, settings, job=JobControl(should_stop=should_stop)) for part in parts
        ]
        figures["figure7"] = comparison(
            [part.name for part in parts],
            [part.pixels for part in parts],
            [each.probability for each in found],
            edge=_EDGE,
        )
        told = [_told(part, each.labels > 0) for part, each in zip(parts, found, strict=True)]
    files = {
        name: [path.name for path in write_figure(folder / name, each)] for name, each in figures.items()
    }
    return {"files": files, "crops": names, "network": str(training), "parts": told}


def chosen(places: Sequence[Place], positions: Sequence[int]) -> list[int]:
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


def _told(part: Part, marked: NDArray[np.bool_]) -> dict[str, Any]:
    hit, rest = part.found(marked)
    return {"part": part.name, "boxes": len(part.boxes), "hit": hit, "marked_elsewhere": rest}
