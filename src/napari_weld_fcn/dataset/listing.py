"""Which pairs a dataset folder holds: those of its table, or files of equal names where it has none.

Both name a missing file before anything is learnt from the others.
"""

from __future__ import annotations

from pathlib import Path

from napari_weld_fcn.dataset.table import IMAGES, MASKS, TABLE, Row
from napari_weld_fcn.dataset.table_reading import read_table
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.image_paths import SUFFIXES


def rows_of(folder: Path) -> tuple[Row, ...]:
    """List the pairs of a folder without reading an image.

    Raises
    ------
    DatasetError
        If the folder is no dataset, its table is damaged, or a file is missing.
    """
    if (folder / TABLE).exists():
        rows = read_table(folder / TABLE)
        _refuse_missing(folder, rows)
        return rows
    return _rows_without_table(folder)


def _refuse_missing(folder: Path, rows: tuple[Row, ...]) -> None:
    present: dict[Path, set[str]] = {}
    for row in rows:
        for file in (row.image, row.mask):
            path = folder / file
            if path.parent not in present:
                listed = path.parent.iterdir() if path.parent.is_dir() else ()
                present[path.parent] = {entry.name for entry in listed}
            if path.name not in present[path.parent] and not path.is_file():
                raise DatasetError(f"{path}: is missing, but {TABLE} names it.")


def _rows_without_table(folder: Path) -> tuple[Row, ...]:
    images, masks = _images_by_name(folder / IMAGES), _images_by_name(folder / MASKS)
    if not images:
        raise DatasetError(
            f"{folder}: is no dataset: it has neither {TABLE} nor images in {IMAGES} and {MASKS}."
        )
    for name in sorted(images.keys() ^ masks.keys()):
        path, missing = (images[name], MASKS) if name in images else (masks[name], IMAGES)
        raise DatasetError(f"{path}: there is no image of this name in {missing}.")
    return tuple(
        Row(f"{IMAGES}/{images[name].name}", f"{MASKS}/{masks[name].name}", name) for name in sorted(images)
    )


def _images_by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DatasetError(f"{path}: has the same name as {found[path.stem].name}.")
        found[path.stem] = path
    return found
