"""The Train form with films without labels: alone, or beside labelled ones, as layers and as files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tifffile

from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.store import read_dataset, write_dataset
from napari_weld_fcn.network import library
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.run import resume
from napari_weld_fcn.training.run_folder import RunFolder
from napari_weld_fcn.viewer.train.known_films import files_in_words
from napari_weld_fcn.viewer.train.widget import TrainWidget

#: Before the fixtures hide it.
SHIPPED = library._SHIPPED_FOLDER
CLEAN = SimulationSettings(rows=96, columns=160, flawless_share=1.0, harsh_share=0.0, jpeg_share=0.0)


def clean_film(seed: int) -> np.ndarray:
    return simulate(CLEAN, seed).radiograph.pixels


def add_clean(viewer: Any, count: int = 2) -> None:
    for number in range(count):
        viewer.add_image(clean_film(number), name=f"clean {number}")


def add_labelled(viewer: Any, film: np.ndarray) -> None:
    """A film with a dark square in each third, and its mask."""
    pixels, mask = film.copy(), np.zeros(film.shape, np.uint8)
    for column in (20, 70, 120):
        mask[40:47, column : column + 7] = 1
    pixels[mask > 0] //= 2
    viewer.add_image(pixels, name="weld")
    viewer.add_labels(mask, name="weld mask")


def rectangle(viewer: Any, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    corners = [[row, column] for row in rows for column in columns]
    return viewer.add_shapes([np.array(corners)[[0, 1, 3, 2]]], name="known")


def settled(train: TrainWidget, qtbot: Any) -> None:
    """Wait until the form says what it found."""
    train.following.soon()
    qtbot.wait(400)
    qtbot.waitUntil(lambda: train.following.settled, timeout=60_000)


def press(train: TrainWidget) -> None:
    button = train.jobs.starts["Train"]
    assert button.isEnabled()
    button.click()


def alone(train: TrainWidget, rows: int = 1) -> list[Any]:
    """Choose films without labels as all that there is; return the rows."""
    train.inputs.source.value = "known"
    films = train.inputs.known.films
    while len(films.rows) < rows:
        films.more.click()
    return films.rows


def beside(train: TrainWidget) -> Any:
    """Open the fold and add a film without labels; return its row."""
    train.inputs.fold.title.click()
    films = train.inputs.known.films
    films.more.click()
    return films.rows[-1]


def test_clean_layers_alone_tune_the_shipped_model_for_predict(
    viewer, train, form, finish, qtbot, monkeypatch
) -> None:
    monkeypatch.setattr(library, "_SHIPPED_FOLDER", SHIPPED)
    train.reset_choices()
    add_clean(viewer)
    rows = alone(train, 2)
    assert [row.film.value.name for row in rows] == ["clean 0", "clean 1"]
    train.inputs.start_from.value = "default"
    rows[1].validates.setChecked(True)
    settled(train, qtbot)
    assert rows[0].said.text().replace("\u202f", "") == "15360 px free of flaws."
    assert train.summary.text() == "clean 1 validates, with flaws put in."
    press(train)
    finish(train)
    assert "Trained: F1" in train.jobs.status.text()
    assert train.trained.name == train.trained.result.run.name and "clean 0" in train.trained.name
    assert train.trained.name in form.inputs.model.choices
    assert train.progress.curves.traces["F1"].x == [0, 8, 16]
    made = Model.load(train.trained.name).card
    assert made.threshold == Model.load("default").card.threshold
    train.predict.click()
    finish(form)
    assert form.inputs.model.value == train.trained.name and "clean 0 heatmap" in viewer.layers


def test_the_run_keeps_its_own_copy_and_can_be_resumed(viewer, train, finish, film, qtbot) -> None:
    add_clean(viewer, 1)
    row = alone(train)[0]
    row.looked_at.value = rectangle(viewer, (0, 60), (0, 150))
    settled(train, qtbot)
    assert "is alone and was cut in two" in train.summary.text()
    press(train)
    before = viewer.layers["clean 0"].data.copy()
    viewer.layers.clear()
    finish(train)
    assert "Trained" in train.jobs.status.text()
    run = train.trained.result.run
    (pair,) = read_dataset(RunFolder(run).data)
    assert pair.film == "clean 0" and RunFolder(run).read_settings().kind == "clean"
    np.testing.assert_array_equal(pair.pixels, before)
    assert (pair.mask[:61, :151] == BACKGROUND).all()
    assert (pair.mask[61:] == IGNORED).all() and (pair.mask[:, 151:] == IGNORED).all()
    assert resume(run).best == train.trained.result.best


def test_a_stack_is_mixed_in_beside_a_labelled_film(viewer, train, finish, film, qtbot) -> None:
    add_labelled(viewer, film)
    train.inputs.films.rows[0].choose(viewer.layers["weld"])
    viewer.add_image(np.stack([clean_film(0), clean_film(1)]), name="stack")
    row = beside(train)
    assert row.film.value.name == "stack"  # the labelled film has a row already
    assert not row.validates.isVisibleTo(train)
    train.inputs.known.kind.value = "unlabelled"
    settled(train, qtbot)
    assert row.said.text().startswith("2 films: ") and "without labels" in row.said.text()
    assert "2 films without labels are mixed in." in train.summary.text()
    press(train)
    finish(train)
    assert "Trained" in train.jobs.status.text()
    run = RunFolder(train.trained.result.run)
    assert [pair.film for pair in read_dataset(run.clean)] == ["stack_p000", "stack_p001"]
    assert [pair.film for pair in read_dataset(run.data)] == ["weld"]
    assert run.read_settings().mixed_in == "unlabelled"


def test_files_teach_beside_a_folder(viewer, train, finish, film, qtbot, tmp_path) -> None:
    pairs = []
    for number in range(2):
        mask = np.zeros(film.shape, np.uint8)
        mask[30:40, 30 + number : 60] = FLAW
        pixels = np.where(mask, film // 2, film)
        name = f"weld_{number}"
        pairs.append(Pair(name, pixels, mask, name, 0, 0, measure(pixels), full_scale=255))
    write_dataset(pairs, tmp_path / "crops")
    files = [tmp_path / f"free_{number}.tif" for number in range(2)]
    for number, path in enumerate(files):
        tifffile.imwrite(path, clean_film(number))
    train.inputs.source.value = "folder"
    train.inputs.folder.value = tmp_path / "crops"
    train.inputs.known.choose_files(files)
    settled(train, qtbot)
    assert "2 files without labels" in train.summary.text()
    press(train)
    finish(train)
    assert "Trained" in train.jobs.status.text()
    saved = read_dataset(RunFolder(train.trained.result.run).clean)
    assert [pair.film for pair in saved] == ["free_0", "free_1"]
    np.testing.assert_array_equal(saved[1].pixels, clean_film(1))


def test_files_are_asked_for_named_and_taken_out(train, tmp_path, monkeypatch) -> None:
    paths = [str(tmp_path / f"{letter}.png") for letter in "abcde"]
    monkeypatch.setattr(
        "napari_weld_fcn.viewer.train.known_films.QFileDialog.getOpenFileNames",
        lambda *_: (paths, ""),
    )
    known = train.inputs.known
    known.add.click()
    known.add.click()
    assert [path.name for path in known.files] == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    assert files_in_words(known.files) == "a.png, b.png, c.png and 2 more"
    known._away.click()
    assert not known.files


def start_from_nothing(viewer: Any, train: TrainWidget, row: Any) -> None:
    train.inputs.start_from.value = "nothing"


def know_little(viewer: Any, train: TrainWidget, row: Any) -> None:
    row.looked_at.value = rectangle(viewer, (10, 40), (10, 150))


def draw_nothing(viewer: Any, train: TrainWidget, row: Any) -> None:
    row.looked_at.value = viewer.add_shapes(name="empty", ndim=2)


def take_all_out(viewer: Any, train: TrainWidget, row: Any) -> None:
    row.away.click()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (start_from_nothing, "such as default"),
        (know_little, "clean 0: shows 31 x 141 pixels"),
        (draw_nothing, "no rectangle"),
        (take_all_out, "no film without labels"),
    ],
)
def test_what_hinders_is_said_before_and_refused(viewer, train, finish, messages, qtbot, spoil, said) -> None:
    add_clean(viewer, 1)
    spoil(viewer, train, alone(train)[0])
    settled(train, qtbot)
    rows = train.inputs.known.films.rows
    assert said in train.summary.text() + "".join(row.said.text() for row in rows)
    press(train)
    finish(train)
    assert said in train.jobs.status.text()
    assert not train.inputs.run_folder().exists()


def test_a_labelled_flaw_is_not_free_of_flaws(viewer, train, finish, film, messages, qtbot) -> None:
    add_labelled(viewer, film)
    train.inputs.films.rows[0].choose(viewer.layers["weld"])
    row = beside(train)
    row.film.value = viewer.layers["weld"]
    settled(train, qtbot)
    assert "flaws are labelled on what is said to be free" in train.summary.text()
    press(train)
    finish(train)
    assert "flaws are labelled on what is said to be free" in messages[-1]
    assert not train.inputs.run_folder().exists()


def test_a_file_that_is_no_image_is_named(viewer, train, finish, tmp_path) -> None:
    (tmp_path / "broken.tif").write_bytes(b"no image")
    alone(train)
    train.inputs.known.choose_files([tmp_path / "broken.tif"])
    press(train)
    finish(train)
    assert "broken.tif" in train.jobs.status.text()
    assert train.jobs.starts["Train"].isEnabled()


def test_the_fold_is_closed_until_films_without_labels_are_used(viewer, train, film) -> None:
    add_clean(viewer, 2)
    known = train.inputs.known
    assert not known.isVisibleTo(train)
    row = alone(train)[0]
    assert known.isVisibleTo(train) and not train.inputs.fold.title.isVisibleTo(train)
    assert row.validates.isVisibleTo(train) and not train.inputs.watch.native.isVisibleTo(train)
    assert "these films" in train.inputs.trade.text()
    train.inputs.source.value = "layers"  # whose row has the same film
    assert not known.films.rows and not known.isVisibleTo(train)
    assert beside(train).film.value.name == "clean 1" and known.isVisibleTo(train)
    train.inputs.form.widgets["keep"].value = 0.6
    assert known.isVisibleTo(train)


def test_rows_without_labels_are_as_wide_as_those_with(make_napari_viewer, qtbot, film) -> None:
    viewer = make_napari_viewer(show=True)
    add_labelled(viewer, film)
    _, train = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Train")
    train.inputs.fold.open(True)
    train.inputs.known.films.add()
    with_labels, without = train.inputs.films.rows[0], train.inputs.known.films.rows[0]

    def aligned() -> bool:
        boxes = [row.film.native for row in (with_labels, without)]
        spans = [(box.mapTo(train, box.rect().topLeft()).x(), box.width()) for box in boxes]
        return without.isVisible() and all(abs(a - b) <= 4 for a, b in zip(*spans, strict=True))

    qtbot.waitUntil(aligned, timeout=60_000)


def test_kind_and_source_are_remembered(viewer, train, finish) -> None:
    add_clean(viewer, 2)
    alone(train, 2)
    train.inputs.known.kind.value = "unlabelled"
    press(train)
    finish(train)
    other = TrainWidget(viewer)
    viewer.window.add_dock_widget(other, name="second")
    assert other.inputs.source.value == "known" and other.inputs.known.kind.value == "unlabelled"
    assert "the model marks there now is ignored" in other.inputs.known.meaning.text()
