"""Real films that are enlarged are told, and none is as it was digitised."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_weld_fcn.prediction.survey import is_enlarged
from napari_weld_fcn.radiograph.area.film_area import film_area
from napari_weld_fcn.radiograph.files import read

FILMS = ["gdxray_five/Welds/W0001", "w0003", "castings", "tiles/Welds/W0001", "riawelc", "pore_crop"]
BICUBIC, LINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR


def told(pixels: np.ndarray) -> bool:
    return is_enlarged(pixels, film_area(pixels))


def resized(pixels: np.ndarray, by: float, how: Image.Resampling) -> np.ndarray:
    rows, columns = pixels.shape
    return np.asarray(Image.fromarray(pixels).resize((round(columns * by), round(rows * by)), how))


@pytest.mark.parametrize("folder", FILMS)
def test_no_real_film_is_told_as_it_is(real_data: Path, folder: str) -> None:
    for path in sorted((real_data / folder).glob("*.png")):
        assert not told(np.asarray(read(path).pixels)), path.name


@pytest.mark.parametrize("folder", ["gdxray_five/Welds/W0001", "w0003"])
def test_a_whole_film_is_told_where_it_is_enlarged_and_nowhere_else(real_data: Path, folder: str) -> None:
    for path in sorted((real_data / folder).glob("*.png")):
        pixels = np.asarray(read(path).pixels)[:700, 1000:2400]
        assert not told(ndimage.gaussian_filter(pixels, 1.0)), path.name
        for how in (BICUBIC, LINEAR):
            assert not told(resized(pixels, 1.4, how)), path.name
            assert not told(resized(pixels, 0.7, how)), path.name
            for by in (2.5, 3, 3.5):
                assert told(resized(pixels, by, how)), (path.name, by)
