"""A negative is turned round where its bead tells so, and nothing else is."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.dataset.store import read_dataset, write_dataset
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.polarity import (
    ASKED,
    BRIGHT,
    DARK,
    NO_BEAD,
    Decision,
    decide,
    flaws_are,
    seen,
)
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings


def weld(rows: int = 400, columns: int = 900, share: float = 0.4, bead: float = 60) -> np.ndarray:
    """A film with a bead over `share` of its rows, blurred as films are, with grain and a lead letter."""
    film = np.full((rows, columns), 110.0)
    film += np.linspace(0, 8, columns)
    middle, half = rows // 2, int(share * rows / 2)
    film[middle - half : middle + half] += bead
    film = gaussian_filter1d(film, 6, axis=0)
    film[10:60, 300:360] = 240
    return np.random.default_rng(0).normal(film, 5).clip(1, 254).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lambda film: film,
        lambda film: film.T,
        lambda film: film.astype(np.uint16) * 16,
        lambda film: (film / 255).astype(np.float32),
        lambda film: (film * 1e-6).astype(np.float32),
        lambda film: film * 1e-9,
        lambda film: 1000 + film * 1e-7,
        lambda film: (film * 1e36).astype(np.float32),
        lambda film: film.astype(np.int16) - 200,
        lambda film: np.pad(film, ((0, 0), (30, 30)), mode="edge"),
    ],
)
def test_a_bead_tells_whatever_the_dtype_and_orientation(change) -> None:
    film = change(weld())
    negative = film.max() - (film - film.min())
    assert decide(film) == Decision("dark", DARK)
    assert (decide(negative).polarity, decide(negative).why, decide(negative).sure) == (
        "bright",
        BRIGHT,
        True,
    )


@pytest.mark.parametrize("noise", [0, 5])
def test_a_bead_with_a_hard_toe_between_flat_plates_tells(noise: float) -> None:
    film = np.full((400, 900), 110.0)
    film[120:280] = 170
    film = np.random.default_rng(0).normal(film, noise).astype(np.uint8)
    assert decide(film) == Decision("dark", DARK)
    assert decide(255 - film) == Decision("bright", BRIGHT)


@pytest.mark.parametrize("broken", [0, 65535])
def test_a_bead_tells_among_broken_pixels(broken: int) -> None:
    film = (255 - weld(2000, 2400)).astype(np.uint16)
    film[np.random.default_rng(1).random(film.shape) < 0.005] = broken
    assert decide(film) == Decision("bright", BRIGHT)


def test_simulated_films_are_never_turned_round_and_their_negatives_mostly_are() -> None:
    turned = []
    for seed in range(12):
        film = np.asarray(simulate(SimulationSettings(rows=400, columns=900), seed).radiograph.pixels)
        assert decide(film).polarity == "dark"
        assert decide(film).sure == (flaws_are(255 - film) == "bright")
        turned.append(decide(film).sure)
    assert np.mean(turned) >= 0.7


@pytest.mark.parametrize(
    "film",
    [
        pytest.param(np.full((300, 400), 90, np.uint8), id="even"),
        pytest.param(np.random.default_rng(0).integers(0, 255, (300, 400)), id="grain"),
        pytest.param(255 - weld(227, 227, share=0.2), id="a dark line on a magnified patch"),
        pytest.param(np.pad(weld(bead=0), 300, constant_values=255), id="a film in a white surround"),
        pytest.param(np.ones((3, 500)), id="a line"),
        pytest.param(np.full((200, 300), np.nan), id="no numbers"),
    ],
)
def test_what_has_no_clear_bead_counts_as_dark_and_is_not_sure(film) -> None:
    found = decide(film)
    assert (found.polarity, found.why, found.sure) == ("dark", NO_BEAD, False)


def test_a_surround_has_no_say() -> None:
    for grey in (0, 128, 255):
        assert decide(np.pad(255 - weld(), 60, constant_values=grey)) == Decision("bright", BRIGHT)
        assert decide(np.pad(weld(), 60, constant_values=grey)) == Decision("dark", DARK)


def test_a_strip_that_lies_within_the_film_is_no_bead() -> None:
    film = weld(600, 900)
    film[:, :200] = film[:, -200:] = 110
    assert not decide(255 - film).sure


@pytest.mark.parametrize("asked", ["dark", "bright", "either"])
def test_what_is_asked_for_holds(asked) -> None:
    assert (decide(255 - weld(), asked).polarity, decide(weld(), asked).why) == (asked, ASKED)


def test_a_lazy_film_is_read_some_rows_at_a_time() -> None:
    dask = pytest.importorskip("dask.array")
    film, largest = 255 - weld(4000, 1200), []
    lazy = dask.map_blocks(
        lambda block: (largest.append(block.shape), block)[1], dask.from_array(film, chunks=(50, -1)),
        dtype=film.dtype, meta=np.empty((0, 0), film.dtype),
    )  # fmt: skip
    assert decide(lazy) == decide(film)
    assert {rows for rows, _ in largest} == {50}


def test_a_negative_is_seen_as_its_film() -> None:
    film = weld()
    other = seen(255 - film, measure(255 - film), flaws_are(255 - film))
    np.testing.assert_allclose(other, seen(film, measure(film), "dark"), atol=1e-5)


@pytest.fixture
def folder(tmp_path):
    pairs = crop(Radiograph(255 - weld(), name="w"), None, CropSettings(rois="grid", size=64))
    write_dataset(pairs, tmp_path / "crops")
    return tmp_path / "crops"


def changed(folder, change) -> None:
    path = folder / "dataset.csv"
    with path.open(newline="") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_crops_carry_the_decision_of_their_film(folder) -> None:
    pairs = read_dataset(folder)
    assert len(pairs) > 10 and {pair.polarity for pair in pairs} == {"bright"}
    assert {row.polarity for row in pairs.rows} == {"bright"}
    pair = pairs[0]
    np.testing.assert_array_equal(pair.seen(), -pair.normalisation.apply(pair.pixels))


def test_flaws_of_a_dataset_that_tells_no_polarity_are_dark(folder) -> None:
    changed(folder, lambda row: {name: cell for name, cell in row.items() if name != "film_polarity"})
    assert {pair.polarity for pair in read_dataset(folder)} == {"dark"}


def test_a_polarity_that_is_none_is_refused_with_its_line(folder) -> None:
    changed(folder, lambda row: row | {"film_polarity": "upside down"})
    with pytest.raises(DatasetError, match=r"line 2: film_polarity is 'upside down', but should be dark or"):
        read_dataset(folder)
