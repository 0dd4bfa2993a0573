"""A model's scores on films: from definitions, by flaw, over films, and in every form films come in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter1d

from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.store import read_dataset, write_dataset
from napari_weld_fcn.errors import DatasetError, RadiographError, Stopped
from napari_weld_fcn.evaluation.cases import Case
from napari_weld_fcn.evaluation.evaluate import evaluate
from napari_weld_fcn.evaluation.film_scores import MarkedBy, score_film
from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores
from napari_weld_fcn.evaluation.settings import EvaluationSettings
from napari_weld_fcn.evaluation.tally import intervals
from napari_weld_fcn.events import JobControl, Message, TileDone
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.gdxray.writing import SeriesWriter
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@pytest.fixture(scope="module")
def model():
    """A network that tells dark from bright: each stage hands on minus the pixel."""
    card = Card(name="darkness", network=NetworkSettings(kind="fcn", width=4, dilations=(1,)), threshold=0.5)
    made = Model.create(card)
    made.network.eval()
    stage, head = made.network.stages[0], made.network.head
    stage.convolution.weight.data.zero_()
    stage.convolution.weight.data[:, 0, 1, 1] = -1.0
    head.weight.data.fill_(10.0)
    head.bias.data.fill_(-60.0)
    return made


def film(flaws, rows=40, columns=60):
    """A flat grey film with dark rectangles, and the rectangles by number."""
    pixels, instances = np.full((rows, columns), 150, np.uint8), np.zeros((rows, columns), np.int32)
    for number, place in enumerate(flaws, start=1):
        pixels[place], instances[place] = 20, number
    return pixels, instances


PORE = np.s_[5:9, 5:9]
LONG = np.s_[20:23, 10:40]


# Pixels, from their definitions


@given(prediction=MASKS, data=st.data())
@settings(max_examples=100)
def test_pixel_scores_are_those_of_the_definitions(prediction, data):
    truth = data.draw(arrays(np.bool_, prediction.shape))
    pairs = list(zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True))
    tp, fp, fn = (pairs.count(each) for each in ((True, True), (True, False), (False, True)))
    found = pixel_scores(prediction, truth)
    assert (found.tp, found.fp, found.fn) == (tp, fp, fn)
    if tp + fp and tp + fn:
        assert found.precision == pytest.approx(tp / (tp + fp))
        assert found.recall == pytest.approx(tp / (tp + fn))
        assert found.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
        assert found.iou == pytest.approx(tp / (tp + fp + fn))
    else:
        empty = not (tp + fp + fn)
        assert (found.precision, found.recall, found.f1, found.iou) == (empty,) * 4


@given(data=st.data())
@settings(max_examples=50)
def test_the_curve_at_any_threshold_is_the_score_of_what_lies_above_it(data):
    shape = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    unit = st.floats(0, 1, width=32)
    probability = data.draw(arrays(np.float32, shape, elements=unit))
    truth = data.draw(arrays(np.bool_, shape))
    case = Case(Radiograph(np.zeros(shape, np.uint8)), truth.astype(np.int32))
    scores = score_film(case, probability, MarkedBy(0.5), min_iou=0.1)
    index = data.draw(st.integers(0, 998))
    threshold = np.float32((index + 1) / 1000)
    assert scores.above.scores(index) == pixel_scores(probability > threshold, truth)
    assert scores.pixels == pixel_scores(probability > np.float32(0.5), truth)


# Flaw by flaw


def scored(marks, flaws, shape=(40, 60), min_size_px=0.0, **settings):
    probability, instances = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    for place in marks:
        probability[place] = 0.9
    for number, place in enumerate(flaws, start=1):
        instances[place] = number
    case = Case(Radiograph(np.zeros(shape, np.uint8), name="a"), instances)
    return score_film(case, probability, MarkedBy(0.5, min_size_px), **{"min_iou": 0.1} | settings)


def test_one_blob_over_all_flaws_finds_one_and_merges_the_rest():
    scores = scored([np.s_[:, :]], [PORE, LONG, np.s_[30:34, 50:54]], min_iou=0.01)
    assert (scores.found, len(scores.flaws), scores.merged) == (1, 3, 1)
    assert all(flaw.marked for flaw in scores.flaws)
    assert scored([np.s_[:, :]], [PORE, LONG]).found == 0


def test_a_flaw_in_pieces_is_found_once_and_split():
    scores = scored([np.s_[20:23, 10:24], np.s_[20:23, 26:40]], [LONG])
    assert (scores.found, scores.split, scores.false_calls) == (1, 1, 0)


def test_a_flaw_under_the_minimum_size_is_neither_found_nor_missed_nor_falsely_called():
    scores = scored([PORE, LONG], [PORE, LONG], min_size_px=5.0)
    assert [flaw.number for flaw in scores.flaws] == [1, 2]
    scores = scored([PORE, LONG], [PORE, LONG], min_size_px=10.0)
    assert [flaw.number for flaw in scores.flaws] == [2]
    assert (scores.found, scores.false_calls) == (1, 0)
    # An indication on a flaw that does not count is no false call either.
    wide = np.s_[3:14, 3:20]
    scores = scored([wide], [np.s_[4:10, 4:9]], min_size_px=8.0)
    assert (len(scores.flaws), scores.indications, scores.false_calls) == (0, 1, 0)


def test_the_error_of_a_length_is_measured_minus_true():
    scores = scored([np.s_[20:21, 10:35]], [np.s_[20:21, 10:40]])
    (flaw,) = scores.flaws
    assert (flaw.length_px, flaw.found_length_px, flaw.length_error_px) == (30.0, 25.0, -5.0)


# Whole evaluations


def test_a_perfect_model_scores_one_everywhere(model):
    pairs = [film([PORE, LONG]), film([])]
    found = evaluate(model, pairs)
    assert found.pixels == PixelScores(tp=106, fp=0, fn=0, found=106)
    values = found.as_dict()
    assert (values["flaws"]["flaws"], values["flaws"]["found"]) == (2, 1.0)
    assert (values["flaws"]["clean_films"], values["flaws"]["clean_films_called"]) == (1, 0)
    assert values["flaws"]["length_error"]["largest_absolute_px"] == 0
    assert [row["f1"] for row in values["films"]] == [1, 1]
    assert values["best_f1"]["f1"] == 1
    assert values["at_false_calls"]["found"] == 1 and values["at_false_calls"]["kept"]


def test_a_call_on_a_clean_film_is_counted_by_film_metre_and_area(model):
    pixels, _ = film([PORE])
    nothing = np.zeros(pixels.shape, bool)
    radiograph = Radiograph(pixels, name="clean", pixel_size_mm=0.5, pixel_size_source="user")
    flaws = evaluate(model, [(radiograph, nothing)]).as_dict()["flaws"]
    assert (flaws["clean_films"], flaws["clean_films_called"], flaws["false_calls_per_film"]) == (1, 1, 1)
    assert flaws["false_calls_per_metre"] == pytest.approx(1 / 0.030)
    assert flaws["false_calls_per_cm2"] == pytest.approx(1 / 6.0)
    assert evaluate(model, [(pixels, nothing)]).as_dict()["flaws"]["false_calls_per_metre"] is None


def test_what_is_scored_is_what_predict_marks(model):
    draw = np.random.default_rng(4)
    pixels = draw.normal(120, 25, (70, 90)).astype(np.uint8)
    truth = draw.random((70, 90)) < 0.1
    tiled = {"threshold": 0.3, "tile": 32, "polarity": "bright"}
    for asked in ({}, tiled, {"threshold": 0.3, "polarity": "either"}):
        labels = predict(pixels, model, PredictionSettings(**asked)).labels
        found = evaluate(model, [(pixels, truth)], EvaluationSettings(**asked))
        assert found.pixels == pixel_scores(labels, truth)


def test_crops_of_a_film_score_as_the_film(model, tmp_path):
    """The network looks one pixel far and takes the pixel itself, so that cuts cost nothing."""
    draw = np.random.default_rng(5)
    pixels = draw.normal(120, 25, (64, 96)).astype(np.uint8)
    pixels[:, 48:] //= 2  # measured alone, the two halves would look alike
    truth = draw.random(pixels.shape) < 0.2
    pixels[truth] = draw.integers(0, 60, int(truth.sum()))
    whole = evaluate(model, [(Radiograph(pixels, name="film"), truth)])
    pairs = crop(Radiograph(pixels, name="film"), truth, CropSettings(rois="grid", size=32))
    write_dataset(pairs, tmp_path / "crops")
    cut = evaluate(model, read_dataset(tmp_path / "crops"))
    assert cut.pixels == whole.pixels and cut.pixels.tp
    (row,) = cut.films
    assert (row.film, row.images) == ("film", 6)


def test_crops_of_a_negative_are_seen_as_its_bead_tells(model, tmp_path):
    """No crop of it shows the bead between its plates."""
    pixels = np.full((300, 320), 120.0)
    pixels[100:200] += 60
    pixels = gaussian_filter1d(pixels, 4, axis=0) + np.linspace(0, 8, 320)  # no film has a hard edge in it
    truth = np.zeros(pixels.shape, bool)
    for column in range(20, 300, 40):
        truth[140:150, column : column + 10] = True
    pixels[truth] = 30
    film = np.random.default_rng(0).normal(pixels, 3).astype(np.uint8)
    folders = {"film": film, "negative": 255 - film}
    for name, each in folders.items():
        pairs = crop(Radiograph(each, name=name), truth, CropSettings(rois="grid", size=32))
        write_dataset(pairs, tmp_path / name)
    dark, bright = (evaluate(model, read_dataset(tmp_path / name)) for name in folders)
    assert {pair.polarity for pair in read_dataset(tmp_path / "negative")} == {"bright"}
    assert bright.pixels == dark.pixels and dark.pixels.tp
    asked = evaluate(model, read_dataset(tmp_path / "negative"), EvaluationSettings(polarity="dark"))
    assert asked.pixels != dark.pixels


def test_a_setting_that_is_no_more_is_told(model):
    pixels, truth = film([PORE])
    said = []
    evaluate(model, [(pixels, truth)], EvaluationSettings(quality="careful"), job=JobControl(said.append))
    told = [event.text for event in said if isinstance(event, Message)]
    assert [text for text in told if text.startswith("quality is no setting any more")] == told[:1]


def pair(pixels, mask, **known):
    film_of_it = {"film": "f", "normalisation": measure(pixels), "full_scale": 255.0}
    return Pair("a", pixels, mask, row=0, column=0, **film_of_it | known)


def test_what_is_ignored_is_neither_marked_nor_missed(model):
    pixels, instances = film([PORE, LONG])
    mask = np.where(instances == 1, IGNORED, np.where(instances == 2, FLAW, 0)).astype(np.uint8)
    found = evaluate(model, [pair(pixels, mask)])
    assert (found.pixels.fp, found.pixels.fn, found.films[0].false_calls) == (0, 0, 0)
    assert len(found.flaws) == 1


def test_variants_and_crops_without_truth_are_left_out(model):
    pixels, instances = film([PORE])
    mask = np.where(instances > 0, FLAW, 0).astype(np.uint8)
    pairs = [
        pair(pixels, mask),
        pair(pixels, mask, variant=1),
        pair(pixels, np.full_like(mask, IGNORED)),
    ]
    found = evaluate(model, pairs)
    assert (found.films[0].images, len(found.left_out)) == (1, 2)


def test_a_simulated_series_tells_classes_and_sizes(model, tmp_path):
    settings = SimulationSettings(rows=300, columns=600, flaw_density=6, flawless_share=0)
    simulated = [simulate(settings, seed) for seed in (3, 4)]
    write_simulated(simulated, tmp_path)
    found = evaluate(model, open_series(tmp_path)).as_dict()["flaws"]
    known = {flaw.iso6520 for each in simulated for flaw in each.flaws if flaw.visible}
    told = {row["iso6520"]: row["flaws"] for row in found["by_class"]}
    assert told.keys() - {0} <= known
    assert sum(told.values()) == found["flaws"] == sum(row["flaws"] for row in found["by_size_mm"])
    assert told.get(0, 0) <= 0.2 * found["flaws"]


def test_a_table_of_flaws_that_is_none_is_told(model, tmp_path):
    with SeriesWriter(tmp_path) as series:
        path = series.add(*film([PORE]))
    path.with_name("flaws.csv").write_text("image,number\nW0001_0001,1\n")
    with pytest.raises(RadiographError, match=r"flaws\.csv: is no table of flaws"):
        evaluate(model, open_series(tmp_path))


def test_a_simulated_film_is_taken_as_it_is(model):
    simulated = simulate(SimulationSettings(rows=200, columns=400, flaw_density=8), 3)
    found = evaluate(model, [simulated], EvaluationSettings(min_size=1))
    assert {flaw.number for flaw in found.flaws} == set(np.unique(simulated.instances)) - {0}
    assert all(flaw.iso6520 for flaw in found.flaws)


def test_a_damaged_film_costs_only_itself(model, tmp_path):
    with SeriesWriter(tmp_path) as series:
        for _ in range(2):
            series.add(*film([PORE]))
    opened = open_series(tmp_path)
    damaged = opened.films[0].path
    damaged.write_bytes(damaged.read_bytes()[:-40])
    events = []
    found = evaluate(model, opened, job=JobControl(events.append))
    assert [row.film for row in found.films] == ["W0001_0002"]
    assert found.faults[0][0] == "W0001_0001" and str(damaged) in found.faults[0][1]
    assert [event.text for event in events if isinstance(event, Message)] == [found.faults[0][1]]


def test_films_without_masks_are_refused_in_a_sentence(model, tmp_path):
    with SeriesWriter(tmp_path) as series:
        series.add(film([PORE])[0])
    with pytest.raises(DatasetError, match=r"no film with a mask to score on \(W0001_0001\)"):
        evaluate(model, open_series(tmp_path))


def test_a_mask_of_another_size_is_refused(model):
    with pytest.raises(RadiographError, match="film 1: its mask has shape"):
        evaluate(model, [(film([])[0], np.zeros((3, 3), bool))])


def test_it_stops_when_asked_and_says_how_far_it_is(model):
    events = []
    evaluate(model, [film([PORE])] * 3, job=JobControl(events.append))
    done = [event.done for event in events if isinstance(event, TileDone)]
    assert done == sorted(done) and done[-1] == 300 == events[-1].total
    asked = iter([False] * 30 + [True] * 1000)
    with pytest.raises(Stopped):
        evaluate(model, [film([PORE])] * 3, job=JobControl(should_stop=lambda: next(asked)))


# Over films


def films_of(model, *shifts):
    pairs = []
    for index, shift in enumerate(shifts):
        pixels, instances = film([PORE, LONG])
        pairs.append((Radiograph(pixels, name=str(index)), np.roll(instances, shift, axis=1)))
    return evaluate(model, pairs)


def test_films_that_agree_have_no_spread_and_others_have(model):
    same = films_of(model, 1, 1, 1).intervals
    assert all(low == pytest.approx(high) for low, high in same.values())
    found = films_of(model, 0, 1, 3, 12)
    for name in ("precision", "recall", "f1", "iou"):
        low, high = found.intervals[name]
        assert low < getattr(found.pixels, name) < high


def test_intervals_are_of_their_seed_and_of_films(model):
    films = films_of(model, 0, 2, 5).films
    assert intervals(films, 300, 0.9, seed=1) == intervals(films, 300, 0.9, seed=1)
    assert intervals(films, 300, 0.9, seed=1) != intervals(films, 300, 0.5, seed=1)
    assert intervals(films[:1], 300, 0.9) == {} == intervals(films, 0, 0.9)


def test_an_interval_of_two_films_is_that_of_their_three_resamples(model):
    films = films_of(model, 0, 6).films
    low, high = intervals(films, 2000, 0.95)["f1"]
    assert (low, high) == pytest.approx((films[1].pixels.f1, films[0].pixels.f1))


def test_films_without_flaw_and_mark_do_not_count_as_perfect_in_an_interval(model):
    flawed, clean = film([PORE, LONG]), film([])
    pairs = [(Radiograph(flawed[0], name="flawed"), np.roll(flawed[1], 6, axis=1))]
    pairs += [(Radiograph(clean[0], name=f"clean {number}"), clean[1]) for number in range(3)]
    found = evaluate(model, pairs)
    assert found.pixels.f1 < 1
    assert all(high < 1 for name, (_, high) in found.intervals.items() if name in ("f1", "iou", "recall"))
    assert intervals(found.films[1:], 300, 0.9).keys() == {"false_calls_per_film"}


@pytest.mark.parametrize("values", [(0, 0.5, 1), (0, -1), (0, np.nan)])
def test_a_mask_that_holds_no_flaw_numbers_is_refused(model, values):
    pixels, instances = film([PORE])
    mask = np.resize(np.array(values, np.float32), instances.shape)
    with pytest.raises(RadiographError, match="whole numbers from 0 on"):
        evaluate(model, [(pixels, mask)])
    whole = evaluate(model, [(pixels, instances.astype(np.float32))])
    assert whole.as_dict()["flaws"] == evaluate(model, [(pixels, instances)]).as_dict()["flaws"]


def test_what_is_no_pair_is_refused(model):
    pixels, instances = film([PORE])
    with pytest.raises(DatasetError, match="one by one"):
        evaluate(model, (pixels, instances))


def test_two_radiographs_of_one_name_are_two_films(model):
    pixels, instances = film([PORE])
    shown = Radiograph(pixels, name="weld")
    found = evaluate(model, [(shown, instances), (shown, np.zeros_like(instances)), (shown, instances)])
    assert [each.film for each in found.films] == ["weld", "weld (2)", "weld (3)"]
    assert [each.clean for each in found.films] == [False, True, False]
