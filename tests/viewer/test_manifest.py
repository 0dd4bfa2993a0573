"""What napari is told of the plugin is valid, and true."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2.cli import app
from typer.testing import CliRunner

import napari_weld_fcn
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.viewer.preferences import PAGE, PLUGIN, ViewerSettings, preferences

MANIFEST = Path(napari_weld_fcn.__file__).with_name("napari.yaml")
NUMBER_TYPES = {"string": str, "number": float}


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_npe2_accepts_the_manifest_and_its_imports() -> None:
    done = CliRunner().invoke(app, ["validate", str(MANIFEST), "--imports"])
    assert done.exit_code == 0, done.output


def test_preferences_repeat_the_settings(manifest) -> None:
    properties = manifest.contributions.configurations[PAGE].properties
    assert list(properties) == list(ViewerSettings.model_fields)
    defaults = ViewerSettings()
    schema = ViewerSettings.model_json_schema()["properties"]
    for name, page in properties.items():
        assert page.default == (getattr(defaults, name) or page.default * 0), "0 is what is left open"
        assert page.description == ViewerSettings.model_fields[name].description
        assert NUMBER_TYPES[page.type] is type(page.default)
        known = schema[name].get("anyOf", [schema[name]])[0]
        for limit in ("enum", "minimum", "maximum"):
            assert getattr(page, limit) == known.get(limit)


def test_preferences_start_where_the_prediction_settings_do() -> None:
    predicted, viewed = PredictionSettings(), ViewerSettings()
    assert (viewed.device, viewed.pixel_size_mm) == (predicted.device, predicted.pixel_size_mm)


def test_preferences_are_read_from_napari(viewer, one_model, tiny) -> None:
    from napari.settings import get_plugin_settings

    from napari_weld_fcn.viewer.predict.widget import PredictWidget

    page = getattr(get_plugin_settings(PLUGIN), PAGE)
    tiny.save(one_model / "other.safetensors")
    page.model, page.device, page.pixel_size_um, page.colormap = "other", "cpu", 40.3, "viridis"
    try:
        assert preferences() == ViewerSettings(
            model="other", device="cpu", pixel_size_um=40.3, colormap="viridis"
        )
        form = PredictWidget(viewer)
        viewer.window.add_dock_widget(form, name="form")
        assert form.inputs.model.value == "other"
        assert form.inputs.settings().device == "cpu"
        assert form.inputs.settings().pixel_size_mm is None, "of films that have their own"
    finally:
        for name, value in ViewerSettings().model_dump().items():
            setattr(page, name, value or 0.0 if name == "pixel_size_um" else value)


def entries(menu: Any, path: str = "") -> Iterator[str]:
    """Open `menu` and all below it; the path of each entry."""
    for action in menu.actions():
        here = f"{path} > {action.text()}".replace("&", "")
        if action.menu() is not None:
            action.menu().aboutToShow.emit()
            yield from entries(action.menu(), here)
        else:
            yield here


@pytest.mark.parametrize(
    ("widget", "place"),
    [
        ("Predict", "Segment"),
        ("Train", "Segment"),
        ("Crop ROIs", "Data"),
        ("Augment", "Data"),
        ("Evaluate", "Measure"),
        ("Feature maps", "Visualize"),
    ],
)
def test_every_menu_opens_and_leads_to_each_widget_from_two_places(viewer, film, widget, place) -> None:
    viewer.add_image(film)
    found = [entry for entry in entries(viewer.window._qt_window.menuBar()) if "Weld FCN" in entry]
    assert sorted(entry for entry in found if f"> {widget} (" in entry) == [
        f" > Layers > {place} > {widget} (Weld FCN)",
        f" > Plugins > Weld FCN > {widget} (Weld FCN)",
    ]
    assert any("Samples" in entry or "Sample" in entry for entry in found)


def test_sample_is_a_film_in_mm_with_its_truth(viewer) -> None:
    film, truth = viewer.open_sample(PLUGIN, "simulated_weld")
    assert film.data.shape == truth.data.shape
    assert film.units == truth.units and str(film.units[0]) == "millimeter"
    assert not truth.visible
    numbers = np.unique(truth.data)
    assert len(numbers) > 5
    np.testing.assert_array_equal(truth.features["index"], np.arange(len(truth.features)))
    assert all(truth.features["kind"][numbers[1:]])


def test_opening_napari_imports_no_torch() -> None:
    code = (
        "import sys, napari\n"
        "viewer = napari.Viewer(show=False)\n"
        "viewer.window.add_plugin_dock_widget('napari-weld-fcn', 'Predict')\n"
        "viewer.open_sample('napari-weld-fcn', 'simulated_weld')\n"
        "found = [name for name in ('torch', 'lightning_fabric', 'pyqtgraph') if name in sys.modules]\n"
        "viewer.close()\n"
        "sys.exit(', '.join(found) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
