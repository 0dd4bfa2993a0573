import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.radiograph.simulation.conditions import curve, field
from napari_weld_fcn.radiograph.simulation.stamps import Stamp, blob, clip_to, dome, near, ribbon, splat

places = st.floats(-5, 5)


@given(row=places, column=places, width=st.floats(0.4, 12), angle=st.floats(0, np.pi))
def test_a_ribbon_holds_its_length_times_its_width(
    row: float, column: float, width: float, angle: float
) -> None:
    s = np.linspace(0, 60, 40)
    ones = np.ones(40)
    stamp = ribbon(row + s * np.sin(angle), column + s * np.cos(angle), width * ones, ones)
    assert stamp is not None
    assert stamp.values.sum() == pytest.approx(60 * width, rel=0.02)


def test_a_wide_ribbon_is_flat_at_its_depth() -> None:
    s = np.linspace(0, 60, 40)
    stamp = ribbon(np.zeros(40), s, np.full(40, 9.0), np.full(40, 2.0))
    assert stamp is not None
    middle = stamp.values[stamp.values.shape[0] // 2, 10:50]
    assert middle == pytest.approx(2.0, rel=0.15)


def test_a_point_has_no_ribbon() -> None:
    assert ribbon(np.zeros(3), np.zeros(3), np.ones(3), np.ones(3)) is None


@given(rows=st.lists(places, min_size=1, max_size=20))
def test_splat_keeps_mass_and_its_centre(rows: list[float]) -> None:
    r = np.array(rows)
    stamp = splat(r, r[::-1].copy(), np.ones(len(rows)))
    y, x = np.indices(stamp.values.shape)
    total = stamp.values.sum()
    assert total == pytest.approx(len(rows), rel=1e-5)
    assert (stamp.values * (y + stamp.row)).sum() / total == pytest.approx(r.mean(), abs=1e-4)
    assert (stamp.values * (x + stamp.column)).sum() / total == pytest.approx(r.mean(), abs=1e-4)


@given(radius=st.floats(1.5, 20), aspect=st.floats(1, 2.5), angle=st.floats(0, np.pi))
def test_a_dome_has_the_volume_of_half_an_ellipsoid(radius: float, aspect: float, angle: float) -> None:
    stamp = dome(10.3, 4.8, radius, aspect, angle)
    expected = 2 / 3 * np.pi * radius * radius / aspect
    assert stamp.values.sum() == pytest.approx(expected, rel=0.12, abs=1)
    assert stamp.values.max() <= 1


def test_a_blob_fades_before_its_box_ends() -> None:
    for seed in range(30):
        values = blob(np.random.default_rng(seed), 0, 0, 8, 0.6).values
        assert values.max() == pytest.approx(1)
        assert max(values[0].max(), values[-1].max(), values[:, 0].max(), values[:, -1].max()) == 0


@given(row=st.integers(-60, 60), column=st.integers(-60, 60), margin=st.integers(0, 9))
def test_what_is_near_a_film_is_all_that_falls_on_it(row: int, column: int, margin: int) -> None:
    stamp = Stamp(row, column, np.arange(20 * 30, dtype=np.float32).reshape(20, 30) + 1)

    def drawn(of: Stamp | None) -> np.ndarray:
        film = np.zeros((40, 50), np.float32)
        where = clip_to(of, 40, 50) if of is not None else None
        if of is not None and where is not None:
            film[where[0], where[1]] += of.values[where[2], where[3]]
        return film

    assert np.array_equal(drawn(stamp), drawn(near(stamp, (40, 50), margin)))


def test_fields_and_curves_have_unit_spread() -> None:
    rng = np.random.default_rng(0)
    assert np.std([field(rng, 64, 64, 20) for _ in range(200)]) == pytest.approx(1, rel=0.15)
    assert np.std([curve(rng, 100, 10) for _ in range(200)]) == pytest.approx(1, rel=0.15)
