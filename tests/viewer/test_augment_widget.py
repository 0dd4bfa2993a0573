"""The Augment form as a person uses it: crops, sliders, gallery, number, folder, layers, Stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_weld_fcn.dataset.augmentation import augment
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import VARIANTS, AugmentationSettings
from napari_weld_fcn.dataset.store import read_crops, read_dataset, write_dataset
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.viewer.augment import widget as form_module
from napari_weld_fcn.viewer.augment.inputs import EACH, IN_ALL, NO_CROPS
from napari_weld_fcn.viewer.augment.job import preview, thumbnail, tiled
from napari_weld_fcn.viewer.augment.widget import Gallery
from napari_weld_fcn.viewer.crop.stacks import pairs_in_layers, show_pairs


@pytest.fixture(scope="module")
def crops() -> list[Pair]:
    def pair(seed: int) -> Pair:
        rng = np.random.default_rng(seed)
        pixels = rng.integers(80, 140, (40, 48), dtype=np.uint8)
        mask = np.full(pixels.shape, BACKGROUND, np.uint8)
        mask[10:16, 20:30], mask[:3] = FLAW, IGNORED
        return Pair(f"film{seed}_000", pixels, mask, f"film{seed}", 5, 7, measure(pixels), 255.0, 0.04)

    return [pair(seed) for seed in range(3)]


@pytest.fixture
def augmenting(viewer: Any) -> Any:
    """The form as the menu opens it."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-weld-fcn", "Augment")
    return widget


@pytest.fixture
def settled(qtbot: Any) -> Callable[[Any], None]:
    """Wait until gallery and job have ended, and nothing is left to be drawn anew."""

    def wait(form: Any) -> None:
        qtbot.wait(2 * form_module.PREVIEW_DELAY)
        qtbot.waitUntil(lambda: form.job is None and form.following.settled, timeout=60_000)

    return wait


def assert_same(found: list[Pair], expected: list[Pair]) -> None:
    assert [pair.name for pair in found] == [pair.name for pair in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.mask, other.mask)
        assert (one.film, one.variant, one.parameters) == (other.film, other.variant, other.parameters)
        assert one.normalisation == other.normalisation


def test_without_crops_the_form_says_where_they_come_from_and_the_button_too(
    viewer, augmenting, settled, messages
) -> None:
    settled(augmenting)
    assert augmenting.count.text() == NO_CROPS
    augmenting.jobs.starts["Augment"].click()
    assert augmenting.job is None and messages[-1] == NO_CROPS
    assert augmenting.jobs.status.text() == NO_CROPS


def test_form_counts_the_crops_of_the_layers_and_shows_their_variants(
    viewer, augmenting, crops, settled
) -> None:
    show_pairs(viewer, crops)
    settled(augmenting)
    assert augmenting.inputs.images.value.name == "crops"
    assert augmenting.inputs.masks.value.name == "crops masks"
    assert augmenting.count.text() == f"3 crops -> {3 * VARIANTS} pairs ({6 * VARIANTS} images)"
    assert not augmenting.gallery.pixmap().isNull()
    augmenting.inputs.how.value = IN_ALL
    augmenting.inputs.number.value = 10
    assert augmenting.count.text() == "3 crops -> 10 pairs (20 images)"
    augmenting.inputs.number.value = 2
    assert augmenting.count.text() == "A total of 2 pairs is less than the 3 crops that are among them."


def test_gallery_follows_the_sliders_and_the_crop_shown(
    viewer, augmenting, crops, settled, monkeypatch
) -> None:
    shown: list[np.ndarray] = []
    monkeypatch.setattr(augmenting.gallery, "show_picture", shown.append)
    show_pairs(viewer, crops)
    settled(augmenting)
    augmenting.inputs.form.widgets["rotation"].value = 10
    settled(augmenting)
    augmenting.inputs.shown.value = 2
    settled(augmenting)
    settings = AugmentationSettings(rotation=10)
    for index, picture in ((0, shown[-2]), (2, shown[-1])):
        np.testing.assert_array_equal(picture, preview(lambda: crops, index, settings, 0).picture)


def test_folder_gets_what_the_python_call_gives(viewer, augmenting, crops, settled, tmp_path) -> None:
    show_pairs(viewer, crops)
    settled(augmenting)
    augmenting.inputs.how.value = IN_ALL
    augmenting.inputs.number.value = 14
    augmenting.inputs.seed.value = 5
    augmenting.inputs.form.widgets["negation_probability"].value = 0
    augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    augmenting.inputs.folder.value = tmp_path / "other"
    settled(augmenting)
    expected = augment(crops, AugmentationSettings(negation_probability=0), total=14, seed=5)
    assert_same(list(read_dataset(tmp_path / "out")), list(expected))
    said = f"3 crops -> 14 pairs (28 images) written to {tmp_path / 'out'}."
    assert augmenting.jobs.status.text() == said


def test_layers_get_the_same_and_give_the_pairs_back(viewer, augmenting, crops, settled) -> None:
    show_pairs(viewer, crops)
    settled(augmenting)
    augmenting.inputs.number.value = 4
    augmenting.inputs.as_layers.value = True
    augmenting.run()
    settled(augmenting)
    found = pairs_in_layers(viewer.layers["variants"], viewer.layers["variants masks"])
    assert_same(found, list(augment(crops, variants=4)))


def test_crops_come_from_a_dataset_folder_as_well(augmenting, crops, settled, tmp_path) -> None:
    write_dataset(crops, tmp_path / "crops")
    augmenting.inputs.source.value = tmp_path / "crops"
    settled(augmenting)
    assert augmenting.crops == 3
    augmenting.inputs.number.value = 2
    augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    settled(augmenting)
    assert_same(
        list(read_dataset(tmp_path / "out")), list(augment(read_crops(tmp_path / "crops"), variants=2))
    )


def test_any_stack_with_labels_can_be_augmented(viewer, augmenting, settled, tmp_path) -> None:
    rng = np.random.default_rng(0)
    viewer.add_image(rng.integers(0, 4000, (2, 32, 32), dtype=np.uint16), name="mine")
    viewer.add_labels(np.arange(2 * 32 * 32).reshape(2, 32, 32) % 3, name="drawn")
    augmenting.inputs.images.value = viewer.layers["mine"]
    augmenting.inputs.masks.value = viewer.layers["drawn"]
    augmenting.inputs.number.value = 3
    augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    settled(augmenting)
    found = read_dataset(tmp_path / "out")
    assert [row.film for row in found.rows] == ["mine_000"] * 3 + ["mine_001"] * 3
    np.testing.assert_array_equal(found[3].pixels, viewer.layers["mine"].data[1])
    np.testing.assert_array_equal(found[3].mask == FLAW, viewer.layers["drawn"].data[1] > 0)


def test_stop_leaves_a_valid_folder_and_a_form_that_works(
    viewer, augmenting, crops, settled, tmp_path, qtbot
) -> None:
    show_pairs(viewer, crops)
    settled(augmenting)
    augmenting.inputs.how.value = IN_ALL
    augmenting.inputs.number.value = 1_000_000
    augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    qtbot.waitUntil(lambda: augmenting.jobs.bar.value() > 5, timeout=60_000)
    augmenting.stop()
    settled(augmenting)
    left = read_dataset(tmp_path / "out")
    assert 5 < len(left) < 1_000_000
    assert augmenting.jobs.status.text() == f"Stopped. {len(left)} pairs are in {tmp_path / 'out'}."
    augmenting.inputs.number.value = 3
    augmenting.run()
    settled(augmenting)
    assert len(read_dataset(tmp_path / "out")) == 3


@pytest.mark.parametrize("fault", ["nowhere", "nothing", "too many", "variants"])
def test_what_cannot_be_done_is_a_sentence(
    viewer, augmenting, crops, settled, tmp_path, messages, fault
) -> None:
    expected = {
        "nowhere": form_module.NO_OUTPUT,
        "nothing": "There are no crops",
        "too many": "MB as layers",
        "variants": "holds variants already",
    }
    if fault != "nothing":
        show_pairs(viewer, list(augment(crops, variants=2)) if fault == "variants" else crops)
        augmenting.inputs.images.value = viewer.layers["crops"]
    settled(augmenting)
    if fault == "too many":
        augmenting.inputs.number.value = 100_000
        augmenting.inputs.as_layers.value = True
    elif fault != "nowhere":
        augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    settled(augmenting)
    assert expected[fault] in augmenting.jobs.status.text()
    assert any(expected[fault] in message for message in messages)
    assert augmenting.jobs.starts["Augment"].isEnabled()
    assert not (tmp_path / "out").exists()


def test_form_is_remembered(viewer, augmenting, crops, settled, tmp_path) -> None:
    show_pairs(viewer, crops)
    augmenting.inputs.form.widgets["gaussian_sigma"].value = 2.5
    augmenting.inputs.number.value = 2
    augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    settled(augmenting)
    again = form_module.AugmentWidget(viewer)
    viewer.window.add_dock_widget(again, name="again")
    assert again.inputs.settings() == AugmentationSettings(gaussian_sigma=2.5)
    settled(again)


def test_sliders_start_at_the_defaults_and_reach_the_ends_of_their_range(augmenting, settled) -> None:
    settled(augmenting)
    assert augmenting.inputs.settings() == AugmentationSettings()
    for name, widget in augmenting.inputs.form.widgets.items():
        for end in (widget.min, widget.max):
            widget.value = end
            assert getattr(augmenting.inputs.settings(), name) == end
    settled(augmenting)


def test_thumbnail_outlines_flaws_and_tints_what_is_ignored(crops) -> None:
    drawn = thumbnail(crops[0]).astype(int)
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 100)
    edge = np.zeros(red.shape, bool)
    edge[10:16, 20:30], edge[11:15, 21:29] = True, False
    np.testing.assert_array_equal(red, edge)
    blue = drawn[..., 2] > drawn[..., 0]
    np.testing.assert_array_equal(blue, np.arange(40)[:, None] < np.full(48, 3))


def test_pictures_stand_beside_each_other() -> None:
    picture = tiled([np.full((5, 6, 3), value, np.uint8) for value in (10, 20, 30, 40)], 2)
    assert [picture[row, column, 0] for row in (0, -1) for column in (0, -1)] == [10, 20, 30, 40]
    assert picture.flags.c_contiguous


def test_closing_the_dock_stops_the_job(viewer, augmenting, crops, settled, tmp_path, qtbot) -> None:
    show_pairs(viewer, crops)
    settled(augmenting)
    augmenting.inputs.number.value = 100_000
    augmenting.inputs.folder.value = tmp_path / "out"
    augmenting.run()
    qtbot.waitUntil(lambda: augmenting.jobs.bar.value() > 1, timeout=60_000)
    job = augmenting.job
    viewer.window.remove_dock_widget(augmenting)
    qtbot.waitUntil(lambda: (tmp_path / "out" / "dataset.csv").exists(), timeout=60_000)
    assert job.stopping
    assert len(read_dataset(tmp_path / "out")) < 300_000
    qtbot.wait(300)


def test_number_counts_for_each_crop_at_first(augmenting, settled) -> None:
    assert augmenting.inputs.how.value == EACH
    assert augmenting.inputs.numbers() == {"variants": VARIANTS, "total": None}
    settled(augmenting)


def test_gallery_is_as_high_with_a_scroll_bar_as_without(qtbot) -> None:
    """Else a form is too long with the one and short enough with the other, and Qt lays it out for ever."""
    gallery, other, content, area = Gallery(), QWidget(), QWidget(), QScrollArea()
    other.setFixedHeight(200)
    layout = QVBoxLayout(content)
    for part in (other, gallery):
        layout.addWidget(part)
    area.setWidgetResizable(True)
    area.setWidget(content)
    qtbot.addWidget(area)
    area.resize(400, 300)
    area.show()
    gallery.show_picture(np.zeros((300, 400, 3), np.uint8))
    qtbot.wait(50)
    needed = content.sizeHint().height()
    seen = set()
    for height in range(needed - 40, needed + 40, 2):
        area.resize(400, height)
        qtbot.wait(5)
        seen.add((area.verticalScrollBar().isVisible(), gallery.height()))
    assert {shown for shown, _ in seen} == {True, False}
    assert len({height for _, height in seen}) == 1
