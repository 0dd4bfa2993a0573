"""Marks that are there against the truth: heatmaps as a model's, indications as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from napari_weld_fcn.errors import RadiographError, SettingsError
from napari_weld_fcn.evaluation.cases import Case, Marks, Source
from napari_weld_fcn.evaluation.compare import compare
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.evaluation.matches import FALSE, HIT, MISSED, agreement
from napari_weld_fcn.evaluation.report import write_evaluation
from napari_weld_fcn.evaluation.scores import pixel_scores
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.radiograph import Radiograph

SHAPE = (12, 16)
MASKS = arrays(np.bool_, SHAPE)


def source(marks, truth, name="film", **known):
    """A flat film with its truth and its marks."""
    case = Case(
        Radiograph(np.zeros(truth.shape, np.uint8), name),
        np.asarray(truth, np.int32),
        marks=None if marks is None else Marks(marks, **known),
    )
    return Source(name, lambda: case)


def rectangles(*places):
    found = np.zeros(SHAPE, np.int32)
    for number, place in enumerate(places, start=1):
        found[place] = number
    return found


PORE, OTHER = np.s_[2:5, 2:5], np.s_[7:9, 9:14]


@given(labels=MASKS, truth=MASKS)
@settings(max_examples=50)
def test_pixels_of_indications_are_scored_as_they_are(labels, truth):
    found = compare([source(labels, truth)])
    assert found.pixels == pixel_scores(labels, truth)
    assert not found.has_curves


@given(labels=MASKS, truth=MASKS)
@settings(max_examples=50)
def test_agreement_has_as_many_pixels_of_each_kind_as_the_scores_count(labels, truth):
    picture, scores = agreement(labels, truth), pixel_scores(labels, truth)
    counts = np.bincount(picture.ravel(), minlength=4)
    assert (counts[HIT], counts[FALSE], counts[MISSED]) == (scores.tp, scores.fp, scores.fn)


def test_touching_indications_stay_apart_by_their_numbers():
    truth = rectangles(np.s_[2:5, 2:5], np.s_[2:5, 5:8])
    by_number, as_mask = (compare([source(labels, truth)]) for labels in (truth, truth > 0))
    assert [flaw.found for flaw in by_number.flaws] == [True, True]
    assert [flaw.found for flaw in as_mask.flaws].count(True) == 1


def test_small_indications_and_small_flaws_take_no_part():
    truth = rectangles(PORE, np.s_[10:11, 1:2])
    labels = rectangles(PORE, np.s_[0:1, 15:16])
    everything = compare([source(labels, truth)])
    large = compare([source(labels, truth)], EvaluationSettings(min_size=2))
    assert (len(everything.flaws), everything.films[0].false_calls) == (2, 1)
    assert (len(large.flaws), large.films[0].false_calls, large.films[0].indications) == (1, 0, 1)


def test_what_is_ignored_is_not_marked():
    ignored = np.zeros(SHAPE, bool)
    ignored[OTHER] = True
    case = Case(Radiograph(np.zeros(SHAPE)), rectangles(PORE), ignored, marks=Marks(rectangles(PORE, OTHER)))
    assert compare([Source("film", lambda: case)]).pixels.f1 == 1


@pytest.fixture(scope="module")
def model():
    card = Card(name="untrained", network=NetworkSettings(width=4), threshold=0.3, min_size_px=2.0)
    return Model.create(card)


def test_heatmap_scores_as_the_model_that_made_it(model):
    pixels, truth = np.random.default_rng(0).normal(120, 9, (96, 128)), np.zeros((96, 128), np.int32)
    pixels[30:44, 40:60] -= 40
    pixels = pixels.astype(np.uint8)
    truth[30:44, 40:60] = 1
    predicted = predict(pixels, model)
    kept = []
    expected = evaluate(model, [(pixels, truth)], on_marks=kept.append)
    np.testing.assert_array_equal(kept[0].labels, predicted.labels)
    np.testing.assert_array_equal(kept[0].probability, predicted.probability)
    marks = source(predicted.probability, truth, "film 1", threshold=0.3, min_size_px=2.0)
    found = compare([marks])
    for name in ("pooled", "flaws", "films", "best_f1", "at_false_calls", "threshold"):
        assert found.as_dict()[name] == expected.as_dict()[name]


def test_marks_of_two_kinds_or_two_thresholds_are_refused():
    heat, labels = np.full(SHAPE, 0.7, np.float32), rectangles(PORE)
    with pytest.raises(SettingsError, match="one has a heatmap"):
        compare([source(heat, labels, "a"), source(labels, labels, "b")])
    two = [source(heat, labels, name, threshold=t) for name, t in (("a", 0.4), ("b", 0.5))]
    with pytest.raises(SettingsError, match=r"0\.4, b at 0\.5; give one threshold"):
        compare(two)
    assert compare(two, EvaluationSettings(threshold=0.6)).threshold == 0.6


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        (None, "no marks"),
        (np.zeros((3, 3), np.uint8), r"marks have shape \(3, 3\)"),
        (np.full(SHAPE, 120.0), "values from 0 to 1, but this has 120"),
        (np.full(SHAPE, np.nan), "values from 0 to 1"),
    ],
)
def test_marks_that_cannot_be_compared_are_told(marks, sentence):
    def read():
        return Case(
            Radiograph(np.zeros(SHAPE), "film"),
            rectangles(PORE),
            marks=None if marks is None else Marks(marks),
        )

    with pytest.raises(RadiographError, match=sentence):
        compare([Source("film", read)])


def test_indications_write_no_curves(tmp_path):
    labels = rectangles(PORE)
    files = write_evaluation(tmp_path, compare([source(labels, labels)]))
    assert sorted(files) == ["films", "flaws", "report"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["films.csv", "flaws.csv", "report.json"]
