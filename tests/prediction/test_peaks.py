"""Pores that touch are told apart, and nothing else is: not a long one, not one that wavers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_weld_fcn.prediction import run_lengths as runs
from napari_weld_fcn.prediction.indications import label

THRESHOLD = 0.5
ROWS, COLUMNS = np.mgrid[:40, :64].astype(float)


def probability(logits: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def hill(row: float, column: float, height: float, width: float = 5.0) -> np.ndarray:
    """Logits of a round pore: `height` in its middle, falling by 6 over `width` and on."""
    return height - 6 * np.hypot(ROWS - row, COLUMNS - column) / width


@given(st.floats(2.5, 5.5), st.floats(2.5, 5.5), st.integers(6, 12))
@settings(max_examples=60)
def test_two_pores_are_two_where_the_lower_peak_stands_out_enough(left, right, distance):
    two = [hill(20, 20, left, 9), hill(20, 20 + distance, right, 9)]
    logits = np.maximum(*two)
    between = float(logits[20, 20 : 21 + distance].min())
    stands_out = min(left, right) - between
    marks = label(probability(logits), THRESHOLD)
    if between <= 0 or marks.max() != 1:
        return
    # The smoothing takes up to 1.1 off a peak and fills the saddle by about as much.
    easily, hardly = np.exp(max(stands_out - 2.2, 0.0)), np.exp(stands_out + 0.1)
    if easily > 1:
        parts = label(probability(logits), THRESHOLD, peak_odds=easily)
        assert parts.max() == 2
        assert parts[20, 20] != parts[20, 20 + distance]
        assert np.array_equal(parts > 0, marks > 0)
    assert label(probability(logits), THRESHOLD, peak_odds=max(hardly, 1.0)).max() <= 1


def test_the_line_between_two_equal_pores_is_half_way():
    logits = np.maximum(hill(20, 20, 5, 9), hill(20, 30, 5, 9))
    parts = label(probability(logits), THRESHOLD, peak_odds=2.0)
    assert set(np.unique(parts[:, :25])) == {0, 1} and set(np.unique(parts[:, 26:])) == {0, 2}


def test_a_long_flaw_that_wavers_stays_one():
    ridge = 4.0 - np.abs(ROWS - 20) + 0.4 * np.sin(COLUMNS / 3)
    noise = np.random.default_rng(3).normal(0, 0.3, ridge.shape)
    assert label(probability(ridge + noise), THRESHOLD, peak_odds=4.0).max() == 1


def test_certainty_has_no_peaks_of_its_own():
    flat = np.zeros((40, 64), np.float32)
    flat[10:30, 8:20] = flat[10:30, 22:40] = flat[19:21, 20:22] = 1.0
    assert label(flat, THRESHOLD, peak_odds=1e6).max() == 1


def test_pixels_that_are_no_number_are_background_and_spread_to_no_peak():
    values = probability(np.maximum(hill(20, 20, 5, 9), hill(20, 30, 5, 9)))
    whole = label(values, THRESHOLD, peak_odds=2.0)
    values[16, 25] = np.nan
    parts = label(values, THRESHOLD, peak_odds=2.0)
    assert whole.max() == parts.max() == 2
    assert np.count_nonzero((parts != whole) & ~np.isnan(values)) <= 4


def test_pores_at_the_edge_of_the_film_and_of_a_band_are_divided_the_same():
    logits = np.maximum.reduce([hill(0, 0, 5, 9), hill(9, 0, 5, 9), hill(39, 63, 5, 9), hill(39, 52, 5, 9)])
    values = probability(logits)
    whole = label(values, THRESHOLD, 3.0, 3.0)
    assert whole.max() == 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BAND_PIXELS", 128)
        assert np.array_equal(label(values, THRESHOLD, 3.0, 3.0), whole)
    stack = label(np.stack([values, values.T.copy().T[::-1]]), THRESHOLD, 3.0, 3.0)
    assert np.array_equal(stack[0], whole) and stack.max() == 8


@pytest.mark.parametrize("turn", [lambda a: a[::-1], lambda a: a[:, ::-1], np.transpose])
def test_turned_and_mirrored_films_are_divided_the_same(turn):
    logits = np.maximum.reduce([hill(12, 20, 5, 9), hill(20, 26, 4, 9), hill(14, 33, 4.5, 9)])
    values = probability(logits)
    parts = label(values, THRESHOLD, peak_odds=2.0)
    turned = label(np.ascontiguousarray(turn(values)), THRESHOLD, peak_odds=2.0)
    assert parts.max() == turned.max() == 3
    back = turn(parts)
    same = sum(max(np.count_nonzero(turned[back == n] == m) for m in (1, 2, 3)) for n in (1, 2, 3))
    assert same >= 0.97 * np.count_nonzero(parts)
