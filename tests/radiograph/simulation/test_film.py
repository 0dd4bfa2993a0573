import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.ndimage import binary_dilation

from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

FILM = SimulationSettings(rows=300, columns=600, flawless_share=0, flaw_density=50)
WINDOW = SimulationSettings(
    rows=128,
    columns=128,
    framing="window",
    magnification_min=0.4,
    magnification_max=4,
    flawless_share=0,
    harsh_share=0.3,
)


@pytest.fixture(scope="module")
def films() -> list[SimulatedFilm]:
    return [simulate(FILM, seed) for seed in range(8)]


@given(seed=st.integers(0, 10**9))
@settings(max_examples=8, deadline=None)
def test_a_seed_gives_one_film(seed: int) -> None:
    first, second = simulate(WINDOW, seed), simulate(WINDOW, seed)
    assert np.array_equal(first.radiograph.pixels, second.radiograph.pixels)
    assert np.array_equal(first.instances, second.instances)
    assert first.flaws == second.flaws


def test_other_seeds_give_other_films() -> None:
    assert not np.array_equal(simulate(WINDOW, 1).radiograph.pixels, simulate(WINDOW, 2).radiograph.pixels)


def test_instances_and_table_tell_of_the_same_flaws(films: list[SimulatedFilm]) -> None:
    for film in films:
        numbers = {flaw.number for flaw in film.flaws if flaw.visible}
        assert numbers == set(np.unique(film.instances)) - {0}
        assert all(flaw.number == 0 for flaw in film.flaws if not flaw.visible)


def test_a_row_measures_its_flaw_as_it_stands_in_the_instance_image(films: list[SimulatedFilm]) -> None:
    windows = [simulate(WINDOW, seed) for seed in range(20)]
    for film in [*films, *windows]:
        assert [flaw.number for flaw in film.flaws if flaw.visible] == list(
            range(1, film.instances.max() + 1)
        )
        for flaw in film.flaws:
            rows, columns = np.nonzero(film.instances == flaw.number) if flaw.visible else ([], [])
            assert len(rows) == flaw.area_px
            if flaw.visible:
                assert (np.mean(rows), np.mean(columns)) == (
                    pytest.approx(flaw.row, abs=1e-3),
                    pytest.approx(flaw.column, abs=1e-3),
                )
                assert flaw.length_px <= np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1) + 1


def test_marked_pixels_are_darker_than_their_surroundings(films: list[SimulatedFilm]) -> None:
    darker = []
    for film in films:
        around = binary_dilation(film.mask, iterations=6) & ~binary_dilation(film.mask, iterations=2)
        for flaw in film.flaws:
            inside = film.instances == flaw.number
            near = binary_dilation(inside, iterations=6) & around
            if flaw.visible and flaw.contrast > 8 and near.any():
                pixels = film.radiograph.pixels
                darker.append(pixels[inside].mean() < pixels[near].mean())
    assert len(darker) > 30
    assert np.mean(darker) > 0.97


def test_bright_flaws_are_in_the_mask_only_where_they_count() -> None:
    full = SimulationSettings(rows=600, columns=1200, flawless_share=0, flaw_density=50)
    counted = full.model_copy(update={"flaw_classes": (304, 602, 504)})
    marked = 0
    for seed in range(8):
        bright, dark = simulate(counted, seed), simulate(full, seed)
        assert np.array_equal(bright.radiograph.pixels, dark.radiograph.pixels)
        assert {flaw.iso6520 for flaw in bright.flaws} <= {304, 602, 504}
        assert not {flaw.iso6520 for flaw in dark.flaws} & {304, 602, 504}
        marked += bool(bright.mask.any())
    assert marked > 4


def test_a_flawless_film_has_no_flaw() -> None:
    film = simulate(FILM.model_copy(update={"flawless_share": 1.0}), 3)
    assert film.flaws == []
    assert not film.mask.any()


def test_sixteen_bits_show_the_same_film_finer() -> None:
    plain = FILM.model_copy(update={"jpeg_share": 0.0})
    coarse = simulate(plain, 4).radiograph.pixels
    fine = simulate(plain.model_copy(update={"depth_bits": 16}), 4).radiograph.pixels
    assert fine.dtype == np.uint16
    assert np.abs(fine / 257 - coarse).max() <= 0.51
    assert np.unique(fine).size > 2 * np.unique(coarse).size


def test_magnification_sets_the_pixel_size() -> None:
    film = simulate(FILM.model_copy(update={"magnification_min": 2.0, "magnification_max": 2.0}), 0)
    assert film.radiograph.pixel_size_mm == pytest.approx(0.0403 / 2)
    for flaw in film.flaws:
        assert flaw.length_mm == pytest.approx(flaw.length_px * 0.0403 / 2)


def test_films_span_clean_to_harsh() -> None:
    noise = [simulate(WINDOW, seed).conditions.noise for seed in range(60)]
    assert min(noise) < 0.5
    assert max(noise) > 5


def test_magnification_range_upside_down_is_refused() -> None:
    with pytest.raises(ValidationError, match="above magnification_max"):
        SimulationSettings(magnification_min=3, magnification_max=2)


@pytest.mark.parametrize("shape", [(32, 32), (33, 517), (700, 40)])
def test_any_size_can_be_simulated(shape: tuple[int, int]) -> None:
    rows, columns = shape
    for framing in ("film", "window"):
        film = simulate(SimulationSettings(rows=rows, columns=columns, framing=framing), 7)
        assert film.radiograph.pixels.shape == film.instances.shape == shape
