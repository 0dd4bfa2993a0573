"""Dead lines of a detector in real films: found to the pixel, none where there is none, nearly no loss."""

from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.evaluation.scores import pixel_scores
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.area.film_area import film_area
from napari_weld_fcn.radiograph.files import read

FILMS = ["gdxray_five/Welds/W0001", "w0003", "castings", "riawelc", "pore_crop"]


@pytest.mark.parametrize("folder", FILMS)
def test_a_real_film_has_no_dead_line(real_data: Path, folder: str) -> None:
    for path in sorted((real_data / folder).glob("*.png")):
        assert not film_area(read(path).pixels).dead, path.name


@pytest.mark.parametrize("grey", [0, 255, 110])
def test_dead_lines_are_found_across_whole_films(real_data: Path, grey: int) -> None:
    for path in sorted((real_data / "gdxray_five/Welds/W0001").glob("*.png")):
        bare = np.asarray(read(path).pixels)
        pixels = bare.copy()
        pixels[300:302] = pixels[:, 2001] = pixels[:, 4444:4446] = grey
        area = film_area(pixels)
        assert (area.dead.rows, area.dead.columns) == (((300, 302),), ((2001, 2002), (4444, 4446)))
        assert area.box == film_area(bare).box and area.outside is None


@pytest.mark.parametrize("grey", [0, 255, 68])
@pytest.mark.parametrize("lines", [np.s_[183:185, :], np.s_[:, 125:126], np.s_[1:2, :]])
def test_a_dead_line_costs_a_real_film_nothing(
    real_data: Path, lines: tuple[slice, slice], grey: int
) -> None:
    folder, model = real_data / "pore_crop", Model.load("default")
    pixels, mask = np.array(read(folder / "image.png").pixels), read(folder / "mask.png").pixels
    bare = predict(pixels, model)
    pixels[lines] = grey
    found = predict(pixels, model)
    assert len(found.table["label"]) == len(bare.table["label"])
    cost = pixel_scores(bare.labels, mask).f1 - pixel_scores(found.labels, mask).f1
    assert abs(cost) < 0.005
    assert any("from end to end" in each for each in found.warnings)
