"""Files of version 0.1 (`make.py`) are read as they were meant: models, a dataset, results, a run."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_weld_fcn import Model, read, resume, score
from napari_weld_fcn.dataset.pair import FLAW
from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.prediction.predict import from_record
from napari_weld_fcn.prediction.saved import records_of
from napari_weld_fcn.radiograph.labels import read_labels
from napari_weld_fcn.viewer.files.results import read_results

FOLDER = Path(__file__).parent / "v0_1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy, in the folder that its files name."""
    folder = shutil.copytree(FOLDER, tmp_path / "v0_1")
    for path in folder.rglob("*.json"):
        path.write_text(path.read_text().replace("/films", str(folder)))
    return folder


@pytest.mark.parametrize("name", ["old_fcn", "old_autoencoder"])
def test_a_model_says_what_it_said_of_the_same_normalised_pixels(name: str) -> None:
    """Films are normalised by other ranks since, so that hot pixels move nothing."""
    model = Model.load(FOLDER / f"{name}.safetensors")
    (record,) = records_of((FOLDER / "results" / "record.json").read_text())
    plane = record["planes"][0]
    pixels = np.asarray(Image.open(FOLDER / "film.png"), np.float32)
    seen = torch.from_numpy((pixels - plane["mean"]) / plane["spread"])[None, None].float()
    with torch.inference_mode():
        said = model.network(seen).sigmoid()[0, 0].numpy()
    np.testing.assert_allclose(said[::2, ::2], np.load(FOLDER / f"{name}.npy"), atol=1e-5)


def test_a_record_is_repeated(old: Path) -> None:
    (record,) = records_of((old / "results" / "record.json").read_text())
    again = from_record(record, read(old / "film.png"))
    labels = read_labels(old / "results" / "film_labels.tif").values
    before = tifffile.imread(old / "results" / "film_heatmap.tif")
    assert np.abs(again.probability - before).max() < 0.03  # other ranks normalise
    assert score(again.labels > 0, labels > 0, tolerance=1).f1 > 0.7


def test_results_open_as_film_heatmap_and_indications(old: Path) -> None:
    layers = read_results(str(old / "results"))
    assert [kind for *_, kind in layers] == ["image", "image", "labels"]
    np.testing.assert_array_equal(layers[2][0], tifffile.imread(old / "results" / "film_labels.tif"))


def test_a_dataset_has_its_crops(old: Path) -> None:
    dataset = read_dataset(old / "dataset")
    assert len(dataset) == 16
    film, mask = (np.asarray(Image.open(old / f"{name}.png")) for name in ("film", "mask"))
    for pair, place in zip(dataset[:8], dataset.places()[:8], strict=True):
        cut = np.s_[place.row : place.row + 64, place.column : place.column + 64]
        np.testing.assert_array_equal(pair.pixels, film[cut])
        np.testing.assert_array_equal(pair.mask == FLAW, mask[cut] > 0)


def test_a_run_that_was_stopped_goes_on(old: Path) -> None:
    result = resume(old / "run")
    assert Path(result.model).is_file()
    with (old / "run" / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (FOLDER / "run" / "history.csv").open(newline="") as file:
        assert rows[:1] == list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert Model.load(result.model).card.network.kind == "fcn"
