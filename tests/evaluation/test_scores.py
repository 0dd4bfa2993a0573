"""Pixel scores and the best threshold are what counting by hand gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from napari_weld_fcn.evaluation.scores import (
    PixelScores,
    best_mean_threshold,
    best_threshold,
    pixel_scores,
    pooled,
    threshold_counts,
)

shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
two_masks = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape)))
#: Probabilities of which many lie exactly on a threshold or next to it.
grid = st.integers(0, 1000).map(lambda k: np.float32(k / 1000))
near_grid = grid.flatmap(
    lambda p: st.sampled_from(
        [p, np.nextafter(p, np.float32(0)), min(np.nextafter(p, np.float32(2)), np.float32(1))]
    )
)
probabilities = st.one_of(near_grid, st.floats(0, 1, width=32))


@given(two_masks)
def test_scores_are_those_of_the_definition(masks):
    prediction, truth = masks
    scores = pixel_scores(prediction, truth)
    both, either = (prediction & truth).sum(), (prediction | truth).sum()
    assert (scores.tp, scores.fp, scores.fn) == (
        both,
        (prediction & ~truth).sum(),
        (truth & ~prediction).sum(),
    )
    if truth.any() and prediction.any():
        assert scores.precision == both / prediction.sum()
        assert scores.recall == both / truth.sum()
        assert scores.iou == pytest.approx(both / either)
        assert scores.f1 == pytest.approx(2 * both / (prediction.sum() + truth.sum()))


@given(two_masks)
def test_scores_are_those_of_scikit_learn(masks):
    prediction, truth = (mask.ravel() for mask in masks)
    scores = pixel_scores(*masks)
    if truth.any() or prediction.any():  # both empty is 1 here and undefined there
        asked = {"y_true": truth, "y_pred": prediction, "zero_division": 0}
        assert scores.precision == pytest.approx(precision_score(**asked))
        assert scores.recall == pytest.approx(recall_score(**asked))
        assert scores.f1 == pytest.approx(f1_score(**asked))
        assert scores.iou == pytest.approx(jaccard_score(**asked))


@pytest.mark.parametrize(("marked", "flaw", "expected"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0)])
def test_empty_masks_have_defined_scores(marked, flaw, expected):
    scores = pixel_scores(np.full((3, 4), marked), np.full((3, 4), flaw))
    assert (scores.precision, scores.recall, scores.f1, scores.iou) == (expected,) * 4


def test_any_number_in_a_label_image_is_marked():
    assert pixel_scores(np.array([[0, 7, 255]]), np.array([[False, True, True]])).f1 == 1.0


def test_one_pixel_of_tolerance_forgives_an_outline_that_is_one_pixel_off():
    truth = np.zeros((20, 30), bool)
    truth[5:12, 6:14] = True
    shifted = np.roll(truth, (1, 1), (0, 1))
    assert pixel_scores(shifted, truth).f1 < 0.8
    assert pixel_scores(shifted, truth, tolerance=1).f1 == 1.0
    assert pixel_scores(np.roll(shifted, 1, 1), truth, tolerance=1).f1 < 1.0


@given(two_masks, st.integers(0, 3))
def test_tolerance_only_helps(masks, tolerance):
    strict, tolerant = (pixel_scores(*masks, tolerance=pixels) for pixels in (tolerance, tolerance + 1))
    assert tolerant.fp <= strict.fp
    assert tolerant.fn <= strict.fn
    assert tolerant.f1 >= strict.f1 - 1e-12


def test_tolerance_stays_within_a_plane():
    prediction, truth = np.zeros((2, 3, 3), bool), np.zeros((2, 3, 3), bool)
    prediction[0, 1, 1], truth[1, 1, 1] = True, True
    assert pixel_scores(prediction, truth, tolerance=1).f1 == 0.0


def test_pooled_scores_weigh_pixels_not_films():
    large = PixelScores(tp=90, fp=0, fn=10, found=90)
    small = PixelScores(tp=0, fp=10, fn=0, found=0)
    assert pooled([large, small]) == PixelScores(tp=90, fp=10, fn=10, found=90)
    assert pooled([large, small]).f1 == pytest.approx(0.9)
    assert pooled([]).f1 == 1.0


def test_scores_are_ready_for_json_under_the_names_that_scripts_rely_on():
    scores = pixel_scores(np.eye(3), np.ones((3, 3))).as_dict()
    assert list(json.loads(json.dumps(scores))) == ["precision", "recall", "f1", "iou", "tp", "fp", "fn"]


def test_other_shapes_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        pixel_scores(np.ones((2, 3)), np.ones((3, 2)))


@given(hnp.arrays(np.float32, shapes, elements=probabilities), st.randoms(use_true_random=False))
def test_counts_at_every_threshold_equal_those_of_thresholding(probability, random):
    truth = np.array([random.random() < 0.4 for _ in range(probability.size)]).reshape(probability.shape)
    counts = threshold_counts(probability, truth)
    for index in random.sample(range(999), 40):
        assert counts.scores(index) == pixel_scores(probability > (index + 1) / 1000, truth)
    for value in np.unique(probability):
        index = min(max(round(float(value) * 1000) - 1, 0), 998)
        assert counts.scores(index) == pixel_scores(probability > (index + 1) / 1000, truth)


@given(st.integers(0, 2**32 - 1))
def test_no_other_threshold_gives_a_larger_pooled_f1(seed):
    rng = np.random.default_rng(seed)
    truths = [rng.random((9, 11)) < share for share in (0.0, 0.2, 0.5)]
    films = [np.clip(0.3 * t + rng.random(t.shape) * 0.8, 0, 1).astype(np.float32) for t in truths]
    best = best_threshold(iter(films), iter(truths))
    tried = [
        pooled([pixel_scores(p > k / 1000, t) for p, t in zip(films, truths, strict=True)])
        for k in range(1, 1000, 7)
    ]
    assert best.scores == pooled(
        [pixel_scores(p > best.threshold, t) for p, t in zip(films, truths, strict=True)]
    )
    assert best.scores.f1 >= max(scores.f1 for scores in tried) - 1e-12


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40),
    st.floats(0.001, 0.5),
)
def test_with_a_margin_the_threshold_is_the_one_nearest_to_one_half_of_those_within(pixels, margin):
    probability, truth = (np.array([column]) for column in zip(*pixels, strict=True))
    counts = threshold_counts(probability.astype(np.float32), truth)
    largest, taken = counts.best().scores.f1, counts.best(margin)
    assert taken.scores.f1 >= largest - margin - 1e-9
    nearer = [i for i in range(999) if abs((i + 1) / 1000 - 0.5) < abs(taken.threshold - 0.5) - 1e-6]
    assert all(counts.scores(i).f1 < largest - margin + 1e-9 for i in nearer)


@pytest.mark.parametrize(("asked", "taken"), [(0.9999, 0.999), (1e-6, 0.001), (0.5374, 0.537)])
def test_a_threshold_that_was_not_counted_takes_the_nearest_that_was(asked: float, taken: float) -> None:
    counts = threshold_counts(np.array([[0.2, 0.8]], np.float32), np.array([[0, 1]]))
    assert counts.nearest(asked).threshold == taken


def test_the_best_threshold_lies_in_the_middle_of_equally_good_ones():
    best = best_threshold([np.array([[0.2, 0.8]], np.float32)], [np.array([[0, 1]])])
    assert best.scores.f1 == 1.0
    assert best.threshold == pytest.approx(0.5, abs=0.002)


def test_films_without_flaws_choose_a_threshold_that_marks_nothing():
    best = best_threshold([np.array([[0.2, 0.6]], np.float32)], [np.zeros((1, 2))])
    assert best.scores.f1 == 1.0
    assert best.threshold >= 0.6


def test_a_threshold_needs_films_and_as_many_masks():
    with pytest.raises(ValueError, match="no film"):
        best_threshold([], [])
    with pytest.raises(ValueError, match="shorter"):
        best_threshold([np.ones((1, 1))] * 2, [np.ones((1, 1))])


@given(
    films=st.lists(
        st.tuples(st.integers(0, 10_000), st.floats(0.05, 0.6), st.booleans()), min_size=1, max_size=4
    ),
    smoothing=st.sampled_from([0.0, 1.0, 50.0]),
)
def test_the_best_mean_threshold_is_the_best_of_all_that_can_be_tried(films, smoothing):
    probabilities, truths = [], []
    for seed, share, empty in films:
        rng = np.random.default_rng(seed)
        truths.append((rng.random((12, 9)) < share) & (not empty))
        probabilities.append((rng.random((12, 9)) * 0.6 + 0.3 * truths[-1]).astype(np.float32))
    flawed = [(p, t) for p, t in zip(probabilities, truths, strict=True) if t.any()]
    if not flawed:
        with pytest.raises(ValueError, match="no film with a flaw"):
            best_mean_threshold(probabilities, truths, smoothing)
        return

    def mean_at(threshold):
        marked = [(p > np.float32(threshold), t) for p, t in flawed]
        return np.mean([(2 * (m & t).sum() + smoothing) / (m.sum() + t.sum() + smoothing) for m, t in marked])

    mean, best = best_mean_threshold(iter(probabilities), iter(truths), smoothing)
    assert mean == pytest.approx(mean_at(best.threshold))
    assert mean == pytest.approx(max(mean_at(k / 1000) for k in range(1, 1000)))
    marked = [p > np.float32(best.threshold) for p in probabilities]
    assert best.scores == pooled(pixel_scores(m, t) for m, t in zip(marked, truths, strict=True))


def test_many_pores_are_not_outweighed_by_one_large_flaw_in_the_mean():
    large = np.full((100, 100), 0.6, np.float32)
    large[:50] = 0.9
    pores = np.full((20, 20), 0.1, np.float32)
    pores[::5, ::5] = 0.4
    truths = [large > 0.8, pores > 0.3, pores > 0.3]
    assert best_threshold([large, pores, pores], truths).threshold > 0.6
    assert best_mean_threshold([large, pores, pores], truths, 0.0)[1].threshold < 0.4
