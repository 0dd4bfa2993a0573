"""The top-hat answers to small dark spots by their depth, and to nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_weld_fcn.evaluation.benchmark.classical import top_hat


def film(depth: float, half: int = 4) -> np.ndarray:
    """A gentle slope with one square spot, `depth` darker, in the middle."""
    grey = np.full((61, 91), 150.0) + np.linspace(0, 8, 91)
    grey[30 - half : 31 + half, 45 - half : 46 + half] -= depth
    return grey


def test_a_spot_answers_by_its_depth_and_the_slope_hardly():
    response = top_hat(film(10.0).astype(np.float32), radius=12, blur=0.0)
    assert response.dtype == np.float32
    assert response[30, 45] == pytest.approx(0.5, abs=0.02)
    response[24:37, 39:52] = 0
    assert response.max() < 0.2


@pytest.mark.parametrize("depth", [3.0, 20.0, 60.0])
def test_a_threshold_of_depth_marks_just_the_spot(depth):
    response = top_hat(np.round(film(depth)).astype(np.uint8), blur=0.0)
    marked = response > (depth - 1.5) / (depth + 8.5)
    assert np.array_equal(np.argwhere(marked).min(0), [26, 41])
    assert np.array_equal(np.argwhere(marked).max(0), [34, 49])


def test_bright_spots_and_spots_larger_than_the_window_are_passed_over():
    assert top_hat(film(-40.0).astype(np.uint8), radius=12)[30, 45] < 0.2
    assert top_hat(film(40.0, half=20).astype(np.uint8), radius=12)[30, 45] < 0.2


def test_depth_is_measured_in_grey_levels_of_255_for_any_dtype():
    eight = top_hat(np.round(film(20.0)).astype(np.uint8))
    sixteen = top_hat((np.round(film(20.0)) * 257).astype(np.uint16))
    unit = top_hat((np.round(film(20.0)) / 255).astype(np.float32))
    assert np.allclose(eight, unit, atol=1e-4)
    assert np.allclose(eight, sixteen, atol=1e-2)
