"""Which pairs a dataset folder holds: those of its table, or files of equal names where it has none.

Both name a missing file before anything is learnt from the others. Without a table people call a film's mask
as it pleases their program: in capitals, with another suffix, with `_mask` behind. That is understood where
it leaves no doubt.
"""

from __future__ import annotations

from pathlib import Path

from napari_weld_fcn.dataset.table import IMAGES, MASKS, TABLE, Row, read_table
from napari_weld_fcn.errors import DatasetError
from napari_weld_fcn.radiograph.image_paths import is_image

#: What a mask may be called after its film, in any case of letters.
_ENDINGS = ("mask", "masks", "label", "labels", "seg", "gt", "truth")
#: What other programs write beside a film, and that is no mask.
_OTHER_LABELS = {".json": "polygons", ".xml": "boxes", ".txt": "boxes"}


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


def no_layout(folder: Path) -> DatasetError:
    """Say of a folder that is no dataset and no GDXray series what would be one."""
    found = [path for path in _listed(folder) if is_image(path)]
    what = "holds no images"
    if found:
        many = f"{len(found)} image{'s' * (len(found) != 1)}"
        what = f"holds {many}, but in no order that tells films from masks"
    return DatasetError(
        f"{folder}: {what}; give {IMAGES}/NAME.png with {MASKS}/NAME.png, a dataset folder with {TABLE}, or "
        "GDXray's W0001/W0001_0001.png with W0002/W0002_0001.png beside it."
    )


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
    found: dict[str, Path] = {}
    for name, mask in masks.items():
        film = _film_of(name, images)
        if film is None:
            raise DatasetError(f"{mask}: there is no image of this name in {IMAGES}.")
        if film in found:
            raise DatasetError(f"{mask}: {images[film].name} has a mask already, {found[film].name}.")
        found[film] = mask
    for name, image in images.items():
        if name not in found:
            hint = _labels_of_another_kind(folder, name)
            raise DatasetError(f"{image}: there is no image of this name in {MASKS}{hint}.")
    return tuple(
        Row(f"{IMAGES}/{image.name}", f"{MASKS}/{found[name].name}", name) for name, image in images.items()
    )


def _images_by_name(folder: Path) -> dict[str, Path]:
    """The images directly in a folder by their names without suffix, in the order of these."""
    found: dict[str, Path] = {}
    for path in _listed(folder) if folder.is_dir() else []:
        if not is_image(path):
            continue
        if path.stem in found:
            raise DatasetError(f"{path}: has the same name as {found[path.stem].name}.")
        found[path.stem] = path
    return dict(sorted(found.items()))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as fault:
        raise DatasetError(f"{folder}: cannot be listed ({fault.strerror}).") from fault


def _film_of(mask: str, films: dict[str, Path]) -> str | None:
    """The film that a mask is called after: in so many letters, but for their case, or but for an ending."""
    if mask in films:
        return mask
    bare = mask.casefold()
    for wanted in (bare, _without_ending(bare)):
        matching = [film for film in films if film.casefold() == wanted]
        if len(matching) == 1:
            return matching[0]
    return None


def _without_ending(name: str) -> str:
    for ending in _ENDINGS:
        if name.endswith(ending) and name[: -len(ending)].endswith(("_", "-", ".", " ")):
            return name[: -len(ending) - 1]
    return name


def _labels_of_another_kind(folder: Path, name: str) -> str:
    """Name the file of another kind of labels that a film has."""
    for place in (MASKS, "labels", "annotations", IMAGES):
        for suffix, kind in _OTHER_LABELS.items():
            if (folder / place / name).with_name(f"{name}{suffix}").is_file():
                return f"; {place}/{name}{suffix} ({kind}) is not read, so save the labels as images"
    return ""
