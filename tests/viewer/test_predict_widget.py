"""The Predict form as a person uses it: film, Run, layers, threshold, stepping, files."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTextBrowser

from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import TileDone
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.saved import records_of
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.radiograph import Radiograph, to_luminance
from napari_weld_fcn.viewer.predict.card import card_html
from napari_weld_fcn.viewer.predict.panel import IndicationTable
from napari_weld_fcn.viewer.predict.results import TABLE_DELAY
from napari_weld_fcn.viewer.predict.session import Predicted


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


def test_either_polarity_can_be_chosen_and_says_what_counts(viewer, form, finish, film, tiny) -> None:
    viewer.add_image(film, name="weld")
    form.inputs.form.widgets["polarity"].value = "either"
    form.run()
    finish(form)
    expected = predict(film, tiny, PredictionSettings(min_size=2, polarity="either"))
    np.testing.assert_array_equal(outputs(viewer, "weld")[0].data, expected.probability)
    assert "bright wires, letters and inclusions count" in form.results.panel.warnings.text()


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
    monkeypatch.setattr("napari_weld_fcn.viewer.predict.widget.predict", None)
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


def test_labels_follow_the_threshold_within_0_3_s_on_a_whole_film(viewer, form, film, slowness) -> None:
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
        times.append((time.perf_counter() - start) / slowness())
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
    assert text.index("What it is for") < text.index("How it was made")


def test_rows_of_scores_in_a_card_are_a_table() -> None:
    rows = [{"name": "crack", "found": 0.5}, {"name": "pore", "found": None}]
    shown = card_html("x", "own", {"scores": {"by_class": rows}, "dilations": [1, 2], "empty": []})
    assert "{" not in shown and "<td>crack</td><td>0.5</td>" in shown and "<td>pore</td><td>-</td>" in shown
    assert shown.count(">found</th>") == 1 and "<td>1, 2</td>" in shown


def two_films(viewer: Any, form: Any, finish: Any, film: np.ndarray) -> tuple[Any, Any]:
    first, second = viewer.add_image(film, name="one"), viewer.add_image(film[::-1], name="two")
    form.run_all()
    finish(form)
    form.inputs.image.value = first
    return first, second


def test_table_of_a_film_that_is_left_while_its_slider_moves_is_brought_up_to_date(
    viewer, form, finish, film
) -> None:
    first, second = two_films(viewer, form, finish, film)
    before = form.results.sessions[second].threshold
    low = round(float(np.quantile(outputs(viewer, "one")[0].data, 0.9)), 2)
    form.inputs.threshold.value = low - 0.01
    form.inputs.threshold.value = low
    form.inputs.image.value = second
    left, chosen = form.results.sessions[first], form.results.sessions[second]
    assert left.threshold == pytest.approx(low) and not left.stale
    there = np.unique(left.prediction.labels)[1:].tolist()
    assert left.prediction.table["label"].tolist() == there and left.count == len(there)
    assert left.indications.features["area_px"].notna().sum() == left.count
    assert chosen.threshold == before == form.inputs.exact_threshold()


def test_save_writes_the_table_of_the_labels_it_writes(viewer, form, finish, film, tmp_path, qtbot) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    form.inputs.threshold.value = round(float(np.quantile(outputs(viewer, "weld")[0].data, 0.9)), 2)
    form.results.save(str(tmp_path))
    qtbot.waitUntil(lambda: form.results.saving is None, timeout=60_000)
    rows = (tmp_path / "weld_indications.csv").read_text().splitlines()[1:]
    there = np.unique(form.results.chosen.prediction.labels)[1:]
    assert [int(row.split(",")[0]) for row in rows] == there.tolist()


def test_films_saved_to_one_folder_keep_a_record_each(viewer, form, finish, film, tmp_path, qtbot) -> None:
    first, second = two_films(viewer, form, finish, film)
    for layer, threshold in ((first, 0.2), (second, 0.3), (first, 0.4)):
        form.inputs.image.value = layer
        form.inputs.threshold.value = threshold
        form.results.save(str(tmp_path))
        qtbot.waitUntil(lambda: form.results.saving is None, timeout=60_000)
    text = (tmp_path / "record.json").read_text()
    found = {record["input"]["name"]: record["threshold"] for record in records_of(text)}
    assert found == pytest.approx({"two": 0.3, "one": 0.4})
    assert len(json.loads(text)["inputs"]) == 2
    shown = form.results.sessions[second].prediction.record
    assert records_of(text)[0] == json.loads(json.dumps(shown))


def test_warnings_follow_the_threshold(viewer, form, finish, film, monkeypatch) -> None:
    def warned(lengths: np.ndarray, *_: Any) -> list[str]:
        return [f"{len(lengths)} of an odd size"]

    monkeypatch.setattr("napari_weld_fcn.prediction.cautions.scale", warned)
    monkeypatch.setattr("napari_weld_fcn.prediction.cautions.clipping", lambda *_: ["clipped"])
    viewer.add_image(film, name="weld")
    form.inputs.form.widgets["polarity"].value = "dark"
    form.run()
    finish(form)
    assert form.results.chosen.warnings == ["clipped", f"{form.results.chosen.count} of an odd size"]
    form.inputs.threshold.value = 0.99
    form.results.settle()
    assert form.results.panel.warnings.text() == "clipped\n0 of an odd size"


@pytest.mark.parametrize("threshold", [0.0004, 0.9996])
def test_threshold_beyond_the_slider_is_shown_at_its_end_and_kept(form, one_model, tiny, threshold) -> None:
    card = Card(name="keen", network=tiny.card.network, threshold=threshold, min_size_px=3)
    Model.create(card).save(one_model / "keen.safetensors")
    form.reset_choices()
    form.inputs.model.value = "keen"
    assert form.inputs.threshold.value in (form.inputs.threshold.min, form.inputs.threshold.max)
    assert form.inputs.settings().threshold == threshold
    form.inputs.threshold.value = 0.25
    assert form.inputs.settings().threshold == 0.25


def test_minimum_size_of_0_is_shown_as_the_models_own(form, tiny) -> None:
    size, unit = (form.inputs.form.widgets[name] for name in ("min_size", "min_size_unit"))
    size.value = 0
    assert size.native.text() == f"the model's ({tiny.card.min_size_px:g} px)"
    assert unit.native.isHidden()
    size.value = 2
    assert not unit.native.isHidden()


def test_row_picked_in_the_table_is_the_indication_looked_at(viewer, form, finish, film, qtbot) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    form.results.open_table()
    table = viewer.window._qt_window.findChild(IndicationTable).table
    table.selectRow(1)
    number = outputs(viewer, "weld")[1].selected_label
    assert number == int(outputs(viewer, "weld")[1].features["index"][2]) == 2
    assert form.results.panel.number.text().startswith("2 of ")


def test_table_is_rounded_has_units_in_its_head_no_empty_row_and_a_filter(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld", scale=(0.05, 0.05), units=("mm", "mm"))
    form.run()
    finish(form)
    form.results.open_table()
    shown = viewer.window._qt_window.findChild(IndicationTable)
    heads = [shown.table.model().headerData(place, Qt.Orientation.Horizontal) for place in range(3)]
    assert heads == ["Number", "Row (mm)", "Column (mm)"]
    rows = shown.table.rows()
    assert [row[0] for row in rows] == [str(number) for number in form.results.chosen.numbers]
    first = form.results.chosen.prediction.table["row"][0]
    assert float(rows[0][1]) == pytest.approx(first * 0.05, abs=1e-3)
    shown.filter.setText("nothing has this")
    assert shown.table.rows() == []


def test_keys_of_labels_step_to_the_next_and_the_previous(viewer, form, finish, film, qtbot) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    form.results.panel.next.click()
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Equal)
    assert form.results.panel.number.text().startswith("2 of ")
    qtbot.keyClick(canvas, Qt.Key.Key_Minus)
    assert form.results.panel.number.text().startswith("1 of ")


def test_activity_dock_counts_the_tiles_and_the_time_left(
    viewer, form, finish, film, qtbot, monkeypatch
) -> None:
    def tiled(*_: Any, job: Any, **__: Any) -> None:
        for done in range(200):
            job.tell(TileDone(done + 1, 200, 10.0))
            time.sleep(0.01)
            if job.should_stop():
                raise Stopped

    monkeypatch.setattr("napari_weld_fcn.viewer.predict.widget.predict", tiled)
    viewer.add_image(film, name="weld")
    form.run()
    dock = viewer.window._qt_window._activity_dialog

    def shown() -> str:
        return " ".join(
            bar.description_label.text() + bar.eta_label.text()
            for bar in dock.findChildren(QtLabeledProgressBar)
        )

    qtbot.waitUntil(lambda: "Predict weld" in shown() and "/200" in shown(), timeout=60_000)
    form.stop()
    finish(form)


def test_another_models_threshold_marks_no_film_that_is_predicted(
    viewer, form, finish, film, one_model, tiny
) -> None:
    card = Card(name="other", network=tiny.card.network, threshold=0.9, min_size_px=3)
    Model.create(card).save(one_model / "other.safetensors")
    form.reset_choices()
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    own = form.results.chosen.threshold
    form.inputs.model.value = "other"
    assert form.inputs.exact_threshold() == 0.9
    form.inputs.form.widgets["min_size"].value = 6
    form.results.settle()
    session = form.results.chosen
    assert session.prediction.record["min_size_px"] == 6
    assert session.threshold == session.prediction.record["threshold"] == own
    form.inputs.threshold.value = 0.8
    form.results.settle()
    assert session.threshold == 0.8


def test_film_that_is_chosen_shows_its_minimum_size_and_unit(viewer, form, finish, film) -> None:
    first, second = two_films(viewer, form, finish, film)
    size, unit = (form.inputs.form.widgets[name] for name in ("min_size", "min_size_unit"))
    size.value = 7
    form.inputs.image.value = second
    assert (size.value, unit.value) == (2, "px")
    size.value = 0
    form.inputs.image.value = first
    assert size.value == 7 and not unit.native.isHidden()
    form.inputs.image.value = second
    assert size.value == 0 and unit.native.isHidden()
    assert form.results.sessions[first].prediction.record["min_size_px"] == 7


def test_peak_odds_mark_anew_and_belong_to_the_film_that_is_chosen(viewer, form, finish, film, qtbot) -> None:
    first, second = two_films(viewer, form, finish, film)
    odds, marked = form.inputs.form.widgets["peak_odds"], form.results.sessions
    before = marked[first].prediction.labels.copy()
    highest = float(marked[first].prediction.probability.max())
    beyond = 1.01 * (highest / (1 - highest)) * (1 - marked[first].threshold) / marked[first].threshold
    assert before.any() and odds.value == 0
    odds.value = beyond
    qtbot.waitUntil(lambda: not marked[first].prediction.labels.any())
    assert marked[first].prediction.record["peak_odds"] == odds.value
    form.inputs.image.value = second
    assert odds.value == 0 and marked[second].prediction.labels.any()
    form.inputs.image.value = first
    assert odds.value > 1
    odds.value = 0
    qtbot.waitUntil(lambda: np.array_equal(marked[first].prediction.labels, before))


def test_refused_change_is_told_until_it_is_taken_back(viewer, form, finish, film, qtbot) -> None:
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    size, unit = (form.inputs.form.widgets[name] for name in ("min_size", "min_size_unit"))
    size.value = 1
    qtbot.waitUntil(lambda: form.results.chosen.stale)
    unit.value = "mm"
    qtbot.waitUntil(lambda: "pixel size" in form.results.panel.warnings.text())
    qtbot.waitUntil(lambda: not form.results.chosen.stale)
    qtbot.wait(2 * TABLE_DELAY)
    assert "pixel size" in form.results.panel.warnings.text()
    unit.value = "px"
    qtbot.waitUntil(lambda: "pixel size" not in form.results.panel.warnings.text())
    assert form.results.chosen.prediction.record["min_size_px"] == 1


def test_only_the_film_that_is_chosen_has_a_colour_bar_and_a_status(viewer, form, finish, film) -> None:
    first, second = two_films(viewer, form, finish, film)
    assert [outputs(viewer, name)[0].colorbar.visible for name in ("one", "two")] == [True, False]
    form.inputs.image.value = second
    assert [outputs(viewer, name)[0].colorbar.visible for name in ("one", "two")] == [False, True]
    form.run()
    finish(form)
    assert form.jobs.status.text().startswith("two: done in ")
    form.inputs.image.value = first
    assert form.jobs.status.text() == ""


def test_form_without_a_film_says_nothing_of_the_one_that_was_removed(viewer, form, finish, film) -> None:
    weld = viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    viewer.layers.remove(weld)
    assert form.jobs.status.text() == form.results.panel.summary.text() == ""


def test_caution_of_a_film_without_a_bead_names_a_setting_that_the_form_has(
    viewer, form, finish, film
) -> None:
    viewer.add_image(film, name="casting")
    assert form.inputs.form.widgets["polarity"].value == "auto"
    form.run()
    finish(form)
    assert "set polarity (Flaws are" in form.results.panel.warnings.text()
    form.inputs.form.widgets["polarity"].value = "dark"
    form.run()
    finish(form)
    assert "Flaws are" not in form.results.panel.warnings.text()
