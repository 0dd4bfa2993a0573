"""Protocols: by film no film is on two sides; random crops put films on all, and say what leaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_weld_fcn.dataset.places import Place
from napari_weld_fcn.errors import DatasetError, SettingsError
from napari_weld_fcn.reproduction.plan import MEANING, Division, divisions, films_at, seen_share

BY_FILM = ("ratio", "8/2", "leave-one-out", "k-fold")


def crops(films: int = 10, each: int = 36, step: int = 12) -> list[Place]:
    """Crops of 32 in a row on each film, overlapping where the step is smaller; a third show flaws."""
    return [
        Place(f"film {film:02d}", 0, step * crop, 32, 32, 5 + 40 * film if crop % 3 == 0 else 0)
        for film in range(films)
        for crop in range(each)
    ]


def sides(division: Division) -> tuple[tuple[int, ...], ...]:
    return division.training, division.validation, division.test


@pytest.mark.parametrize("protocol", BY_FILM)
@settings(max_examples=15)
@given(films=st.integers(6, 12), seed=st.integers(0, 50))
def test_by_film_no_film_is_on_two_sides(protocol, films: int, seed: int) -> None:
    places = crops(films, each=6)
    for division in divisions(protocol, places, seed):
        training, validation, test = (films_at(places, side) for side in sides(division))
        assert not training & validation and not training & test and not validation & test
        assert len(training | validation | test) == films
        assert seen_share(places, division) == 0


@pytest.mark.parametrize("protocol", MEANING)
@settings(max_examples=15)
@given(films=st.integers(6, 12), seed=st.integers(0, 50))
def test_every_crop_is_on_one_side_and_every_side_has_flaws(protocol, films: int, seed: int) -> None:
    places = crops(films, each=8)
    for division in divisions(protocol, places, seed):
        assert sorted(sum(sides(division), ())) == list(range(len(places)))
        assert all(any(places[i].flaw_pixels for i in side) for side in sides(division))
        assert all(list(side) == sorted(side) for side in sides(division))


def test_random_crops_share_films_and_pixels() -> None:
    places = crops()
    (division,) = divisions("random-crops", places, 0)
    assert films_at(places, division.test) <= films_at(places, division.training)
    assert seen_share(places, division) > 0.5
    (apart,) = divisions("random-crops", crops(step=32), 0)
    assert seen_share(crops(step=32), apart) == 0


@pytest.mark.parametrize("protocol", MEANING)
def test_variants_stay_with_their_crop_and_order_changes_nothing(protocol) -> None:
    places = crops(each=8)
    doubled = [*places, *reversed(places)]
    for once, twice in zip(divisions(protocol, places, 3), divisions(protocol, doubled, 3), strict=True):
        for plain, varied in zip(sides(once), sides(twice), strict=True):
            assert {places[i] for i in plain} == {doubled[i] for i in varied}
            assert len(varied) == 2 * len(plain)


def test_ten_films_of_36_crops_are_divided_as_the_paper_has_their_number() -> None:
    (film,), (random,) = divisions("8/2", crops()), divisions("random-crops", crops())
    assert [len(side) for side in sides(film)] == [252, 36, 72]
    assert [len(side) for side in sides(random)] == [252, 36, 72]


def test_8_2_takes_the_films_whose_share_of_the_flaw_is_nearest_a_fifth() -> None:
    places = crops()
    total = sum(place.flaw_pixels for place in places)
    (division,) = divisions("8/2", places)
    assert sum(places[i].flaw_pixels for i in division.test) / total == pytest.approx(0.2, abs=0.02)
    assert divisions("8/2", places, 1) == divisions("8/2", places, 2)


def test_each_film_is_tested_on_in_turn() -> None:
    places = crops(each=6)
    assert [films_at(places, each.test) for each in divisions("leave-one-out", places)] == [
        {f"film {film:02d}"} for film in range(10)
    ]
    groups = [films_at(places, division.test) for division in divisions("k-fold", places)]
    assert len(groups) == 5 and len(set.union(*groups)) == sum(map(len, groups)) == 10


def test_another_seed_draws_other_random_crops() -> None:
    assert divisions("random-crops", crops(), 0) != divisions("random-crops", crops(), 1)


@pytest.mark.parametrize("protocol", ["ratio", "8/2"])
def test_two_films_are_too_few(protocol) -> None:
    with pytest.raises(DatasetError, match="three films at least"):
        divisions(protocol, crops(films=2))


def test_crops_without_flaws_on_one_side_are_refused() -> None:
    one = [Place("film", 0, 32 * k, 32, 32, 9 if k == 0 else 0) for k in range(10)]
    with pytest.raises(DatasetError, match="Too few crops show a flaw"):
        divisions("random-crops", one)


def test_an_unknown_protocol_and_too_many_films_are_refused() -> None:
    with pytest.raises(SettingsError, match="there are ratio, 8/2"):
        divisions("by luck", crops())  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="take the protocol ratio"):
        divisions("8/2", crops(films=40, each=2))
