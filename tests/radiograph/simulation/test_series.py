import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_weld_fcn.errors import SettingsError, Stopped, WeldFcnError
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.radiograph.simulation.film import simulate_series, write_simulated
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

SMALL = SimulationSettings(rows=160, columns=300, flawless_share=0, flaw_density=10)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    write_simulated(simulate_series(SMALL, 3, 1), folder)
    return folder / "Welds"


def test_radiographs_and_masks_have_gdxrays_names(series: Path) -> None:
    assert [p.name for p in sorted(series.glob("W0001/*.png"))] == [f"W0001_000{k}.png" for k in (1, 2, 3)]
    assert [p.name for p in sorted(series.glob("W0002/*.png"))] == [f"W0002_000{k}.png" for k in (1, 2, 3)]


def test_masks_are_one_bit_deep(series: Path) -> None:
    with Image.open(series / "W0002" / "W0002_0001.png") as mask:
        assert mask.mode == "1"
        assert mask.size == (300, 160)


def test_every_box_holds_flaw_from_edge_to_edge(series: Path) -> None:
    boxes = np.loadtxt(series / "W0001" / "ground_truth.txt", ndmin=2)
    assert boxes.shape[1] == 5
    for number, x1, x2, y1, y2 in boxes.astype(int):
        mask = np.asarray(Image.open(series / "W0002" / f"W0002_{number:04d}.png"))
        inside = mask[y1 - 1 : y2, x1 - 1 : x2]
        assert inside.shape == (y2 - y1 + 1, x2 - x1 + 1)
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_table_has_a_row_for_each_flaw(series: Path) -> None:
    with (series / "W0001" / "flaws.csv").open() as file:
        rows = list(csv.DictReader(file))
    boxes = np.loadtxt(series / "W0001" / "ground_truth.txt", ndmin=2)
    assert sum(row["visible"] == "True" for row in rows) == len(boxes)
    assert {"image", "iso6520", "length_mm", "depth_mm", "contrast", "contrast_to_noise"} <= set(rows[0])


def test_same_seed_same_series_and_more_films_change_none(series: Path, tmp_path: Path) -> None:
    write_simulated(simulate_series(SMALL, 2, 1), tmp_path)
    for number in (1, 2):
        name = f"W0001/W0001_{number:04d}.png"
        assert (tmp_path / "Welds" / name).read_bytes() == (series / name).read_bytes()


def test_stopping_leaves_a_valid_series(tmp_path: Path) -> None:
    answers = iter([False, True])
    with pytest.raises(Stopped):
        write_simulated(
            simulate_series(SMALL, 5, 1), tmp_path, job=JobControl(should_stop=lambda: next(answers))
        )
    assert len(list(tmp_path.glob("Welds/W0001/*.png"))) == 2
    assert np.loadtxt(tmp_path / "Welds/W0001/ground_truth.txt", ndmin=2)[:, 0].max() == 2


@pytest.mark.parametrize("films", [0, 10_000])
def test_a_series_of_an_impossible_length_is_refused(films: int) -> None:
    with pytest.raises(SettingsError, match="1 to 9999"):
        next(simulate_series(SMALL, films, 0))


def test_a_file_in_the_way_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "Welds").write_text("in the way")
    with pytest.raises(WeldFcnError, match="cannot hold a series"):
        write_simulated(simulate_series(SMALL, 1, 0), tmp_path)
