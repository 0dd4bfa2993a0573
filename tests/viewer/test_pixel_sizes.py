"""Millimetres in the Predict form: from where they come, in which order, and what the form says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_weld_fcn.radiograph.gdxray.series import open_series
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.viewer import pixel_sizes
from napari_weld_fcn.viewer.preferences import PAGE, PLUGIN


@pytest.fixture
def preferred() -> Any:
    """Preferences that say 0.1 mm."""
    from napari.settings import get_plugin_settings

    page = getattr(get_plugin_settings(PLUGIN), PAGE)
    page.pixel_size_um = 100.0
    yield page
    page.pixel_size_um = 0.0  # what is left open, in napari's Preferences


def in_series(folder: Path, film: np.ndarray, name: str = "W0007_0003") -> Path:
    """The film where GDXray would have it."""
    path = folder / "Welds" / name[:5] / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, film)
    return path


def type_size(form: Any, text: str) -> None:
    """Type into the form's field as a person does."""
    box = form.inputs.form.widgets["pixel_size_mm"].native
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)


def words(form: Any) -> str:
    return str(form.inputs.pixel_size.words.value)


def measured_mm(viewer: Any, name: str) -> float | None:
    """Edge of a pixel that the table was measured with."""
    features = viewer.layers[f"{name} indications"].features
    if "length_mm" not in features:
        return None
    return float((features["length_mm"] / features["length_px"])[1:].median())


def test_a_patch_with_a_name_of_gdxrays_has_no_millimetres(viewer, form, finish, film, tmp_path) -> None:
    write_png(tmp_path / "W0007_0003.png", film)
    viewer.open(tmp_path / "W0007_0003.png", plugin="napari")
    assert words(form) == "not known: no millimetres"
    form.run()
    finish(form)
    assert measured_mm(viewer, "W0007_0003") is None


@pytest.mark.parametrize("plugin", ["napari", PLUGIN])
def test_a_film_in_its_series_has_gdxrays(viewer, form, finish, film, tmp_path, plugin) -> None:
    viewer.open(in_series(tmp_path, film), plugin=plugin)
    assert words(form) == "0.0403 mm a pixel, from GDXray"
    form.run()
    finish(form)
    assert measured_mm(viewer, "W0007_0003") == pytest.approx(0.0403)
    record = form.results.chosen.prediction.record
    assert (record["pixel_size_mm"], record["pixel_size_source"]) == (0.0403, "GDXray")


def test_a_files_own_size_and_a_layers_scale_are_told_apart(viewer, form, film, tmp_path) -> None:
    write_png(tmp_path / "weld.png", film, pixel_size_mm=0.05)
    (layer,) = viewer.open(tmp_path / "weld.png", plugin="napari")
    assert words(form) == "0.05 mm a pixel, from the file"
    layer.units, layer.scale = ("mm", "mm"), (0.2, 0.2)
    assert words(form) == "0.2 mm a pixel, from the layer's scale"


def test_pixels_that_are_not_square_are_told(viewer, form, film) -> None:
    viewer.add_image(film, name="weld", scale=(0.04, 0.08), units=("mm", "mm"))
    assert words(form) == "not known: its pixels are not square (0.04 x 0.08 mm), no millimetres"


@pytest.mark.usefixtures("preferred")
def test_the_films_own_size_goes_before_preferences(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="scaled", scale=(0.05, 0.05), units=("mm", "mm"))
    assert words(form) == "0.05 mm a pixel, from the layer's scale"
    form.run()
    finish(form)
    assert measured_mm(viewer, "scaled") == pytest.approx(0.05)
    viewer.add_image(film, name="plain")
    assert words(form) == "0.1 mm a pixel, from Preferences"
    form.run()
    finish(form)
    assert measured_mm(viewer, "plain") == pytest.approx(0.1)


@pytest.mark.usefixtures("preferred")
def test_what_a_file_says_of_its_pixels_goes_before_preferences(viewer, form, finish, film, tmp_path) -> None:
    density = {"resolution": (200, 400), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite(tmp_path / "long.tif", film, **density)
    (layer,) = viewer.open(tmp_path / "long.tif", plugin="napari")
    assert words(form) == "not known: the pixels in its file are not square, no millimetres"
    form.run()
    finish(form)
    assert measured_mm(viewer, "long") is None
    layer.data = film[::2, ::2]  # of another size than the film in its file
    form.inputs.refresh()
    assert words(form) == "not known: its file holds a film of another size, no millimetres"


@pytest.mark.usefixtures("preferred")
def test_what_is_typed_goes_before_both_at_once_and_says_so(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld", scale=(0.05, 0.05), units=("mm", "mm"))
    form.run()
    finish(form)
    labels = viewer.layers["weld indications"].data.copy()
    box = form.inputs.form.widgets["pixel_size_mm"].native
    assert box.isVisibleTo(form) and box.text() == "from the film"
    type_size(form, "0.25")
    assert words(form) == "0.25 mm a pixel, set by you in place of 0.05 from the layer's scale"
    form.results.settle()
    assert measured_mm(viewer, "weld") == pytest.approx(0.25)
    np.testing.assert_array_equal(viewer.layers["weld indications"].data, labels)
    record = form.results.chosen.prediction.record
    assert (record["pixel_size_mm"], record["pixel_size_source"]) == (0.25, "user")
    type_size(form, "0")
    form.results.settle()
    assert measured_mm(viewer, "weld") == pytest.approx(0.05)


def test_a_typed_size_stays_with_the_film_it_was_typed_for(viewer, form, finish, film) -> None:
    first, second = (viewer.add_image(film, name=name) for name in ("first", "second"))
    for layer, typed in ((first, "0.25"), (second, "0")):
        form.inputs.image.value = layer
        type_size(form, typed)
        form.run()
        finish(form)
    form.inputs.image.value = first
    assert words(form) == "0.25 mm a pixel, set by you"
    assert measured_mm(viewer, "first") == pytest.approx(0.25) and measured_mm(viewer, "second") is None


def test_a_typed_size_is_not_that_of_the_next_film(viewer, form, finish, film) -> None:
    first, second = (viewer.add_image(film, name=name) for name in ("first", "second"))
    form.inputs.image.value = first
    type_size(form, "0.25")
    form.inputs.image.value = second
    assert words(form) == "not known: no millimetres"
    assert form.inputs.settings().pixel_size_mm is None
    form.inputs.image.value = first
    assert words(form) == "0.25 mm a pixel, set by you"
    form.run_all()
    finish(form)
    assert measured_mm(viewer, "first") == pytest.approx(0.25) and measured_mm(viewer, "second") is None


def test_the_header_is_read_once_while_the_layers_change(viewer, form, film, tmp_path, monkeypatch) -> None:
    path = in_series(tmp_path, film)
    viewer.open(path, plugin=PLUGIN)

    def again(_: str) -> Any:
        raise AssertionError("the header was read again")

    monkeypatch.setattr(pixel_sizes, "pixel_size_of", again)
    viewer.add_labels(np.zeros_like(film))
    assert words(form) == "0.0403 mm a pixel, from GDXray"
    assert open_series(path)[0].pixel_size_mm == 0.0403
