"""Batches of crops: functions of the step, equal to what is written to disk, a third with flaws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_weld_fcn.dataset.augmentation import augment
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.training.data.crop_sampler import FLAWED_SHARE, CropSampler, Draw
from napari_weld_fcn.training.data.crops import fingerprint, pairs_of, pixel_sizes_of, places_of, variants_of


def source(pairs, positions=None, augmentation=AugmentationSettings(), batch=4, window=256, seed=0):
    positions = range(len(pairs)) if positions is None else positions
    return CropSampler(
        pairs, positions, places_of(pairs), augmentation, batch=batch, window=window, seed=seed
    )


@given(stop=st.integers(1, 9), start=st.integers(0, 8), seed=st.integers(0, 3))
@settings(max_examples=15)
def test_a_batch_is_a_function_of_its_step(pairs: list[Pair], start: int, stop: int, seed: int) -> None:
    start = min(start, stop - 1)
    whole = list(source(pairs, seed=seed).batches(0, stop))
    later = list(source(pairs, seed=seed).batches(start, stop))
    assert len(later) == stop - start
    for made, again in zip(whole[start:], later, strict=True):
        for part in ("pixels", "truth", "ignored"):
            np.testing.assert_array_equal(getattr(made, part), getattr(again, part))


def test_what_is_shown_is_what_augment_writes_as_its_film_shows_it(pairs: list[Pair]) -> None:
    shown = source(pairs, seed=5)
    written = list(augment(pairs, AugmentationSettings(), variants=3, seed=5))
    for position in range(len(pairs)):
        for number in range(3):
            pixels, mask = shown.shown(Draw(position, number))
            variant = written[3 * position + number]
            np.testing.assert_array_equal(mask, variant.mask)
            np.testing.assert_array_equal(pixels, variant.normalisation.apply(variant.pixels))


def test_each_epoch_shows_every_crop_once_as_its_next_variant_in_another_order(pairs: list[Pair]) -> None:
    epochs = [source(pairs).epoch(number) for number in range(4)]
    for number, draws in enumerate(epochs):
        assert sorted(draw.position for draw in draws) == list(range(len(pairs)))
        assert {draw.number for draw in draws} == {number + 1}
    orders = {tuple(draw.position for draw in draws) for draws in epochs}
    assert len(orders) == 4


@given(flawed=st.integers(1, 12), seed=st.integers(0, 9), epoch=st.integers(0, 5))
def test_a_third_of_the_draws_show_a_flaw_and_none_is_shown_twice(
    pairs: list[Pair], flawed: int, seed: int, epoch: int
) -> None:
    some = [
        pair if index < flawed else replace(pair, mask=np.zeros_like(pair.mask))
        for index, pair in enumerate(pairs)
    ]
    made = source(some, seed=seed)
    draws = made.epoch(epoch)
    assert len(draws) == len(pairs)
    assert len(set(draws)) == len(draws)
    assert sum(draw.position < flawed for draw in draws) >= FLAWED_SHARE * len(draws)
    assert set(draws).isdisjoint(made.epoch(epoch + 1))


def test_only_the_crops_that_train_are_shown(pairs: list[Pair]) -> None:
    counts = Counter(draw.position for draw in source(pairs, positions=[1, 4, 9]).epoch(0))
    assert counts == {1: 1, 4: 1, 9: 1}


def test_ignored_pixels_are_told_and_are_no_flaw(pairs: list[Pair]) -> None:
    mask = pairs[0].mask.copy()
    mask[:5] = IGNORED
    (batch,) = source([replace(pairs[0], mask=mask)], augmentation=None).batches(0, 1)
    np.testing.assert_array_equal(batch.ignored[0, 0], mask == IGNORED)
    np.testing.assert_array_equal(batch.truth[0, 0], mask == FLAW)
    assert batch.pixels.dtype == batch.truth.dtype == np.float32


def test_crops_of_several_sizes_are_shown_in_windows_of_one_a_third_around_flaws(pairs: list[Pair]) -> None:
    large = np.zeros((200, 300), np.uint8)
    large[150:153, 250:253] = FLAW
    rng = np.random.default_rng(0)
    wide = replace(pairs[0], pixels=rng.integers(90, 150, large.shape, dtype=np.uint8), mask=large)
    shown = source([wide, pairs[1]], augmentation=None)
    assert shown.size == (32, 32)
    windows = [shown.shown(Draw(0, number)) for number in range(60)]
    assert {pixels.shape for pixels, _ in windows} == {(32, 32)}
    with_flaw = np.mean([(mask == FLAW).any() for _, mask in windows])
    assert FLAWED_SHARE - 0.15 < with_flaw < 0.7
    assert len({pixels.tobytes() for pixels, _ in windows}) > 40
    assert source([wide], augmentation=None, window=64).size == (64, 64)


def test_pairs_in_memory_are_listed_as_those_of_a_folder(pairs: list[Pair], dataset: Path) -> None:
    read = read_dataset(dataset)
    assert places_of(pairs) == places_of(read)
    assert fingerprint(pairs) == fingerprint(read, by_pixels=True)
    assert fingerprint(pairs[1:]) != fingerprint(read, by_pixels=True)
    assert variants_of(read) == variants_of(pairs) == [0] * len(pairs)
    sized = [replace(pair, pixel_size_mm=0.04) for pair in pairs[:2]]
    assert pixel_sizes_of([*sized, pairs[2]]) == [0.04, 0.04]
    assert pairs_of(dataset) == read


def test_nothing_to_train_with_is_a_sentence() -> None:
    with pytest.raises(DatasetError, match="no crops to train with"):
        pairs_of([])
