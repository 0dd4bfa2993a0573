"""A dataset folder changes as a whole, whenever the power or the patience ends.

Its files are written into a hidden folder beside the old ones. When all are on the disk, that folder is
renamed to `COMPLETE`: from this one step on, the new dataset is the one that counts. Then its files are moved
into their places, the table last. Who is killed in between leaves a `COMPLETE` folder, and the next one who
opens the dataset, for reading or for writing, finishes the moves, which can be repeated at any point. Moving
first and hoping is simpler, and leaves old masks beside new images.

A process that is killed before leaves its hidden folder; the next one that writes removes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_weld_fcn.dataset.table import IMAGES, MASKS, TABLE
from napari_weld_fcn.dataset.table_reading import files_named
from napari_weld_fcn.errors import DatasetError

_HIDDEN = ".weld-fcn-dataset-"
COMPLETE = f"{_HIDDEN}complete"


def begin(folder: Path) -> Path:
    """Make an empty stage inside `folder`, with its `images` and `masks`.

    Left-overs of killed processes are finished where they are complete, and else removed.

    Raises
    ------
    DatasetError
        If `folder` cannot hold a dataset.
    """
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; give a folder for the dataset.")
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        settle(folder)
        for left_over in folder.glob(f"{_HIDDEN}*"):
            discard(left_over)
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
    with told(folder):
        present = {
            f"{name}/{file.name}"
            for name in (IMAGES, MASKS)
            if (folder / name).is_dir()
            for file in (folder / name).iterdir()
        }
    return frozenset(present - own)


def commit(stage: Path) -> None:
    """Make what `stage` holds the dataset of the folder around it.

    Raises
    ------
    DatasetError
        If the file system refuses.
    """
    folder = stage.parent
    with told(folder):
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


def discard(stage: Path) -> None:
    """Remove a stage as far as the file system lets."""
    shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def told(folder: Path) -> Iterator[None]:
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
