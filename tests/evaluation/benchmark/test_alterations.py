"""Marks on an altered copy come back to the place of what they mark; exact copies lose nothing."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.evaluation.benchmark.alterations import (
    ALTERATIONS,
    HOT_PIXELS,
    Alteration,
    alterations_named,
)
from napari_weld_fcn.evaluation.benchmark.classical import scaled_to_255
from napari_weld_fcn.evaluation.scores import pixel_scores
from napari_weld_fcn.prediction.indications import label

KNOWN = {each.name: each for each in ALTERATIONS}
EXACT = [each for each in ALTERATIONS if each.exact]
LOSSY = [each for each in ALTERATIONS if not each.exact]

#: Odd, so that halves and turns cannot pass by luck, and with more pixels than a surround adds.
SHAPE = (601, 907)


def name_of(alteration: Alteration) -> str:
    return alteration.name


@pytest.fixture(scope="module")
def flaws() -> np.ndarray:
    """Five discs, none where its mirror image or a turn puts another; one is cut by the halves."""
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    centres = [(60, 75), (134, 650), (300, 454), (390, 160), (521, 800)]
    return np.any([(rows - row) ** 2 + (columns - column) ** 2 <= 144 for row, column in centres], axis=0)


@pytest.fixture(scope="module")
def film(flaws: np.ndarray) -> np.ndarray:
    """The discs at half the grey level of the rest, 8 bits."""
    return np.where(flaws, 100, 200).astype(np.uint8)


def dark(copy: np.ndarray) -> np.ndarray:
    """What is darker than most of a copy, whatever its scale: any detector will do."""
    return label((copy < 0.75 * np.median(copy)).astype(np.float32), 0.5)


def brought_back(alteration: Alteration, film: np.ndarray) -> np.ndarray:
    return alteration.back([dark(copy) for copy in alteration.copies(film)], film.shape)


@pytest.mark.parametrize("alteration", EXACT, ids=name_of)
def test_an_exact_copy_gives_the_same_marks_in_the_same_place(alteration, film, flaws):
    assert np.array_equal(brought_back(alteration, film) > 0, flaws)


@pytest.mark.parametrize("alteration", LOSSY, ids=name_of)
def test_a_lossy_copy_gives_the_marks_within_one_of_its_pixels(alteration, film, flaws):
    pixel = ceil(1 / alteration.scale)
    scores = pixel_scores(brought_back(alteration, film), flaws, tolerance=pixel)
    assert scores.f1 == 1.0
    assert not np.array_equal(alteration.copies(film)[0], film)


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=name_of)
def test_the_film_itself_stays_as_it_is_and_copies_are_the_same_each_time(alteration, film):
    before = film.copy()
    first, again = alteration.copies(film), alteration.copies(film)
    assert np.array_equal(film, before)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("name", "dtype", "levels"),
    [
        ("16-bit", np.uint16, (25700, 51400)),
        ("gain 20", np.uint16, (2000, 4000)),
        ("float 0..1", np.float32, (100 / 255, 200 / 255)),
        ("float 0..0.05", np.float32, (5 / 255, 10 / 255)),
    ],
)
def test_exact_copies_have_the_type_and_the_range_of_their_name(name, dtype, levels, film):
    (copy,) = KNOWN[name].copies(film)
    assert copy.dtype == dtype
    assert np.unique(copy) == pytest.approx(levels)


def test_ten_pixels_are_hot_and_no_others(film):
    (copy,) = KNOWN["ten hot pixels"].copies(film)
    assert np.count_nonzero(copy == 65535) == HOT_PIXELS == 10
    assert np.array_equal(copy[copy < 65535], film[copy < 65535])


def test_an_indication_that_the_halves_cut_is_two(film):
    halves = brought_back(KNOWN["halves"], film)
    assert np.unique(halves).size - 1 == 6
    assert np.array_equal(halves > 0, dark(film) > 0)


def test_halves_are_in_length_whichever_way_the_film_lies(film):
    assert [copy.shape for copy in KNOWN["halves"].copies(film)] == [(601, 454), (601, 453)]
    assert [copy.shape for copy in KNOWN["halves"].copies(film.T)] == [(454, 601), (453, 601)]


def test_a_copy_of_a_film_of_16_bits_keeps_its_grey_levels(film):
    deep = film.astype(np.uint16) * 16  # 12 bits in 16
    for name in ("gamma 0.6", "noise", "blur", "0.5 x", "white surround"):
        (copy,), (eight,) = KNOWN[name].copies(deep), KNOWN[name].copies(film)
        assert copy.dtype == np.uint16
        assert np.median(scaled_to_255(copy)) == pytest.approx(np.median(scaled_to_255(eight)), abs=1.5)


def test_alterations_are_chosen_by_name_and_by_kind():
    assert alterations_named(["exact", "lossy"]) == ALTERATIONS
    assert alterations_named(["lossy"]) == tuple(LOSSY)
    assert alterations_named(["blur", "16-bit"]) == (KNOWN["16-bit"], KNOWN["blur"])
    assert alterations_named([]) == ()
    with pytest.raises(SettingsError, match=r"no alteration 'blurr'; there are 0\.5 x, "):
        alterations_named(["blurr"])
