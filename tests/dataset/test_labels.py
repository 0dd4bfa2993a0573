"""Labels become masks: two conventions, and rectangles that say what was looked at."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, LabelCounts, count, mask_of
from napari_weld_fcn.errors import DatasetError

LABELS = arrays(np.int32, (6, 9), elements=st.integers(0, 4))
CORNER = st.tuples(st.floats(-3, 12), st.floats(-3, 12))


@given(LABELS)
def test_dense_labels_are_flaw_or_background(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(mask_of(labels) == FLAW, labels != 0)
    np.testing.assert_array_equal(mask_of(labels) == BACKGROUND, labels == 0)


@given(LABELS)
def test_sparse_labels_ignore_what_is_not_labelled(labels: np.ndarray) -> None:
    mask = mask_of(labels, "sparse")
    np.testing.assert_array_equal(mask == IGNORED, labels == 0)
    np.testing.assert_array_equal(mask == BACKGROUND, labels == 1)
    np.testing.assert_array_equal(mask == FLAW, labels > 1)


@given(
    LABELS, st.lists(st.tuples(CORNER, CORNER), min_size=1, max_size=3), st.sampled_from(["dense", "sparse"])
)
def test_only_what_lies_in_a_rectangle_was_looked_at(labels, corners, convention) -> None:
    rectangles = [(*one, *other) for one, other in corners]
    mask, whole = mask_of(labels, convention, rectangles), mask_of(labels, convention)
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            seen = any(
                min(a[0], b[0]) <= row <= max(a[0], b[0]) and min(a[1], b[1]) <= column <= max(a[1], b[1])
                for a, b in corners
            )
            assert mask[row, column] == (whole[row, column] if seen else IGNORED)


@given(LABELS)
def test_every_pixel_is_counted_once(labels: np.ndarray) -> None:
    counts = count(mask_of(labels, "sparse"))
    assert counts == LabelCounts(int((labels > 1).sum()), int((labels == 1).sum()), int((labels == 0).sum()))
    assert counts.flaw + counts.background + counts.ignored == labels.size


def test_a_film_is_counted_fast_enough_to_be_shown_live() -> None:
    mask = mask_of(np.zeros((1500, 4000), np.int32), "sparse")
    started = time.process_time()
    count(mask)
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (np.zeros((2, 3, 4), int), "no plane of whole numbers"),
        (np.full((3, 4), 0.5), "numbers that are not whole"),
        (np.full((3, 4), -1), r"values below 0 \(-1\)"),
    ],
)
def test_what_is_no_plane_of_whole_numbers_is_told(wrong: np.ndarray, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        mask_of(wrong)


def test_whole_floats_are_labels() -> None:
    assert mask_of(np.array([[0.0, 2.0]])).tolist() == [[0, 255]]


@pytest.mark.parametrize("wrong", [[[0, 0, 5]], [[0, 0, 5, np.nan]], [0, 0, 5, 5]])
def test_what_is_no_rectangle_is_told(wrong: list) -> None:
    with pytest.raises(DatasetError, match="not rows of four finite coordinates"):
        mask_of(np.zeros((3, 4), int), "dense", wrong)
