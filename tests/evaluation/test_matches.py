"""Flaws and indications are paired one to one, and what pairs cannot say is counted beside them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_weld_fcn.evaluation.matches import match_flaws

shape = (9, 9)
numbers = hnp.arrays(np.int32, shape, elements=st.integers(0, 4))


def image(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes (top, bottom, left, right), numbered from 1, on 20 x 40."""
    drawn = np.zeros((20, 40), np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, 1):
        drawn[top:bottom, left:right] = number
    return drawn


def test_equal_images_match_flaw_by_flaw():
    flaws = image((1, 5, 1, 5), (8, 12, 10, 20), (15, 18, 30, 39))
    matches = match_flaws(flaws[:, ::-1], flaws[:, ::-1])
    assert matches.flaws.tolist() == matches.labels.tolist() == [1, 2, 3]
    assert matches.iou.tolist() == matches.covered.tolist() == [1.0, 1.0, 1.0]
    assert (matches.found, matches.missed, matches.false_calls) == (3, 0, 0)
    assert (matches.merged, matches.split) == (0, 0)


def test_one_mark_over_everything_finds_one_flaw_at_most():
    flaws = image((1, 9, 1, 9), (1, 9, 11, 19), (1, 9, 21, 29))
    matches = match_flaws(image((0, 10, 0, 30)), flaws)
    assert (matches.found, matches.missed, matches.false_calls) == (1, 2, 0)
    assert (matches.merged, matches.split) == (1, 0)
    assert matches.marked.all()


def test_fragments_of_one_flaw_find_it_once_and_are_no_false_calls():
    matches = match_flaws(image((2, 6, 1, 9), (2, 6, 11, 19)), image((2, 6, 1, 20)))
    assert (matches.found, matches.false_calls, matches.indications) == (1, 0, 2)
    assert (matches.merged, matches.split) == (0, 1)
    assert matches.covered == pytest.approx([16 / 19])


def test_an_indication_beside_the_flaws_is_a_false_call():
    matches = match_flaws(image((2, 6, 1, 9), (12, 15, 30, 36)), image((2, 6, 1, 9)))
    assert matches.false_labels.tolist() == [2]
    assert matches.found == 1


def test_an_indication_far_larger_than_the_flaw_that_it_holds_is_a_false_call():
    matches = match_flaws(image((0, 20, 0, 40)), image((2, 4, 1, 4)))
    assert (matches.found, matches.missed, matches.false_calls) == (0, 1, 1)


def test_a_flaw_under_the_minimum_size_is_neither_missed_nor_a_false_call():
    flaws = image((2, 4, 1, 4), (10, 14, 10, 20))
    found = match_flaws(image((1, 5, 0, 6)), flaws, min_size_px=5.0)
    assert found.flaws.tolist() == [2]
    assert (found.found, found.missed, found.false_calls) == (0, 1, 0)
    assert match_flaws(image(), flaws, min_size_px=5.0).missed == 1


def test_nothing_to_find_and_nothing_marked():
    for labels, flaws, expected in [
        (image(), image(), (0, 0, 0)),
        (image((1, 3, 1, 3)), image(), (0, 0, 1)),
        (image(), image((1, 3, 1, 3)), (0, 1, 0)),
    ]:
        matches = match_flaws(labels, flaws)
        assert (matches.found, matches.missed, matches.false_calls) == expected


def test_numbers_may_be_missing():
    labels, flaws = image((1, 5, 1, 5)) * 9, image((1, 5, 1, 5)) * 6
    matches = match_flaws(labels, flaws)
    assert (matches.flaws.tolist(), matches.labels.tolist()) == ([6], [9])


def best_by_trying(labels: np.ndarray, flaws: np.ndarray, min_iou: float) -> float:
    """Largest sum of IoU over all ways to pair 4 labels with 4 flaws."""
    gain = np.zeros((4, 4))
    for row, column in np.ndindex(4, 4):
        one, other = labels == row + 1, flaws == column + 1
        iou = (one & other).sum() / max((one | other).sum(), 1)
        gain[row, column] = iou if iou >= min_iou else 0.0
    return max(sum(gain[row, column] for row, column in enumerate(order)) for order in permutations(range(4)))


@given(numbers, numbers, st.sampled_from([0.01, 0.1, 0.3]))
def test_pairs_have_the_largest_sum_of_iou_and_each_side_once(labels, flaws, min_iou):
    matches = match_flaws(labels, flaws, min_iou)
    paired = matches.labels[matches.labels > 0]
    assert len(set(paired)) == len(paired)
    assert (matches.iou[matches.labels > 0] >= min_iou).all()
    assert matches.iou.sum() == pytest.approx(best_by_trying(labels, flaws, min_iou))
    for flaw, label, iou, covered in zip(
        matches.flaws, matches.labels, matches.iou, matches.covered, strict=True
    ):
        one, other = labels == label, flaws == flaw
        assert covered == pytest.approx((labels[other] > 0).mean())
        if label:
            assert iou == pytest.approx((one & other).sum() / (one | other).sum())


@given(numbers, numbers)
def test_every_indication_is_paired_on_flaws_or_a_false_call(labels, flaws):
    matches = match_flaws(labels, flaws)
    for number in np.unique(labels[labels > 0]):
        false = number in matches.false_labels
        assert false == (number not in matches.labels and (flaws[labels == number] > 0).mean() < 0.5)


def test_numbers_may_be_of_any_size():
    labels = np.zeros((20, 30), np.int64)
    labels[2:6, 2:6], labels[10:14, 20:24] = 2_000_000_000, 7
    instances = np.zeros((20, 30), np.uint32)
    instances[2:6, 3:7], instances[16:18, 2:5] = 3_000_000_000, 4_000_000_000
    matches = match_flaws(labels, instances)
    assert matches.flaws.tolist() == [3_000_000_000, 4_000_000_000]
    assert matches.labels.tolist() == [2_000_000_000, 0]
    assert matches.false_labels.tolist() == [7]
    assert matches.indications == 2
