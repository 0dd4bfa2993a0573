"""Numbers stay with their indications, and what a person changed stays as it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.prediction.numbering import (
    in_one_plane_each,
    marked,
    marked_anew,
    renumbered,
    taken_over,
)

SEEDS = st.integers(0, 2**32 - 1)
THRESHOLDS = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8]), min_size=1, max_size=4)


def map_of(seed: int) -> np.ndarray:
    """Probabilities that differ from pixel to pixel, most of them small."""
    return np.random.default_rng(seed).choice([0.1, 0.1, 0.3, 0.5, 0.7, 0.9], (7, 11)).astype(np.float32)


def row(*numbers: int) -> np.ndarray:
    return np.array([numbers], np.int32)


def test_largest_overlap_keeps_the_number() -> None:
    assert renumbered(row(1, 1, 1, 0, 2), row(7, 7, 4, 0, 9)).tolist() == [[7, 7, 7, 0, 9]]


def test_part_with_more_pixels_of_a_split_one_keeps_the_number_and_the_other_is_new() -> None:
    assert renumbered(row(1, 0, 2, 2, 0, 3), row(5, 5, 5, 5, 0, 0)).tolist() == [[6, 0, 5, 5, 0, 7]]


def test_new_ones_are_numbered_from_what_is_free() -> None:
    assert renumbered(row(1, 0, 2, 0, 3), row(0, 0, 3, 0, 0), 20).tolist() == [[20, 0, 3, 0, 21]]
    assert renumbered(row(0, 0), row(3, 3)).tolist() == [[0, 0]]


@given(SEEDS, THRESHOLDS)
def test_back_at_a_threshold_the_marks_have_their_numbers_again(seed, thresholds) -> None:
    probability = map_of(seed)
    first = label(probability, 0.4)
    marking = marked(first)
    for threshold in thresholds:
        marking = marked_anew(marking, label(probability, threshold))
        assert np.array_equal(marking.labels > 0, probability > threshold)
    np.testing.assert_array_equal(marked_anew(marking, first).labels, first)


@given(SEEDS, SEEDS)
def test_no_two_indications_share_a_number_and_none_is_torn(one, other) -> None:
    new, old = label(map_of(one), 0.4), label(map_of(other), 0.4)
    result = renumbered(new, old)
    pairs = np.unique(np.stack([new.ravel(), result.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(new)) == len(np.unique(result))


def test_painted_stays_erased_stays_erased_and_the_rest_follows() -> None:
    shallow = row(1, 0, 2, 0, 3, 0, 0, 0, 0)
    shown = row(1, 0, 0, 0, 3, 3, 0, 0, 8)  # 2 erased, 3 extended, 8 painted
    work = taken_over(marked(shallow), shown)
    assert work.changed == {2, 3, 8}
    deep = marked_anew(work, row(1, 0, 2, 2, 3, 3, 3, 0, 0))
    assert deep.labels.tolist() == [[1, 0, 0, 0, 3, 3, 0, 0, 8]]
    none = marked_anew(deep, row(0, 0, 0, 0, 0, 0, 0, 0, 0))
    assert none.labels.tolist() == [[0, 0, 0, 0, 3, 3, 0, 0, 8]]
    assert marked_anew(none, shallow).labels.tolist() == shown.tolist()


def test_untouched_one_that_grows_into_an_erased_one_is_still_marked() -> None:
    work = taken_over(marked(row(1, 0, 2, 2, 2)), row(1, 0, 0, 0, 0))
    assert marked_anew(work, row(1, 1, 1, 1, 1)).labels.tolist() == [[1, 1, 0, 0, 0]]


def test_what_was_undone_leaves_no_trace() -> None:
    before = marked(row(1, 0, 2))
    assert taken_over(before, row(1, 0, 2)) is before


def test_number_that_was_another_ones_is_only_that_of_what_is_painted() -> None:
    faint = marked_anew(marked(row(1, 0, 2, 0, 0)), row(1, 0, 0, 0, 0))
    work = taken_over(faint, row(1, 0, 0, 0, 2))  # the new 2 is not the one that faded
    again = marked_anew(work, row(1, 0, 2, 0, 0))
    assert again.labels.tolist() == [[1, 0, 3, 0, 2]]


def test_number_of_an_erased_one_painted_elsewhere_leaves_that_erased() -> None:
    work = taken_over(marked(row(1, 0, 2, 0, 0)), row(1, 0, 0, 0, 2))
    assert marked_anew(work, row(1, 0, 2, 0, 0)).labels.tolist() == [[1, 0, 0, 0, 2]]


@given(SEEDS, THRESHOLDS)
def test_no_hand_work_is_ever_lost(seed, thresholds) -> None:
    probability = map_of(seed)
    painted = np.random.default_rng(seed + 1).integers(-5, 9, probability.shape).clip(0).astype(np.int32)
    marking = taken_over(marked(label(probability, 0.4)), painted)
    by_hand = np.isin(painted, list(marking.changed))
    erased = [number for number in marking.changed if not (painted == number).any()]
    for threshold in thresholds:
        marking = taken_over(marking, marking.labels)
        marking = marked_anew(marking, label(probability, threshold))
        np.testing.assert_array_equal(marking.labels[by_hand], painted[by_hand])
        assert set(np.unique(marking.labels[~by_hand])).isdisjoint(marking.changed)
        assert not np.isin(marking.labels, erased).any()


def test_number_painted_in_two_planes_stays_where_it_was() -> None:
    before = np.array([[[0, 0]], [[1, 0]], [[0, 0]]], np.int32)
    painted = np.array([[[1, 4]], [[1, 0]], [[4, 0]]], np.uint16)
    assert in_one_plane_each(painted, before).tolist() == [[[5, 4]], [[1, 0]], [[6, 0]]]
    whole = np.array([[[1, 2]], [[3, 0]]], np.uint16)
    assert in_one_plane_each(whole, whole) is whole
    flat = np.array([[1, 0, 1]], np.uint16)
    assert in_one_plane_each(flat, flat) is flat
