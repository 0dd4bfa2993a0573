from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_weld_fcn.prediction.outputs import (
    OUTLINE,
    outlines,
    overlay,
    stretched,
    table_text,
    turbo,
    write_outputs,
    write_record,
)
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.saved import records_of
from napari_weld_fcn.radiograph.radiograph import Radiograph


@pytest.fixture(scope="module")
def example(models, film):
    radiograph = Radiograph(film(60, 90), name="W0001_0001", pixel_size_mm=0.05, pixel_size_source="file")
    return radiograph, predict(radiograph, models["autoencoder"])


def test_the_files_hold_what_was_predicted(example, tmp_path):
    radiograph, prediction = example
    files = write_outputs(tmp_path, radiograph, prediction)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "W0001_0001_heatmap.tif",
        "W0001_0001_indications.csv",
        "W0001_0001_labels.tif",
        "W0001_0001_overlay.png",
    ]
    heatmap = tifffile.imread(files.heatmap)
    assert heatmap.dtype == np.float32
    np.testing.assert_array_equal(heatmap, prediction.probability)
    np.testing.assert_array_equal(tifffile.imread(files.labels), prediction.labels)
    with tifffile.TiffFile(files.heatmap) as tiff:
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
    assert numerator / denominator == pytest.approx(200)
    rows = list(csv.DictReader(files.indications.read_text().splitlines()))
    assert [int(row["label"]) for row in rows] == list(range(1, prediction.labels.max() + 1))
    assert [float(row["length_mm"]) for row in rows] == pytest.approx(prediction.table["length_mm"], rel=1e-5)


def test_a_stack_keeps_its_planes_and_shows_them_one_under_the_other(models, film, tmp_path):
    radiograph = Radiograph(np.stack([film(40, 50), film(40, 50, 1)]), name="stack")
    prediction = predict(radiograph, models["fcn"])
    files = write_outputs(tmp_path, radiograph, prediction)
    assert tifffile.imread(files.heatmap).shape == tifffile.imread(files.labels).shape == (2, 40, 50)
    with Image.open(files.overlay) as picture:
        assert picture.size == (50, 80)


def test_one_record_holds_the_records_of_all_inputs(example, models, film, tmp_path):
    other = predict(Radiograph(film(20, 30), name="other"), models["autoencoder"])
    path = write_record(tmp_path, [example[1], other])
    text = path.read_text()
    assert records_of(text) == [example[1].record, other.record]
    assert [each["input"]["name"] for each in json.loads(text)["inputs"]] == ["W0001_0001", "other"]


def test_without_indications_the_table_has_its_header_only():
    assert table_text({"label": np.zeros(0, np.int32), "area_px": np.zeros(0)}) == "label,area_px\n"


def test_turbo_runs_blue_to_red_as_published():
    blue, green, red = turbo(np.array([0.1, 0.5, 0.9])).astype(int)
    assert blue.argmax() == 2
    assert green.argmax() == 1
    assert red.argmax() == 0
    ends_and_middle = [[48, 18, 59], [164, 252, 60], [122, 4, 3]]  # of the table that is approximated
    np.testing.assert_allclose(turbo(np.array([0.0, 0.5, 1.0])), ends_and_middle, atol=35)


def test_the_film_stays_grey_where_nothing_is_probable():
    pixels = np.tile(np.arange(50, dtype=np.uint8), (40, 1))
    nothing = np.zeros((40, 50))
    picture = overlay(pixels, nothing.astype(np.float32), nothing.astype(np.int32))
    assert (picture == picture[..., :1]).all()
    assert np.ptp(picture) > 200


def test_an_indication_is_warm_inside_and_outlined_outside():
    probability, labels = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.int32)
    probability[8:12, 8:12], labels[8:12, 8:12] = 1, 1
    picture = overlay(np.full((20, 20), 100, np.uint8), probability, labels).astype(int)
    inside = picture[10, 10]
    assert inside[0] > inside[2]
    assert (picture[7, 7:13] == OUTLINE).all()
    assert outlines(labels).sum() == 20


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.float32])
def test_any_dtype_becomes_grey(dtype):
    pixels = np.tile(np.arange(2 if dtype is bool else 200), (50, 100 if dtype is bool else 1)).astype(dtype)
    grey = stretched(pixels)
    assert grey.dtype == np.uint8
    assert (grey.min(), grey.max()) == (0, 255)
    assert stretched(np.full((3, 3), 7, np.uint8)).shape == (3, 3)


def test_broken_pixels_do_not_take_the_film_from_the_overlay() -> None:
    pixels = np.random.default_rng(0).normal(0.5, 0.1, (80, 90)).astype(np.float32)
    whole = stretched(pixels)
    pixels[5:9, 5:9], pixels[20, 20] = np.nan, np.inf
    torn = stretched(pixels)
    assert not torn[5:9, 5:9].any()
    np.testing.assert_allclose(torn[30:].astype(int), whole[30:].astype(int), atol=3)
    assert not stretched(np.full((4, 5), np.nan, np.float32)).any()
