"""Folders of films and masks as people keep them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_weld_fcn.dataset.films import split_films
from napari_weld_fcn.dataset.settings import SplitSettings
from napari_weld_fcn.dataset.store import WINDOW, holds_films, labelled_films, open_truth, read_dataset
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.evaluation.cases import numbered, sources
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.data.opening import open_data

FILM = simulate(SimulationSettings(rows=200, columns=600, flaw_density=10), seed=11)
PIXELS, MASK = np.asarray(FILM.radiograph.pixels), np.asarray(FILM.mask)
FLAWS = ndimage.label(MASK, np.ones((3, 3)))[1]


def folder(path: Path, image: str = "film.png", mask: str = "film.png", labels: np.ndarray = MASK) -> Path:
    (path / "images").mkdir(parents=True)
    (path / "masks").mkdir()
    Image.fromarray(PIXELS).save(path / "images" / image)
    Image.fromarray(labels).save(path / "masks" / mask)
    return path


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("film.png", "film_mask.png"),
        ("Film.PNG", "film.png"),
        ("film.png", "FILM-Labels.TIF"),
        ("weld_mask.png", "weld_mask.png"),
    ],
)
def test_a_mask_is_its_films_by_the_names_that_people_give(tmp_path, image, mask):
    (pair,) = read_dataset(folder(tmp_path, image, mask))
    assert pair.film == Path(image).stem
    np.testing.assert_array_equal(pair.mask, MASK * np.uint8(255))


def test_images_are_found_by_content(tmp_path):
    folder(tmp_path)
    (tmp_path / "images/film.png").rename(tmp_path / "images/film")
    (tmp_path / "images/notes.txt").write_text("x")
    assert len(read_dataset(tmp_path)) == 1


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda f: (f / "masks/film.png").rename(f / "masks/other.png"), r"other\.png: there is no image of"),
        (lambda f: Image.fromarray(MASK).save(f / "masks/film_mask.png"), r"film\.png has a mask already"),
        (
            lambda f: [(f / "masks/film.png").unlink(), (f / "masks/film.json").write_text("{}")],
            r"no image of this name in masks; masks/film\.json \(polygons\) is not read",
        ),
        (
            lambda f: [
                (f / "masks/film.png").unlink(),
                (f / "labels").mkdir(),
                (f / "labels/film.txt").write_text("0 .5 .5 .1 .1"),
            ],
            r"labels/film\.txt \(boxes\) is not read",
        ),
    ],
)
def test_labels_of_another_kind_are_named(tmp_path, harm, sentence):
    harm(folder(tmp_path))
    with pytest.raises(DatasetError, match=sentence):
        read_dataset(tmp_path)


@pytest.mark.parametrize("names", [("film.png", "film_mask.png"), ()])
def test_a_flat_folder_is_told_which_orders_are_understood(tmp_path, names):
    for name in names:
        Image.fromarray(PIXELS).save(tmp_path / name)
    what = "holds 2 images" if names else "holds no images"
    for opened in (open_truth, open_data):
        with pytest.raises(DatasetError, match=f"{what}.*images/NAME.png with masks/NAME.png.*W0002_0001"):
            opened(tmp_path)


def test_one_film_and_its_mask_are_cut_in_two_as_layers_and_series_are(tmp_path):
    labels = np.zeros_like(MASK)
    labels[90:100, 50:60] = labels[90:100, 500:510] = True
    material = open_data(folder(tmp_path, labels=labels))
    assert (material.kind, material.folder) == ("films", str(tmp_path))
    found = material.split(SplitSettings())
    assert found.cuts_a_film
    assert found == split_films(tuple(labelled_films(read_dataset(tmp_path))), SplitSettings())


def test_what_is_no_larger_than_a_window_is_a_crop(tmp_path):
    small = read_dataset(folder(tmp_path / "small"))
    for part in ("images", "masks"):
        path = tmp_path / "small" / part / "film.png"
        Image.open(path).crop((0, 0, WINDOW, 200)).save(path)
    assert not holds_films(small)
    assert open_data(tmp_path / "small").kind == "crops"
    assert holds_films(read_dataset(folder(tmp_path / "large")))


def test_a_film_in_a_folder_is_scored_as_a_film_with_its_own_flaws(tmp_path):
    (source,) = sources(read_dataset(folder(tmp_path)))
    case = source.read()
    assert case is not None and case.whole_film
    np.testing.assert_array_equal(case.instances > 0, MASK)
    assert case.instances.max() == FLAWS


def test_touching_flaws_of_two_classes_are_two(tmp_path):
    middle = int(np.median(np.flatnonzero(MASK.any(axis=0))))
    classes = np.where(MASK, 1, 0).astype(np.uint8)
    row, column = np.argwhere(MASK)[np.abs(np.argwhere(MASK)[:, 1] - middle).argmin()]
    flaw = ndimage.label(MASK, np.ones((3, 3)))[0]
    within = (flaw == flaw[row, column]) & (
        np.arange(600) > np.argwhere(flaw == flaw[row, column])[:, 1].min()
    )
    classes[within] = 2
    parts = (
        FLAWS
        - 1
        + sum(
            ndimage.label((flaw == flaw[row, column]) & (classes == value), np.ones((3, 3)))[1]
            for value in (1, 2)
        )
    )
    (source,) = sources(read_dataset(folder(tmp_path, labels=classes)))
    case = source.read()
    assert case is not None
    assert len(np.unique(case.instances)) - 1 == parts > FLAWS
    np.testing.assert_array_equal(case.instances > 0, MASK)


def test_numbers_of_single_flaws_stay_theirs():
    numbers = np.zeros((9, 9), np.int32)
    numbers[1:3, 1:8], numbers[3:5, 1:8], numbers[7, 2] = 7, 900, 3
    np.testing.assert_array_equal(numbered(numbers), numbers)
    many = np.zeros((40, 40), np.int32)
    many[::2, :39] = np.arange(1, 21)[:, np.newaxis]
    many[0, 5] = 0  # the first is in two parts, but twenty numbers are those of flaws
    np.testing.assert_array_equal(numbered(many), many)


def test_what_is_hard_to_believe_of_the_masks_is_told(tmp_path):
    folder(tmp_path, mask="film.jpg", labels=MASK.astype(np.uint8) * 255)
    told = []
    open_data(tmp_path, JobControl(lambda event: told.append(event.text)))
    assert len(told) == 1 and "film.jpg: has " in told[0] and "grey levels" in told[0]
    (pair,) = read_dataset(tmp_path)
    np.testing.assert_array_equal(pair.mask, MASK * np.uint8(255))
