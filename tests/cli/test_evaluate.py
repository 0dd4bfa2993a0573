"""`weld-fcn evaluate`: series and datasets, the keys of its JSON, its files, its refusals."""

import csv
import json

import numpy as np
import pytest

from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.radiograph.gdxray.writing import SeriesWriter
from napari_weld_fcn.radiograph.radiograph import Radiograph


def film(seed):
    draw = np.random.default_rng(seed)
    pixels = draw.normal(140, 6, (64, 96))
    instances = np.zeros(pixels.shape, np.int32)
    for number, (row, column) in enumerate([(10, 12), (40, 60)], start=1):
        instances[row : row + 6, column : column + 9] = number
    pixels[instances > 0] -= 70
    return pixels.astype(np.uint8), instances


@pytest.fixture
def series(tmp_path):
    with SeriesWriter(tmp_path / "gdx") as writer:
        for seed in range(3):
            writer.add(*film(seed), pixel_size_mm=0.05)
    return tmp_path / "gdx" / "Welds" / "W0001"


def test_the_json_has_its_keys_for_each_film_and_pooled(weld_fcn, tiny, series):
    result = weld_fcn("evaluate", tiny, series, "--json", "--resamples", "50")
    assert result.exit_code == 0, result.stderr
    names = {"precision", "recall", "f1", "iou", "tp", "fp", "fn"}
    assert names <= result.json["pooled"].keys()
    assert [row["film"] for row in result.json["films"]] == ["W0001_0001", "W0001_0002", "W0001_0003"]
    assert all(names <= row.keys() for row in result.json["films"])
    assert result.json["threshold"] == 0.02
    assert result.json["pooled"]["tp"] == sum(row["tp"] for row in result.json["films"])
    assert result.json["flaws"]["flaws"] == 6
    low, high = result.json["pooled"]["intervals"]["f1"]
    assert 0 <= low <= high <= 1


def test_either_polarity_says_what_counts_and_is_recorded(weld_fcn, tiny, series):
    result = weld_fcn("evaluate", tiny, series, "--polarity", "either", "--json", "--resamples", "0")
    assert result.exit_code == 0
    assert result.stderr.startswith("tiny: dark and bright were both looked for")
    assert result.json["settings"]["polarity"] == "either"


def test_a_dataset_folder_is_scored_by_film(weld_fcn, tiny, tmp_path):
    pairs = []
    for seed in range(2):
        pixels, instances = film(seed)
        radiograph = Radiograph(pixels, name=f"film{seed}")
        pairs += crop(radiograph, instances, CropSettings(rois="grid", size=32))
    write_dataset(pairs, tmp_path / "crops")
    result = weld_fcn("evaluate", tiny, tmp_path / "crops", "--json")
    assert result.exit_code == 0, result.stderr
    assert [(row["film"], row["images"]) for row in result.json["films"]] == [("film0", 6), ("film1", 6)]


def test_output_is_tables_curves_and_the_report(weld_fcn, tiny, series, tmp_path):
    result = weld_fcn("evaluate", tiny, series, "--output", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    files = result.json.pop("files")
    assert set(files) == {"films", "flaws", "precision_recall", "froc", "report"}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report == result.json

    def rows(name):
        with (tmp_path / "out" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    assert [row["film"] for row in rows("films.csv")] == [row["film"] for row in report["films"]]
    assert len(rows("flaws.csv")) == 6
    curve = rows("precision_recall.csv")
    assert len(curve) == 999
    recalls = [float(row["recall"]) for row in curve]
    assert recalls == sorted(recalls, reverse=True)
    assert max(float(row["f1"]) for row in curve) == pytest.approx(report["best_f1"]["f1"], abs=1e-5)
    assert {int(row["films"]) for row in rows("froc.csv")} == {3}


def test_tables_are_for_people(weld_fcn, tiny, series):
    shown = weld_fcn("evaluate", tiny, series).stdout
    assert "W0001_0002" in shown and "of 6" in shown
    assert "95% over films:" in shown
    assert "a metre of weld" in shown


def test_the_minimum_size_may_be_in_mm(weld_fcn, tiny, series):
    result = weld_fcn("evaluate", tiny, series, "--min-size", "1mm", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json["flaws"]["flaws"] == 0


def test_a_series_without_masks_is_exit_code_2_and_one_sentence(weld_fcn, tiny, series):
    for mask in series.with_name("W0002").iterdir():
        mask.unlink()
    series.with_name("W0002").rmdir()
    result = weld_fcn("evaluate", tiny, series)
    assert result.exit_code == 2
    assert "There is no film with a mask to score on" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_series_of_masks_is_refused(weld_fcn, tiny, series):
    result = weld_fcn("evaluate", tiny, series.with_name("W0002"))
    assert result.exit_code == 2
    assert "holds masks only" in result.stderr


def test_a_damaged_film_is_told_and_the_others_are_scored(weld_fcn, tiny, series):
    damaged = series / "W0001_0002.png"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    result = weld_fcn("evaluate", tiny, series, "--json")
    assert result.exit_code == 2
    assert [row["film"] for row in result.json["films"]] == ["W0001_0001", "W0001_0003"]
    assert [error["input"] for error in result.json["errors"]] == ["W0001_0002"]
    assert str(damaged) in result.stderr


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_what_is_neither_series_nor_dataset_is_exit_code_2(weld_fcn, tiny, tmp_path, place):
    result = weld_fcn("evaluate", tiny, tmp_path / place)
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr and "Traceback" not in result.stderr


def test_the_folder_of_the_films_is_no_output(weld_fcn, tiny, series):
    before = {path.name: path.read_bytes() for path in series.iterdir()}
    result = weld_fcn("evaluate", tiny, series, "--output", series)
    assert result.exit_code == 2 and "holds the films" in result.stderr
    assert {path.name: path.read_bytes() for path in series.iterdir()} == before


def test_where_there_is_no_flaw_nothing_is_said_of_flaws_found(weld_fcn, tiny, tmp_path):
    with SeriesWriter(tmp_path / "gdx") as writer:
        for seed in range(2):
            pixels, instances = film(seed)
            writer.add(np.full_like(pixels, 140), np.zeros_like(instances), pixel_size_mm=0.05)
    result = weld_fcn("evaluate", tiny, tmp_path / "gdx" / "Welds" / "W0001")
    assert result.exit_code == 0 and "flaws found" not in result.stdout and "Best F1" not in result.stdout


@pytest.mark.parametrize(
    ("options", "size", "source", "sentence"),
    [
        ([], 0.05, "file", "Metres and cm² are by a pixel size of 0.05 mm (from the file)."),
        (["--pixel-size", "0.1"], 0.1, "user", "Metres and cm² are by a pixel size of 0.1 mm (as given)."),
    ],
)
def test_millimetres_have_their_origin_beside_them(
    weld_fcn, tiny, series, tmp_path, options, size, source, sentence
):
    given = ["evaluate", tiny, series, *options, "--resamples", "0"]
    assert sentence in weld_fcn(*given).stdout
    told = weld_fcn(*given, "--output", tmp_path / "out", "--json").json
    assert [row["pixel_size_mm"] for row in told["films"]] == pytest.approx([size] * 3)
    assert [row["pixel_size_source"] for row in told["films"]] == [source] * 3
    with (tmp_path / "out" / "films.csv").open(newline="") as file:
        assert [row["pixel_size_source"] for row in csv.DictReader(file)] == [source] * 3


def test_without_a_pixel_size_there_are_no_metres_to_explain(weld_fcn, tiny, tmp_path):
    pixels, instances = film(0)
    write_dataset(
        crop(Radiograph(pixels, name="film"), instances, CropSettings(rois="grid", size=32)), tmp_path / "c"
    )
    result = weld_fcn("evaluate", tiny, tmp_path / "c", "--resamples", "0")
    assert result.exit_code == 0 and "pixel size" not in result.stdout


def test_a_tile_that_its_halo_dwarfs_is_told(weld_fcn, series):
    result = weld_fcn("evaluate", "fcn", series, "--tile", "7", "--resamples", "0", "--json")
    assert result.exit_code == 0
    assert "Tiles of 7 pixels are dwarfed" in result.stderr and "tiles of 17 were taken" in result.stderr
