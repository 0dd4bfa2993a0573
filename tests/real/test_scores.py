"""What the shipped models reach on real radiographs; nothing was fitted to these.

The bounds are figures that were reached, rounded down; they rise with the models and are never lowered. What
is aimed at stands in CHANGELOG.md.
"""

from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores, pooled
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import Prediction, predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.gdxray.series import open_series


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load("default")


def marked(path: Path, model: Model) -> Prediction:
    return predict(read(path), model)


def scores(image: Path, mask: Path, model: Model) -> PixelScores:
    return pixel_scores(marked(image, model).labels, read(mask).pixels)


def test_pores_of_film_1(real_data: Path, model: Model) -> None:
    folder = real_data / "pore_crop"
    assert scores(folder / "image.png", folder / "mask.png", model).f1 >= 0.82


def test_centres_of_five_films(real_data: Path, model: Model) -> None:
    films = real_data / "tiles" / "Welds"
    each = [
        scores(films / "W0001" / f"W0001_{k:04d}.png", films / "W0002" / f"W0002_{k:04d}.png", model)
        for k in (2, 4, 6, 8, 10)
    ]
    assert pooled(each).f1 >= 0.68


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "all_films", "lowest"),
    [
        ("default", 0.77, 0.68),  # reached: 0.775, and 0.691 on film 10; aimed at: 0.80 and 0.70
        ("fcn", 0.62, 0.44),  # reached: 0.621, and 0.446 on film 10; aimed at: 0.60 in all
    ],
)
def test_five_whole_films(real_data: Path, name: str, all_films: float, lowest: float) -> None:
    films, model = open_series(real_data / "gdxray_five"), Model.load(name)
    each = [pixel_scores(predict(film.radiograph(), model).labels, film.mask()) for film in films]
    assert pooled(each).f1 >= all_films
    assert min(scores.f1 for scores in each) >= lowest


def test_clean_patches_stay_clean(real_data: Path, model: Model) -> None:
    found = [marked(path, model) for path in sorted((real_data / "riawelc").glob("nd_*.png"))]
    assert len(found) == 5
    assert not any(prediction.labels.any() for prediction in found)


#: Boxes of the pores, by hand: rows and columns in pixels, half open.
PORES = {
    "po_01": (110, 170, 85, 148),
    "po_02": (135, 217, 135, 227),
    "po_03": (120, 198, 45, 125),
    "po_04": (165, 227, 60, 140),
    "po_05": (85, 227, 100, 227),
}


@pytest.mark.parametrize("name", PORES)
def test_the_pore_of_a_patch_is_marked_and_little_else(real_data: Path, model: Model, name: str) -> None:
    top, bottom, left, right = PORES[name]
    labels = marked(real_data / "riawelc" / f"{name}.png", model).labels
    box = labels[top:bottom, left:right]
    largest = max(np.count_nonzero(box == number) for number in np.unique(box[box > 0]))
    assert largest / box.size > 0.15
    assert (np.count_nonzero(labels) - np.count_nonzero(box)) / labels.size < 0.08
