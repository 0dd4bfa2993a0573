"""What a person painted is never lost, renumbered or mixed with another marking; what is shown counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_weld_fcn.prediction.indications import label, measure_indications
from napari_weld_fcn.prediction.outputs import table_text
from napari_weld_fcn.prediction.saved import records_of
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.viewer.belonging import films, is_output_layer
from napari_weld_fcn.viewer.marks import CURRENT_COLOR, MARK_COLOR
from napari_weld_fcn.viewer.predict.widget import PredictWidget

#: A place of the film where nothing is marked at any threshold of these tests.
FREE = (90, 5)


@pytest.fixture
def marked(viewer: Any, form: Any, finish: Any, film: np.ndarray) -> Labels:
    """The indications of a film after Run."""
    viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    layer = viewer.layers["weld indications"]
    assert not layer.data[FREE[0] - 4 : FREE[0] + 5, : FREE[1] + 5].any()
    return layer


@pytest.fixture
def press_undo(viewer: Any, qtbot: Any) -> Callable[[Labels], None]:
    """Press Ctrl+Z over the canvas with a layer chosen."""

    def press(layer: Labels) -> None:
        viewer.layers.selection.active = layer
        canvas = viewer.window._qt_viewer.canvas.native
        qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    return press


def threshold_for(form: Any, share: float) -> float:
    return round(float(np.quantile(form.results.chosen.prediction.probability, 1 - share)), 2)


def paint(layer: Labels, number: int, place: tuple[int, int] = FREE) -> np.ndarray:
    """Paint with the layer's own brush; return where."""
    before = layer.data.copy()
    layer.brush_size = 5
    layer.paint(place, number)
    return layer.data != before


def erase(layer: Labels, number: int) -> np.ndarray:
    """Erase an indication with the layer's own bucket; return where it was."""
    place = layer.data == number
    layer.contiguous = False
    layer.fill(tuple(np.argwhere(place)[0]), 0)
    return place


def move(form: Any, threshold: float) -> None:
    form.inputs.threshold.value = threshold
    form.results.settle()


def test_ctrl_z_ends_where_a_marking_is_replaced(form, marked, press_undo) -> None:
    untouched = marked.data.copy()
    paint(marked, 1, tuple(np.argwhere(untouched == 2)[0]))
    press_undo(marked)
    np.testing.assert_array_equal(marked.data, untouched)
    paint(marked, 0, tuple(np.argwhere(untouched == 2)[0]))
    move(form, threshold_for(form, 0.1))
    after = marked.data.copy()
    press_undo(marked)
    np.testing.assert_array_equal(marked.data, after)
    viewer_keys = (marked.undo, marked.redo)
    for key in viewer_keys:
        key()
    np.testing.assert_array_equal(marked.data, after)


def test_ctrl_z_after_run_changes_nothing(form, marked, press_undo, finish) -> None:
    paint(marked, 900)
    form.inputs.form.widgets["polarity"].value = "bright"
    form.run()
    finish(form)
    after = marked.data.copy()
    press_undo(marked)
    np.testing.assert_array_equal(marked.data, after)


def test_painted_and_erased_outlive_the_threshold_and_run_and_the_rest_follows(form, marked, finish) -> None:
    gone = erase(marked, 1)
    painted = paint(marked, 900)
    for share in (0.1, 0.004, 0.06):
        threshold = threshold_for(form, share)
        move(form, threshold)
        assert (marked.data[painted] == 900).all() and (marked.data == 900).sum() == painted.sum()
        assert not marked.data[gone].any()
        probability = form.results.chosen.prediction.probability
        computed = label(probability, threshold, 2.0)
        touched = np.unique(computed[gone | painted])
        others = (computed > 0) & ~np.isin(computed, touched)
        assert (marked.data[others & ~painted] > 0).all()
        assert not marked.data[(computed == 0) & ~painted].any()
    form.run()
    finish(form)
    assert (marked.data[painted] == 900).all() and not marked.data[gone].any()
    assert "Changed by hand: 2." in form.results.panel.by_hand.text()
    assert not form.results.panel.by_hand.isHidden()
    assert form.results.chosen.prediction.record["corrected_by_hand"] is True


def test_hand_work_outlives_a_closed_form(viewer, form, marked, finish, qtbot) -> None:
    gone, painted = erase(marked, 1), paint(marked, 900)
    viewer.window.remove_dock_widget(form)
    again = PredictWidget(viewer)
    viewer.window.add_dock_widget(again)
    again.inputs.model.value = "tiny"
    again.inputs.form.widgets["min_size"].value = 2.0
    again.run()
    finish(again)
    assert viewer.layers["weld indications"] == marked
    assert (marked.data[painted] == 900).all() and not marked.data[gone].any()
    assert again.results.chosen.changed == 2


def test_erased_stays_erased_where_the_form_was_closed_at_a_threshold_that_marks_nothing_there(
    viewer, form, marked
) -> None:
    gone, before = erase(marked, 1), form.inputs.exact_threshold()
    others = marked.data.copy()
    move(form, 0.99)
    assert not marked.data.any()
    viewer.window.remove_dock_widget(form)
    again = PredictWidget(viewer)
    viewer.window.add_dock_widget(again)
    assert again.inputs.exact_threshold() == 0.99
    move(again, round(before, 2))
    assert not marked.data[gone].any()
    again.inputs.show_threshold(before)
    again.results.chosen.relabel(again.results.chosen.settings.model_copy(update={"threshold": before}))
    np.testing.assert_array_equal(marked.data, others)
    assert again.results.chosen.changed == 1


def test_column_that_a_person_added_outlives_the_threshold(form, marked) -> None:
    before = form.inputs.exact_threshold()
    verdicts = [f"verdict {number}" for number in range(len(marked.features))]
    marked.features = marked.features.assign(verdict=verdicts)
    for share in (0.1, 0.004):
        move(form, threshold_for(form, share))
    move(form, 0.99)
    move(form, round(before, 2) + 0.01)
    assert marked.features["verdict"].tolist()[: len(verdicts)] == verdicts
    there = np.unique(marked.data)[1:]
    assert marked.features["area_px"].notna().sum() == len(there) == form.results.chosen.count


def test_form_that_is_opened_again_goes_on_where_it_was(viewer, form, marked, qtbot) -> None:
    painted = paint(marked, 900)
    count, undo = len(np.unique(marked.data)) - 1, marked.data.copy()
    viewer.window.remove_dock_widget(form)
    again = PredictWidget(viewer)
    viewer.window.add_dock_widget(again)
    panel = again.results.panel
    assert panel.summary.text().startswith(f"{count} indications above ")
    assert "Changed by hand: 1." in panel.by_hand.text()
    assert again.results.chosen.prediction.record["corrected_by_hand"] is True
    panel.previous.click()
    assert marked.selected_label == 900 and marked.features["area_px"][900] == painted.sum()
    np.testing.assert_array_equal(marked.data, undo)
    marked.undo()
    assert not (marked.data == 900).any()


def test_count_table_and_next_follow_the_brush_and_undo(form, marked, press_undo, qtbot) -> None:
    count = form.results.chosen.count
    painted = paint(marked, 900)
    qtbot.waitUntil(lambda: form.results.chosen.count == count + 1, timeout=20_000)
    assert form.results.panel.summary.text().startswith(f"{count + 1} indications")
    expected = measure_indications(np.where(painted, 900, 0), form.results.chosen.prediction.probability)
    assert marked.features["area_px"][900] == painted.sum() == expected["area_px"][0]
    assert marked.features["peak_probability"][900] == expected["peak_probability"][0]
    form.results.step(-1)
    assert marked.selected_label == 900
    assert form.results.panel.number.text() == f"{count + 1} of {count + 1} (number 900)"
    press_undo(marked)
    qtbot.waitUntil(lambda: form.results.chosen.count == count, timeout=20_000)
    assert form.results.panel.number.text() == f"– of {count}"
    assert len(marked.features) == count + 1 and form.results.panel.by_hand.isHidden()
    assert "corrected_by_hand" not in form.results.chosen.prediction.record


def test_saved_numbers_are_those_that_are_shown(form, marked, tmp_path, qtbot) -> None:
    erase(marked, 1)
    paint(marked, 900)
    shown = marked.data.copy()
    form.results.save(str(tmp_path))
    qtbot.waitUntil(lambda: form.results.saving is None, timeout=30_000)
    np.testing.assert_array_equal(marked.data, shown)
    np.testing.assert_array_equal(read(tmp_path / "weld_labels.tif").pixels, shown)
    text = (tmp_path / "weld_indications.csv").read_text()
    assert text == table_text(
        measure_indications(shown.astype(np.int32), form.results.chosen.prediction.probability)
    )
    assert [int(line.split(",")[0]) for line in text.splitlines()[1:]] == np.unique(shown)[1:].tolist()
    (record,) = records_of((tmp_path / "record.json").read_text())
    assert record["corrected_by_hand"] is True


def test_indication_keeps_its_number_at_every_threshold(form, marked) -> None:
    first = marked.data.copy()
    move(form, threshold_for(form, 0.1))
    deeper = marked.data.copy()
    assert len(np.unique(deeper)) > len(np.unique(first))
    for number in np.unique(deeper)[1:]:
        inside = np.bincount(first[deeper == number])[1:]  # whole ones, for they have grown
        assert inside[number - 1] == inside.max() if inside.any() else number > first.max()
    for share in (0.01, 0.3, 0.004):
        move(form, threshold_for(form, share))
    move(form, form.inputs.model_threshold())
    np.testing.assert_array_equal(marked.data, first)


def test_keys_and_buttons_step_over_numbers_that_are_gone(viewer, form, marked, qtbot) -> None:
    assert form.results.chosen.count >= 3
    erase(marked, 2)
    form.results.follow()
    form.results.panel.next.click()
    assert marked.selected_label == 1
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Equal)
    assert marked.selected_label == 3 and form.results.panel.number.text().startswith("2 of ")
    qtbot.keyClick(canvas, Qt.Key.Key_Minus)
    assert marked.selected_label == 1
    form.results.panel.next.click()
    assert marked.selected_label == 3


def test_number_painted_in_two_planes_is_two_indications(viewer, form, finish, film) -> None:
    viewer.add_image(np.stack([film, film[::-1]]), name="stack")
    form.run()
    finish(form)
    layer, count = viewer.layers["stack indications"], form.results.chosen.count
    for plane in (0, 1):
        place = tuple(np.argwhere(layer.data[plane] == 0)[0])
        layer.data_setitem((np.array([plane]), *(np.array([axis]) for axis in place)), 900)
    form.results.settle()
    assert (layer.data[0] == 900).sum() == 1 and (layer.data[1] == 901).sum() == 1
    assert form.results.chosen.count == count + 2
    assert layer.features["plane"][[900, 901]].tolist() == [0, 1]


def visible(viewer: Any) -> set[str]:
    """The film that is seen, for it covers those below, and the outputs that are."""
    shown = [layer for layer in viewer.layers if layer.visible]
    return {shown_films(viewer)[-1]} | {layer.name for layer in shown if is_output_layer(layer)}


def shown_films(viewer: Any) -> list[str]:
    return [layer.name for layer in reversed(films(viewer)) if layer.visible]


def test_marks_that_are_shown_are_those_of_the_chosen_film(viewer, form, finish, film) -> None:
    layers = [viewer.add_image(film[::step], name=name) for name, step in (("one", 1), ("two", -1))]
    form.run_all()
    finish(form)
    form.inputs.image.value = layers[0]
    assert visible(viewer) == {"one", "one indications"}
    form.inputs.image.value = layers[1]
    assert visible(viewer) == {"two", "two indications"}
    viewer.layers["two indications"].visible = False  # by hand
    viewer.layers["two heatmap"].visible = True
    form.inputs.image.value = layers[0]
    assert visible(viewer) == {"one", "one indications"}
    form.inputs.image.value = layers[1]
    assert visible(viewer) == {"two", "two heatmap"}


def test_key_of_the_heatmap_shows_that_of_the_chosen_film_alone(viewer, form, finish, film, qtbot) -> None:
    framed = np.full((140, 200), 255, np.uint8)
    framed[20:116, 20:180] = film
    layers = [viewer.add_image(each, name=name) for name, each in (("one", framed), ("two", framed[::-1]))]
    form.run_all()
    finish(form)
    canvas = viewer.window._qt_viewer.canvas.native
    for name, layer in zip(("one", "two", "one"), (*layers, layers[0]), strict=True):
        form.inputs.image.value = layer
        assert visible(viewer) == {name, f"{name} indications", f"{name} film area"}
        qtbot.keyClick(canvas, Qt.Key.Key_H)
        assert visible(viewer) == {name, f"{name} indications", f"{name} film area", f"{name} heatmap"}
        qtbot.keyClick(canvas, Qt.Key.Key_H)


def test_films_beside_each_other_keep_their_marks(viewer, form, finish, film) -> None:
    layers = [viewer.add_image(film, name=name) for name in ("one", "two")]
    viewer.canvas.grid.enabled = True
    form.run_all()
    finish(form)
    form.inputs.image.value = layers[0]
    assert shown_films(viewer) == ["one", "two"]
    assert visible(viewer) == {"two", "one indications", "two indications"}


def test_marks_are_outlines_in_one_colour_and_the_current_one_in_another(form, marked) -> None:
    assert marked.contour == 1
    every = np.unique(marked.data)[1:]
    np.testing.assert_allclose(marked.colormap.map(every), np.tile(MARK_COLOR, (len(every), 1)), atol=1e-6)
    form.results.panel.next.click()
    form.results.panel.next.click()
    colors = {int(number): marked.colormap.map(number) for number in every}
    np.testing.assert_allclose(colors.pop(2), CURRENT_COLOR, atol=1e-6)
    np.testing.assert_allclose(list(colors.values()), np.tile(MARK_COLOR, (len(colors), 1)), atol=1e-6)
    assert marked.colormap.map(0)[3] == 0


def test_heatmap_is_hidden_until_its_key_is_pressed(viewer, form, marked, qtbot) -> None:
    heatmap = viewer.layers["weld heatmap"]
    assert not heatmap.visible
    canvas = viewer.window._qt_viewer.canvas.native
    for seen in (True, False):
        qtbot.keyClick(canvas, Qt.Key.Key_H)
        assert heatmap.visible is seen


def test_view_is_remembered(viewer, form, marked, finish, film, qtbot) -> None:
    marked.contour, marked.opacity = 3, 0.5
    viewer.layers["weld heatmap"].visible = True
    qtbot.wait(1000)
    viewer.add_image(film, name="other")
    form.run()
    finish(form)
    layer = viewer.layers["other indications"]
    assert (layer.contour, layer.opacity) == (3, 0.5)
    assert viewer.layers["other heatmap"].visible
