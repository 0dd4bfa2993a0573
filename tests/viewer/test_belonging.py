"""What was found on a film is shown on that film alone, known by its pixels and not by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.layers._layer_actions import _duplicate_layer

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.prediction.outputs import write_outputs, write_record
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.lazy import FilmStack, LazyFilm
from napari_weld_fcn.radiograph.output import write_png
from napari_weld_fcn.viewer import belonging as pixels
from napari_weld_fcn.viewer.belonging import earlier_output, film_of, films
from napari_weld_fcn.viewer.evaluate.inputs import HEATMAP, LABELLED
from napari_weld_fcn.viewer.layers import show_area, show_heatmap
from napari_weld_fcn.viewer.marks import show_indications
from napari_weld_fcn.viewer.preferences import PLUGIN

PLANE = np.arange(48, dtype=np.uint8).reshape(6, 8)
OTHER = PLANE.copy()
OTHER[3, 4] += 1


def outputs_of(viewer: Any, film: Image) -> list[Any]:
    area = show_area(viewer, film, [{"area": [1, 1, 5, 7], "excluded": 0.5}])
    heat = show_heatmap(viewer, film, PLANE.astype(np.float32), "turbo")
    return [area, heat, show_indications(viewer, film, PLANE // 40, {"label": np.arange(1, 2)})]


def test_another_film_of_the_same_name_and_size_gets_no_marks_that_were_left() -> None:
    viewer = ViewerModel()
    left = outputs_of(viewer, viewer.add_image(PLANE, name="weld"))
    viewer.layers.remove("weld")
    other = viewer.add_image(OTHER, name="weld")
    assert [film_of(viewer, layer) for layer in left] == [None] * 3
    assert not set(outputs_of(viewer, other)) & set(left)
    viewer.layers.remove(other)
    again = viewer.add_image(PLANE, name="weld")
    assert [film_of(viewer, layer) for layer in left] == [again] * 3
    assert outputs_of(viewer, again)[1:] == left[1:]  # the area is drawn anew
    assert [layer.name for layer in viewer.layers].count("weld film area") == 1


def lazy(plane: np.ndarray) -> LazyFilm:
    return LazyFilm(plane.shape, plane.dtype, lambda: plane)


WAYS = {
    "one plane": lambda plane: Image(plane),
    "a stack in memory": lambda plane: Image(np.stack([PLANE, plane, PLANE])),
    "colour": lambda plane: Image(np.stack([PLANE, plane, PLANE], axis=-1), rgb=True),
    "a pyramid": lambda plane: Image([plane, plane[::2, ::2]], multiscale=True),
    "a file": lambda plane: Image(lazy(plane), multiscale=False, rgb=False),
    "a series": lambda plane: Image(
        FilmStack([lazy(plane), lazy(PLANE), lazy(PLANE)]), multiscale=False, rgb=False
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_fingerprint_is_the_same_for_the_same_pixels_alone(way) -> None:
    other = PLANE.copy()
    other[::2, ::2] += 1
    one, same, another = (pixels.film_fingerprint(WAYS[way](plane)) for plane in (PLANE, PLANE.copy(), other))
    assert one == same != another


def test_fingerprint_of_a_large_film_is_of_a_sample_and_follows_new_pixels(monkeypatch) -> None:
    film = Image(np.zeros((90, 90), np.uint8))
    monkeypatch.setattr(pixels, "SAMPLE", 100)
    first = pixels.film_fingerprint(film)
    film.data = np.ones((90, 90), np.uint8)
    assert pixels.film_fingerprint(film) != first
    assert pixels._sampled(film.data, False).size <= 100


def test_original_goes_before_its_duplicate_wherever_that_lies() -> None:
    viewer = ViewerModel()
    film = viewer.add_image(PLANE, name="weld")
    original = outputs_of(viewer, film)[-1]
    viewer.layers.selection = {original}
    _duplicate_layer(viewer.layers)
    copy = viewer.layers["weld indications copy"]
    viewer.layers.move(viewer.layers.index(copy), 0)
    assert earlier_output(viewer, film, "indications", PLANE.shape) == original
    viewer.layers.remove(original)
    assert earlier_output(viewer, film, "indications", PLANE.shape) == copy


def test_hand_work_stays_with_its_film_when_another_of_that_name_is_run(viewer, form, finish, film) -> None:
    first = viewer.add_image(film, name="weld")
    form.run()
    finish(form)
    marked = viewer.layers["weld indications"]
    marked.data_setitem((np.array([90]), np.array([5])), 900)
    painted = marked.data.copy()
    viewer.layers.remove(first)
    viewer.add_image(film[::-1], name="weld")
    assert not marked.visible
    form.run()
    finish(form)
    np.testing.assert_array_equal(marked.data, painted)
    assert form.results.chosen.indications != marked
    assert not (form.results.chosen.indications.data == 900).any()


def test_marks_of_a_film_that_is_gone_are_offered_to_no_other_of_its_name(viewer, qtbot) -> None:
    first = viewer.add_image(PLANE, name="weld")
    _, heat, indications = outputs_of(viewer, first)
    viewer.layers.remove(first)
    other = viewer.add_image(OTHER, name="weld")
    _, evaluate = viewer.window.add_plugin_dock_widget(PLUGIN, "Evaluate")
    _, maps = viewer.window.add_plugin_dock_widget(PLUGIN, "Feature maps")
    maps.inputs.indications.value = indications
    with pytest.raises(SettingsError, match="belong to a film that is not open, not to weld"):
        maps.inputs.labels()
    for title, layer in ((HEATMAP.title, heat), (LABELLED.title, indications)):
        assert evaluate.inputs.films.partner(other, title) is None
        viewer.layers.remove(other)
        again = viewer.add_image(PLANE, name="weld")
        assert evaluate.inputs.films.partner(again, title) == layer
        viewer.layers.remove(again)
        other = viewer.add_image(OTHER, name="weld")


def saved(film: np.ndarray, model: Any, folder: Path, name: str = "weld") -> Path:
    """Results of a film in `folder`, as the command writes them."""
    (folder / "results").mkdir(parents=True)
    write_png(folder / f"{name}.png", film)
    radiograph = read(folder / f"{name}.png")
    prediction = predict(radiograph, model, PredictionSettings(min_size=2))
    write_outputs(folder / "results", radiograph, prediction)
    write_record(folder / "results", [prediction])
    return folder / "results"


def test_saved_labels_belong_to_the_film_with_their_pixels(viewer, film, tiny, tmp_path, qtbot) -> None:
    folder = saved(film, tiny, tmp_path)
    other = viewer.add_image(film[::-1], name="weld")
    (labels,) = viewer.open(folder / "weld_labels.tif", plugin=PLUGIN)
    qtbot.wait(50)
    assert film_of(viewer, labels) is None
    viewer.layers.remove(other)
    same = viewer.add_image(np.stack([film] * 3, axis=-1), name="weld", rgb=True)  # its luminance is the film
    assert film_of(viewer, labels) == same


def test_results_that_are_dropped_twice_have_a_film_each(viewer, film, tiny, tmp_path, qtbot) -> None:
    folder = saved(film, tiny, tmp_path)
    for _ in range(2):
        viewer.open(folder, plugin=PLUGIN)
        qtbot.wait(50)
    second, first = films(viewer)
    for shown, number in ((first, ""), (second, " [1]")):
        for output in ("heatmap", "indications"):
            assert film_of(viewer, viewer.layers[f"weld {output}{number}"]) == shown


@pytest.mark.parametrize("count", [2, 5])
def test_results_of_a_series_find_their_film_again(
    viewer, form, finish, film, tmp_path, qtbot, messages, count
) -> None:
    series, out = tmp_path / "Welds" / "W0003", tmp_path / "out"
    series.mkdir(parents=True)
    out.mkdir()
    for number in range(count):
        write_png(series / f"W0003_{number + 1:04d}.png", np.roll(film, number, axis=1))
    viewer.open(series, plugin=PLUGIN)
    form.inputs.image.value = shown = films(viewer)[-1]
    form.run()
    finish(form)
    name, data = shown.name, np.asarray(shown.data)
    for _ in range(2):  # saved again from results that were opened
        form.results.save(str(out))
        qtbot.waitUntil(lambda: form.results.saving is None)
        viewer.layers.clear()
        viewer.open(out, plugin=PLUGIN)
        qtbot.wait(50)
        (again,) = films(viewer)
        assert again.name == name
        np.testing.assert_array_equal(np.asarray(again.data), data)
        form.run()
        finish(form)
    assert not [text for text in messages if "results are shown alone" in text]
