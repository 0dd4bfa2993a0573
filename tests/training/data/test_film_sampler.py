"""Windows drawn from films: functions of the step, a third with a flaw in the middle, of the film alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, mask_of
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.training.data.film_sampler import (
    LEAST_STEPS,
    LEAST_WINDOW,
    MARGIN,
    ONE_FLAWED_OF,
    FilmSampler,
)
from napari_weld_fcn.training.data.sampling import Share
from napari_weld_fcn.training.settings import SEEN_AS

STILL = AugmentationSettings(
    rotation=0, translation=0, negation_probability=0, noise_probability=0, rotation_probability=0
)


def film(
    seed: int = 0, shape=(90, 160), flaws=((20, 30), (60, 140), (5, 90)), sparse: bool = False
) -> LabelledFilm:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(80, 170, shape, dtype=np.uint8)
    labels = np.zeros(shape, int)
    if sparse:
        labels[10:40, 10:60] = 1
    for row, column in flaws:
        labels[row : row + 5, column : column + 6] = 2
    return LabelledFilm(
        Radiograph(pixels, name=f"film {seed}"), mask_of(labels, "sparse" if sparse else "dense")
    )


def source(
    *films: LabelledFilm, augmentation=AugmentationSettings(), batch=5, window=32, seed=0, **more
) -> FilmSampler:
    shown = films or (film(),)
    return FilmSampler(shown, augmentation, batch=batch, window=window, seed=seed, **more)


@pytest.mark.parametrize(("columns", "edge"), [(40, LEAST_WINDOW), (150, 150), (400, 256)])
def test_what_knows_nothing_is_shown_windows_as_broad_as_what_is_labelled(columns: int, edge: int) -> None:
    strip = film(shape=(300, 500))
    strip.mask[:, columns:] = IGNORED
    assert source(strip, window=256, around=False).size == (edge, edge)
    assert source(strip, window=256).size == (256, min(256, columns + MARGIN))


@given(start=st.integers(0, 5), seed=st.integers(0, 3))
@settings(max_examples=12)
def test_a_batch_is_a_function_of_seed_and_step(start: int, seed: int) -> None:
    (first,) = source(seed=seed).batches(start, start + 1)
    *_, again = source(seed=seed).batches(0, start + 1)
    (other,) = source(seed=seed + 1).batches(start, start + 1)
    for part in ("pixels", "truth", "ignored"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_the_shares_of_several_processes_are_the_batch_of_one(ranks: int) -> None:
    (whole,) = source().batches(3, 4)
    shares = [next(source().batches(3, 4, Share(rank, ranks))) for rank in range(ranks)]
    for part in ("pixels", "truth", "ignored"):
        joined = np.concatenate([getattr(share, part) for share in shares])
        np.testing.assert_array_equal(joined, getattr(whole, part))


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_each_of_several_processes_sees_flaws(ranks: int) -> None:
    shown = source(film(shape=(600, 900)), batch=16, augmentation=STILL)
    for step in range(8):
        parts = [next(shown.batches(step, step + 1, Share(rank, ranks))) for rank in range(ranks)]
        assert all(part.truth.any() for part in parts)


def test_the_share_of_flaw_is_that_of_what_is_labelled() -> None:
    films = film(), film(seed=1, sparse=True, flaws=((20, 30),))
    assert source(*films).flaw_share == pytest.approx((3 * 30 + 30) / (90 * 160 + 30 * 50))


@given(seed=st.integers(0, 20), step=st.integers(0, 100))
def test_every_second_window_has_a_flaw_near_its_middle(seed: int, step: int) -> None:
    shown = source(seed=seed, augmentation=STILL)
    for number in (0, ONE_FLAWED_OF):
        _, mask = shown.shown(step, number)
        assert (mask == FLAW).any()


def test_each_flaw_is_drawn_as_often_whatever_its_size() -> None:
    labels = np.zeros((64, 400), int)
    labels[10:50, 10:60] = 1
    labels[30, 350] = 1
    shown = source(
        LabelledFilm(Radiograph(np.zeros((64, 400), np.uint8), name="a"), mask_of(labels)), augmentation=STILL
    )
    small = np.mean([shown.drawn(step, 0).column > 200 for step in range(300)])
    assert 0.4 < small < 0.6


def test_what_is_shown_is_the_film_as_a_whole_film_shows_it() -> None:
    one = film()
    shown = source(one, augmentation=STILL)
    normalised = measure(one.radiograph.pixels).apply(one.radiograph.pixels)
    for step in range(20):
        pair = shown.drawn(step, 1)
        pixels, mask = shown.shown(step, 1)
        place = (slice(pair.row, pair.row + 32), slice(pair.column, pair.column + 32))
        np.testing.assert_array_equal(pixels, normalised[place])
        np.testing.assert_array_equal(mask, one.mask[place])


def test_a_rotated_window_shows_film_in_its_corners_and_ignores_only_what_is_none() -> None:
    shown = source(
        film(shape=(300, 300), flaws=((150, 150),)), augmentation=AugmentationSettings(translation=0)
    )
    for step in range(30):
        _, mask = shown.shown(step, 0)  # around the flaw in the middle
        assert not (mask == IGNORED).any()


def test_what_lies_outside_of_the_film_is_reflected_and_ignored() -> None:
    one = film()
    shown = source(one, window=64)
    pairs = [shown.drawn(step, 1) for step in range(40)]
    outside = [pair for pair in pairs if pair.row < 0]
    assert outside
    for pair in outside:
        assert (pair.mask[: -pair.row] == IGNORED).all()
        top = pair.pixels[: -pair.row][::-1]
        np.testing.assert_array_equal(top, pair.pixels[1 - pair.row : 1 - 2 * pair.row])


def test_sparse_labels_are_what_windows_lie_around() -> None:
    one = film(sparse=True, flaws=((20, 30),))
    shown = source(one, augmentation=STILL)
    for step in range(30):
        for number in range(3):
            pixels, mask = shown.shown(step, number)
            assert pixels.shape == (32, 32)
            assert (mask != IGNORED).any()
    (batch,) = shown.batches(0, 1)
    assert batch.ignored is not None and batch.ignored.any()
    assert not (batch.truth[batch.ignored]).any()


def test_windows_stay_near_the_labelled_part() -> None:
    labels = np.zeros((60, 500), int)
    labels[20:30, 220:260] = 1
    labels[22:25, 230:240] = 2
    shown = source(
        LabelledFilm(Radiograph(np.zeros((60, 500), np.uint8), name="a"), mask_of(labels, "sparse")),
        augmentation=STILL,
        window=400,
    )
    assert shown.size == (60, 40 + 2 * MARGIN)
    assert {shown.drawn(step, 1).column for step in range(20)} == {220 - MARGIN}


def test_films_of_other_sizes_and_dtypes_are_shown_side_by_side() -> None:
    small = film(1, shape=(20, 50), flaws=((5, 5),))
    deep = LabelledFilm(
        Radiograph(film(2).radiograph.pixels.astype(np.float32) / 255, name="deep"), film(2).mask
    )
    shown = source(film(), small, deep, window=48)
    assert shown.size == (48, 48)
    for batch in shown.batches(0, 10):
        assert batch.pixels.shape == (5, 1, 48, 48)
        assert np.isfinite(batch.pixels).all()


def test_an_epoch_shows_about_as_much_as_is_labelled_and_never_little() -> None:
    assert source().steps_per_epoch == LEAST_STEPS
    large = source(film(shape=(400, 900)), batch=2)
    assert large.steps_per_epoch == -(-400 * 900 // (2 * 32 * 32))


def test_windows_of_a_negative_are_seen_as_those_of_its_film() -> None:
    bead = np.full((300, 400), 100.0)
    bead[100:200] += 60
    bead = gaussian_filter1d(bead, 4, axis=0) + np.linspace(0, 8, 400)  # no film has a hard edge in it
    pixels = (bead + np.random.default_rng(0).integers(0, 9, bead.shape)).astype(np.uint8)
    mask = np.zeros(pixels.shape, np.uint8)
    mask[140:150, 200:220] = FLAW
    shown, negative = (
        source(LabelledFilm(Radiograph(each, name="a"), mask), augmentation=STILL)
        for each in (pixels, 255 - pixels)
    )
    for number in (0, 1):
        for one, other in zip(shown.shown(2, number), negative.shown(2, number), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_windows_for_a_model_that_is_tuned_are_mirrored_and_jittered_as_a_function_of_the_step() -> None:
    plain, seen = source(augmentation=STILL), source(augmentation=STILL, seen_as=SEEN_AS)
    ways = set()
    for step in range(30):
        (pixels, mask), (shown, shown_mask) = plain.shown(step, 0), seen.shown(step, 0)
        np.testing.assert_array_equal(shown, seen.shown(step, 0)[0])
        for rows, columns in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            turned = pixels[::rows, ::columns]
            if np.array_equal(mask[::rows, ::columns], shown_mask) and turned.std() > 0:
                factor = shown.std() / turned.std()
                if np.allclose(shown, turned * factor + (shown.mean() - turned.mean() * factor), atol=1e-3):
                    ways.add((rows, columns))
                    assert SEEN_AS.spread_min - 1e-3 < factor < SEEN_AS.spread_max + 1e-3
    assert len(ways) == 4
