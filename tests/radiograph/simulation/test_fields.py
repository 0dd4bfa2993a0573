import numpy as np
import pytest
from scipy.interpolate import BSpline

from napari_weld_fcn.radiograph.simulation.conditions import curve, field


def splines(length: int, knots: int) -> np.ndarray:
    """Cubic B-splines on a uniform grid, `length` places over `knots` spans, as SciPy has them."""
    at = np.linspace(0.0, knots - 1e-6, length)
    return BSpline.design_matrix(at, np.arange(-3.0, knots + 4), 3).toarray()


def test_a_field_is_a_cubic_spline_through_white_knots() -> None:
    knots = np.random.default_rng(7).standard_normal((16 + 3, 32 + 3), dtype=np.float32)
    expected = splines(64, 16) @ knots @ splines(256, 32).T
    drawn = field(np.random.default_rng(7), 64, 256, scale=4.0, stretch=2.0)
    assert drawn.shape == (64, 256) and drawn.dtype == np.float32
    assert drawn * (expected.std() / drawn.std()) == pytest.approx(expected, abs=1e-4)


def test_curves_and_fields_have_about_unit_spread() -> None:
    rng = np.random.default_rng(0)
    assert np.std([curve(rng, 200, 10.0) for _ in range(50)]) == pytest.approx(1, abs=0.1)
    assert np.std([field(rng, 100, 100, 8.0) for _ in range(20)]) == pytest.approx(1, abs=0.1)
