"""Whatever goes wrong ends in a sentence in napari and in a form that works again."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import TileDone
from napari_weld_fcn.viewer.predict import widget as module


def slow(*_: Any, job: Any, **__: Any) -> None:
    """A prediction that ends only when it is stopped."""
    for done in range(1000):
        if job.should_stop():
            raise Stopped
        job.tell(TileDone(done + 1, 1000, 10.0))
        time.sleep(0.01)
    raise AssertionError("it was never stopped")


def works(form: Any, finish: Any, viewer: Any, name: str) -> bool:
    """Run once more; whether the layers come."""
    form.run()
    finish(form)
    return f"{name} indications" in viewer.layers


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (RuntimeError("shapes cannot be\nmultiplied"), "shapes cannot be multiplied"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_failing_network_is_told_and_the_form_works_again(
    viewer, form, finish, film, messages, monkeypatch, error, part
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise error

    viewer.add_image(film, name="weld")
    with monkeypatch.context() as patch:
        patch.setattr(module, "predict", failing)
        form.run()
        finish(form)
    assert part in messages[-1] and messages[-1].startswith("weld")
    assert part in form.jobs.status.text()
    assert works(form, finish, viewer, "weld")


def test_no_layer_is_told(form, messages) -> None:
    form.run()
    assert messages[-1] == module.NO_FILM
    assert form.job is None


def test_no_model_is_told(viewer, form, film, messages, one_model) -> None:
    viewer.add_image(film)
    for path in one_model.iterdir():
        path.unlink()
    form.reset_choices()
    assert not form.inputs.entries
    assert form.jobs.status.text() == module.NO_MODEL
    form.run()
    assert messages[-1] == module.NO_MODEL


def test_damaged_model_is_told_when_it_is_chosen(viewer, form, film, messages, one_model) -> None:
    (one_model / "broken.safetensors").write_bytes(b"\x80\x04not a model")
    viewer.add_image(film)
    form.reset_choices()
    form.inputs.model.value = "broken"
    assert "broken" in form.jobs.status.text()
    form.run()
    assert messages[-1] == form.jobs.status.text()


def test_volume_of_four_dimensions_is_refused(viewer, form, finish, film, messages) -> None:
    viewer.add_image(np.stack([np.stack([film, film])] * 2), name="volume")
    form.run()
    finish(form)
    assert "4 dimensions" in messages[-1]


def test_minimum_size_in_mm_without_pixel_size_is_refused(viewer, form, finish, film, messages) -> None:
    viewer.add_image(film, name="weld")
    form.inputs.form.widgets["min_size_unit"].value = "mm"
    form.run()
    finish(form)
    assert "pixel size is not known" in messages[-1]


def test_empty_shapes_layer_is_refused(viewer, form, film, messages) -> None:
    viewer.add_image(film)
    form.inputs.region.value = viewer.add_shapes(name="nothing drawn", ndim=2)
    form.run()
    assert "no rectangle" in messages[-1]
    assert form.job is None


def test_stop_ends_the_job_and_those_that_wait(viewer, form, finish, film, qtbot, monkeypatch) -> None:
    viewer.add_image(film, name="one")
    viewer.add_image(film, name="two")
    with monkeypatch.context() as patch:
        patch.setattr(module, "predict", slow)
        form.run_all()
        assert not form.jobs.starts["Run"].isEnabled()
        qtbot.waitUntil(lambda: "tile" in form.jobs.status.text() and "10 s left" in form.jobs.status.text())
        form.jobs.stop.click()
        finish(form)
    assert "stopped" in form.jobs.status.text()
    assert len(viewer.layers) == 2
    assert works(form, finish, viewer, "two")


def test_layer_deleted_while_it_runs_is_told(
    viewer, form, finish, film, qtbot, messages, monkeypatch
) -> None:
    viewer.add_image(film, name="weld")
    with monkeypatch.context() as patch:
        patch.setattr(module, "predict", slow)
        form.run()
        qtbot.waitUntil(lambda: "tile" in form.jobs.status.text())
        viewer.layers.remove("weld")
        finish(form)
    assert "weld was removed" in messages[-1]
    viewer.add_image(film, name="again")
    assert works(form, finish, viewer, "again")


def test_deleted_outputs_are_made_anew(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld")
    assert works(form, finish, viewer, "weld")
    viewer.layers.remove("weld indications")
    form.inputs.threshold.value = 0.9
    assert not form.results.panel.save.isEnabled()
    viewer.layers.remove("weld heatmap")
    assert works(form, finish, viewer, "weld")


def test_one_failing_film_does_not_keep_the_others(viewer, form, finish, film, messages) -> None:
    viewer.add_image(film, name="good")
    viewer.add_image(np.full((64, 64), np.nan, np.float32), name="bad", contrast_limits=(0, 1))
    form.run_all()
    finish(form)
    assert any("bad" in message for message in messages)
    assert "good indications" in viewer.layers
    assert "bad indications" not in viewer.layers


def test_closed_dock_stops_its_job(viewer, form, film, qtbot, monkeypatch) -> None:
    stopped = threading.Event()

    def watched(*args: Any, **kwargs: Any) -> None:
        try:
            slow(*args, **kwargs)
        finally:
            stopped.set()

    monkeypatch.setattr(module, "predict", watched)
    viewer.add_image(film)
    form.run()
    qtbot.waitUntil(lambda: "tile" in form.jobs.status.text())
    viewer.window.remove_dock_widget(form)
    qtbot.waitUntil(stopped.is_set)
    qtbot.waitUntil(lambda: form.job is None)


def test_closed_window_stops_its_job_and_another_viewer_works(
    make_napari_viewer, film, qtbot, finish, monkeypatch
) -> None:
    stopped = threading.Event()

    def watched(*args: Any, **kwargs: Any) -> None:
        try:
            slow(*args, **kwargs)
        finally:
            stopped.set()

    first, second = make_napari_viewer(), make_napari_viewer()
    _, form = first.window.add_plugin_dock_widget("napari-weld-fcn", "Predict")
    _, other = second.window.add_plugin_dock_widget("napari-weld-fcn", "Predict")
    first.add_image(film, name="weld")
    second.add_image(film, name="weld")
    with monkeypatch.context() as patch:
        patch.setattr(module, "predict", watched)
        form.run()
        qtbot.waitUntil(lambda: "tile" in form.jobs.status.text())
        first.close()
        qtbot.waitUntil(stopped.is_set, timeout=60_000)
    qtbot.wait(200)
    other.inputs.model.value = "tiny"
    assert works(other, finish, second, "weld")


def test_two_forms_of_one_viewer_share_the_layers(viewer, form, finish, film) -> None:
    viewer.add_image(film, name="weld")
    second = module.PredictWidget(viewer)
    viewer.window.add_dock_widget(second, name="second")
    second.inputs.model.value = "tiny"
    assert works(form, finish, viewer, "weld")
    assert works(second, finish, viewer, "weld")
    assert len(viewer.layers) == 3


def test_save_writes_the_files_of_the_command(viewer, form, finish, film, tmp_path, qtbot, messages) -> None:
    viewer.add_image(film, name="my/weld")
    form.run()
    finish(form)
    form.results.save(str(tmp_path))
    qtbot.waitUntil(lambda: form.results.saving is None, timeout=60_000)
    endings = ("heatmap.tif", "labels.tif", "indications.csv", "overlay.png")
    assert {path.name for path in tmp_path.iterdir()} - {"config"} == {
        "record.json",
        *(f"my_weld_{ending}" for ending in endings),
    }
    form.results.save(str(tmp_path / "missing"))
    qtbot.waitUntil(lambda: form.results.saving is None, timeout=60_000)
    assert "missing" in messages[-1]


def test_layers_that_cannot_be_made_are_told(viewer, form, finish, film, messages, monkeypatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise MemoryError

    viewer.add_image(film, name="weld")
    with monkeypatch.context() as patch:
        patch.setattr("napari_weld_fcn.viewer.predict.session.show_heatmap", failing)
        form.run()
        finish(form)
    assert "weld: There is not enough memory" in messages[-1]
    assert form.jobs.starts["Run"].isEnabled()
    assert works(form, finish, viewer, "weld")
