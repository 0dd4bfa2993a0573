"""Outputs belong to their film whatever it is called, and lie in its units."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import layers

from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.viewer.belonging import is_output_layer
from napari_weld_fcn.viewer.crop.stacks import as_stacks, show_stacks, show_windows
from napari_weld_fcn.viewer.crop.widget import NO_FILM
from napari_weld_fcn.viewer.preferences import PLUGIN


def test_outputs_of_a_renamed_film_follow_and_are_saved_under_its_name(
    viewer, form, finish, film, tmp_path, qtbot
) -> None:
    weld = viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    weld.name = "joint 7"
    assert {"joint 7 heatmap", "joint 7 indications"} <= {layer.name for layer in viewer.layers}
    form.results.save(str(tmp_path))
    qtbot.waitUntil(lambda: form.results.saving is None, timeout=120_000)
    assert (tmp_path / "joint 7_indications.csv").is_file() and not list(tmp_path.glob("weld*"))
    assert '"name": "joint 7"' in (tmp_path / "record.json").read_text(encoding="utf-8")
    before = len(viewer.layers)
    form.run()
    finish(form)
    assert len(viewer.layers) == before


def test_an_output_with_a_name_of_its_own_keeps_it(viewer, form, finish, film) -> None:
    weld = viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    viewer.layers["weld indications"].name = "mine"
    weld.name = "joint 7"
    assert {"joint 7 heatmap", "mine"} <= {layer.name for layer in viewer.layers}


def test_a_series_table_names_its_films(viewer, form, finish, film, tmp_path, qtbot) -> None:
    folder = tmp_path / "Welds" / "W0003"
    folder.mkdir(parents=True)
    names = [f"W0003_{number:04d}" for number in (2, 4, 5, 7, 9)]
    for name in names:
        write_png(folder / f"{name}.png", film)
    viewer.open(folder, plugin=PLUGIN)
    form.run()
    finish(form)
    features = viewer.layers["W0003 indications"].features
    assert list(features["film"][1:]) == [names[int(plane)] for plane in features["plane"][1:]]
    assert set(features["film"][1:]) == set(names)
    out = tmp_path / "out"
    out.mkdir()
    form.results.save(str(out))
    qtbot.waitUntil(lambda: form.results.saving is None, timeout=120_000)
    with (out / "W0003_indications.csv").open(encoding="utf-8") as file:
        assert [row["film"] for row in csv.DictReader(file)] == list(features["film"][1:])


def test_warnings_stand_right_below_the_count(form) -> None:
    panel = form.results.panel
    layout = panel.layout()
    assert layout.indexOf(panel.warnings) == layout.indexOf(panel.summary) + 1


PIXEL, MM, UM = ("pixel", "pixel"), ("mm", "mm"), ("um", "um")


@pytest.mark.parametrize(
    ("scale", "units"), [((1, 1), PIXEL), ((0.05, 0.05), MM), ((50, 50), UM), ((0.05, 0.1), MM)]
)
def test_crops_have_the_pixels_of_their_film(viewer, pairs, scale, units) -> None:
    film = viewer.add_image(np.zeros((100, 300), np.uint8), scale=scale, units=units)
    for layer in show_stacks(viewer, as_stacks(pairs)):
        np.testing.assert_allclose(layer.scale, (1, *scale))
        assert tuple(layer.units[1:]) == tuple(film.units)
        assert layer.extent.world[0][1] > film.extent.world[1][0]


@pytest.fixture
def pairs(film: np.ndarray, tmp_path: Path) -> list[Any]:
    """Crops of a film whose file has a pixel size, whatever its layer says."""
    from napari_weld_fcn.dataset.crops import crop
    from napari_weld_fcn.dataset.settings import CropSettings

    folder = tmp_path / "W0003"
    folder.mkdir()
    write_png(folder / "W0003_0001.png", film)
    radiograph = open_series(folder)[0].radiograph()
    assert radiograph.pixel_size_mm == 0.0403
    return list(crop(radiograph, None, CropSettings(rois="grid", size=64)))


def test_windows_stay_those_of_a_film_that_is_renamed(viewer) -> None:
    from napari_weld_fcn.dataset.rois import square

    film = viewer.add_image(np.zeros((100, 300), np.uint8), name="weld")
    first = show_windows(viewer, film, [[square(0, 0, 64)]])
    film.name = "joint"
    assert show_windows(viewer, film, [[square(10, 0, 64)]]) is first
    assert first.name == "joint windows" and len([x for x in viewer.layers if is_output_layer(x)]) == 1


def test_there_is_no_film_is_not_said_below_one(viewer, qtbot, film, messages) -> None:
    _, crops = viewer.window.add_plugin_dock_widget(PLUGIN, "Crop ROIs")
    crops.run()
    assert NO_FILM in messages[-1]
    assert crops.jobs.status.text() == NO_FILM
    viewer.add_image(film, name="weld")
    assert crops.jobs.status.text() == ""
    qtbot.waitUntil(lambda: crops.summary.text() not in ("", NO_FILM), timeout=120_000)
    assert isinstance(crops.inputs.films.current(), layers.Image)
