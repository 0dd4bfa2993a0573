"""A dataset folder changes as a whole, whenever the power or the patience ends.

Its files are written into a hidden folder beside the old ones. When all are on the disk, that folder is
renamed to `COMPLETE`: from this one step on, the new dataset is the one that counts. Then its files are moved
into their places, the table last. Who is killed in between leaves a `COMPLETE` folder, and the next one who
opens the dataset, for reading or for writing, finishes the moves, which can be repeated at any point. Moving
first and hoping is simpler, and leaves old masks beside new images.

A process that is killed before leaves its hidden folder; the next one that writes removes it.

A dataset that is being written: files encoded in a few threads behind the loop that makes the pairs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.table import IMAGES, MASKS, TABLE, Row, dataset_table, files_named, row_of
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.output import fits_png, save_png, save_tiff

_HIDDEN = ".weld-fcn-dataset-"
COMPLETE = f"{_HIDDEN}complete"


def begin_stage(folder: Path) -> Path:
    """Make an empty stage inside `folder`, with its `images` and `masks`.

    Left-overs of killed processes are finished where they are complete, and else removed.

    Raises
    ------
    DatasetError
        If `folder` cannot hold a dataset.
    """
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; give a folder for the dataset.")
    with folder_faults_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        settle(folder)
        for left_over in folder.glob(f"{_HIDDEN}*"):
            discard_stage(left_over)
        for name in (IMAGES, MASKS):
            if (folder / name).exists() and not (folder / name).is_dir():
                raise DatasetError(f"{folder / name}: is a file where the dataset's folder should be.")
        stage = folder / f"{_HIDDEN}{secrets.token_hex(8)}"
        for name in (IMAGES, MASKS):
            (stage / name).mkdir(parents=True)
        return stage


def foreign_files(folder: Path) -> frozenset[str]:
    """Files in the dataset's folders that no table names: they are the user's own and stay.

    Raises
    ------
    DatasetError
        If a `dataset.csv` is there that is no dataset's.
    """
    own = files_named(folder / TABLE) if (folder / TABLE).exists() else frozenset()
    with folder_faults_told(folder):
        present = {
            f"{name}/{file.name}"
            for name in (IMAGES, MASKS)
            if (folder / name).is_dir()
            for file in (folder / name).iterdir()
        }
    return frozenset(present - own)


def commit_stage(stage: Path) -> None:
    """Make what `stage` holds the dataset of the folder around it.

    Raises
    ------
    DatasetError
        If the file system refuses.
    """
    folder = stage.parent
    with folder_faults_told(folder):
        if hasattr(os, "sync"):
            os.sync()  # once: flushing twenty thousand small files one by one takes minutes
        settle(folder)
        stage.rename(folder / COMPLETE)
    settle(folder)


def settle(folder: Path) -> None:
    """Finish what a killed process had complete; does nothing where there is no such thing.

    Raises
    ------
    DatasetError
        If the file system refuses.
    """
    complete = folder / COMPLETE
    if not complete.is_dir():
        return
    try:
        if (complete / TABLE).exists():  # it is moved last
            _move_into_place(complete, folder)
        shutil.rmtree(complete)
    except OSError as fault:
        if complete.exists():  # otherwise another process has finished it meanwhile
            raise DatasetError(
                f"{folder}: a new dataset is complete in {COMPLETE}, but cannot be put in its place "
                f"({fault.strerror or fault})."
            ) from fault


def discard_stage(stage: Path) -> None:
    """Remove a stage as far as the file system lets."""
    shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def folder_faults_told(folder: Path) -> Iterator[None]:
    """Turn a fault of the file system into one sentence."""
    try:
        yield
    except OSError as fault:
        raise DatasetError(f"{folder}: cannot hold a dataset ({fault.strerror or fault}).") from fault


def _move_into_place(complete: Path, folder: Path) -> None:
    obsolete: frozenset[str] = frozenset()
    with suppress(DatasetError):  # no old table, or none of ours
        obsolete = files_named(folder / TABLE) - files_named(complete / TABLE)
    for name in (IMAGES, MASKS):
        if not (folder / name).exists():
            (complete / name).rename(folder / name)
        for file in list((complete / name).iterdir()) if (complete / name).is_dir() else []:
            file.replace(folder / name / file.name)
    for name in obsolete:
        (folder / name).unlink(missing_ok=True)
    (complete / TABLE).replace(folder / TABLE)


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
        self._stage = begin_stage(folder)
        self._foreign = foreign_files(folder)
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
        with folder_faults_told(self._folder):
            (self._stage / TABLE).write_bytes(dataset_table(self.rows).encode())
        commit_stage(self._stage)

    def close(self) -> None:
        """End the threads, and remove what is not the dataset."""
        self._pool.shutdown(cancel_futures=True)
        discard_stage(self._stage)

    def _wait_until(self, most: int) -> None:
        while len(self._waiting) > most:
            with folder_faults_told(self._folder):
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
