"""The Laplacian of a Gaussian answers to dark blobs of some widths, and not to bright ones or slopes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_weld_fcn.evaluation.benchmark.classical import laplacian


def film(depth: float, radius: int = 5) -> np.ndarray:
    """A slope with one disc, `depth` darker, in the middle."""
    rows, columns = np.ogrid[-40:41, -60:61]
    return 150.0 + 0.2 * columns - depth * (rows**2 + columns**2 <= radius**2)


@pytest.mark.parametrize("radius", [3, 6, 11])
def test_a_dark_disc_answers_most_in_its_middle(radius):
    response = laplacian(film(30.0, radius).astype(np.float32))
    assert response.dtype == np.float32
    assert response[40, 60] == pytest.approx(response.max(), rel=0.02)
    assert response[40, 60] > 0.6
    assert response[40, 100] < 0.05


def test_discs_of_equal_contrast_answer_equally_whatever_their_size():
    small, large = (laplacian(film(30.0, radius).astype(np.float32))[40, 60] for radius in (3, 11))
    assert small == pytest.approx(large, rel=0.1)


def test_a_bright_disc_and_the_slope_have_no_answer_in_their_middle():
    assert laplacian(film(-30.0).astype(np.float32))[40, 60] == 0
    assert laplacian(film(0.0).astype(np.float32))[20:60, 40:80].max() < 0.01
