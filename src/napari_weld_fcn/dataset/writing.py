"""A dataset that is being written: files encoded in a few threads behind the loop that makes the pairs."""

from __future__ import annotations

import os
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset import staging
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.table import IMAGES, MASKS, TABLE, Row, row_of, table_text
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.output import fits_png, save_png, save_tiff

#: A quarter of the time of Pillow's own choice, and smaller files: grain has no repeats worth looking for.
_PACKING: dict[str, Any] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
_THREADS = min(8, os.cpu_count() or 1)
_MOST_WAITING = 4 * _THREADS


def as_stored(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as a dataset that is read again gives them: in this computer's order of bytes."""
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


class Writer:
    """A stage, a few threads, and the rows so far.

    Parameters
    ----------
    folder
        Of the dataset; changed by `finish` alone.

    Raises
    ------
    DatasetError
        By any method, if `folder` cannot hold the dataset or a pair cannot be in it.
    """

    def __init__(self, folder: Path) -> None:
        self.rows: list[Row] = []
        self._folder = folder
        self._stage = staging.begin(folder)
        self._foreign = staging.foreign_files(folder)
        self._names: set[str] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dataset")
        self._waiting: deque[Future[None]] = deque()

    def add(self, pair: Pair) -> None:
        """Take one more pair; waits while too many are not yet on disk."""
        _check_mask(pair)
        self._check_names(pair.name, pair.film)
        pixels = as_stored(pair.pixels)
        image = f"{IMAGES}/{pair.name}{'.png' if fits_png(pixels) else '.tif'}"
        mask = f"{MASKS}/{pair.name}.png"
        for file in (image, mask):
            if file in self._foreign:
                raise DatasetError(f"{self._folder / file}: is in the way and not of an earlier dataset.")
        self.rows.append(row_of(pair, image, mask, flaw_pixels_of(pair.mask)))
        for file, array in ((image, pixels), (mask, pair.mask)):
            self._waiting.append(self._pool.submit(_save, self._stage / file, array, pair.pixel_size_mm))
        self._wait_until(_MOST_WAITING)

    def finish(self) -> None:
        """Make the pairs so far the dataset."""
        if not self.rows:
            raise DatasetError(f"{self._folder}: there is no pair to write.")
        self._wait_until(0)
        with staging.told(self._folder):
            (self._stage / TABLE).write_bytes(table_text(self.rows).encode())
        staging.commit(self._stage)

    def close(self) -> None:
        """End the threads, and remove what is not the dataset."""
        self._pool.shutdown(cancel_futures=True)
        staging.discard(self._stage)

    def _wait_until(self, most: int) -> None:
        while len(self._waiting) > most:
            with staging.told(self._folder):
                self._waiting.popleft().result()

    def _check_names(self, name: str, film: str) -> None:
        if not name or name.startswith(".") or not name.isprintable() or set(name) & set('/\\:*?"<>|'):
            raise DatasetError(f"{self._folder}: {name!r} cannot be the name of a pair's files.")
        if not film.isprintable() or not film:
            raise DatasetError(f"{self._folder}: {film!r} cannot be the name of a film.")
        if name.casefold() in self._names:  # some file systems do not tell A from a
            raise DatasetError(f"{self._folder}: two pairs are called {name}.")
        self._names.add(name.casefold())


def _save(path: Path, array: np.ndarray, pixel_size_mm: float | None) -> None:
    if path.suffix == ".png":
        save_png(path, array, pixel_size_mm, **_PACKING)
    else:
        save_tiff(path, array, pixel_size_mm, pack_floats=True)


def _check_mask(pair: Pair) -> None:
    mask = pair.mask
    if mask.dtype != np.uint8 or mask.shape != pair.pixels.shape or mask.ndim != 2 or other_values(mask):
        raise ValueError(f"{pair.name}: a mask is uint8 of its image's shape, 0, 128 or 255")


def other_values(mask: np.ndarray) -> bool:
    """Whether ``(rows, columns)`` numbers hold any that is no value of a mask."""
    return bool(((mask != BACKGROUND) & (mask != FLAW) & (mask != IGNORED)).any())


def flaw_pixels_of(mask: np.ndarray) -> int:
    """Count the pixels of a mask, ``(rows, columns)``, that are flaw."""
    return int(np.count_nonzero(mask == FLAW))
