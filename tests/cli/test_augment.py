"""`weld-fcn augment`: what `augment` makes, as a dataset folder."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_weld_fcn import augment
from napari_weld_fcn.dataset.pair import FLAW, Pair
from napari_weld_fcn.dataset.settings import VARIANTS, AugmentationSettings
from napari_weld_fcn.dataset.store import read_crops, read_dataset, write_dataset
from napari_weld_fcn.radiograph.normalisation import measure


@pytest.fixture
def crops(tmp_path):
    """A dataset folder of three crops."""

    def pairs():
        for seed in range(3):
            rng = np.random.default_rng(seed)
            pixels = rng.integers(80, 140, (32, 32), dtype=np.uint8)
            mask = np.where(rng.random((32, 32)) < 0.05, FLAW, 0).astype(np.uint8)
            yield Pair(
                f"W0001_{seed:04d}_000", pixels, mask, f"W0001_{seed:04d}", 0, 32, measure(pixels), 255.0
            )

    write_dataset(pairs(), tmp_path / "crops")
    return tmp_path / "crops"


def assert_holds(folder, expected):
    found = read_dataset(folder)
    assert [row.name for row in found.rows] == [pair.name for pair in expected]
    for pair, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(pair.pixels, same.pixels)
        np.testing.assert_array_equal(pair.mask, same.mask)
        assert (pair.parameters, pair.normalisation) == (same.parameters, same.normalisation)


def test_total_is_written_as_rows_and_files(weld_fcn, crops, tmp_path):
    out = tmp_path / "out"
    result = weld_fcn("augment", crops, out, "--total", "20", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json == {"dataset": str(out), "pairs": 20}
    with (out / "dataset.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list((out / "images").iterdir())) == len(list((out / "masks").iterdir())) == 20
    assert {"angle", "shift_row", "negated", "gaussian_sigma"} <= set(rows[0])
    assert_holds(out, list(augment(read_crops(crops), total=20)))


def test_options_seed_and_number_are_those_of_the_python_call(weld_fcn, crops, tmp_path):
    out = tmp_path / "out"
    options = ["--variants", "4", "--seed", "7", "--rotation", "10", "--negation-probability", "0"]
    result = weld_fcn("augment", crops, out, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"3 crops -> 12 pairs (24 images) in {out}\n"
    settings = AugmentationSettings(rotation=10, negation_probability=0)
    assert_holds(out, list(augment(read_crops(crops), settings, variants=4, seed=7)))


def test_without_a_number_each_crop_gets_the_papers(weld_fcn, crops, tmp_path):
    assert weld_fcn("augment", crops, tmp_path / "out", "--json").json["pairs"] == 3 * VARIANTS


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--total", "2"], "A total of 2 pairs is less than the 3 crops"),
        (["--total", "9", "--variants", "3"], "Give either the variants of each crop or the total"),
        (["--rotation", "181"], "--rotation 181.0: input should be less than or equal to 180."),
    ],
)
def test_wrong_numbers_are_a_sentence_and_write_nothing(weld_fcn, crops, tmp_path, options, sentence):
    result = weld_fcn("augment", crops, tmp_path / "out", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(sentence)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_dataset_or_holds_variants_is_a_sentence(weld_fcn, crops, tmp_path):
    missing = weld_fcn("augment", tmp_path / "nothing", tmp_path / "out")
    assert missing.exit_code == 2 and "nothing" in missing.stderr
    weld_fcn("augment", crops, tmp_path / "out", "--variants", "2")
    twice = weld_fcn("augment", tmp_path / "out", tmp_path / "again")
    assert twice.exit_code == 2
    assert "3 of its 6 pairs are variants already" in twice.stderr
    assert not (tmp_path / "again").exists()
