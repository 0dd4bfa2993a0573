"""Arrays whose pixels are read when they are looked at, for viewers.

A viewer asks for shape and dtype at once and for pixels when it shows them. Dask does that as well, but a
film of dask decodes its file anew for each tile that somebody takes of it, and labels of dask cannot be
painted on. Here a film is decoded once as long as anybody holds its pixels, a few recent ones are kept, and
what is painted stays.

A viewer cannot be told by an exception that a film is damaged: it would show a traceback each time it draws.
The film is then black, its fault is told once, and whoever computes with it calls `exact`, which raises.

Films of any sizes as the planes of one stack, each read when it is looked at.

A viewer shows a series as one array, and an array has one size. So smaller films are filled up with zeros to
be shown, and only to be shown: whoever computes with the stack takes `exact`, which refuses such planes, or
the films themselves.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError

#: Decoded films that nobody looks at are kept up to this size together, and the last one in any case.
KEPT_BYTES = 2**27

_kept: deque[NDArray[Any]] = deque()
_lock = threading.RLock()


class LazyFilm:
    """One plane of pixels; NumPy's indexing, reading and writing.

    Parameters
    ----------
    shape
        ``(rows, columns)``.
    dtype
        Of the pixels.
    load
        Reads the pixels; called in whatever thread asks for them.
    on_fault
        Is handed the sentence of the `RadiographError` that `load` raises, once.
    strict
        Whether pixels that cannot be read raise the `RadiographError` instead.
    known
        False where `load` only stands in for what there is not, such as the mask of a film without one.

    Attributes
    ----------
    known
        As given; True once something was painted.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[], NDArray[Any]],
        on_fault: Callable[[str], None] = lambda text: None,
        *,
        strict: bool = False,
        known: bool = True,
    ) -> None:
        self.shape, self.dtype, self.known = shape, np.dtype(dtype), known
        self._load, self._on_fault, self._strict = load, on_fault, strict
        self._fault: RadiographError | None = None
        self._pixels: NDArray[Any] | None = None
        self._decoded: Callable[[], NDArray[Any] | None] = lambda: None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded pixels."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.pixels(), dtype=dtype, copy=True if copy else None)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):  # napari takes a row to see its dtype
            row = range(len(self))[key]
            return LazyFilm(self.shape[1:], self.dtype, lambda: self.pixels()[row])
        return self.pixels()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        with _lock:
            if self._pixels is None:
                self._pixels = self.pixels().copy()
            self._pixels[key] = value
            self.known = True

    def pixels(self) -> NDArray[Any]:
        """The pixels, zeros if they cannot be read; not to be written to."""
        with _lock:
            if self._pixels is not None:
                return self._pixels
            pixels = self._decoded()
            if pixels is None:
                pixels = self._read()
                self._decoded = weakref.ref(pixels)
                _keep(pixels)
            return pixels

    def exact(self) -> NDArray[Any]:
        """The pixels as the file has them, or as they were painted.

        Raises
        ------
        RadiographError
            If they cannot be read.
        """
        pixels = self.pixels()
        if self._fault is not None and self._pixels is None:
            raise self._fault
        return pixels

    def _read(self) -> NDArray[Any]:
        if self._fault is None:
            try:
                return _owned(self._load().astype(self.dtype, copy=False).reshape(self.shape))
            except RadiographError as fault:
                if self._strict:
                    raise
                self._fault = fault
                self._on_fault(str(fault))
        return np.zeros(self.shape, self.dtype)


def _owned(pixels: NDArray[Any]) -> NDArray[Any]:
    """An array that lives as long as any part of it: parts of a view hold the view's owner, not the view."""
    return pixels if pixels.base is None or isinstance(pixels, np.memmap) else pixels.copy()


def _keep(pixels: NDArray[Any]) -> None:
    _kept.append(pixels)
    while len(_kept) > 1 and sum(each.nbytes for each in _kept) > KEPT_BYTES:
        _kept.popleft()


class FilmStack:
    """Films as planes of one stack; where they differ in size, a film has zeros to its right and below.

    Parameters
    ----------
    films
        At least one.
    strict
        Whether planes raise where a film cannot be read.

    Attributes
    ----------
    padded
        Whether films differ in size, so that not all of a plane is film.
    """

    def __init__(self, films: Sequence[LazyFilm], strict: bool = False) -> None:
        self.films = tuple(films)
        rows, columns = (max(film.shape[axis] for film in films) for axis in (0, 1))
        self.shape = (len(films), rows, columns)
        self.dtype = np.result_type(*(film.dtype for film in films))
        self.padded = any(film.shape != (rows, columns) for film in films)
        self._strict = strict

    @property
    def ndim(self) -> int:
        """Number of axes, 3."""
        return 3

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded pixels."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(np.stack([self._plane(k) for k in range(len(self))]), dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):
            k = range(len(self))[key]
            return LazyFilm(self.shape[1:], self.dtype, lambda: self._plane(k), strict=self._strict)
        first, rest = _split(key, self.ndim)
        if isinstance(first, int | np.integer):
            return self._plane(int(first))[rest]
        if isinstance(first, slice):
            planes = [self._plane(k)[rest] for k in range(*first.indices(len(self)))]
            return np.stack(planes) if planes else np.zeros((0, *self.shape[1:]), self.dtype)[:, *rest]
        numbers, places = _points(first, rest)
        values = np.zeros(numbers.shape, self.dtype)
        for k in np.unique(numbers):
            here = numbers == k
            values[here] = self._plane(int(k))[tuple(place[here] for place in places)]
        return values

    def __setitem__(self, key: Any, value: Any) -> None:
        first, rest = _split(key, self.ndim)
        if isinstance(first, slice):
            for k in range(*first.indices(len(self))):
                self[(k, *rest)] = value if np.ndim(value) < self.ndim else value[k]
            return
        if isinstance(first, int | np.integer):
            plane = self._plane(int(first)).copy()
            plane[rest] = value
            film = self.films[int(first)]
            film[...] = plane[: film.shape[0], : film.shape[1]]
            return
        numbers, places = _points(first, rest)
        values = np.broadcast_to(value, numbers.shape)
        for k in np.unique(numbers):
            film = self.films[int(k)]
            on_film = (places[0] < film.shape[0]) & (places[1] < film.shape[1]) & (numbers == k)
            film[tuple(place[on_film] for place in places)] = values[on_film]

    def exact(self) -> FilmStack:
        """The same stack, but strict.

        Raises
        ------
        RadiographError
            If films differ in size: what fills the smaller ones is no film and must not be computed with.
        """
        if self.padded:
            raise RadiographError(
                "The films of this series differ in size and are shown filled up to one; take the one you "
                "need out of it first (File > IO Utilities > Open the film shown of a GDXray series alone)."
            )
        return FilmStack(self.films, strict=True)

    def _plane(self, k: int) -> NDArray[Any]:
        film = self.films[k]
        pixels = film.exact() if self._strict else film.pixels()
        if film.shape == self.shape[1:] and film.dtype == self.dtype:
            return pixels
        plane = np.zeros(self.shape[1:], self.dtype)
        plane[: film.shape[0], : film.shape[1]] = pixels
        return plane


def _split(key: Any, ndim: int) -> tuple[Any, tuple[Any, ...]]:
    """An index taken apart into that of the plane and those within it."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(part is Ellipsis for part in parts):
        place = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[place : place + 1] = [slice(None)] * (ndim - len(parts) + 1)
    return parts[0], tuple(parts[1:])


def _points(first: Any, rest: tuple[Any, ...]) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Lists of places: the planes, and rows and columns, all of one shape."""
    numbers, *places = np.broadcast_arrays(first, *rest)
    return numbers, places
