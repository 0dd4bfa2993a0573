"""The operating point finds most flaws at the false calls that are allowed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_weld_fcn.evaluation.operating_point import object_counts

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


def film() -> tuple[np.ndarray, np.ndarray]:
    """Flaws at 0.95, 0.6 and 0.4; false spots at 0.8, 0.45 and two at 0.2."""
    probability, instances = np.zeros((12, 80), np.float32), np.zeros((12, 80), np.int32)
    for index, (height, number) in enumerate(
        [(0.95, 1), (0.6, 2), (0.4, 3), (0.8, 0), (0.45, 0), (0.2, 0), (0.2, 0)]
    ):
        spot = np.s_[3:8, 10 * index + 2 : 10 * index + 8]
        probability[spot], instances[spot] = height, number
    return probability, instances


def test_found_and_false_calls_are_counted_at_each_threshold():
    counts = object_counts(*film(), thresholds=THRESHOLDS)
    assert counts.found.tolist() == [3, 3, 2, 1, 1]
    assert counts.false_calls.tolist() == [4, 2, 1, 1, 0]
    assert (counts.flaws, counts.films) == (3, 1)


@pytest.mark.parametrize(
    ("allowed", "threshold", "recall"), [(5, 0.3, 1.0), (2, 0.3, 1.0), (1.5, 0.5, 2 / 3), (0, 0.9, 1 / 3)]
)
def test_the_largest_recall_within_the_allowed_false_calls_is_taken(allowed, threshold, recall):
    point = object_counts(*film(), thresholds=THRESHOLDS).largest_recall(allowed)
    assert (point.threshold, point.within) == (threshold, True)
    assert point.recall == pytest.approx(recall)
    assert point.false_calls_per_film <= allowed


def test_false_calls_are_allowed_on_average_over_films():
    probability, instances = film()
    clean = object_counts(np.zeros_like(probability), np.zeros_like(instances), thresholds=THRESHOLDS)
    both = object_counts(probability, instances, thresholds=THRESHOLDS) + clean
    assert both.largest_recall(1.0).threshold == 0.3
    assert both.largest_recall(1.0).false_calls_per_film == 1.0


def test_a_number_that_cannot_be_kept_gives_the_fewest_false_calls_and_says_so():
    probability, instances = film()
    counts = object_counts(probability, np.zeros_like(instances), thresholds=(0.1, 0.5))
    point = counts.largest_recall(0)
    assert (point.within, point.threshold, point.false_calls_per_film) == (False, 0.5, 3.0)


def test_small_indications_and_small_flaws_can_be_left_out():
    probability, instances = film()
    counts = object_counts(probability, instances, thresholds=THRESHOLDS, min_size_px=20.0)
    assert not counts.found.any()
    assert counts.flaws == 3
    assert object_counts(probability, instances, thresholds=THRESHOLDS, min_flaw_size_px=20.0).flaws == 0


def test_counts_at_other_thresholds_are_not_added():
    with pytest.raises(ValueError, match="different thresholds"):
        object_counts(*film(), thresholds=(0.1,)) + object_counts(*film(), thresholds=(0.2,))
