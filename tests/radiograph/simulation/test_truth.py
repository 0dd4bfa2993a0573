from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_weld_fcn.radiograph.simulation.conditions import Conditions, Window
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.truth import (
    Exposed,
    clutter_behind,
    grain_of_means,
    outline,
    tabulate,
    unmasked,
)

SETTINGS = SimulationSettings()
QUIET = Conditions(
    zoom=1,
    contrast_per_mm=20,
    unsharpness=1,
    noise=0.5,
    grain=0.5,
    quantum=0.0,
    noise_slope=0,
    window=Window(1, 1, 0),
    jpeg_quality=0,
)


def bump(peak: float, sigma: float = 6.0) -> np.ndarray:
    y, x = np.mgrid[-30:31, -30:31]
    return (peak * np.exp(-(x**2 + y**2) / (2 * sigma**2))).astype(np.float32)


@given(peak=st.floats(3, 25), fraction=st.floats(0.2, 0.8))
def test_outline_lies_at_its_fraction_of_the_peak(peak: float, fraction: float) -> None:
    settings = SimulationSettings(truth_fraction=fraction, visible_contrast=0.1)
    mask, contrast, _ = outline(bump(peak), bump(peak), QUIET, settings)
    assert contrast == pytest.approx(peak)
    assert (
        np.array_equal(mask, bump(peak) > fraction * np.float32(peak))
        or abs(int(mask.sum()) - int((bump(peak) > fraction * peak).sum())) <= 4
    )


def test_a_strong_flaw_is_drawn_out_to_what_a_person_sees() -> None:
    strong, _, _ = outline(bump(200), bump(200), QUIET, SETTINGS)
    weak, _, _ = outline(bump(20), bump(20), QUIET, SETTINGS)
    assert strong.sum() > 1.5 * weak.sum()


def test_too_faint_a_flaw_is_not_drawn() -> None:
    mask, contrast, _ = outline(bump(1.0), bump(1.0), QUIET, SETTINGS)
    assert contrast == pytest.approx(1.0)
    assert not mask.any()


def test_what_the_window_cuts_off_is_not_drawn() -> None:
    shown = bump(20)
    shown[:, :31] = 0
    mask, _, _ = outline(bump(20), shown, QUIET, SETTINGS)
    assert mask[:, 31:].any()
    assert not mask[:, :31].any()
    assert not outline(bump(20), np.zeros_like(shown), QUIET, SETTINGS)[0].any()


def test_jpeg_hides_what_plain_bits_show() -> None:
    faint = bump(2.0)
    assert outline(faint, faint, QUIET, SETTINGS)[0].any()
    assert not outline(faint, faint, replace(QUIET, jpeg_quality=40), SETTINGS)[0].any()


def test_grain_hides_a_small_flaw_before_a_large_one() -> None:
    grainy = replace(QUIET, noise=7.0, grain=1.2)
    small, _, small_to_noise = outline(bump(10, sigma=1.5), bump(10, sigma=1.5), grainy, SETTINGS)
    large, _, large_to_noise = outline(bump(10, sigma=9), bump(10, sigma=9), grainy, SETTINGS)
    assert not small.any()
    assert large.any()
    assert large_to_noise / small_to_noise == pytest.approx(9 / 1.5, rel=0.25)


def test_ripples_as_strong_as_a_flaw_hide_it_and_a_slope_does_not() -> None:
    rows, columns = np.mgrid[0:200, 0:200].astype(np.float32)
    box, faint = (slice(70, 131), slice(60, 121)), bump(4.0)

    def drawn(ground: np.ndarray, flaw: np.ndarray) -> bool:
        clutter = clutter_behind(ground, box, flaw)
        return bool(outline(flaw, flaw, QUIET, SETTINGS, clutter)[0].any())

    ripples = 100 + 6 * np.sin(columns / 4)
    assert drawn(np.full_like(rows, 100), faint)
    assert drawn(100 + 0.5 * columns, faint)
    assert not drawn(ripples, faint)
    assert drawn(ripples, 8 * faint)


def test_what_is_much_broader_than_a_flaw_does_not_hide_it() -> None:
    rows, columns = np.mgrid[0:200, 0:200].astype(np.float32)
    box, flaw = (slice(70, 131), slice(60, 121)), bump(8.0, sigma=2.0)
    at_its_width = clutter_behind(10 * np.sin(columns / 2), box, flaw)
    assert 5 < at_its_width < 10
    assert clutter_behind(10 * np.sin(columns / 60), box, flaw) < 0.1 * at_its_width
    assert clutter_behind(np.zeros_like(rows), box, np.zeros((61, 61))) == 0


def test_grain_is_that_of_a_mean_over_many_pixels() -> None:
    rng = np.random.default_rng(1)
    noise = gaussian_filter(rng.standard_normal((3000, 3000)), 1.5)
    noise /= noise.std()
    means = noise.reshape(100, 30, 100, 30).mean((1, 3))
    conditions = replace(QUIET, noise=1.0, grain=1.5)
    assert means.std() * 30 == pytest.approx(grain_of_means(conditions), rel=0.15)


def test_a_slanted_line_is_measured_along_itself() -> None:
    y, x = np.mgrid[0:80, 0:80]
    mask = (np.abs(y - x) <= 2) & (x >= 10) & (x <= 60)
    _, (flaw,) = tabulate([Exposed(100, 3, 0, 0, 30.0, 9.0)], np.where(mask, 3, 0), QUIET)
    assert flaw.number == 1
    assert flaw.length_px == pytest.approx(50 * np.sqrt(2) + 1, rel=0.08)
    assert flaw.width_px == pytest.approx(4 / np.sqrt(2) + 1, rel=0.2)
    assert (flaw.row, flaw.column) == (pytest.approx(35, abs=1), pytest.approx(35, abs=1))
    assert flaw.depth_mm == pytest.approx(1.5)


def test_a_flaw_wholly_behind_others_is_not_visible() -> None:
    exposed = [Exposed(100, 1, 4, 5, 30.0, 9.0), Exposed(2011, 2, 6, 7, 30.0, 9.0)]
    instances, flaws = tabulate(exposed, np.full((9, 9), 2), QUIET)
    assert [(flaw.number, flaw.visible, flaw.area_px) for flaw in flaws] == [(0, False, 0), (1, True, 81)]
    assert (instances == 1).all()


def test_a_gap_between_strong_flaws_is_a_gap() -> None:
    loss = np.full((9, 31), 5.0, np.float32)
    loss[:, :12] = loss[:, -12:] = 100.0
    instances = np.ones((9, 31), np.int32)
    kept = unmasked(instances, loss, QUIET, SETTINGS)
    assert not kept[:, 14:17].any()
    assert kept[:, :12].all()
    alone = unmasked(instances, np.minimum(loss, 5.0), QUIET, SETTINGS)
    assert alone.all()
