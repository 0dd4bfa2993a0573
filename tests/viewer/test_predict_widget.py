"""The Predict form as a person uses it: film, Run, layers, threshold, stepping, files."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtWidgets import QTextBrowser

from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.radiograph import Radiograph, to_luminance
from napari_weld_fcn.viewer.session import Predicted


def outputs(viewer: Any, name: str) -> tuple[Image, Labels]:
    return viewer.layers[f"{name} heatmap"], viewer.layers[f"{name} indications"]


def test_run_gives_what_the_python_call_gives(viewer, form, finish, film, tiny) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    expected = predict(film, tiny, PredictionSettings(min_size=2))
    heatmap, indications = outputs(viewer, "weld")
    assert expected.labels.max() >= 2
    np.testing.assert_array_equal(heatmap.data, expected.probability)
    np.testing.assert_array_equal(indications.data, expected.labels)
    np.testing.assert_array_equal(indications.features["length_px"][1:], expected.table["length_px"])
    assert list(indications.features["index"]) == list(range(expected.labels.max() + 1))


def test_heatmap_shows_the_film_through_and_a_colour_bar(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    heatmap, _ = outputs(viewer, "weld")
    assert tuple(heatmap.contrast_limits) == (0, 1)
    assert heatmap.colorbar.visible
    assert "turbo" in heatmap.colormap.name
    clear, full = heatmap.colormap.map(np.array([0.0, 1.0]))[:, 3]
    assert clear == 0 and full == 1
    assert heatmap.blending == "translucent" and heatmap.opacity < 1


def test_outputs_lie_on_a_scaled_film_and_are_measured_in_mm(viewer, form, finish, film) -> None:
    layer = viewer.add_image(
        film,
        name="weld",
        scale=(0.05, 0.05),
        translate=(3, -2),
        units=("mm", "mm"),
        axis_labels=("row", "column"),
    )
    form.run()
    finish(form)
    for output in outputs(viewer, "weld"):
        np.testing.assert_allclose(output.extent.world, layer.extent.world)
        assert output.units == layer.units
        assert output.axis_labels == layer.axis_labels
    features = outputs(viewer, "weld")[1].features
    np.testing.assert_allclose(features["length_mm"][1:], features["length_px"][1:] * 0.05)


def test_colour_is_predicted_as_its_luminance(viewer, form, finish, film, tiny) -> None:
    colour = np.stack([film, film[::-1], film[:, ::-1]], axis=-1)
    viewer.add_image(colour, name="colour", rgb=True)
    form.run()
    finish(form)
    expected = predict(to_luminance(colour), tiny, PredictionSettings(min_size=2))
    np.testing.assert_array_equal(outputs(viewer, "colour")[0].data, expected.probability)


def test_stack_is_predicted_plane_by_plane(viewer, form, finish, film, tiny) -> None:
    stack = np.stack([film, film[::-1], film])
    viewer.add_image(stack, name="stack")
    form.run()
    finish(form)
    heatmap, indications = outputs(viewer, "stack")
    np.testing.assert_array_equal(
        heatmap.data[1], predict(film[::-1], tiny, PredictionSettings()).probability
    )
    planes = indications.features["plane"]
    for number in (1, len(planes) - 1):
        assert (indications.data[int(planes[number])] == number).any()


def test_stepping_in_a_stack_shows_the_plane_of_the_indication(viewer, form, finish, film) -> None:
    viewer.add_image(np.stack([film, film[::-1]]), name="stack")
    form.run()
    finish(form)
    form.results.step(-1)
    assert viewer.dims.current_step[0] == 1


def test_nothing_is_marked_outside_the_rectangle(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld", scale=(2, 2), translate=(10, 20))
    shapes = viewer.add_shapes([[[30, 60], [30, 219], [169, 219], [169, 60]]], name="weld only")
    form.inputs.region.value = shapes
    form.run()
    finish(form)
    marked = np.argwhere(outputs(viewer, "weld")[0].data > 0)
    assert marked.min(axis=0).tolist() == [10, 20]
    assert marked.max(axis=0).tolist() == [79, 99]


def test_second_run_updates_the_layers_in_place(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    before = list(viewer.layers)
    form.inputs.form.widgets["polarity"].value = "bright"
    heat = outputs(viewer, "weld")[0].data
    form.run()
    finish(form)
    assert list(viewer.layers) == before
    assert not np.array_equal(outputs(viewer, "weld")[0].data, heat)


def test_run_all_predicts_every_film_and_no_output(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="one")
    viewer.add_image(film[::-1], name="two")
    form.run_all()
    finish(form)
    form.run_all()
    finish(form)
    names = {layer.name for layer in viewer.layers}
    assert names == {"one", "two", "one heatmap", "one indications", "two heatmap", "two indications"}


def test_threshold_marks_anew_without_the_network(viewer, form, finish, film, qtbot, monkeypatch) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    heatmap, indications = outputs(viewer, "weld")
    monkeypatch.setattr("napari_weld_fcn.viewer.widgets.predict.predict", None)
    before = len(indications.features)
    low = round(float(np.quantile(heatmap.data, 0.9)), 2)
    form.inputs.threshold.value = low
    qtbot.waitUntil(lambda: np.array_equal(indications.data > 0, form.results.chosen.prediction.labels > 0))
    qtbot.waitUntil(lambda: len(indications.features) != before)
    assert (heatmap.data[indications.data > 0] > low).all()
    assert len(indications.features) == indications.data.max() + 1
    assert form.results.chosen.prediction.record["threshold"] == pytest.approx(low)


def test_threshold_above_everything_says_so(viewer, form, finish, film, qtbot) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    assert form.results.panel.summary.text().split(" ")[1].startswith("indication")
    form.inputs.threshold.value = 0.99
    qtbot.waitUntil(lambda: form.results.panel.summary.text() == "no indication above the threshold")
    assert not outputs(viewer, "weld")[1].data.any()
    assert not form.results.panel.next.isEnabled()


def test_slider_left_alone_is_the_models_own_threshold_to_the_last_digit(form, tiny) -> None:
    assert form.inputs.exact_threshold() == tiny.card.threshold
    form.inputs.threshold.value = 0.25
    assert form.inputs.exact_threshold() == 0.25


def test_labels_follow_the_threshold_within_0_3_s_on_a_whole_film(viewer, form, film) -> None:
    settings = PredictionSettings(min_size=2)
    small = predict(film, form.inputs.entry.path, settings)
    heat = np.tile(small.probability, (16, 25))[:1500, :4000]
    large = viewer.add_image(np.tile(film, (16, 25))[:1500, :4000], name="large")
    whole = replace(small, probability=heat, labels=np.zeros(heat.shape, np.int32))
    predicted = Predicted(Radiograph(large.data), whole, settings, form.inputs.entry.card)
    form.results.add(large, predicted, "turbo")
    times = []
    for share in (0.1, 0.05, 0.02):
        threshold = float(np.quantile(small.probability, 1 - share))
        start = time.perf_counter()
        form.results.chosen.relabel(settings.model_copy(update={"threshold": threshold}))
        times.append(time.perf_counter() - start)
        assert form.results.chosen.count > 100
    assert min(times) < 0.3, times


def test_buttons_and_keys_step_round_with_the_camera_on_the_indication(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld", scale=(0.5, 0.5), translate=(7, 9))
    form.run()
    finish(form)
    _, indications = outputs(viewer, "weld")
    total = len(indications.features) - 1

    def centred_on(number: int) -> None:
        place = indications.features.loc[number, ["row", "column"]].to_numpy(float)
        np.testing.assert_allclose(viewer.scene.camera.center[-2:], place * 0.5 + (7, 9))
        assert form.results.panel.number.text() == f"{number} of {total}"

    form.results.panel.next.click()
    centred_on(1)
    form.results.panel.next.click()
    centred_on(2)
    indications.selected_label -= 1  # what Labels' own key does
    centred_on(1)
    form.results.panel.previous.click()
    centred_on(total)


def test_card_is_shown_to_read(viewer, form, tiny) -> None:
    form.show_card()
    text = form.findChild(QTextBrowser).toPlainText()
    assert "tiny" in text and "BSD-3-Clause" in text
