"""The Feature maps form as a person uses it: stages, maps, what drew an indication, and what goes wrong."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_weld_fcn.evaluation.feature_maps import feature_maps, stages_of
from napari_weld_fcn.evaluation.grad_cam import grad_cam
from napari_weld_fcn.evaluation.settings import FeatureSettings
from napari_weld_fcn.events import TileDone
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.radiograph import Box
from napari_weld_fcn.viewer.features import widget as module
from napari_weld_fcn.viewer.features.inputs import NO_FILM, NO_INDICATIONS, NO_MODEL, NO_STAGE
from napari_weld_fcn.viewer.features.widget import FeaturesWidget
from napari_weld_fcn.viewer.layers import show_agreement
from napari_weld_fcn.viewer.marks import show_indications


@pytest.fixture
def looking(viewer: Any, qtbot: Any) -> FeaturesWidget:
    """The form as the menu opens it, with the small model and its stages listed."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Feature maps")
    widget.inputs.model.value = "tiny"
    qtbot.waitUntil(lambda: widget.inputs.stages.count() > 0, timeout=60_000)
    return widget


@pytest.fixture
def press(looking: FeaturesWidget, finish: Any) -> Any:
    """Press a button and wait."""

    def run(text: str = "Run") -> None:
        looking.jobs.starts[text].click()
        finish(looking)

    return run


def listed(form: FeaturesWidget) -> list[str]:
    return [form.inputs.stages.item(row).text() for row in range(form.inputs.stages.count())]


def indications(viewer: Any, film: np.ndarray, tiny: Any, number: int = 1) -> Any:
    layer = viewer.add_labels(predict(film, tiny).labels, name="weld indications")
    layer.selected_label = number
    return layer


def test_stages_are_those_of_the_network_and_their_maps_those_of_the_python_call(
    viewer, looking, press, film, tiny
) -> None:
    layer = viewer.add_image(
        film, name="weld", scale=(0.05, 0.05), translate=(3, -2), units=("mm", "mm"), axis_labels=("r", "c")
    )
    assert listed(looking) == list(stages_of(tiny.network))
    press()
    expected = feature_maps(film, tiny)
    assert [other.name for other in viewer.layers if other != layer] == [f"weld {name}" for name in expected]
    for stage, values in expected.items():
        shown = viewer.layers[f"weld {stage}"]
        np.testing.assert_array_equal(shown.data, values)
        np.testing.assert_allclose(shown.extent.world, layer.extent.world)
        assert shown.units == layer.units and shown.axis_labels == layer.axis_labels
    assert [shown.visible for shown in viewer.layers][1:] == [True] + [False] * (len(expected) - 1)
    assert f"{len(expected)} stages" in looking.jobs.status.text()


@pytest.mark.parametrize("show", ["mean", "strongest", "channel"])
def test_chosen_stages_and_channel_are_shown_and_a_second_run_updates_them(
    viewer, looking, press, film, tiny, show
) -> None:
    viewer.add_image(film, name="weld")
    looking.inputs.form.widgets["show"].value = show
    looking.inputs.form.widgets["channel"].value = 2
    assert looking.inputs.form.widgets["channel"].enabled == (show == "channel")
    looking.inputs.tick(["encoder.0.1", "coarse.2"])
    press()
    first = viewer.layers["weld coarse.2"]
    press()
    assert len(viewer.layers) == 3 and viewer.layers["weld coarse.2"] == first
    expected = feature_maps(film, tiny, FeatureSettings(show=show, channel=2, stage="encoder.0.1,coarse.2"))
    np.testing.assert_array_equal(first.data, expected["coarse.2"])


def test_maps_stay_inside_a_rectangle(viewer, looking, press, film, tiny) -> None:
    viewer.add_image(film, name="weld", scale=(2, 2))
    shapes = viewer.add_shapes([[[20, 40], [20, 100], [60, 100], [60, 40]]], name="here")
    looking.inputs.region.value = shapes
    press()
    expected = feature_maps(film, tiny, region=Box(10, 20, 31, 51))
    np.testing.assert_array_equal(viewer.layers["weld encoder.0.0"].data, expected["encoder.0.0"])


def test_plane_that_is_shown_of_a_stack_is_looked_at(viewer, looking, press, film, tiny) -> None:
    layer = viewer.add_image(np.stack([film, film[::-1], film]), name="stack", scale=(1, 0.5, 0.5))
    viewer.dims.set_point(0, 1)
    looking.inputs.tick(["coarse.0"])
    press()
    shown = viewer.layers["stack 1 coarse.0"]
    np.testing.assert_array_equal(shown.data, feature_maps(film[::-1], tiny)["coarse.0"])
    np.testing.assert_allclose(shown.extent.world, layer.extent.world[:, 1:])


def test_what_drew_the_selected_indication_is_that_of_the_python_call(
    viewer, looking, press, film, tiny
) -> None:
    viewer.add_image(film, name="weld")
    labels = indications(viewer, film, tiny, 2)
    viewer.layers.selection.active = labels
    press("What drew this")
    expected = grad_cam(film, labels.data == 2, tiny)
    for stage, values in expected.items():
        np.testing.assert_allclose(viewer.layers[f"weld {stage} drew"].data, values, atol=1e-6)
    assert f"what drew indication 2 in {len(expected)} stages" in looking.jobs.status.text()
    assert viewer.layers.selection.active == labels


def test_click_on_an_indication_selects_it_and_a_drag_does_not(make_napari_viewer, film, qtbot) -> None:
    viewer = make_napari_viewer(show=True)
    _, form = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Feature maps")
    viewer.add_image(film, name="weld")
    marked = np.zeros(film.shape, np.uint8)
    marked[40:44, 60:70] = 7
    labels = viewer.add_labels(marked.copy(), name="weld indications")
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.waitUntil(lambda: form.inputs.stages.count() > 0 and canvas.width() > 100, timeout=60_000)
    middle = canvas.rect().center()

    def go_there() -> None:
        viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 41.5, 64.5), 10
        qtbot.wait(200)

    go_there()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(canvas, middle + QPoint(8, 2))
    qtbot.wait(50)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(8, 2))
    assert labels.selected_label == 1
    go_there()
    labels.mode = "erase"
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert labels.selected_label == 1
    labels.mode = "pan_zoom"
    labels.data = marked
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert labels.selected_label == 7


def test_no_film_no_stage_and_no_indication_are_told(viewer, looking, press, film, tiny, messages) -> None:
    press()
    assert messages[-1] == NO_FILM
    viewer.add_image(film, name="weld")
    looking.inputs.tick([])
    press()
    assert messages[-1] == NO_STAGE
    looking.inputs.tick(listed(looking))
    press("What drew this")
    assert messages[-1] == NO_INDICATIONS
    labels = indications(viewer, film, tiny, 0)
    press("What drew this")
    assert "no indication is selected" in messages[-1]
    labels.selected_label = 999
    press("What drew this")
    assert "no indication is selected" in messages[-1]
    looking.inputs.indications.value = viewer.add_labels(np.ones((5, 5), np.uint8), name="small")
    press("What drew this")
    assert "small has 5 x 5 pixels, but weld has 96 x 160" in messages[-1]
    press()
    assert "weld encoder.0.0" in viewer.layers


def test_no_model_and_a_damaged_one_are_told(
    viewer, looking, press, film, messages, one_model, qtbot
) -> None:
    viewer.add_image(film, name="weld")
    (one_model / "broken.safetensors").write_bytes(b"\x80\x04not a model")
    looking.reset_choices()
    looking.inputs.model.value = "broken"
    qtbot.waitUntil(lambda: "broken" in looking.jobs.status.text(), timeout=60_000)
    assert not listed(looking)
    press()
    assert "broken" in messages[-1]
    for path in one_model.iterdir():
        path.unlink()
    looking.reset_choices()
    press()
    assert messages[-1] == NO_MODEL


def test_channel_that_is_not_there_is_told(viewer, looking, press, film, messages) -> None:
    viewer.add_image(film, name="weld")
    looking.inputs.form.widgets["show"].value = "channel"
    looking.inputs.form.widgets["channel"].value = 99
    press()
    assert messages[-1] == "weld: Channel 99: stage encoder.0.0 has 4 channels, 0 to 3."


def slow(*arguments: Any) -> None:
    """Maps that end only when they are stopped."""
    job = arguments[-1]
    for done in range(1000):
        job.check()
        job.tell(TileDone(done + 1, 1000))
        time.sleep(0.01)


def test_stop_and_a_deleted_film_end_it_and_the_form_works_again(
    viewer, looking, press, finish, film, messages, qtbot, monkeypatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "feature_maps_of", slow)
        for name in ("one", "two"):
            viewer.add_image(film, name=name)
            looking.inputs.image.value = viewer.layers[name]
            looking.jobs.starts["Run"].click()
            qtbot.waitUntil(lambda: "tile" in looking.jobs.status.text(), timeout=60_000)
            if name == "one":
                looking.jobs.stop.click()
            else:
                viewer.layers.remove("two")
            finish(looking)
    assert "two was removed" in messages[-1]
    press()
    assert "one encoder.0.0" in viewer.layers and "two encoder.0.0" not in viewer.layers


def test_form_remembers_its_fields_and_its_stages(viewer, looking, press, film, qtbot) -> None:
    viewer.add_image(film, name="weld")
    looking.inputs.form.widgets["show"].value = "strongest"
    looking.inputs.tick(["encoder.1.0", "merge.0"])
    press()
    fresh = FeaturesWidget(viewer)
    viewer.window.add_dock_widget(fresh, name="again")
    fresh.inputs.model.value = "tiny"
    qtbot.waitUntil(lambda: fresh.inputs.stages.count() > 0, timeout=60_000)
    assert fresh.inputs.settings() == FeatureSettings(show="strongest", stage="encoder.1.0, merge.0")


def test_closed_dock_hears_no_more_clicks(viewer, looking, qtbot) -> None:
    heard = viewer.mouse_drag_callbacks
    assert looking._on_click in heard
    before, gone = len(heard), []
    looking.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget(looking)
    assert len(heard) == before - 1
    qtbot.waitUntil(lambda: bool(gone))


def test_chosen_indication_is_explained_though_an_agreement_came_first(
    viewer, looking, press, film, tiny
) -> None:
    layer = viewer.add_image(film, name="weld")
    found = predict(film, tiny)
    show_agreement(viewer, layer, (found.labels > 0).astype(np.uint8))
    labels = show_indications(viewer, layer, found.labels, found.table)
    viewer.layers.selection.active = labels
    labels.selected_label = 2
    press("What drew this")
    assert "what drew indication 2 in" in looking.jobs.status.text()
    expected = grad_cam(film, found.labels == 2, tiny)
    for stage, values in expected.items():
        np.testing.assert_allclose(viewer.layers[f"weld {stage} drew"].data, values, atol=1e-6)


def test_indications_and_their_film_are_chosen_together(viewer, looking, press, film, tiny, messages) -> None:
    found = predict(film, tiny)
    films = [viewer.add_image(film[::step], name=name) for name, step in (("one", 1), ("two", -1))]
    marks = [
        show_indications(viewer, film, found.labels[::step], found.table)
        for film, step in zip(films, (1, -1), strict=True)
    ]
    for number in (0, 1):
        viewer.layers.selection.active = marks[number]
        assert (looking.inputs.image.value, looking.inputs.indications.value) == (
            films[number],
            marks[number],
        )
    looking.inputs.image.value = films[0]
    assert looking.inputs.indications.value == marks[0]
    looking.inputs.indications.value = marks[1]
    press("What drew this")
    assert messages[-1].startswith("two indications belong to two, not to one")
