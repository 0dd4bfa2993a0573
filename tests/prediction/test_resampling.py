from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.prediction.resampling import enlarged, resampled, shifted, taps


def enlarge(image: np.ndarray, scale: float) -> np.ndarray:
    along = [taps(np.arange(enlarged(size, scale)), size, scale) for size in image.shape]
    return resampled(torch.from_numpy(image), *along).numpy()


def test_enlarging_keeps_a_plane_exactly_away_from_the_border():
    rows, columns = np.mgrid[:40, :50].astype(np.float32)
    found = enlarge(rows * 2 - columns, 1.5)
    expected = (np.arange(60)[:, None] + 0.5) / 1.5 * 2 - 1 - ((np.arange(75) + 0.5) / 1.5 - 0.5)
    np.testing.assert_allclose(found[4:-4, 4:-4], expected[4:-4, 4:-4], atol=2e-4)


def test_reducing_by_two_is_the_mean_of_four():
    image = np.random.default_rng(0).random((8, 6), dtype=np.float32)
    along = [taps(np.arange(size // 2), size, 0.5) for size in image.shape]
    expected = image.reshape(4, 2, 3, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resampled(torch.from_numpy(image), *along), expected, atol=1e-6)


@given(size=st.integers(1, 40), scale=st.sampled_from([1.25, 1.5, 2.0, 3.0]))
def test_enlarged_and_reduced_again_a_constant_stays(size, scale):
    image = np.full((size, 2), 0.7, np.float32)
    large = enlarge(image, scale)
    back = [taps(np.arange(old), new, 1 / scale) for old, new in zip(image.shape, large.shape, strict=True)]
    np.testing.assert_allclose(resampled(torch.from_numpy(large), *back), image, atol=1e-6)


@given(start=st.integers(0, 50), length=st.integers(1, 10), scale=st.sampled_from([1.0, 1.5, 2.0, 2 / 3]))
def test_a_window_equals_the_same_window_of_the_whole(start, length, scale):
    image = torch.from_numpy(np.random.default_rng(1).random((100, 1), dtype=np.float32))
    other = taps(np.arange(1), 1, 1.0)
    whole = resampled(image, taps(np.arange(enlarged(100, scale)), 100, scale), other)
    part = taps(np.arange(start, start + length), 100, scale)
    first, last = part.span
    window = resampled(image[first:last], shifted(part, first), other)
    torch.testing.assert_close(window, whole[start : start + length], rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("size", "scale", "expected"), [(10, 1.5, 15), (11, 1.5, 17), (100, 1.1, 110), (1, 1.5, 2)]
)
def test_the_enlarged_grid_covers_the_film(size, scale, expected):
    assert enlarged(size, scale) == expected
