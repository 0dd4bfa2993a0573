"""The event loop goes on while the network computes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.settings import PRESETS
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.viewer.crop.stacks import show_pairs

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "responsiveness.py"


def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("responsiveness", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_event_loop_never_stalls_while_predicting(slowness, viewer, form, film) -> None:
    script = benchmark()
    form.inputs.form.widgets["tile"].value = 256
    attempts = []
    while len(attempts) < 3 and min(attempts, default=1.0) >= 0.25:  # others may hold the processor
        viewer.layers.clear()
        found = script.stalls(viewer, form, np.tile(film, (11, 13)))
        assert found["tiles"] >= 4
        attempts.append(found["predicting"] / slowness())
    assert min(attempts) < 0.25, attempts


def test_event_loop_never_stalls_while_drawing_the_gallery_and_augmenting(
    slowness, viewer, qtbot, film
) -> None:
    script = benchmark()
    show_pairs(viewer, list(crop(Radiograph(np.tile(film, (5, 6)), "film"), None, PRESETS["paper"])))
    _, form = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Augment")
    attempts = []
    while len(attempts) < 3 and min(attempts, default=1.0) >= 0.25:  # others may hold the processor
        found = script.augment_stalls(form, 400, 100)
        assert found["MB of augmenting"] < 300
        attempts.append(max(found["drawing the gallery"], found["augmenting"]) / slowness())
    assert min(attempts) < 0.25, attempts


def test_event_loop_never_stalls_while_surveying_and_cropping(slowness, viewer, qtbot, film) -> None:
    script = benchmark()
    _, form = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Crop ROIs")
    attempts = []
    while len(attempts) < 3 and min(attempts, default=1.0) >= 0.25:  # others may hold the processor
        viewer.layers.clear()
        found = script.crop_stalls(viewer, form, 3, np.tile(film, (5, 6)))
        attempts.append(max(found["surveying"], found["cropping"]) / slowness())
    assert min(attempts) < 0.25, attempts


def test_event_loop_never_stalls_while_training(slowness, viewer, qtbot, film, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WELD_FCN_RUNS", str(tmp_path / "runs"))
    script = benchmark()
    _, form = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Train")
    attempts = []
    while len(attempts) < 3 and min(attempts, default=1.0) >= 0.25:  # others may hold the processor
        viewer.layers.clear()
        found = script.train_stalls(viewer, form, np.tile(film, (4, 4)), "tiny")
        attempts.append(max(found["training"], found["training, heatmap updated"]) / slowness())
    assert min(attempts) < 0.25, attempts
