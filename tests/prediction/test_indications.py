"""Indications are numbered as promised and measured as a slow, plain computation measures them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import pdist
from skimage.measure import regionprops

from napari_weld_fcn.prediction import run_lengths as runs
from napari_weld_fcn.prediction.indications import label, lengths, measure_indications, peak_over

EIGHT = np.ones((3, 3))

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
stacks = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9))
seeds = st.integers(0, 2**32 - 1)


def blobs(seed: int, shape: tuple[int, int] = (60, 90), level: float = 0.62) -> np.ndarray:
    """A smooth random probability map with a few dozen blobs above `level`."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    smooth = ndimage.gaussian_filter(noise, 2.0)
    return (1.0 / (1.0 + np.exp(-4.0 * smooth / smooth.std() + 3.0))).astype(np.float32)


def first_pixels(labels: np.ndarray) -> list[int]:
    return [int(np.flatnonzero(labels.ravel() == n)[0]) for n in range(1, labels.max() + 1)]


@given(masks)
def test_marked_pixels_that_touch_by_edge_or_corner_are_one_indication(mask):
    labels = label(mask.astype(np.float32), 0.5)
    reference, count = ndimage.label(mask, EIGHT)
    assert labels.dtype == np.int32
    assert np.array_equal(labels > 0, mask)
    assert labels.max(initial=0) == count
    assert len(np.unique(np.stack([labels[mask], reference[mask]]), axis=1).T) == count


@given(masks)
def test_numbers_follow_the_first_pixel_in_row_major_order(mask):
    for probability in (mask.astype(np.float32), np.asfortranarray(mask.astype(np.float64))):
        first = first_pixels(label(probability, 0.5))
        assert first == sorted(first)


@given(masks, st.integers(1, 60))
def test_bands_leave_no_trace(mask, band_pixels):
    probability = mask * np.linspace(0.6, 1.0, mask.size, dtype=np.float32).reshape(mask.shape)
    whole = label(probability, 0.5, 2.5)
    table = measure_indications(whole, probability)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BAND_PIXELS", band_pixels)
        in_bands = label(probability, 0.5, 2.5)
        table_in_bands = measure_indications(whole, probability)
    assert np.array_equal(in_bands, whole)
    assert all(np.array_equal(table[name], table_in_bands[name]) for name in table)


def test_a_pixel_at_the_threshold_is_not_marked():
    at = np.array([[0.3, np.nextafter(np.float32(0.3), np.float32(1)), np.nan]], dtype=np.float32)
    assert label(at, 0.3).tolist() == [[0, 1, 0]]


def test_shorter_indications_are_left_out_and_the_rest_is_numbered_without_gaps():
    mask = np.zeros((9, 12), np.float32)
    mask[1, 1:4] = 1
    mask[3, 9] = 1
    mask[5:9, 5] = 1
    assert label(mask, 0.5, 3.0).max() == 2
    kept = label(mask, 0.5, 3.01)
    assert kept.max() == 1
    assert np.array_equal(kept > 0, label(mask, 0.5) == 3)
    assert not label(mask, 0.5, 100.0).any()


@given(masks, st.floats(1.0, 12.0))
@settings(max_examples=200)
def test_the_filter_keeps_what_measures_long_enough(mask, min_size):
    probability = mask.astype(np.float32)
    table = measure_indications(label(probability, 0.5), probability)
    limits = [min_size, *np.unique(table["length_px"])[:3]]
    for limit in limits:
        kept = measure_indications(label(probability, 0.5, limit), probability)
        assert kept["length_px"].tolist() == table["length_px"][table["length_px"] >= limit].tolist()
        assert kept["label"].tolist() == list(range(1, kept["label"].size + 1))


@given(seeds, st.floats(0.05, 0.95), st.floats(1.0, 40.0))
@settings(max_examples=100)
def test_what_is_nowhere_surer_than_its_outline_is_left_out_and_the_rest_is_as_it_was(seed, threshold, odds):
    probability = blobs(seed)
    every, kept = label(probability, threshold), label(probability, threshold, peak_odds=odds)
    table = measure_indications(every, probability)
    over = peak_over(threshold, odds)
    assert over / (1 - over) == pytest.approx(odds * threshold / (1 - threshold))
    sure = table["label"][table["peak_probability"] > over] if odds > 1 else table["label"]
    assert np.array_equal(kept > 0, np.isin(every, sure))
    within = [np.unique(every[kept == number]).tolist() for number in range(1, kept.max() + 1)]
    assert all(len(whole) == 1 for whole in within)
    assert {whole[0] for whole in within} == set(sure.tolist())
    assert first_pixels(kept) == sorted(first_pixels(kept))


def test_sureness_and_size_are_asked_together_in_every_plane_and_in_bands():
    stack = np.stack([blobs(seed) for seed in (1, 2, 3)])
    kept = label(stack, 0.6, 4.0, 3.0)
    assert 0 < np.count_nonzero(kept) < np.count_nonzero(label(stack, 0.6, 4.0))
    table = measure_indications(kept, stack)
    assert (table["peak_probability"] > peak_over(0.6, 3.0)).all() and (table["length_px"] >= 4).all()
    assert table["label"].tolist() == list(range(1, kept.max() + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BAND_PIXELS", 200)
        assert np.array_equal(label(stack, 0.6, 4.0, 3.0), kept)


@given(stacks)
def test_a_stack_is_labelled_plane_by_plane_with_one_numbering(stack):
    labels = label(stack.astype(np.float32), 0.5, 1.5)
    offset = 0
    for plane, numbered in zip(stack, labels, strict=True):
        alone = label(plane.astype(np.float32), 0.5, 1.5)
        assert np.array_equal(numbered, np.where(alone, alone + offset, 0))
        offset += alone.max()
    table = measure_indications(labels, stack.astype(np.float32))
    assert table["label"].tolist() == list(range(1, offset + 1))
    assert table["plane"].tolist() == [int(np.argwhere(labels == n)[0, 0]) for n in table["label"]]
    assert (table["row"] <= stack.shape[1] - 1).all()


@given(masks)
@settings(max_examples=150)
def test_length_is_the_largest_distance_of_two_pixels_plus_one(mask):
    table = measure_indications(label(mask.astype(np.float32), 0.5), mask.astype(np.float32))
    labels = label(mask.astype(np.float32), 0.5)
    for index, number in enumerate(table["label"]):
        pixels = np.argwhere(labels == number).astype(float)
        longest = pdist(pixels).max() if len(pixels) > 1 else 0.0
        assert table["length_px"][index] == pytest.approx(longest + 1.0, abs=1e-9)


@given(seeds)
@settings(max_examples=20)
def test_length_of_blobs_is_exact_and_width_is_the_extent_across_it(seed):
    probability = blobs(seed)
    labels = label(probability, 0.62)
    table = measure_indications(labels, probability)
    for index, number in enumerate(table["label"]):
        pixels = np.argwhere(labels == number).astype(float)
        angle = np.radians(table["orientation_deg"][index])
        along = pixels @ [-np.sin(angle), np.cos(angle)]
        across = pixels @ [np.cos(angle), np.sin(angle)]
        assert np.ptp(along) + 1.0 == pytest.approx(table["length_px"][index], abs=1e-9)
        assert np.ptp(across) + 1.0 == pytest.approx(table["width_px"][index], abs=1e-9)
        longest = pdist(pixels).max() if len(pixels) > 1 else 0.0
        assert table["length_px"][index] == pytest.approx(longest + 1.0, abs=1e-9)


@given(seeds)
@settings(max_examples=15)
def test_columns_agree_with_regionprops(seed):
    probability = blobs(seed)
    labels = label(probability, 0.62, 3.0)
    table = measure_indications(labels, probability)
    peers = regionprops(labels, intensity_image=probability)
    assert table["label"].tolist() == [peer.label for peer in peers]
    for index, peer in enumerate(peers):
        assert table["area_px"][index] == peer.area
        assert (table["row"][index], table["column"][index]) == pytest.approx(peer.centroid)
        assert table["diameter_px"][index] == pytest.approx(peer.equivalent_diameter_area)
        assert table["mean_probability"][index] == pytest.approx(peer.intensity_mean, rel=1e-5)
        assert table["peak_probability"][index] == peer.intensity_max
        # Its convex image is drawn in whole pixels, so that its length is up to a pixel longer.
        assert -0.5 <= peer.feret_diameter_max - table["length_px"][index] <= 1.0


@pytest.mark.parametrize(
    ("pixels", "length", "width", "degrees"),
    [
        ([(4, 4)], 1.0, 1.0, 0.0),
        ([(4, 2), (4, 3), (4, 4)], 3.0, 1.0, 0.0),
        ([(2, 4), (3, 4), (4, 4), (5, 4)], 4.0, 1.0, 90.0),
        ([(5, 2), (4, 3), (3, 4)], 1 + 2 * 2**0.5, 1.0, 45.0),
        ([(3, 2), (4, 3), (5, 4)], 1 + 2 * 2**0.5, 1.0, -45.0),
        ([(2, 2), (3, 2), (3, 3), (3, 4), (3, 5)], 1 + 10**0.5, 1 + 3 / 10**0.5, -18.434948822922),
    ],
)
def test_orientation_is_seen_from_the_row_and_rises_to_the_right(pixels, length, width, degrees):
    mask = np.zeros((8, 8), np.float32)
    mask[tuple(np.transpose(pixels))] = 1
    table = measure_indications(label(mask, 0.5), mask)
    assert table["length_px"] == pytest.approx([length])
    assert table["width_px"] == pytest.approx([width])
    assert table["orientation_deg"] == pytest.approx([degrees])


def test_a_disc_is_as_long_and_wide_as_its_diameter():
    rows, columns = np.mgrid[:61, :61] - 30
    disc = (np.hypot(rows, columns) <= 20.0).astype(np.float32)
    table = measure_indications(label(disc, 0.5), disc)
    for name in ("length_px", "width_px", "diameter_px"):
        assert table[name] == pytest.approx([41.0], rel=0.03)


@pytest.mark.parametrize("shape", [(7, 9), (3, 7, 9)])
def test_nothing_marked_gives_empty_columns_of_the_same_types(shape):
    empty = np.zeros(shape, np.float32)
    full = np.zeros((3, 3, 3) if len(shape) == 3 else (3, 3), np.float32)
    full[..., 1, 1] = 1
    table = measure_indications(label(empty, 0.5), empty, 0.04)
    filled = measure_indications(label(full, 0.5), full, 0.04)
    assert list(table) == list(filled)
    assert all(column.shape == (0,) for column in table.values())
    assert [column.dtype for column in table.values()] == [column.dtype for column in filled.values()]


def test_millimetres_are_given_only_where_the_pixel_size_is_known():
    probability = blobs(3)
    labels = label(probability, 0.62)
    assert not [name for name in measure_indications(labels, probability) if "mm" in name]
    table = measure_indications(labels, probability, 0.05)
    assert np.allclose(table["length_mm"], 0.05 * table["length_px"])
    assert np.allclose(table["width_mm"], 0.05 * table["width_px"])
    assert np.allclose(table["diameter_mm"], 0.05 * table["diameter_px"])
    assert np.allclose(table["area_mm2"], 0.05**2 * table["area_px"])


def test_numbers_may_be_missing_and_regions_in_several_pieces():
    labels = np.zeros((6, 9), np.int32)
    labels[0, 0], labels[0, 4] = 5, 5
    labels[4, 4:6] = 2
    table = measure_indications(labels, np.full(labels.shape, 0.5))
    assert table["label"].tolist() == [2, 5]
    assert table["length_px"].tolist() == [2.0, 5.0]
    assert table["area_px"].tolist() == [2, 2]
    assert lengths(labels, 6).tolist() == [0, 2, 0, 0, 5, 0]


def test_a_number_in_two_planes_is_refused():
    labels = np.ones((2, 3, 3), np.int32)
    with pytest.raises(ValueError, match="several planes"):
        measure_indications(labels, np.ones(labels.shape))


def test_other_shapes_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(3, 4\)"):
        measure_indications(np.ones((3, 3), np.int32), np.ones((3, 4)))
