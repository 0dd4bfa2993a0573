"""Crops are windows of the film and of its truth, and what is outside the film is never taken for truth."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_weld_fcn
from napari_weld_fcn.dataset.crops import crop, survey_crops
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, mask_of
from napari_weld_fcn.dataset.plan import NO_BEAD, NO_FLAW, NO_RECTANGLE, NO_TRUTH, NOTHING_TO_CUT_AROUND
from napari_weld_fcn.dataset.settings import PRESETS, CropSettings
from napari_weld_fcn.errors import DatasetError, RadiographError, SettingsError, Stopped
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Radiograph

GRID = CropSettings(rois="grid", size=64)


def film(rows=150, columns=400, dtype=np.uint8, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns)).astype(dtype)


def truth(rows=150, columns=400) -> np.ndarray:
    labels = np.zeros((rows, columns), np.int32)
    labels[20:30, 40:50], labels[100:104, 300:330] = 3, 9
    return labels


def messages(*arguments, **keywords) -> list[str]:
    told: list[str] = []
    list(crop(*arguments, **keywords, job=JobControl(lambda event: told.append(event.text))))
    return told


@given(
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    size=st.integers(32, 128),
    rois=st.sampled_from(["grid", "bead", "flaws"]),
    jitter=st.integers(0, 30),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    count=st.integers(0, 12),
)
def test_every_crop_is_a_window_of_film_and_truth(shape, size, rois, jitter, dtype, count) -> None:
    pixels, labels = film(*shape, dtype), film(*shape, seed=1) == 250
    count = 0 if rois == "flaws" else count
    settings = CropSettings(rois=rois, size=size, jitter=jitter, crops_per_film=count)
    pairs = list(crop(Radiograph(pixels, "a"), labels, settings))
    assert not count or len(pairs) == count
    for pair in pairs:
        assert pair.pixels.shape == pair.mask.shape == (size, size)
        assert pair.pixels.dtype == dtype and pair.mask.dtype == np.uint8
        rows = np.arange(pair.row, pair.row + size)
        columns = np.arange(pair.column, pair.column + size)
        inside = np.ix_((rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1]))
        part = np.ix_(rows[(rows >= 0) & (rows < shape[0])], columns[(columns >= 0) & (columns < shape[1])])
        np.testing.assert_array_equal(pair.pixels[inside], pixels[part])
        np.testing.assert_array_equal(pair.mask[inside], np.where(labels[part], FLAW, BACKGROUND))
        outside = np.ones((size, size), bool)
        outside[inside] = False
        assert (pair.mask[outside] == IGNORED).all()
        assert np.isin(pair.pixels[outside], pixels).all()
    assert len({pair.name for pair in pairs}) == len(pairs)


def test_a_small_film_is_reflected_and_says_so() -> None:
    pixels = np.arange(40, dtype=np.uint8).reshape(1, 40).repeat(100, axis=0)
    (pair,) = crop(Radiograph(pixels), np.zeros((100, 40), bool), CropSettings(rois="grid", size=100))
    np.testing.assert_array_equal(pair.pixels[0, 28:32], [2, 1, 0, 1])
    assert pair.column == -30 and pair.row == 0
    told = messages(Radiograph(pixels), np.zeros((100, 40), bool), CropSettings(rois="grid", size=100))
    assert told == [
        "Its 40 x 100 pixels are less than a crop of 100 x 100; "
        "what is missing is reflected, and ignored in the mask."
    ]


def test_a_crop_carries_its_film() -> None:
    radiograph = Radiograph(film(), "name", film="film 7", pixel_size_mm=0.04, pixel_size_source="user")
    pair = next(iter(crop(radiograph, truth(), GRID)))
    assert (pair.name, pair.film, pair.pixel_size_mm, pair.variant) == ("name_000", "film 7", 0.04, 0)
    assert pair.normalisation == measure(radiograph.pixels)


def test_crops_do_not_keep_their_film_in_memory() -> None:
    assert all(
        pair.pixels.base is None and pair.mask.base is None
        for pair in crop(Radiograph(film()), truth(), GRID)
    )


@pytest.mark.parametrize("shape", [(1500, 4000), (366, 3512), (321, 321), (250, 366), (100, 100)])
def test_the_paper_preset_gives_36_crops_of_a_film_of_any_size(shape) -> None:
    pairs = list(crop(Radiograph(film(*shape)), None, PRESETS["paper"]))
    assert len(pairs) == 36
    assert all(pair.pixels.shape == (256, 256) for pair in pairs)
    places = len({(pair.row, pair.column) for pair in pairs})
    assert places == (1 if max(shape) < 256 else 36)


def test_repeated_crops_are_told() -> None:
    told = messages(Radiograph(film(100, 100)), np.zeros((100, 100), bool), PRESETS["paper"])
    assert "It has too few places for 36 different crops; 35 are repeated." in told


def test_without_truth_masks_are_ignored_and_it_is_told() -> None:
    assert all((pair.mask == IGNORED).all() for pair in crop(Radiograph(film()), None, GRID))
    assert messages(Radiograph(film()), None, GRID) == [NO_TRUTH]


@pytest.mark.parametrize(
    ("labels", "rois", "rectangles", "note"),
    [
        (truth(), "bead", None, NO_BEAD),
        (truth() * 0, "flaws", None, NO_FLAW),
        (None, "flaws", None, NOTHING_TO_CUT_AROUND),
        (truth(), "rectangles", [[-50, -50, -9, -9]], NO_RECTANGLE),
        (truth(), "rectangles", [], NO_RECTANGLE),
    ],
)
def test_what_differs_from_what_was_asked_for_is_told(labels, rois, rectangles, note) -> None:
    settings = CropSettings(rois=rois, size=64)
    assert note in messages(Radiograph(film()), labels, settings, rectangles)
    assert note in survey_crops(Radiograph(film()), labels, settings, rectangles).notes


def test_boxes_stand_in_for_a_truth_that_is_not_there() -> None:
    pairs = list(crop(Radiograph(film()), None, CropSettings(rois="flaws", size=32), [[60, 90, 69, 99]]))
    assert [(pair.row, pair.column) for pair in pairs] == [(49, 79)]


@given(
    rois=st.sampled_from(["grid", "bead", "flaws", "rectangles"]),
    size=st.integers(16, 200),
    overlap=st.floats(0, 0.8),
    jitter=st.integers(0, 40),
    seed=st.integers(0, 3),
)
def test_a_survey_says_what_is_cut(rois, size, overlap, jitter, seed) -> None:
    settings = CropSettings(rois=rois, size=size, overlap=overlap, jitter=jitter)
    arguments = (Radiograph(film()), truth(), settings, [[10, 10, 120, 90], [5, 390, 1, 300]], seed)
    said, pairs = survey_crops(*arguments), list(crop(*arguments))
    assert said.crops == len(pairs)
    assert said.with_flaw == sum((pair.mask == FLAW).any() for pair in pairs)
    assert said.flaw_share == pytest.approx(np.mean([pair.mask == FLAW for pair in pairs]))
    assert [(w.top, w.left) for w in said.plans[0].windows] == [(pair.row, pair.column) for pair in pairs]


def test_jitter_is_the_seeds_and_the_films_own() -> None:
    settings = CropSettings(rois="grid", size=64, jitter=20)

    def places(name: str, seed: int) -> list[tuple[int, int]]:
        return [(p.row, p.column) for p in crop(Radiograph(film(), name), None, settings, seed=seed)]

    assert places("a", 0) == places("a", 0)
    assert places("a", 0) != places("a", 1)
    assert places("a", 0) != places("b", 0)


def test_planes_of_a_stack_are_films_of_their_own_and_are_computed_one_by_one() -> None:
    computed = []

    def load(block, block_id=None):
        computed.append(block_id)
        return block

    stack = np.stack([film(seed=seed) for seed in range(3)])
    lazy = da.from_array(stack, chunks=(1, -1, -1)).map_blocks(load, dtype=stack.dtype)
    pairs = crop(Radiograph(lazy, "s"), np.stack([truth()] * 3), GRID)
    computed.clear()
    first = next(iter(pairs))
    assert {block[0] for block in computed} == {0}
    assert first.film == "s_p000"
    rest = list(pairs)
    assert {pair.film for pair in rest} == {"s_p000", "s_p001", "s_p002"}
    last = rest[-1]
    assert last.normalisation == measure(stack[2])
    np.testing.assert_array_equal(last.pixels, stack[2, -64:, -64:])


def test_rectangles_of_one_plane_are_cropped_in_it_alone() -> None:
    stack = np.stack([film(), film()])
    settings = CropSettings(rois="rectangles", size=32)
    pairs = list(crop(Radiograph(stack, "s"), None, settings, [[1, 10, 10, 19, 19], [0, 80, 80, 89, 89]]))
    assert [(pair.film, pair.row) for pair in pairs] == [("s_p000", 69), ("s_p001", 0)]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32])
def test_dense_labels_are_flaws_by_any_number(dtype) -> None:
    mask = mask_of(np.array([[0, 1, 5]]).astype(dtype))
    assert mask.tolist() == [[BACKGROUND, FLAW, FLAW]]


def test_sparse_labels_ignore_what_is_not_labelled() -> None:
    assert mask_of(np.array([[0, 1, 2, 3]]), "sparse").tolist() == [[IGNORED, BACKGROUND, FLAW, FLAW]]
    settings = CropSettings(rois="flaws", size=32, labels="sparse")
    scribbles = np.zeros((150, 400), np.uint8)
    scribbles[:40], scribbles[80, 200] = 1, 2
    (pair,) = crop(Radiograph(film()), scribbles, settings)
    assert np.count_nonzero(pair.mask == FLAW) == 1 and np.count_nonzero(pair.mask == IGNORED) == 32 * 32 - 1


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((150, 399), bool), "a: its truth is 399 x 150 pixels, but it is 400 x 150."),
        (np.zeros((150, 400), complex), "a: its truth holds complex128, but labels are whole numbers."),
    ],
)
def test_a_truth_that_does_not_fit_is_refused_at_once(labels, reason) -> None:
    for job in (crop, survey_crops):
        with pytest.raises(RadiographError) as fault:
            job(Radiograph(film(), "a"), labels, GRID)
        assert str(fault.value) == reason


def test_a_truth_of_whole_floats_is_the_same_truth_and_no_other_is() -> None:
    truth = np.zeros((150, 400))
    truth[70:80, 200:230] = 3.0
    for one, other in zip(
        crop(Radiograph(film()), truth, GRID), crop(Radiograph(film()), truth > 0, GRID), strict=True
    ):
        np.testing.assert_array_equal(one.mask, other.mask)
    with pytest.raises(DatasetError, match="not whole"):
        list(crop(Radiograph(film()), truth / 10, GRID))


@pytest.mark.parametrize("rectangles", [None, [[1, 2, 3]], [[0, 0, np.nan, 5]]])
def test_rectangles_that_are_none_are_refused(rectangles) -> None:
    with pytest.raises(SettingsError, match=r"[Rr]ectangles"):
        crop(Radiograph(film()), None, CropSettings(rois="rectangles"), rectangles)


def test_a_number_of_crops_can_be_spread_over_an_area_only() -> None:
    with pytest.raises(ValueError, match="36 crops of each film can be spread over a bead or a grid only"):
        CropSettings(rois="flaws", crops_per_film=36)


def test_pixels_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RadiographError, match="no pixel that is a finite number"):
        list(crop(Radiograph(film(dtype=np.float32) * np.nan), None, GRID))


def test_cropping_stops_at_a_crop() -> None:
    pairs = crop(Radiograph(film()), None, GRID, job=JobControl(should_stop=lambda: len(seen) == 2))
    seen = []
    with pytest.raises(Stopped):
        seen.extend(iter(lambda: seen.append(next(pairs)), 1))
    assert len(seen) == 2


def test_the_package_offers_crop_and_its_settings() -> None:
    assert napari_weld_fcn.crop is crop and napari_weld_fcn.CropSettings is CropSettings
