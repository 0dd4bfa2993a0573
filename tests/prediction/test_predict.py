from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from napari_weld_fcn.errors import ModelError, RadiographError, SettingsError
from napari_weld_fcn.network import library
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model, add_to_library
from napari_weld_fcn.prediction import cautions, indications, survey
from napari_weld_fcn.prediction.predict import from_record, predict, relabel
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.area import film_area
from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Box, Radiograph, to_luminance


def same(one, other) -> bool:
    return (
        np.array_equal(one.probability, other.probability)
        and np.array_equal(one.labels, other.labels)
        and one.record == other.record
    )


@pytest.fixture
def saved(models, tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    models["autoencoder"].save(path)
    return path


def test_a_prediction_is_probability_labels_and_table_of_the_models_own_threshold(models, film):
    pixels, model = film(120, 160), models["autoencoder"]
    found = predict(pixels, model)
    assert found.probability.shape == found.labels.shape == pixels.shape
    assert (found.probability.dtype, found.labels.dtype) == (np.float32, np.int32)
    expected = indications.label(found.probability, model.card.threshold, 4.0)
    np.testing.assert_array_equal(found.labels, expected)
    assert len(found.table["label"]) == found.labels.max() > 0
    assert found.record["threshold"] == model.card.threshold
    assert found.seconds > 0


def test_a_model_may_be_given_as_its_file(models, saved, film):
    pixels = film(40, 60)
    np.testing.assert_array_equal(
        predict(pixels, saved).probability, predict(pixels, models["autoencoder"]).probability
    )


def test_the_same_record_predicts_the_same_again(saved, film, tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray(film(90, 130)).save(path)
    from napari_weld_fcn.radiograph.files import read

    settings = PredictionSettings(threshold=0.6, tile=48, min_size=3, polarity="bright")
    first = predict(read(path), saved, settings, region=Box(5, 6, 80, 120))
    record = json.loads(json.dumps(first.record))
    assert record == first.record
    assert same(from_record(record, model=saved), first)
    assert record["input"]["file_sha256"]
    assert record["model"]["sha256"] == Model.load(saved).sha256


#: Without the caution that small noisy films have no bead.
TILED = PredictionSettings(polarity="dark", tile=48)
DARK = PredictionSettings(polarity="dark")
OLD = {"quality": "careful", "oversampled": "shrink"}
NO_MORE = "quality and oversampled are no settings any more and are ignored: every film is predicted in one"


def test_settings_of_version_0_1_are_read_and_told_in_one_sentence(models, film):
    pixels = film(40, 60)
    found = predict(pixels, models["fcn"], PredictionSettings(polarity="dark", **OLD))
    (told,) = found.warnings
    assert told == f"{NO_MORE} pass at its own pixels."
    assert same(found, predict(pixels, models["fcn"], PredictionSettings(polarity="dark")))


def old_record(first, scales):
    """A record as version 0.1 wrote it."""
    record = json.loads(json.dumps(first.record))
    record["settings"] |= {"quality": "fast", "oversampled": "shrink", "polarity": "dark"}
    record |= {"scales": [1.0], "merge": "mean", "polarity": "dark"}
    planes = [{k: v for k, v in plane.items() if "polarity" not in k} for plane in record["planes"]]
    return record | {"planes": [plane | {"scales": scales} for plane in planes]}


def test_an_old_record_of_one_pass_predicts_the_same_again(models, film):
    radiograph = Radiograph(film(40, 60))
    first = predict(radiograph, models["fcn"], PredictionSettings(polarity="dark"))
    again = from_record(old_record(first, [1.0]), radiograph, models["fcn"])
    np.testing.assert_array_equal(again.labels, first.labels)
    assert [text.split(" pass at its own")[0] for text in again.warnings] == [NO_MORE]


@pytest.mark.parametrize(("scales", "told"), [([0.5], "0.5 times"), ([1.0, 1.5], "1 and 1.5 times")])
def test_an_old_record_of_other_scales_says_that_it_cannot_be_repeated(scales, told, models, film):
    radiograph = Radiograph(film(40, 60), name="W0001")
    first = predict(radiograph, models["fcn"])
    warning = from_record(old_record(first, scales), radiograph, models["fcn"]).warnings[0]
    assert warning.startswith("W0001: its record is of a prediction at " + told)
    assert "its indications are others" in warning


def weld(rows=400, columns=600, bead=60.0):
    """A bead over the middle 40 % of the rows, `bead` grey levels above its plate."""
    image = np.full((rows, columns), 120.0)
    image[int(0.3 * rows) : int(0.7 * rows)] += bead
    image = gaussian_filter1d(image, 5, axis=0) + np.linspace(0, 8, columns)  # no film has a hard edge in it
    return np.random.default_rng(0).normal(image, 4).clip(0, 255).astype(np.uint8)


def test_a_negative_gives_the_indications_of_its_film_and_says_so(models):
    pixels = weld()
    film, negative = (predict(Radiograph(each, name="W"), models["fcn"]) for each in (pixels, 255 - pixels))
    np.testing.assert_array_equal(negative.labels, film.labels)
    assert film.labels.any()
    assert (film.record["polarity"], negative.record["polarity"]) == ("dark", "bright")
    (plane,) = negative.record["planes"]
    assert (plane["polarity"], plane["polarity_why"]) == ("bright", "its bead is darker than its plate")
    assert not film.warnings
    (told,) = negative.warnings
    assert told.startswith("W: its bead is darker than its plate") and told.endswith("to dark.")


def test_each_plane_of_a_stack_decides_for_itself(models, film):
    pixels = weld()
    stack = np.stack([pixels, 255 - pixels, film(400, 600)])
    found = predict(stack, models["fcn"])
    assert [plane["polarity"] for plane in found.record["planes"]] == ["dark", "bright", "dark"]
    assert found.record["polarity"] == "bright and dark"
    bright, guessed = found.warnings
    assert "on 1 of 3 planes its bead is darker" in bright and "on 1 of 3 planes no bead" in guessed


def test_a_film_without_a_bead_says_what_was_assumed_and_how_to_set_it(models, film):
    (told,) = predict(Radiograph(film(60, 90), name="casting"), models["fcn"]).warnings
    assert told.startswith("casting: no bead is clear enough") and "--polarity) to bright" in told
    for asked in ("dark", "bright"):
        found = predict(film(60, 90), models["fcn"], PredictionSettings(polarity=asked))
        assert not found.warnings and found.record["planes"][0]["polarity_why"] == "asked for"


@pytest.fixture
def library_folder(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder))
    return folder


def test_a_record_finds_the_file_that_its_model_was_given_as(saved, film):
    radiograph = Radiograph(film(40, 60))
    first = predict(radiograph, saved)
    assert first.record["model"]["loaded"] == str(saved)
    assert same(from_record(first.record, radiograph), first)


def test_a_record_finds_a_model_imported_under_another_name(saved, film, library_folder):
    add_to_library(saved, "mine")
    radiograph = Radiograph(film(40, 60))
    first = predict(radiograph, "mine")
    assert first.record["model"]["loaded"] == "mine"
    assert same(from_record(first.record, radiograph), first)


@pytest.mark.parametrize("given", ["file", "model"])
def test_a_model_that_moved_is_found_by_its_sha256(given, models, saved, film, library_folder):
    add_to_library(saved, "elsewhere")
    models["fcn"].save(library_folder / "another.safetensors")
    radiograph = Radiograph(film(40, 60))
    first = predict(radiograph, saved if given == "file" else models["autoencoder"])
    saved.unlink()
    assert same(from_record(first.record, radiograph), first)


def test_a_model_that_is_nowhere_is_named(saved, film, library_folder):
    radiograph = Radiograph(film(40, 60))
    record = predict(radiograph, saved).record
    saved.unlink()
    with pytest.raises(ModelError, match=r"test autoencoder.*SHA-256.*import it"):
        from_record(record, radiograph)


def test_a_record_brings_its_pixel_size_and_where_it_came_from(models, film):
    pixels = film(90, 90)
    settings = PredictionSettings(min_size=0.5, min_size_unit="mm")
    known = Radiograph(pixels, pixel_size_mm=0.05, pixel_size_source="GDXray")
    for user_size in (None, 0.1):
        first = predict(known, models["fcn"], settings.model_copy(update={"pixel_size_mm": user_size}))
        for other in (Radiograph(pixels), replace(known, pixel_size_mm=0.3, pixel_size_source="file")):
            again = from_record(first.record, other, models["fcn"])
            assert same(again, first)
            np.testing.assert_array_equal(again.table["length_mm"], first.table["length_mm"])
    unknown = predict(pixels, models["fcn"])
    assert "length_mm" not in from_record(unknown.record, known, models["fcn"]).table


def test_a_record_refuses_other_pixels_and_other_models(models, saved, film):
    pixels = film(40, 50)
    record = predict(pixels, saved).record
    changed = pixels.copy()
    changed[3, 3] ^= 1
    with pytest.raises(RadiographError, match="not those of the record"):
        from_record(record, Radiograph(changed), saved)
    with pytest.raises(ModelError, match="not that of the record"):
        from_record(record, Radiograph(pixels), models["fcn"])
    with pytest.raises(SettingsError, match="version 99"):
        from_record(record | {"format_version": 99}, Radiograph(pixels), saved)


def test_each_plane_of_a_stack_is_predicted_by_itself(models, film):
    stack = np.stack([film(60, 70), 255 - film(60, 70, 1), film(60, 70, 2)])
    found = predict(stack, models["fcn"])
    for plane, probability in zip(stack, found.probability, strict=True):
        np.testing.assert_array_equal(predict(plane, models["fcn"]).probability, probability)
    assert set(found.table["plane"]) <= {0, 1, 2}
    assert [plane["mean"] for plane in found.record["planes"]] == pytest.approx(
        stack.mean(axis=(1, 2)), rel=0.01
    )


def test_what_reading_tells_is_among_the_warnings(models, film):
    note = "film.tif: its orientation tag makes some viewers show it turned by half a turn."
    told = predict(Radiograph(film(40, 50), notes=(note,)), models["fcn"]).warnings
    assert note in told


def test_a_colour_array_is_predicted_as_its_luminance(models, film):
    colour = np.stack([film(40, 50, seed) for seed in range(3)], axis=-1)
    found = predict(colour, models["fcn"]).probability
    np.testing.assert_array_equal(found, predict(to_luminance(colour), models["fcn"]).probability)
    narrow = Radiograph(colour[:, :, :3])
    assert predict(narrow, models["fcn"]).probability.shape == (40, 50, 3)


def test_dtype_makes_no_difference_to_what_is_seen(models, film):
    pixels = film(50, 60)
    expected = predict(pixels, models["fcn"], PredictionSettings(precision="float32")).probability
    for other in (pixels.astype(np.uint16) * 257, (pixels / 255).astype(np.float32)):
        found = predict(other, models["fcn"], PredictionSettings(precision="float32")).probability
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_sizes_in_mm_need_a_pixel_size_and_follow_the_users_own(models, film):
    pixels, settings = film(90, 90), PredictionSettings(min_size=0.5, min_size_unit="mm")
    with pytest.raises(SettingsError, match="pixel size is not known"):
        predict(pixels, models["fcn"], settings)
    known = Radiograph(pixels, pixel_size_mm=0.05, pixel_size_source="file")
    of_file = predict(known, models["fcn"], settings)
    assert of_file.record["min_size_px"] == pytest.approx(10)
    assert (of_file.table["length_px"] >= 10).all()
    own = predict(known, models["fcn"], settings.model_copy(update={"pixel_size_mm": 0.1}))
    assert (own.record["pixel_size_mm"], own.record["pixel_size_source"]) == (0.1, "user")
    np.testing.assert_allclose(own.table["length_mm"], own.table["length_px"] * 0.1)


def test_no_minimum_size_takes_the_models_own(film, models):
    assert Card(name="any").min_size_px == 4.0
    card = models["fcn"].card.model_copy(update={"min_size_px": 7.0})
    model = Model(models["fcn"].network, card)
    assert predict(film(30, 30), model).record["min_size_px"] == 7.0
    assert predict(film(30, 30), model, PredictionSettings(min_size=3)).record["min_size_px"] == 3.0


def test_relabelling_is_predicting_with_another_threshold(models, film):
    pixels = film(80, 80)
    first = predict(pixels, models["fcn"])
    again = relabel(first.probability, 0.7, 4.0)
    expected = predict(pixels, models["fcn"], PredictionSettings(threshold=0.7))
    np.testing.assert_array_equal(again.labels, expected.labels)
    for name, column in expected.table.items():
        np.testing.assert_array_equal(again.table[name], column)


@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        (np.uint8, 255), (np.uint16, 65535), (np.uint16, 4095), (np.uint16, 1023), (np.int16, 16383),
        (np.float32, 255.0), (np.float64, 4095.0), (np.float32, 1.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("black", [False, True])
def test_a_clipped_film_is_told_with_its_share(dtype, white, black, models, film):
    pixels = (film(50, 100).clip(30, 220) / 255 * white).astype(dtype)
    assert predict(pixels, models["fcn"], DARK).warnings == []
    pixels[20:25] = 0 if black else white
    (warning,) = predict(pixels, models["fcn"], DARK).warnings
    assert "10% of the film" in warning


def test_a_film_with_many_broken_pixels_is_told_with_their_share(models, film):
    pixels, order = film(200, 300).astype(np.uint16), np.random.default_rng(0).permutation(60_000)
    pixels.flat[order[:30]] = 65535
    assert predict(pixels, models["fcn"], DARK).warnings == []
    pixels.flat[order[:600]] = 65535
    (warning,) = predict(pixels, models["fcn"], DARK).warnings
    assert "1.0% of the film is far darker or brighter than all the rest" in warning


def clipped_shares(planes):
    areas = [FilmArea.whole(plane.shape) for plane in planes]
    return [
        survey.clipped_share(plane, area, measure(plane, area))
        for plane, area in zip(planes, areas, strict=True)
    ]


def test_one_clipped_plane_of_many_is_told(film):
    planes = [film(50, 100, seed).clip(1, 254) for seed in range(4)]
    stack = np.stack(planes)
    assert cautions.clipping(clipped_shares(stack), "stack") == []
    stack[2, :4] = 255
    stack[3, :3] = 255
    (warning,) = cautions.clipping(clipped_shares(stack), "stack")
    assert "8% of plane 2" in warning
    assert "2 of 4 planes" in warning


def test_a_one_bit_image_is_never_clipped(film):
    assert clipped_shares([film(20, 30) > 140]) == [0]


@pytest.mark.parametrize("block", [1, 37, 10**6])
def test_clipping_is_counted_through_all_blocks(block, film, monkeypatch):
    pixels = film(60, 50).astype(np.uint16).clip(1, 254)
    pixels[::7, ::5] = 0
    pixels[40, :20] = 255
    monkeypatch.setattr(film_area, "_READ_PIXELS", block)
    assert clipped_shares([pixels])[0] == pytest.approx((90 + 20 - 0) / pixels.size, abs=1e-9)


@pytest.mark.parametrize(
    ("lengths", "warned"), [([5, 5.5, 6], True), ([5, 41, 45], True), ([5, 5, 20], False), ([5, 5], False)]
)
def test_indications_all_at_the_models_size_limits_are_told(lengths, warned):
    warnings = cautions.scale(np.array(lengths, float), (5.0, 50.0), 4.0, "film")
    assert [("limits of the sizes" in warning) for warning in warnings] == [True] * warned


@pytest.mark.parametrize(
    ("lengths", "warned"), [([4, 4.5, 5], True), ([4, 210, 300], True), ([4, 4.5, 5.1], False)]
)
def test_where_small_indications_are_dropped_the_smallest_kept_is_the_limit(lengths, warned):
    warnings = cautions.scale(np.array(lengths, float), (3.0, 260.0), 4.0, "film")
    assert [("4 to 260 pixels" in warning) for warning in warnings] == [True] * warned


def test_the_warning_of_sizes_reaches_the_prediction(models, film):
    pixels = film(90, 120).clip(1, 254)
    card = models["fcn"].card.model_copy(update={"flaw_size_px": (1000.0, 2000.0)})
    found = predict(
        pixels, Model(models["fcn"].network, card), PredictionSettings(min_size=1, polarity="dark")
    )
    assert len(found.table["label"]) > 3
    (warning,) = found.warnings
    assert "1000 to 2000 pixels" in warning


def test_a_region_beside_the_film_is_refused(models, film):
    with pytest.raises(SettingsError, match="holds no pixel"):
        predict(film(30, 30), models["fcn"], region=Box(40, 40, 50, 50))


def test_pixels_that_are_not_numbers_name_the_film(models):
    pixels = np.full((20, 20), np.nan, np.float32)
    with pytest.raises(RadiographError, match=r"W0001.*NaN"):
        predict(Radiograph(pixels, name="W0001"), models["fcn"])


@pytest.mark.parametrize("divisor, told", [(1, False), (20, True)])
def test_a_film_of_few_grey_levels_is_told(models, film, divisor: int, told: bool) -> None:
    pixels = np.repeat(np.repeat(film(60, 90), 3, 0), 3, 1).astype(np.uint8) // divisor * 4
    warnings = predict(pixels, models["fcn"], DARK).warnings
    assert any("grey levels and no grain" in each for each in warnings) == told


def test_grey_levels_are_counted_up_to_a_limit_however_many_a_film_has() -> None:
    grain = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
    whole = FilmArea.whole(grain.shape)
    assert survey.grey_levels(grain, whole) == (survey.MOST_LEVELS, 0.0)
    steps = np.repeat(np.arange(4, dtype=np.uint8), 30_000).reshape(grain.shape)
    levels, flat = survey.grey_levels(steps, whole)
    assert levels == 4 and flat == pytest.approx(1 - 3 / (steps.size - 1))


def test_a_mask_that_is_given_as_a_film_is_told(models) -> None:
    mask = np.zeros((80, 120), np.uint8)
    mask[20:40, 30:60] = 255
    assert any("only 2 grey levels" in each for each in predict(mask, models["fcn"], DARK).warnings)


def test_a_picture_without_surroundings_and_one_that_is_marked_all_over_are_told(models, film) -> None:
    (small,) = cautions.size((1, 400), "strip")
    assert "1 x 400 pixels are too few" in small and not cautions.size((2, 64, 80), "stack")
    everything = predict(film(60, 90), models["fcn"], PredictionSettings(threshold=1e-9, polarity="dark"))
    assert any("100% of it is marked" in each for each in everything.warnings)
    assert not cautions.mostly_marked(0.2, "film")


def test_what_is_no_number_is_no_setting() -> None:
    for name in ("threshold", "peak_odds"):
        with pytest.raises(ValueError, match="finite"):
            PredictionSettings(**{name: float("nan")})


def test_a_tile_that_its_halo_dwarfs_is_told_and_a_sensible_one_is_taken(models, film) -> None:
    pixels, model = film(90, 120), models["fcn"]
    whole = predict(pixels, model, DARK)
    found = predict(pixels, model, PredictionSettings(polarity="dark", tile=1))
    assert found.record["settings"]["tile"] == 1
    assert found.record["planes"][0]["tile"] == [model.halo, model.halo]
    assert any(f"tiles of {model.halo} were taken" in warning for warning in found.warnings)
    assert np.abs(found.probability - whole.probability).max() <= 1e-5
    assert not any(
        "were taken" in each for each in [*whole.warnings, *predict(pixels, model, TILED).warnings]
    )
