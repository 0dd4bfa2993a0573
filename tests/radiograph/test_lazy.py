"""A film is decoded when it is looked at, once, and what is painted on it stays."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph import lazy
from napari_weld_fcn.radiograph.lazy import FilmStack, LazyFilm


class Counted:
    """A file that counts how often it is read."""

    def __init__(self, shape=(6, 8), fault=None):
        self.pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        self.reads, self.fault, self.told = 0, fault, []

    def load(self):
        self.reads += 1
        if self.fault:
            raise RadiographError(self.fault)
        return self.pixels.copy()

    def film(self):
        return LazyFilm(self.pixels.shape, np.dtype(np.uint8), self.load, self.told.append)


def test_shape_dtype_and_a_row_cost_nothing():
    file = Counted()
    film = file.film()
    assert (film.shape, film.ndim, film.size, film.nbytes, len(film)) == ((6, 8), 2, 48, 48, 6)
    assert film[3].dtype == np.uint8
    assert file.reads == 0
    np.testing.assert_array_equal(np.asarray(film[3]), file.pixels[3])


def test_a_film_that_is_held_is_decoded_once(monkeypatch):
    monkeypatch.setattr(lazy, "KEPT_BYTES", 0)
    file, other = Counted(), Counted()
    film = file.film()
    shown = film[2:4, 1:]
    other.film().pixels()
    np.testing.assert_array_equal(film[:, :], file.pixels)
    np.testing.assert_array_equal(np.asarray(film), file.pixels)
    assert file.reads == 1
    del shown
    other.film().pixels()
    gc.collect()
    film.pixels()
    assert file.reads == 2


def test_recent_films_are_kept_up_to_a_size(monkeypatch):
    monkeypatch.setattr(lazy, "KEPT_BYTES", 100)
    lazy._kept.clear()
    files = [Counted() for _ in range(3)]
    films = [file.film() for file in files]
    for film in (*films, *films[1:]):
        film.pixels()
    assert [file.reads for file in files] == [1, 1, 1]
    films[0].pixels()
    assert files[0].reads == 2


def test_what_is_painted_stays_and_the_file_does_not_change(monkeypatch):
    monkeypatch.setattr(lazy, "KEPT_BYTES", 0)
    file = Counted()
    film = LazyFilm((6, 8), np.dtype(np.uint8), file.load, known=False)
    film[np.array([0, 1]), np.array([2, 3])] = 99
    for _ in range(3):
        Counted().film().pixels()
    assert film[0, 2] == film[1, 3] == 99 and (np.asarray(film) == 99).sum() == 2
    assert file.reads == 1 and film.known


def test_a_fault_is_told_once_shown_black_and_raised_to_who_computes():
    file = Counted(fault="film.png: is damaged.")
    film = file.film()
    for _ in range(3):
        assert not np.asarray(film[:]).any()
    assert file.told == ["film.png: is damaged."] and file.reads == 1
    with pytest.raises(RadiographError, match=r"film\.png: is damaged"):
        film.exact()


indices = st.one_of(
    st.integers(-3, 2),
    st.slices(3),
    st.just(Ellipsis),
    st.tuples(st.integers(0, 2), st.slices(6), st.slices(9)),
    st.tuples(st.slices(3), st.integers(0, 5), st.slices(9)),
    st.tuples(*[st.lists(st.integers(0, 2), min_size=4, max_size=4).map(np.array)] * 3),
)


def stack():
    return [Counted((6, 8)), Counted((5, 9)), Counted((6, 9))]


def padded(files):
    whole = np.zeros((3, 6, 9), np.uint8)
    for plane, file in zip(whole, files, strict=True):
        plane[: file.pixels.shape[0], : file.pixels.shape[1]] = file.pixels
    return whole


@given(key=indices)
def test_a_stack_gives_what_an_array_would(key):
    files = stack()
    films = FilmStack([file.film() for file in files])
    np.testing.assert_array_equal(np.asarray(films[key]), padded(files)[key])
    np.testing.assert_array_equal(np.asarray(films), padded(files))


@given(key=indices, value=st.integers(0, 255))
def test_a_stack_is_painted_as_an_array_would_be_but_not_beside_its_films(key, value):
    files = stack()
    films, expected = FilmStack([file.film() for file in files]), padded(files)
    films[key] = value
    expected[key] = value
    for plane, file in zip(expected, files, strict=True):
        plane[file.pixels.shape[0] :], plane[:, file.pixels.shape[1] :] = 0, 0
    np.testing.assert_array_equal(np.asarray(films), expected)


def test_a_plane_of_a_stack_reads_its_film_alone():
    files = stack()
    films = FilmStack([file.film() for file in files])
    assert films.padded and films.shape == (3, 6, 9)
    assert films[1].shape == (6, 9)
    films[1, :, :]
    assert [file.reads for file in files] == [0, 1, 0]


def test_films_and_stacks_are_gone_through_and_end():
    files = stack()
    films = FilmStack([file.film() for file in files])
    assert [plane.shape for plane in films] == [(6, 9)] * 3
    assert len(list(files[1].film())) == 5
    with pytest.raises(IndexError):
        films[3]


def test_padded_films_are_not_computed_with():
    with pytest.raises(RadiographError, match="differ in size"):
        FilmStack([file.film() for file in stack()]).exact()


def test_a_damaged_plane_is_raised_to_who_computes():
    films = FilmStack([Counted().film(), Counted(fault="two.png: is damaged.").film()])
    assert not films[1, :, :].any()
    exact = films.exact()
    assert exact[0, 0, 1] == 1
    with pytest.raises(RadiographError, match=r"two\.png"):
        np.asarray(exact[1])
