"""A variant is a function of (crop, number, seed), and its mask goes where its image goes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from napari_weld_fcn import augment
from napari_weld_fcn.dataset.augmentation import draw, variant
from napari_weld_fcn.dataset.crops import crop as cut
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import (
    VARIANTS,
    AugmentationSettings,
    CropSettings,
    counts,
    variants_in_words,
)
from napari_weld_fcn.dataset.store import read_crops, read_dataset, write_dataset
from napari_weld_fcn.dataset.transforms import Change, GreyScale, noise, vary
from napari_weld_fcn.errors import SettingsError, Stopped
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.radiograph.normalisation import full_scale, measure
from napari_weld_fcn.radiograph.radiograph import Radiograph

UNMOVED = AugmentationSettings(rotation_probability=0, translation_probability=0)
DTYPES = ("uint8", "uint16", ">u2", "int16", "float32", "float64")

angles = st.floats(-180, 180)
shifts = st.floats(-60, 60)
seeds = st.integers(0, 2**70)
shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
changes = st.builds(
    Change,
    angle=st.just(0.0) | angles,
    shift_row=st.just(0.0) | shifts,
    shift_column=st.just(0.0) | shifts,
    negated=st.booleans(),
    gaussian_sigma=st.sampled_from([0.0, 5.0]),
    poisson_sigma=st.sampled_from([0.0, 5.0]),
    noise_key=st.integers(-(2**63), 2**63 - 1),
)


def crop(shape: tuple[int, int] = (48, 40), dtype: str = "uint8", seed: int = 0, name: str = "") -> Pair:
    """A grainy crop with a few flaws and an ignored corner; 12 bits where its dtype has more than 8."""
    rng = np.random.default_rng(seed)
    grey = rng.normal(120, 20, shape).clip(0, 255)
    scaled = grey / 255 if np.dtype(dtype).kind == "f" else grey * (1 if dtype == "uint8" else 16)
    pixels = scaled.astype(dtype)
    mask = np.where(rng.random(shape) < 0.1, FLAW, BACKGROUND).astype(np.uint8)
    mask[:2, :2] = IGNORED
    return whole(pixels, mask, name or f"film{seed}_000", f"film{seed}")


def whole(pixels: np.ndarray, mask: np.ndarray, name: str = "dot", film: str = "film") -> Pair:
    """A crop that is all of its film."""
    white = full_scale(pixels.dtype, float(pixels.max()))
    return Pair(name, pixels, mask, film, 3, 5, measure(pixels), white)


def changed(pair: Pair, *what: Change) -> tuple[np.ndarray, np.ndarray]:
    """All changes of one pair as one batch: pixels ``(N, rows, columns)`` float32, and masks."""
    pixels = torch.from_numpy(pair.pixels.astype(np.float32)).expand(len(what), 1, -1, -1)
    mask = torch.from_numpy(pair.mask).expand(len(what), 1, -1, -1)
    scale = GreyScale.of(pair.pixels, pair.full_scale)
    images, masks = vary(pixels, mask, what, [scale] * len(what))
    return images[:, 0].numpy(), masks[:, 0].numpy()


def assert_equal(one: Pair, other: Pair) -> None:
    assert one.pixels.dtype == other.pixels.dtype
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.mask, other.mask)
    assert replace(one, pixels=0, mask=0) == replace(other, pixels=0, mask=0)  # type: ignore[arg-type]


def source(shape: tuple[int, int], change: Change) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel comes from, rows and columns, worked out with complex numbers."""
    down, right = np.indices(shape, dtype=float)
    middle = complex((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    there = right + 1j * down - middle - complex(change.shift_column, change.shift_row)
    turned = there * np.exp(1j * np.radians(change.angle)) + middle
    return turned.imag, turned.real


# What changes nothing


@given(shapes, st.sampled_from(DTYPES), seeds, st.integers(0, 100))
def test_rotating_and_translating_by_0_change_nothing(shape, dtype, seed, number) -> None:
    still = AugmentationSettings(
        rotation=0, translation=0, negation_probability=0, gaussian_sigma=0, poisson_sigma=0
    )
    pair = crop(shape, dtype)
    varied = variant(pair, 0, number, still, seed)
    np.testing.assert_array_equal(varied.pixels, pair.pixels)
    np.testing.assert_array_equal(varied.mask, pair.mask)
    assert varied.pixels.dtype == pair.pixels.dtype
    assert varied.normalisation == pair.normalisation


@given(shapes, st.sampled_from([360.0, -720.0]))
def test_a_whole_turn_changes_nothing(shape, angle) -> None:
    pair = crop(shape)
    (pixels,), (mask,) = changed(pair, Change(angle=angle))
    np.testing.assert_array_equal(pixels, pair.pixels)
    np.testing.assert_array_equal(mask, pair.mask)


@given(shapes, st.sampled_from(["uint8", "uint16"]), st.integers(1, 50))
def test_negating_twice_changes_nothing(shape, dtype, number) -> None:
    negating = UNMOVED.model_copy(update={"negation_probability": 1, "noise_probability": 0})
    pair = crop((48, 48), dtype) if dtype == "uint16" else crop(shape)
    once = variant(pair, 0, number, negating)
    assert once.parameters["negated"] == 1
    again = variant(replace(once, variant=0), 0, number, negating)
    np.testing.assert_array_equal(again.pixels, pair.pixels)
    np.testing.assert_array_equal(once.mask, pair.mask)
    assert again.normalisation.mean == pytest.approx(pair.normalisation.mean)


@pytest.mark.parametrize("dtype", DTYPES)
def test_negated_variant_is_the_negative_of_its_crop_as_a_network_sees_it(dtype) -> None:
    negating = UNMOVED.model_copy(update={"negation_probability": 1, "noise_probability": 0})
    pair = crop(dtype=dtype)
    negative = variant(pair, 0, 1, negating)
    seen, was = (each.normalisation.apply(each.pixels) for each in (negative, pair))
    np.testing.assert_allclose(seen, -was, atol=1e-5)
    assert not np.array_equal(negative.pixels, pair.pixels)


def test_every_crop_of_a_film_is_negated_and_made_noisy_by_the_films_full_scale() -> None:
    film = np.full((64, 128), 1500, np.uint16)
    film[:, 64:] = 2600
    dark, bright = cut(Radiograph(film, "film"), None, CropSettings(rois="grid", size=64))
    assert dark.pixels.max() < 2048 <= bright.pixels.max()
    negating = UNMOVED.model_copy(update={"negation_probability": 1, "noise_probability": 0})
    noisy = UNMOVED.model_copy(update={"negation_probability": 0, "noise_probability": 1, "poisson_sigma": 0})
    for each in (dark, bright):
        negative = variant(each, 0, 1, negating)
        np.testing.assert_array_equal(negative.pixels, 4095 - each.pixels)
        assert negative.normalisation.mean == 4095 - each.normalisation.mean
        grainy = variant(each, 0, 1, noisy)
        wanted = grainy.parameters["gaussian_sigma"] * 4095 / 255
        assert (grainy.pixels - each.pixels.astype(float)).std() == pytest.approx(wanted, rel=0.05)


# Image and mask together


@given(angles, st.floats(-9, 9), st.floats(-9, 9))
def test_a_dot_drawn_in_both_lands_on_the_same_pixel(angle, down, right) -> None:
    rows, columns = np.indices((65, 81))
    dot = np.hypot(rows - 24, columns - 47) < 3.2
    pair = whole(dot * np.uint8(200), dot * np.uint8(FLAW))
    (pixels,), (mask,) = changed(pair, Change(angle=angle, shift_row=down, shift_column=right))
    in_image = [np.average(axis, weights=pixels) for axis in (rows, columns)]
    in_mask = [axis[mask == FLAW].mean() for axis in (rows, columns)]
    np.testing.assert_allclose(in_image, in_mask, atol=0.51)  # the nearest is at most half a pixel away
    assert mask[pixels == pixels.max()].min() == FLAW
    turned = complex(47 - 40, 24 - 32) * np.exp(-1j * np.radians(angle))
    np.testing.assert_allclose(in_image, [32 + turned.imag + down, 40 + turned.real + right], atol=0.1)


@given(shapes, angles, shifts, shifts)
def test_image_is_reflected_outside_and_read_between_pixels_inside(shape, angle, down, right) -> None:
    pair = crop(shape, "float32")
    change = Change(angle=angle, shift_row=down, shift_column=right)
    (pixels,), _ = changed(pair, change)
    expected = map_coordinates(pair.pixels, source(shape, change), order=1, mode="reflect")
    np.testing.assert_allclose(pixels, expected, atol=2e-3)


@given(shapes, angles, shifts, shifts)
def test_mask_is_the_nearest_pixels_inside_and_ignored_outside(shape, angle, down, right) -> None:
    pair = crop(shape)
    change = Change(angle=angle, shift_row=down, shift_column=right)
    _, (mask,) = changed(pair, change)
    places = np.stack(source(shape, change))
    unclear = (np.abs(places % 1 - 0.5) < 1e-3).any(axis=0)  # halfway between two pixels
    row, column = np.rint(places).astype(int)
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    expected = np.full(shape, IGNORED, np.uint8)
    expected[inside] = pair.mask[row[inside], column[inside]]
    np.testing.assert_array_equal(mask[~unclear], expected[~unclear])


def test_angles_count_counter_clockwise_as_seen() -> None:
    pixels = np.zeros((9, 9), np.uint8)
    pixels[4, 7] = 255  # right of the middle
    pair = whole(pixels, pixels)
    (turned,), _ = changed(pair, Change(angle=90))
    assert np.unravel_index(turned.argmax(), turned.shape) == (1, 4)
    (shifted,), _ = changed(pair, Change(shift_row=2, shift_column=-3))
    assert np.unravel_index(shifted.argmax(), shifted.shape) == (6, 4)


@given(st.integers(1, 200), seeds)
def test_negated_and_noisy_variants_have_their_crops_mask(number, seed) -> None:
    pair = crop()
    varied = variant(pair, 0, number, UNMOVED, seed)
    np.testing.assert_array_equal(varied.mask, pair.mask)


# Noise


@pytest.mark.parametrize("grey", [40, 200])
@pytest.mark.parametrize(("gaussian", "poisson"), [(5.0, 0.0), (0.0, 9.0), (4.0, 6.0)])
def test_noise_has_its_sigma(grey, gaussian, poisson) -> None:
    flat = np.full((200, 200), grey / 255, np.float32)
    pair = whole(flat, np.zeros(flat.shape, np.uint8))
    change = Change(gaussian_sigma=gaussian, poisson_sigma=poisson, noise_key=77)
    added = 255 * (changed(pair, change)[0] - flat)
    assert added.std() == pytest.approx(np.hypot(gaussian, poisson * (grey / 255) ** 0.5), rel=0.02)
    assert abs(added.mean()) < 0.15


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_noise_is_as_strong_in_films_of_any_depth_and_keeps_to_their_range(dtype) -> None:
    pair = crop((200, 200), dtype)
    unit = 1 if dtype == "uint8" else 4095 / 255
    (pixels,), _ = changed(pair, Change(gaussian_sigma=4, noise_key=5))
    assert ((pixels - pair.pixels) / unit).std() == pytest.approx(4, rel=0.02)
    (loud,), _ = changed(pair, Change(gaussian_sigma=100, noise_key=5))
    assert loud.min() == 0 and loud.max() == round(255 * unit)


def test_noise_is_normal_and_white_and_differs_from_key_to_key() -> None:
    first, second = noise([11, 2**63 - 5], 1 << 18).numpy()
    for drawn in (first, second):
        assert abs(drawn.mean()) < 0.01 and drawn.std() == pytest.approx(1, abs=0.01)
        assert (np.abs(drawn) < 1).mean() == pytest.approx(0.6827, abs=0.005)
        for lag in (1, 2, 4, 256):
            assert abs((drawn[lag:] * drawn[:-lag]).mean()) < 0.01
    assert abs((first * second).mean()) < 0.01


# One image, however it is made


@settings(max_examples=60)
@given(shapes, st.lists(changes, min_size=1, max_size=9), st.integers(1, 4), st.randoms())
def test_the_batch_and_the_threads_cannot_be_seen(shape, drawn, threads, random) -> None:
    pair = crop(shape, random.choice(["uint8", "uint16", "float32"]))
    alone = [changed(pair, change) for change in drawn]
    order = random.sample(range(len(drawn)), len(drawn))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        images, masks = changed(pair, *(drawn[index] for index in order))
    finally:
        torch.set_num_threads(before)
    for place, index in enumerate(order):
        np.testing.assert_array_equal(images[place], alone[index][0][0])
        np.testing.assert_array_equal(masks[place], alone[index][1][0])


@pytest.mark.parametrize("size", [96, 101, 256])
def test_the_batch_and_the_threads_cannot_be_seen_in_whole_crops(size) -> None:
    pair = crop((size, size))
    together = list(augment([pair, pair], variants=10, seed=4))
    before = torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            for number in (9, 3, 0, 7):
                assert_equal(variant(pair, 1, number, seed=4), together[10 + number])
        finally:
            torch.set_num_threads(before)


def dataset(folder: Path, dtypes: tuple[str, ...] = DTYPES) -> Any:
    made = [crop(dtype=dtype, seed=seed) for seed, dtype in enumerate(dtypes)]
    write_dataset(made, folder)
    return read_crops(folder)


def test_variants_are_equal_on_the_fly_and_from_disk(tmp_path) -> None:
    crops = dataset(tmp_path / "crops")
    total = write_dataset(augment(crops, total=40, seed=9), tmp_path / "all")
    stored = read_dataset(tmp_path / "all")
    assert total == len(stored) == 40
    places = {row.film: index for index, row in enumerate(crops.rows)}
    for row, pair in zip(reversed(stored.rows), reversed(list(stored)), strict=True):
        index = places[row.film]
        assert_equal(pair, variant(crops[index], index, row.variant, seed=9))


def digest(folder: Path) -> str:
    """One number for all variants of a dataset, as they are made on the fly."""
    made = hashlib.sha256()
    for pair in augment(read_crops(folder), variants=6, seed=2**40):
        made.update(pair.pixels.tobytes() + pair.mask.tobytes() + repr(pair.parameters).encode())
    return made.hexdigest()


def test_variants_are_equal_in_two_processes(tmp_path) -> None:
    dataset(tmp_path)
    code = (
        "import importlib.util, pathlib, sys\n"
        f"spec = importlib.util.spec_from_file_location('tests', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        f"print(module.digest(pathlib.Path({str(tmp_path)!r})))\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "5"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == digest(tmp_path), done.stderr


@given(seeds, st.integers(0, 400), st.integers(1, 400))
def test_a_transform_that_is_switched_off_leaves_the_others_as_they_were(seed, index, number) -> None:
    full = draw(AugmentationSettings(), seed, index, number)
    without = draw(AugmentationSettings(rotation_probability=0, noise_probability=0), seed, index, number)
    assert without == replace(full, angle=0.0, gaussian_sigma=0.0, poisson_sigma=0.0)


def test_what_is_drawn_keeps_to_its_range_and_its_share() -> None:
    asked = AugmentationSettings(
        rotation=30,
        rotation_probability=0.6,
        translation=7,
        translation_probability=0.8,
        negation_probability=0.25,
        gaussian_sigma=3,
        poisson_sigma=2,
        noise_probability=0.4,
    )
    drawn = [draw(asked, 1, index, number) for index in range(40) for number in range(1, 51)]
    assert len({change.noise_key for change in drawn}) == len(drawn)
    for name, limit, share in [("angle", 30, 0.6), ("shift_row", 7, 0.8), ("shift_column", 7, 0.8)]:
        values = np.array([getattr(change, name) for change in drawn])
        assert np.abs(values).max() <= limit and values.min() < -0.95 * limit and values.max() > 0.95 * limit
        assert (values != 0).mean() == pytest.approx(share, abs=0.04)
    for name, limit in [("gaussian_sigma", 3), ("poisson_sigma", 2)]:
        values = np.array([getattr(change, name) for change in drawn])
        assert values.min() == 0 and 0.95 * limit < values.max() <= limit
        assert (values > 0).mean() == pytest.approx(0.4, abs=0.04)
    assert np.mean([change.negated for change in drawn]) == pytest.approx(0.25, abs=0.04)


def test_other_seeds_crops_and_numbers_give_other_variants() -> None:
    pair = crop()
    made = [
        variant(pair, index, number, seed=seed)
        for index, number, seed in [(0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)]
    ]
    assert len({each.pixels.tobytes() for each in made}) == 4


# How many


@given(st.integers(1, 2000), st.integers(0, 30_000))
def test_a_total_is_spread_so_that_no_crop_has_two_more_than_another(crops, more) -> None:
    numbers = counts(crops, total=crops + more)
    assert len(numbers) == crops and sum(numbers) == crops + more
    assert max(numbers) - min(numbers) <= 1 and min(numbers) >= 1


def test_the_papers_numbers() -> None:
    assert sum(counts(360, total=11871)) == 11871
    assert counts(360) == [VARIANTS] * 360
    assert variants_in_words(360, 11871) == "360 crops -> 11 871 pairs (23 742 images)"


def test_the_crop_itself_is_variant_0_and_comes_first() -> None:
    first, second = crop(seed=0), crop(seed=1)
    made = list(augment([first, second], total=5))
    assert [pair.name for pair in made] == [
        *("film0_000", "film0_000_v001"),
        *("film1_000", "film1_000_v001", "film1_000_v002"),
    ]
    assert made[0] is first and made[2] is second
    assert [pair.variant for pair in made] == [0, 1, 0, 1, 2]
    assert {pair.film for pair in made[2:]} == {"film1"}
    assert made[1].parameters.keys() == made[4].parameters.keys() and not made[0].parameters


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"total": 1}, "A total of 1 pairs is less than the 2 crops that are among them."),
        ({"variants": 0}, "0 variants of each crop were asked for, but the crop itself is one."),
        ({"variants": 2, "total": 4}, "not both"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_anything_is_done(asked, sentence) -> None:
    with pytest.raises(SettingsError, match=sentence):
        augment([crop(seed=0), crop(seed=1)], **asked)


def test_no_crops_and_crops_that_are_variants_are_refused(tmp_path) -> None:
    with pytest.raises(SettingsError, match="no crops"):
        augment([])
    with pytest.raises(SettingsError, match="film0_000_v001 is a variant already"):
        list(augment([variant(crop(), 0, 1)]))
    write_dataset(augment([crop()], variants=3), tmp_path / "all")
    with pytest.raises(SettingsError, match="all: 2 of its 3 pairs are variants already"):
        read_crops(tmp_path / "all")


def test_a_stopped_writing_leaves_a_valid_dataset(tmp_path) -> None:
    asked = iter([False] * 6 + [True])
    with pytest.raises(Stopped):
        write_dataset(
            augment([crop()], variants=50), tmp_path, job=JobControl(should_stop=lambda: next(asked))
        )
    left = read_dataset(tmp_path)
    assert len(left) == 7
    assert_equal(left[6], variant(crop(), 0, 6))


def test_crops_are_read_one_after_the_other() -> None:
    class Counting(list[Pair]):
        read = 0

        def __getitem__(self, index: Any) -> Any:
            Counting.read += 1
            return super().__getitem__(index)

    crops = Counting(crop(seed=seed) for seed in range(5))
    made: Iterator[Pair] = augment(crops, variants=3)
    for _ in range(4):
        next(made)
    assert Counting.read == 2
