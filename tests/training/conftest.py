"""Small datasets of simulated windows, and a network that is trained on them in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import FLAW, Pair
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.training.simulated.patches import WINDOWS

EDGE = 32


def window_films(films: int = 3, crops: int = 4) -> list[LabelledFilm]:
    """Whole films of which `window_pairs` are the crops."""
    pairs = window_pairs(films, crops)
    whole = []
    for first in range(0, len(pairs), crops):
        pixels, mask = (
            np.hstack([getattr(pair, part) for pair in pairs[first : first + crops]])
            for part in ("pixels", "mask")
        )
        whole.append(LabelledFilm(Radiograph(pixels, name=pairs[first].film), mask))
    return whole


def window_pairs(films: int = 3, crops: int = 4) -> list[Pair]:
    """Crops of films that are a row of simulated windows, each with a flaw put into its middle."""
    settings = WINDOWS.model_copy(update={"rows": EDGE, "columns": EDGE * crops, "flawless_share": 0.0})
    pairs = []
    for number in range(films):
        pixels = np.array(simulate(settings, 73 + number).radiograph.pixels)
        mask = np.zeros(pixels.shape, np.uint8)
        for crop in range(crops):
            rows, columns = slice(12, 20), slice(EDGE * crop + 10, EDGE * crop + 19)
            mask[rows, columns] = FLAW
            pixels[rows, columns] = np.clip(pixels[rows, columns].astype(int) - 60, 0, 255)
        film = measure(pixels)
        for crop in range(crops):
            part = (slice(None), slice(EDGE * crop, EDGE * (crop + 1)))
            name = f"film_{number}"
            pairs.append(
                Pair(
                    f"{name}_{crop:03d}", pixels[part], mask[part], name, 0, EDGE * crop, film, full_scale=255
                )
            )
    return pairs


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """Twelve crops of three films."""
    return window_pairs()


@pytest.fixture(scope="session")
def films() -> list[LabelledFilm]:
    """The three films, whole."""
    return window_films()


@pytest.fixture(scope="session")
def dataset(pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of these crops."""
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(pairs, folder)
    return folder
