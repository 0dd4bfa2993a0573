"""Results that were saved open again as film, heatmap and indications, and are no films themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_weld_fcn.prediction.indications import label
from napari_weld_fcn.prediction.outputs import write_outputs, write_record
from napari_weld_fcn.prediction.predict import Prediction, predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.viewer.belonging import films
from napari_weld_fcn.viewer.files.reader import get_reader
from napari_weld_fcn.viewer.marks import features

SIZE_MM = 0.05


@pytest.fixture
def saved(film: np.ndarray, tiny: Any, tmp_path: Path) -> dict[str, Prediction]:
    """Predictions of two films in `results`, as the command writes them, by name."""
    predictions = {}
    (tmp_path / "results").mkdir()
    for name, pixels in (("weld", film), ("other", film[::-1])):
        write_png(tmp_path / f"{name}.png", pixels, SIZE_MM)
        radiograph = read(tmp_path / f"{name}.png")
        predictions[name] = predict(radiograph, tiny, PredictionSettings(min_size=2))
        write_outputs(tmp_path / "results", radiograph, predictions[name])
    write_record(tmp_path / "results", list(predictions.values()))
    return predictions


def opened(viewer: Any, path: Path, qtbot: Any) -> dict[str, Any]:
    viewer.open(str(path), plugin="napari-weld-fcn")
    qtbot.wait(50)
    return {layer.name: layer for layer in viewer.layers}


def test_folder_opens_as_films_heatmaps_and_indications(viewer, saved, film, tmp_path, qtbot) -> None:
    layers = opened(viewer, tmp_path / "results", qtbot)
    assert set(layers) == {f"{name}{what}" for name in saved for what in ("", " heatmap", " indications")}
    np.testing.assert_array_equal(layers["weld"].data, film)
    for name, prediction in saved.items():
        heatmap, indications = layers[f"{name} heatmap"], layers[f"{name} indications"]
        np.testing.assert_array_equal(heatmap.data, prediction.probability)
        assert tuple(heatmap.contrast_limits) == (0, 1) and "turbo" in heatmap.colormap.name
        np.testing.assert_array_equal(indications.data, prediction.labels)
        assert indications.contour == 1
        expected = features(prediction.table)
        assert list(indications.features) == list(expected)
        np.testing.assert_allclose(indications.features, expected, rtol=1e-5)
        for layer in (heatmap, indications):
            np.testing.assert_allclose(layer.extent.world, layers[name].extent.world)
            assert layer.units == layers[name].units
        np.testing.assert_allclose(layers[name].scale, SIZE_MM)
    assert [name for name, layer in layers.items() if layer.visible] == ["weld", "weld indications"]
    assert {layer.name for layer in films(viewer)} == set(saved)


def test_film_that_is_chosen_shows_its_marks(viewer, saved, form, tmp_path, qtbot) -> None:
    layers = opened(viewer, tmp_path / "results", qtbot)
    assert form.inputs.image.value == layers["weld"]
    form.inputs.image.value = layers["other"]
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert shown == ["weld", "other", "other indications"]  # the first lies below
    form.inputs.image.value = layers["weld"]
    assert [layer.name for layer in viewer.layers if layer.visible] == ["weld", "weld indications"]


def test_run_on_a_film_that_was_opened_again_keeps_what_was_painted(
    viewer, saved, form, finish, tmp_path, qtbot
) -> None:
    labels = saved["weld"].labels.copy()
    labels[labels == 1] = 0
    labels[88:92, 3:7] = 60
    tifffile.imwrite(tmp_path / "results" / "weld_labels.tif", labels.astype(np.uint16))
    layers = opened(viewer, tmp_path / "results", qtbot)
    form.inputs.image.value = layers["weld"]
    form.run()
    finish(form)
    assert len(viewer.layers) == len(layers)
    np.testing.assert_array_equal(layers["weld indications"].data, labels)
    assert form.results.chosen.changed == 2


def test_results_go_on_without_a_run(viewer, saved, form, tmp_path, qtbot, monkeypatch) -> None:
    monkeypatch.setattr("napari_weld_fcn.viewer.predict.widget.predict", None)
    size = form.inputs.form.widgets["min_size"]
    size.value = 9
    folder = tmp_path / "results"
    before = json.loads((folder / "record.json").read_text())
    before["inputs"][0]["warnings"] += ["a word of warning"]
    (folder / "record.json").write_text(json.dumps(before))
    (folder / "weld_indications.csv").unlink()  # the table is measured anew
    layers = opened(viewer, folder, qtbot)
    qtbot.waitUntil(lambda: form.results.chosen is not None)
    panel, session, weld = form.results.panel, form.results.chosen, saved["weld"]
    assert panel.summary.text() == f"{weld.labels.max()} indications above {weld.record['threshold']:.2f}"
    assert form.inputs.exact_threshold() == weld.record["threshold"] and size.value == 2
    assert "a word of warning" in panel.warnings.text()
    assert panel.table.isEnabled() and panel.save.isEnabled()
    panel.next.click()
    assert layers["weld indications"].selected_label == 1
    assert panel.number.text() == f"1 of {weld.labels.max()}"
    out = tmp_path / "again"
    out.mkdir()
    form.results.save(str(out))
    qtbot.waitUntil(lambda: form.results.saving is None)
    np.testing.assert_array_equal(read(out / "weld_labels.tif").pixels, weld.labels)
    again = json.loads((out / "record.json").read_text())
    assert again["inputs"] == before["inputs"][:1]
    assert {name: again[name] for name in before if name != "inputs"} == {
        name: before[name] for name in before if name != "inputs"
    }
    session.relabel(session.settings.model_copy(update={"threshold": 0.9}))
    np.testing.assert_array_equal(session.indications.data > 0, label(weld.probability, 0.9, 2) > 0)


@pytest.mark.parametrize(("ending", "kind"), [("heatmap", "image"), ("labels", "labels")])
def test_single_file_opens_as_what_it_is(viewer, saved, tmp_path, qtbot, ending, kind) -> None:
    layers = opened(viewer, tmp_path / "results" / f"other_{ending}.tif", qtbot)
    (layer,) = layers.values()
    assert layer._type_string == kind and not films(viewer)
    assert layer.name == {"heatmap": "other heatmap", "labels": "other indications"}[ending]


def test_film_that_is_gone_or_another_is_told_and_the_rest_opens(
    viewer, saved, film, tmp_path, qtbot, messages
) -> None:
    (tmp_path / "weld.png").unlink()
    write_png(tmp_path / "other.png", film // 2, SIZE_MM)
    layers = opened(viewer, tmp_path / "results", qtbot)
    assert set(layers) == {f"{name} {what}" for name in saved for what in ("heatmap", "indications")}
    gone, another = messages
    assert gone.startswith("weld: its film is not at ") and "weld.png" in gone
    assert another.startswith("other: ") and "other bytes" in another


def test_names_alone_make_no_results(saved, tmp_path) -> None:
    assert get_reader(str(tmp_path / "results")) is not None
    (tmp_path / "my_labels.tif").write_bytes((tmp_path / "results" / "weld_labels.tif").read_bytes())
    assert get_reader(str(tmp_path / "my_labels.tif")) is None
    record = tmp_path / "results" / "record.json"
    assert get_reader(str(tmp_path / "results" / "weld_labels.tif")) is not None
    record.write_text(json.dumps({"inputs": [{"input": {"name": "weld"}}]}))
    assert get_reader(str(tmp_path / "results" / "weld_labels.tif")) is None
    record.write_text("[]")
    assert get_reader(str(tmp_path / "results")) is None
