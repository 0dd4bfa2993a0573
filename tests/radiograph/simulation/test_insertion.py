"""Simulated flaws in films that are given: what changes, what stays, and what the truth says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, gaussian_filter

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.simulation.ground import CELL, Ground, grain_blur, ground_of, local_grain
from napari_weld_fcn.radiograph.simulation.insertion import insert
from napari_weld_fcn.radiograph.simulation.settings import InsertionSettings

FLAWED = InsertionSettings(flawless_share=0.0)


def film(rows: int = 160, columns: int = 192, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(140, noise, (rows, columns)), 0, 255)


@pytest.fixture(scope="module")
def ground() -> Ground:
    return ground_of(film().astype(np.uint8))


@given(seed=st.integers(0, 10**9))
@settings(max_examples=10, deadline=None)
def test_a_seed_gives_the_same_flaws(seed: int) -> None:
    measured = ground_of(film().astype(np.uint8))
    first, second = insert(measured, FLAWED, seed), insert(measured, FLAWED, seed)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.instances, second.instances)
    assert first.flaws == second.flaws


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint16, ">u2", np.int16, np.uint32, np.float32, np.float64, "float16"]
)
def test_a_film_keeps_its_dtype_and_all_pixels_that_no_flaw_reaches(dtype: str) -> None:
    scale = {"u": 1.0, "i": 100.0, "f": 1 / 255}[np.dtype(dtype).kind]
    pixels = (film() * scale).astype(dtype)
    measured = ground_of(pixels)
    changed = 0
    for seed in range(6):
        made = insert(measured, FLAWED, seed)
        assert made.pixels.dtype == pixels.dtype
        changed += int((made.pixels != pixels).sum())
        far = ~binary_dilation(made.pixels != pixels, iterations=1)
        assert np.array_equal(made.pixels[far], pixels[far])
    assert 0 < changed < 3 * pixels.size


def test_flaws_darken_what_is_there_and_bring_no_grain(ground: Ground) -> None:
    """The same flaws in a film of other grain take off the same grey levels."""
    other = ground_of(film(seed=1).astype(np.uint8))
    darkest = 0
    for seed in range(8):
        taken = [each.pixels.astype(int) - insert(each, FLAWED, seed).pixels for each in (ground, other)]
        assert np.abs(taken[0] - taken[1]).max() <= 1
        darkest = max(darkest, int(taken[0].max()))
        made = insert(ground, FLAWED, seed)
        if (made.mask & ~made.ignored).any():
            assert taken[0][made.mask & ~made.ignored].mean() > 0.7
    assert darkest > 20


def test_sixteen_bits_get_the_same_flaws_as_eight() -> None:
    eight = film().astype(np.uint8)
    sixteen = eight.astype(np.uint16) * 257
    for seed in range(5):
        first, second = insert(ground_of(eight), FLAWED, seed), insert(ground_of(sixteen), FLAWED, seed)
        assert np.array_equal(first.instances, second.instances)
        assert np.abs(second.pixels / 257 - first.pixels).max() <= 0.51


def test_a_window_says_where_it_lies_in_the_film() -> None:
    pixels = (np.arange(300)[:, None] * 0.3 + film(300, 400)).astype(np.uint8)
    window = (slice(50, 114), slice(200, 296))
    made = insert(ground_of(pixels), InsertionSettings(flawless_share=1.0), 3, window)
    assert np.array_equal(made.pixels, pixels[window])
    assert not made.mask.any() and not made.flaws


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_no_flaw_touches_a_forbidden_place_which_is_ignored(seed: int) -> None:
    pixels = film().astype(np.uint8)
    forbidden = np.zeros(pixels.shape, bool)
    forbidden[60:90, 40:160] = True
    measured = ground_of(pixels, forbidden=forbidden, margin=5)
    made = insert(measured, FLAWED, seed)
    grown = np.zeros(pixels.shape, bool)
    grown[55:95, 40:160] = True
    assert made.ignored[grown].all()
    assert not made.mask[grown].any()
    assert np.abs(made.pixels[65:85, 60:140].astype(int) - pixels[65:85, 60:140]).max() <= 25  # haze alone


def test_flaws_lie_in_their_area() -> None:
    pixels = film(300, 300).astype(np.uint8)
    area = np.zeros(pixels.shape, bool)
    area[200:260] = True
    measured = ground_of(pixels, area=area)
    inside = outside = 0
    for seed in range(20):
        mask = insert(measured, FLAWED, seed).mask
        inside, outside = inside + int(mask[area].sum()), outside + int(mask[~area].sum())
    assert inside > 500
    assert outside < 0.15 * inside


def test_the_share_without_a_flaw_is_kept(ground: Ground) -> None:
    asked = InsertionSettings(flawless_share=0.4)
    without = [not insert(ground, asked, seed).flaws for seed in range(200)]
    assert np.mean(without) == pytest.approx(0.4, abs=0.1)


def test_grain_hides_flaws() -> None:
    quiet, harsh = (ground_of(film(noise=noise).astype(np.uint8)) for noise in (1.0, 25.0))
    seen = [
        sum(sum(f.visible for f in insert(g, FLAWED, s).flaws) for s in range(15)) for g in (quiet, harsh)
    ]
    assert seen[1] < 0.6 * seen[0]


def test_what_is_near_the_limit_of_the_eye_is_ignored(ground: Ground) -> None:
    sure = FLAWED.model_copy(update={"sure_to_noise": 8.0})
    ignored = 0
    for seed in range(20):
        made = insert(ground, sure, seed)
        faint = [f.number for f in made.flaws if f.visible and f.contrast_to_noise < 8]
        assert np.array_equal(made.ignored, np.isin(made.instances, faint))
        ignored += bool(faint)
    assert ignored > 2


def test_black_film_shows_no_flaw() -> None:
    made = insert(ground_of(np.zeros((128, 128), np.uint8)), FLAWED, 1)
    assert not made.mask.any()


@pytest.mark.parametrize("blur", [0.0, 1.0, 2.0])
def test_grain_is_measured_as_the_simulator_counts_it(blur: float) -> None:
    noise = np.random.default_rng(0).standard_normal((640, 640))
    noise = 3 * (noise if not blur else gaussian_filter(noise, blur) / gaussian_filter(noise, blur).std())
    expected = 3 * np.sqrt(1 + 4 * np.pi * blur**2)
    pixels = 120 + noise + np.arange(640)[:, None] * 0.2
    assert np.median(local_grain(pixels, blur)) == pytest.approx(expected, rel=0.25)
    assert local_grain(pixels).shape == (640 // CELL, 640 // CELL)
    if blur:
        assert grain_blur(pixels) == pytest.approx(blur, rel=0.2)


def test_a_straight_flank_is_no_grain() -> None:
    pixels = film(320, 320, noise=2.0)
    pixels[160:] += 80
    grain = local_grain(pixels)
    assert grain.max() < 2 * np.median(grain)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (17, 33), (48, 48)])
def test_any_size_can_be_measured_and_filled(shape: tuple[int, int]) -> None:
    made = insert(ground_of(np.full(shape, 100, np.uint8)), FLAWED, 2)
    assert made.pixels.shape == made.instances.shape == made.ignored.shape == shape


@pytest.mark.parametrize(
    ("pixels", "more", "said"),
    [
        (np.zeros((3, 4, 4), np.uint8), {}, "one film of grey levels"),
        (np.zeros((4, 4), bool), {}, "one film of grey levels"),
        (np.full((4, 4), np.nan), {}, "not finite"),
        (np.zeros((4, 4), np.uint8), {"area": np.ones((4, 5), bool)}, "area are"),
        (np.zeros((4, 4), np.uint8), {"forbidden": np.ones((5, 4), bool)}, "forbidden places are"),
    ],
)
def test_what_is_no_film_is_refused(pixels: np.ndarray, more: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(RadiographError, match=said):
        ground_of(pixels, **more)
