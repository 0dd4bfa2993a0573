"""The Train form as a person uses it: two labelled layers, its buttons, a model that Predict has at once."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtWidgets import QDockWidget, QMessageBox

from napari_weld_fcn.dataset.pair import FLAW, Pair
from napari_weld_fcn.dataset.store import read_dataset, write_dataset
from napari_weld_fcn.events import Message, StepDone
from napari_weld_fcn.network import library
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import to_luminance
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.training.settings import TrainSettings
from napari_weld_fcn.viewer.predict.widget import PredictWidget
from napari_weld_fcn.viewer.train.run import Begun, FilmOfRun
from napari_weld_fcn.viewer.train.widget import GO_ON, STOP, TrainWidget

#: As the fixture `train` is set.
EPOCHS = 2


def with_flaws(film: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The film with dark squares put in, and their mask."""
    pixels, mask = film.copy(), np.zeros(film.shape, np.uint8)
    for row, column in np.random.default_rng(seed).integers(8, (80, 144), (6, 2)):
        mask[row : row + 7, column : column + 7] = 1
    pixels[mask > 0] //= 2
    return pixels, mask


def add_films(viewer: Any, film: np.ndarray, count: int = 2) -> None:
    for number in range(count):
        pixels, mask = with_flaws(film, number)
        viewer.add_image(pixels, name=f"weld {number}")
        viewer.add_labels(mask, name=f"weld {number} mask")


def add_rows(train: TrainWidget, count: int = 2) -> None:
    while len(train.inputs.films.rows) < count:
        train.inputs.films.more.click()


def at_work(train: TrainWidget, qtbot: Any, epochs: int = 1) -> None:
    """Wait until so many epochs are drawn."""
    qtbot.waitUntil(lambda: len(train.progress.curves.traces["F1"].x) >= epochs, timeout=60_000)


def settled(train: TrainWidget, qtbot: Any) -> None:
    """Wait until the form says what is labelled."""
    train.following.soon()
    qtbot.wait(400)
    qtbot.waitUntil(lambda: train.following.settled, timeout=60_000)


def press(train: TrainWidget, text: str) -> None:
    buttons = {**train.jobs.starts, **train.jobs.meanwhile, "Stop": train.jobs.stop}
    assert buttons[text].isEnabled()
    buttons[text].click()


def test_two_labelled_layers_become_a_model_that_predict_marks_with(
    viewer, train, form, finish, film, qtbot, runs
) -> None:
    add_films(viewer, film)
    add_rows(train)
    train.inputs.name.value = "my pores"
    press(train, "Train")
    finish(train)
    assert "Trained: F1" in train.jobs.status.text() and "my pores" in train.jobs.status.text()
    assert "my pores" in form.inputs.model.choices
    train.predict.click()
    finish(form)
    expected = predict(viewer.layers["weld 0"].data, "my pores", PredictionSettings(min_size=2))
    np.testing.assert_array_equal(viewer.layers["weld 0 heatmap"].data, expected.probability)
    assert Model.load("my pores").card.name == "my pores"
    assert len(RunFolder(runs / "my pores").history()) == EPOCHS


@pytest.mark.parametrize("hidden", [False, True])
def test_predict_with_it_opens_predict_as_a_tab_beside(viewer, train, finish, film, hidden) -> None:
    if hidden:
        viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Predict", tabify=True)[0].hide()
    add_films(viewer, film)
    add_rows(train)
    train.inputs.form.widgets["epochs"].value = 1
    press(train, "Train")
    finish(train)
    train.predict.click()
    docks = {dock.windowTitle(): dock for dock in train.window().findChildren(QDockWidget)}
    own = next(dock for dock in docks.values() if dock.isAncestorOf(train))
    opened = next(dock for title, dock in docks.items() if title.startswith("Predict"))
    assert opened in train.window().tabifiedDockWidgets(own) and not opened.isHidden()
    finish(next(iter(opened.findChildren(PredictWidget))))


def test_curves_and_the_prediction_of_the_film_that_validates_follow_the_epochs(
    viewer, train, finish, film, qtbot
) -> None:
    add_films(viewer, film)
    add_rows(train)
    train.inputs.films.rows[1].validates.setChecked(True)
    press(train, "Train")
    at_work(train, qtbot)
    finish(train)
    assert train.progress.curves.traces["F1"].x == [8, 16]
    assert len(train.progress.curves.traces["loss"].x) > 2
    shown = viewer.layers["weld 1 in training"]
    assert shown.data.shape == film.shape and "weld 0 in training" not in viewer.layers
    np.testing.assert_allclose(shown.extent.world, viewer.layers["weld 1"].extent.world)


def test_pause_holds_resume_goes_on_and_stop_keeps_the_best(viewer, train, finish, film, qtbot) -> None:
    train.inputs.form.widgets["epochs"].value = 500
    add_films(viewer, film)
    add_rows(train)
    press(train, "Train")
    at_work(train, qtbot)
    press(train, "Pause")
    qtbot.wait(500)
    held = train.progress.curves.traces["loss"].x[-1]
    qtbot.wait(700)
    assert train.progress.curves.traces["loss"].x[-1] == held and "Paused" in train.jobs.status.text()
    assert train.jobs.meanwhile["Pause"].text() == "Resume"
    press(train, "Pause")
    qtbot.waitUntil(lambda: train.progress.curves.traces["loss"].x[-1] > held + 8, timeout=60_000)
    press(train, "Stop")
    finish(train)
    assert "Stopped: F1" in train.jobs.status.text()
    assert train.trained.name in library.own()
    assert train.jobs.meanwhile["Pause"].text() == "Pause"


def test_a_run_that_was_stopped_is_resumed_and_its_model_replaced(viewer, train, finish, film, qtbot) -> None:
    add_films(viewer, film)
    add_rows(train)
    train.inputs.form.widgets["epochs"].value = 6
    press(train, "Train")
    at_work(train, qtbot)
    press(train, "Pause")
    press(train, "Stop")
    finish(train)
    stopped, run = train.trained, train.trained.result.run
    assert stopped.result.stopped
    viewer.layers.clear()
    train.resume(run)
    finish(train)
    assert not train.trained.result.stopped and train.trained.name == stopped.name
    assert set(library.own()) == {stopped.name, "tiny"}
    assert train.progress.curves.traces["F1"].x == [8, 16, 24, 32, 40, 48]
    assert Model.load(stopped.name).sha256 == Model.load(run / "best.safetensors").sha256


@pytest.mark.parametrize("present", [True, False], ids=["open", "closed"])
def test_a_resumed_run_shows_what_it_predicts_over_the_film(
    viewer, train, finish, film, qtbot, present
) -> None:
    add_films(viewer, film)
    add_rows(train)
    train.inputs.films.rows[1].validates.setChecked(True)
    train.inputs.form.widgets["epochs"].value = 3
    press(train, "Train")
    at_work(train, qtbot)
    press(train, "Pause")
    press(train, "Stop")
    finish(train)
    layers = [viewer.layers[name] for name in ("weld 1", "weld 1 mask")]
    expected = layers[0].data
    viewer.layers.clear()
    if present:
        viewer.layers.extend(layers)
    else:
        viewer.add_image(film[:50], name="weld 1")  # another film of this name
    train.resume(train.trained.result.run)
    assert train.summary.isHidden()  # it is about the form
    finish(train)
    assert "weld 1 validates" in train.progress.notes.text()
    assert "Trained" in train.jobs.status.text()
    name = "weld 1" if present else "weld 1 [1]"  # as napari calls a second one
    np.testing.assert_array_equal(viewer.layers[name].data, expected)
    shown = viewer.layers[f"{name} in training"]
    assert shown.data.shape == film.shape and shown.data.any()
    assert len(viewer.layers) == 3


def test_stop_at_once_leaves_a_form_that_works(viewer, train, finish, film) -> None:
    add_films(viewer, film)
    add_rows(train)
    press(train, "Train")
    press(train, "Stop")
    finish(train)
    assert "topped" in train.jobs.status.text()
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text()


def test_a_run_is_called_as_its_model_also_after_that_name_was_wiped_out(train, runs) -> None:
    for name in ("first", "", "second"):
        train.inputs.name.value = name
        assert str(train.inputs.run.value) == str(runs / name)
    elsewhere = runs.parent / "elsewhere"
    train.inputs.run.value = elsewhere
    train.inputs.name.value = "third"
    assert str(train.inputs.run.value) == str(elsewhere)


def test_failing_step_is_told_and_the_form_works_again(
    viewer, train, finish, film, messages, monkeypatch
) -> None:
    add_films(viewer, film)
    add_rows(train)

    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    with monkeypatch.context() as patch:
        patch.setattr("napari_weld_fcn.training.step.Stepper._over_parts", failing)
        press(train, "Train")
        finish(train)
    assert "shapes cannot be multiplied" in messages[-1]
    assert "shapes cannot be multiplied" in train.jobs.status.text()
    train.inputs.name.value = "again"
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text()


def test_a_run_folder_that_cannot_be_written_is_told(viewer, train, finish, film, tmp_path) -> None:
    add_films(viewer, film)
    add_rows(train)
    (tmp_path / "a file").write_text("no folder")
    train.inputs.run.value = tmp_path / "a file" / "run"
    press(train, "Train")
    finish(train)
    assert "a file" in train.jobs.status.text() and "cannot be made" in train.jobs.status.text()
    train.inputs.run.value = tmp_path / "run"
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the size of a file like this")
def test_a_full_disk_is_told_and_the_run_can_be_resumed(
    viewer, train, finish, film, messages, one_model
) -> None:
    import resource

    add_films(viewer, film)
    add_rows(train)
    run = train.inputs.run_folder()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = 2 * (one_model / "tiny.safetensors").stat().st_size  # for a model, but not for the fit's state
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        press(train, "Train")
        finish(train)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "cannot be written" in messages[-1] and "cannot be written" in train.jobs.status.text()
    assert train.trained is None and train.jobs.starts["Train"].isEnabled()
    train.resume(run)
    finish(train)
    assert "Trained" in train.jobs.status.text()


def test_layers_edited_and_deleted_while_it_trains_change_nothing(viewer, train, finish, film, qtbot) -> None:
    add_films(viewer, film)
    add_rows(train)
    before = [viewer.layers[f"weld {n} mask"].data.copy() for n in range(2)]
    press(train, "Train")
    viewer.layers["weld 0 mask"].data[:] = 5
    viewer.layers["weld 0 mask"].refresh()
    at_work(train, qtbot)
    viewer.layers.remove("weld 1")
    viewer.layers.remove("weld 1 mask")
    finish(train)
    assert "Trained" in train.jobs.status.text()
    pairs = {pair.film: pair for pair in read_dataset(RunFolder(train.trained.result.run).data)}
    for number, mask in enumerate(before):
        np.testing.assert_array_equal(pairs[f"weld {number}"].mask > 0, mask > 0)


def test_deleted_watch_layer_does_not_come_again(viewer, train, finish, film, qtbot) -> None:
    train.inputs.form.widgets["epochs"].value = 5
    add_films(viewer, film)
    add_rows(train)
    train.inputs.films.rows[1].validates.setChecked(True)
    press(train, "Train")
    qtbot.waitUntil(lambda: "weld 1 in training" in viewer.layers, timeout=60_000)
    viewer.layers.remove("weld 1 in training")
    finish(train)
    assert "weld 1 in training" not in viewer.layers


def test_without_watching_no_layer_is_made(viewer, train, finish, film) -> None:
    train.inputs.watch.value = False
    add_films(viewer, film)
    add_rows(train)
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text() and len(viewer.layers) == 4


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda viewer: viewer.layers.remove("weld 0 mask"), "has no labels"),
        (lambda viewer: viewer.layers["weld 0 mask"].data.fill(0), "No flaw is labelled"),
        (lambda viewer: viewer.layers["weld 0 mask"].data.fill(1), "No background is labelled"),
    ],
)
def test_what_hinders_is_said_before_and_refused(viewer, train, finish, film, qtbot, spoil, part) -> None:
    add_films(viewer, film, count=1)
    spoil(viewer)
    settled(train, qtbot)
    said = train.summary.text() + train.inputs.films.rows[0].said.text()
    assert part in said
    press(train, "Train")
    finish(train)
    assert part in train.jobs.status.text()
    assert not train.inputs.run_folder().exists()


def test_labels_of_another_size_or_place_are_refused_in_words(viewer, train, finish, film, qtbot) -> None:
    pixels, mask = with_flaws(film, 0)
    viewer.add_image(pixels, name="weld")
    row = train.inputs.films.rows[0]
    row.labels.value = viewer.add_labels(mask[:-1], name="short")
    settled(train, qtbot)
    assert "95 x 160" in row.said.text() and "96 x 160" in row.said.text()
    row.labels.value = viewer.add_labels(mask, name="moved", scale=(2, 2))
    settled(train, qtbot)
    assert "lies elsewhere" in row.said.text()
    press(train, "Train")
    assert train.job is None and "lies elsewhere" in train.jobs.status.text()


def test_no_film_at_all_is_refused(train, messages) -> None:
    press(train, "Train")
    assert train.job is None and "no film" in messages[-1]


def test_counts_follow_the_brush(viewer, train, film, qtbot) -> None:
    add_films(viewer, film, count=1)
    settled(train, qtbot)
    row = train.inputs.films.rows[0]
    before = row.said.text()
    flaw = int(viewer.layers["weld 0 mask"].data.sum())
    assert before.startswith(f"{flaw} px of flaw")
    viewer.layers["weld 0 mask"].paint((90, 5), 1)
    qtbot.waitUntil(lambda: row.said.text() != before, timeout=60_000)
    assert row.said.text().startswith(f"{int(viewer.layers['weld 0 mask'].data.sum())} px of flaw")


def test_sparse_scribbles_train(viewer, train, finish, film, qtbot) -> None:
    for number in range(2):
        pixels, mask = with_flaws(film, number)
        viewer.add_image(pixels, name=f"weld {number}")
        scribbles = np.where(mask, 2, 0).astype(np.uint8)
        scribbles[20:80, :] = np.where(mask[20:80], 2, 1)
        viewer.add_labels(scribbles, name=f"weld {number} labels")
    add_rows(train)
    train.inputs.convention.value = "sparse"
    train.inputs.form.widgets["epochs"].value = 5
    assert "0 is not labelled" in train.inputs.meaning.text()
    settled(train, qtbot)
    background = f"{int((scribbles == 1).sum()):,}".replace(",", "\u202f")
    assert f"{background} px of background" in train.inputs.films.rows[1].said.text()
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text()


def test_one_film_is_cut_in_two_and_it_is_said(viewer, train, finish, film, qtbot) -> None:
    add_films(viewer, film, count=1)
    settled(train, qtbot)
    assert "cut in two" in train.summary.text()
    assert "In the end all labels are learned" in train.summary.text()
    train.inputs.form.widgets["epochs"].value = 8
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text()
    assert train.trained.result.all_labels is not None
    assert train.trained.result.what_followed in train.jobs.status.text()
    assert str(train.trained.result.all_labels) in train.progress.notes.text()


def test_how_the_time_is_shared_is_said_before_it_starts(viewer, train, film, qtbot) -> None:
    add_films(viewer, film, count=1)
    train.inputs.form.widgets["minutes"].value = 4.0
    settled(train, qtbot)
    assert "Of 4 minutes the first 2 are for a part of the film" in train.summary.text()
    train.inputs.start_from.value = "nothing"
    settled(train, qtbot)
    assert "Of 4 minutes the first 2.67 are for a part of the film" in train.summary.text()
    train.inputs.form.widgets["refit_on_all"].value = False
    settled(train, qtbot)
    assert "cut in two" in train.summary.text() and "Of 4 minutes" not in train.summary.text()


def test_a_mask_that_was_opened_as_an_image_is_taken_as_labels(viewer, train, film) -> None:
    pixels, mask = with_flaws(film, 0)
    weld = viewer.add_image(pixels, name="weld", scale=(0.04, 0.04), units=("mm", "mm"))
    opened = viewer.add_image(mask * 255, name="a mask")
    row = train.inputs.films.rows[0]
    row.choose(weld)
    assert [layer.name for layer in row.labels.choices if layer is not None] == ["a mask"]
    row.labels.value = opened
    taken = viewer.layers["weld labels"]
    assert row.labels.value == taken and not opened.visible
    np.testing.assert_array_equal(taken.data, mask)
    np.testing.assert_array_equal(taken.scale, weld.scale)


def test_new_labels_lie_on_the_film_ready_to_be_painted(viewer, train, film) -> None:
    colour = np.stack([film] * 3, axis=-1)
    layer = viewer.add_image(colour, rgb=True, name="colour", scale=(0.05, 0.05), units=("mm", "mm"))
    row = train.inputs.films.rows[0]
    row.new.click()
    labels = row.labels.value
    assert labels.name == "colour labels" and labels.data.shape == film.shape and labels.mode == "paint"
    np.testing.assert_allclose(labels.extent.world, layer.extent.world)


def test_settings_are_remembered(make_napari_viewer, viewer, train, finish, film) -> None:
    add_films(viewer, film)
    add_rows(train)
    train.inputs.form.widgets["keep"].value = 0.7
    train.inputs.convention.value = "dense"
    train.inputs.watch.value = False
    press(train, "Train")
    finish(train)
    other = TrainWidget(viewer)
    viewer.window.add_dock_widget(other, name="second")
    held = other.inputs
    assert held.form.values()["keep"] == 0.7 and held.form.values()["window"] == 32
    assert held.start_from.value == "tiny" and held.watch.value is False


def test_stack_gives_a_film_for_each_plane_that_was_looked_at(viewer, train, finish, film, qtbot) -> None:
    films = [with_flaws(film, seed) for seed in range(3)]
    viewer.add_image(np.stack([pixels for pixels, _ in films]), name="stack")
    viewer.add_labels(np.stack([mask for _, mask in films]), name="stack mask")
    corners = np.array([[0, 0], [0, 159], [95, 159], [95, 0]])
    boxes = [np.column_stack([np.full(4, plane), corners]) for plane in (0, 2)]
    row = train.inputs.films.rows[0]
    row.looked_at.value = viewer.add_shapes(boxes, name="looked at")
    settled(train, qtbot)
    assert row.said.text().startswith("2 films: ")
    press(train, "Train")
    finish(train)
    pairs = {pair.film: pair for pair in read_dataset(RunFolder(train.trained.result.run).data)}
    assert sorted(pairs) == ["stack_p000", "stack_p002"]
    np.testing.assert_array_equal(pairs["stack_p002"].pixels, films[2][0])
    shown = viewer.layers["stack in training"]
    assert shown.data.shape == (1, *film.shape) and shown.translate[0] in (0, 2)


def test_what_lies_outside_the_rectangles_takes_no_part(viewer, train, film, qtbot) -> None:
    add_films(viewer, film, count=1)
    corners = np.array([[0, 0], [0, 9], [9, 9], [9, 0]])
    mask = viewer.layers["weld 0 mask"].data
    mask[:] = 0
    mask[2:4, 2:4] = 1
    row = train.inputs.films.rows[0]
    row.looked_at.value = viewer.add_shapes([corners], name="looked at")
    settled(train, qtbot)
    assert row.said.text() == "4 px of flaw, 96 px of background."
    row.looked_at.value = viewer.add_shapes(name="empty", ndim=2)
    settled(train, qtbot)
    assert "no rectangle" in row.said.text()


def test_colour_is_trained_on_as_its_luminance(viewer, train, finish, film) -> None:
    pixels, mask = with_flaws(film, 0)
    colour = np.stack([pixels, pixels[::-1], pixels], axis=-1)
    viewer.add_image(colour, name="colour", rgb=True)
    viewer.add_labels(mask, name="colour mask")
    press(train, "Train")
    finish(train)
    (pair,) = read_dataset(RunFolder(train.trained.result.run).data)
    np.testing.assert_array_equal(pair.pixels, to_luminance(colour))


def test_a_dataset_folder_trains_without_layers(train, finish, film, tmp_path, qtbot) -> None:
    pairs = []
    for number in range(2):
        pixels, mask = with_flaws(film, number)
        name = f"weld_{number}"
        pairs.append(Pair(name, pixels, mask * np.uint8(FLAW), name, 0, 0, measure(pixels), full_scale=255))
    write_dataset(pairs, tmp_path / "crops")
    train.inputs.source.value = "folder"
    settled(train, qtbot)
    assert "Choose the folder" in train.summary.text()
    train.inputs.folder.value = tmp_path
    settled(train, qtbot)
    assert "neither a dataset nor a GDXray series" in train.summary.text()
    train.inputs.folder.value = tmp_path / "crops"
    settled(train, qtbot)
    assert "2 crops of 2 films" in train.summary.text()
    train.inputs.form.widgets["epochs"].value = 16
    press(train, "Train")
    finish(train)
    assert "Trained" in train.jobs.status.text() and train.trained.name.startswith("crops")


def test_a_network_can_be_built_from_nothing(viewer, train, finish, film) -> None:
    add_films(viewer, film)
    add_rows(train)
    train.inputs.start_from.value = "nothing"
    train.inputs.network.value, train.inputs.activation.value = "fcn", "elu"
    assert not train.inputs.trade.isVisibleTo(train)
    assert train.inputs.network_settings().kind == "fcn"
    train.inputs.form.widgets["learning_rate"].value = 0.01
    train.inputs.form.widgets["epochs"].value = 3
    press(train, "Train")
    finish(train)
    assert Model.load(train.trained.name).card.network.activation == "elu"


def test_a_name_that_is_taken_or_impossible_is_refused(viewer, train, film, messages) -> None:
    add_films(viewer, film, count=1)
    for name, part in (("tiny", "there already"), ("a/b", "contains '/'")):
        train.inputs.name.value = name
        press(train, "Train")
        assert train.job is None and part in messages[-1]


def test_a_folder_that_holds_no_run_is_refused(train, finish, tmp_path, messages) -> None:
    train.resume(tmp_path)
    finish(train)
    assert "no run" in messages[-1]


def test_what_the_run_says_meanwhile_stays_in_sight(train) -> None:
    train.heard(Message("The batch was halved to 8 for lack of memory."))
    train.heard(Message("Another sentence."))
    assert train.progress.notes.text().splitlines() == [
        "The batch was halved to 8 for lack of memory.",
        "Another sentence.",
    ]


def test_where_a_run_is_while_it_learns_all_labels_is_a_step(train) -> None:
    train.heard(Begun(TrainSettings(epochs=4)))
    train.heard(StepDone(9, 32, 0.5))
    assert train.progress.place.startswith("epoch 2 of 4")
    train.heard(Message("Learning all labels, those held back too, for 8 steps."))
    train.heard(StepDone(3, 8, 0.5))
    assert train.progress.place.startswith("learning all labels, step 3 of 8")


@pytest.mark.parametrize("in_pixels", [True, False])
def test_a_film_of_a_resumed_run_opens_as_large_as_what_is_open(viewer, train, film, in_pixels) -> None:
    if in_pixels:
        viewer.add_image(film, name="another")
    train.progress.watched.set()
    train.heard(FilmOfRun("W0001_0001", film, 0.04))
    size = 1.0 if in_pixels else 0.04
    assert viewer.layers["W0001_0001"].scale.tolist() == [size, size]


def test_what_was_refused_is_said_no_more_when_it_is_mended(viewer, train, film, qtbot) -> None:
    add_films(viewer, film)
    add_rows(train)
    labels = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    kept = [layer.data.copy() for layer in labels]
    for layer in labels:
        layer.data = np.zeros_like(layer.data)
    settled(train, qtbot)
    press(train, "Train")
    qtbot.waitUntil(lambda: train.job is None, timeout=60_000)
    assert "No flaw" in train.jobs.status.text()
    for layer, data in zip(labels, kept, strict=True):
        layer.data = data
    qtbot.waitUntil(lambda: not train.jobs.status.text(), timeout=60_000)


def test_rows_come_and_go_with_their_films(viewer, train, film) -> None:
    add_films(viewer, film, count=3)
    add_rows(train, 3)
    assert len({row.film.value.name for row in train.inputs.films.rows}) == 3
    assert not train.inputs.films.more.isEnabled()
    viewer.layers.remove("weld 1")
    assert "weld 1" not in [row.film.value.name for row in train.inputs.films.rows]
    assert len(train.inputs.films.rows) == 2
    train.inputs.films.rows[0].away.click()
    assert len(train.inputs.films.rows) == 1 and not train.inputs.films.rows[0].away.isEnabled()


def dialog(train: TrainWidget, viewer: Any, qtbot: Any) -> QMessageBox:
    """Close the dock with its own button, and return what is asked."""
    window = train.window()
    viewer.window.remove_dock_widget(train)
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)))
    return window.findChildren(QMessageBox)[0]


def answer(box: QMessageBox, text: str) -> None:
    next(button for button in box.buttons() if button.text().replace("&", "") == text).click()


def test_closed_dock_asks_and_comes_back(viewer, train, finish, film, qtbot) -> None:
    train.inputs.form.widgets["epochs"].value = 500
    add_films(viewer, film)
    add_rows(train)
    press(train, "Train")
    at_work(train, qtbot)
    window = train.window()
    answer(dialog(train, viewer, qtbot), GO_ON)
    qtbot.waitUntil(lambda: train.window() is window)
    last = train.progress.curves.traces["loss"].x[-1]
    qtbot.waitUntil(lambda: train.progress.curves.traces["loss"].x[-1] > last, timeout=60_000)
    press(train, "Stop")
    finish(train)
    assert train.trained.name in library.own()


def test_closed_dock_asks_and_stops(viewer, train, film, qtbot) -> None:
    train.inputs.form.widgets["epochs"].value = 500
    add_films(viewer, film)
    add_rows(train)
    train.inputs.name.value = "kept"
    press(train, "Train")
    at_work(train, qtbot)
    box = dialog(train, viewer, qtbot)
    assert box.text().endswith("?")
    answer(box, STOP)
    qtbot.waitUntil(lambda: "kept" in library.own(), timeout=60_000)
    qtbot.wait(300)


def test_closed_window_stops_and_keeps_what_was_learned(
    make_napari_viewer, film, qtbot, runs, finish, small
) -> None:
    viewer, other = make_napari_viewer(), make_napari_viewer()
    _, train = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Train")
    small(train)
    train.inputs.form.widgets["epochs"].value = 500
    add_films(viewer, film)
    add_rows(train)
    train.inputs.name.value = "kept"
    press(train, "Train")
    at_work(train, qtbot)
    viewer.close()
    qtbot.waitUntil(lambda: "kept" in library.own(), timeout=60_000)
    qtbot.wait(300)
    history = RunFolder(runs / "kept").history()
    assert history and Model.load("kept").card.recipe["run"] == "kept"
    _, again = other.window.add_plugin_dock_widget("napari-weld-fcn", "Train")
    again.inputs.form.widgets["epochs"].value = 1
    again.resume(runs / "kept")
    at_work(again, qtbot, epochs=len(history) + 1)
    press(again, "Stop")
    finish(again)
    assert "Stopped: F1" in again.jobs.status.text()
