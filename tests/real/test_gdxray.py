"""Series of the real GDXray open with the truth that is there."""

from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation

from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import open_series


def test_the_two_series_are_found_from_the_root(real_data: Path) -> None:
    assert [series.name for series in list_series(real_data / "GDXray")] == ["C0031", "W0001"]
    assert [series.name for series in list_series(real_data / "tiles")] == ["W0001"]
    assert list_series(real_data / "castings") == []


def test_the_boxes_of_a_casting_lie_on_its_cavities(real_data: Path) -> None:
    (film,) = open_series(real_data / "GDXray" / "Castings" / "C0031")
    assert film.boxes.tolist() == [[142, 150, 325, 250], [324, 127, 357, 149]]
    assert film.mask() is None and film.pixel_size_mm is None
    assert film.radiograph().pixels.shape == film.shape == (572, 768)


def test_the_true_weld_has_a_pixel_size_and_no_mask_which_is_told(real_data: Path) -> None:
    series = open_series(real_data / "GDXray" / "Welds" / "W0001" / "W0001_0001.png")
    assert series[0].radiograph().pixel_size_mm == 0.0403
    (problem,) = series.problems
    assert "there are no masks" in problem


def test_centres_of_films_have_their_own_masks(real_data: Path) -> None:
    series = open_series(real_data / "tiles")
    assert [film.number for film in series] == [2, 4, 6, 8, 10] and not series.problems
    for film in series:
        mask, pixels = film.mask(), film.radiograph().pixels
        assert mask.dtype == np.bool_ and mask.shape == pixels.shape == (321, 321)
        assert mask.any() == (film.number != 8)
        if mask.any():  # flaws of a weld are darker than what is next to them
            ring = binary_dilation(mask, iterations=9) & ~binary_dilation(mask, iterations=3)
            assert pixels[mask].mean() < pixels[ring].mean()


def test_five_whole_films_have_masks_and_their_181_boxes(real_data: Path) -> None:
    series = open_series(real_data / "gdxray_five")
    assert [film.number for film in series] == [2, 4, 6, 8, 10] and not series.problems
    assert sum(len(film.boxes) for film in series) == 181
    for film in series:
        mask = film.mask()
        assert mask is not None and mask.shape == film.shape and mask.any()
        assert film.pixel_size_mm == 0.0403
