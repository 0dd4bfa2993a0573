"""A series of GDXray with its truth: which film has which mask, boxes and points.

Opening a series reads the heads of its files and no pixels, so that thousands of megapixels open at once;
what a film or a mask holds is read when it is asked for. Whatever can be told from the heads is told then,
one sentence a fault, and the rest is there: a missing mask, a mask of another size, a row that is not
numbers, an image that is none. A mask is a film's by its number alone, and only if it has the film's size;
anything else would teach a network a wrong truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import pixel_size_of, shape_of
from napari_weld_fcn.radiograph.gdxray.boxes import Mark, read_marks
from napari_weld_fcn.radiograph.gdxray.film import GDXrayFilm, mask_of_other_size
from napari_weld_fcn.radiograph.gdxray.folders import (
    MASK_SERIES,
    SUFFIXES,
    SeriesFolder,
    list_series,
    parse_name,
    series_name,
)

#: Folder, below that of a series, with one mask for each flaw, `NAME_1.png`, `NAME_2.png`, ...
INSTANCES_FOLDER = "masks"
_TOLD = 3


@dataclass(frozen=True)
class GDXraySeries:
    """The films of a series, in the order of their numbers.

    Attributes
    ----------
    name
        Such as ``"W0001"``.
    path
        The folder of its films.
    films
        Those that can be opened.
    problems
        What is missing, damaged or left out: one sentence each, with the file.
    is_mask
        Whether the films are themselves the masks of another series; each is then its own mask too.
    """

    name: str
    path: Path
    films: tuple[GDXrayFilm, ...]
    problems: tuple[str, ...] = ()
    is_mask: bool = False

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, index: int) -> GDXrayFilm:
        return self.films[index]

    def __iter__(self) -> Iterator[GDXrayFilm]:
        return iter(self.films)


def open_series(path: str | Path | SeriesFolder) -> GDXraySeries:
    """Open a series of GDXray, or one film of it, with its masks, boxes and points.

    Parameters
    ----------
    path
        A series' folder or one of its images; a group's folder or the root, if it holds but one series of
        radiographs; or what `list_series` gives.

    Returns
    -------
    GDXraySeries
        Lazy: no pixels are read.

    Raises
    ------
    RadiographError
        If there is no such path, nothing of GDXray's in it, more than one series, or no film that can be
        read.
    """
    folder = path if isinstance(path, SeriesFolder) else _only_series(Path(path))
    single = None if isinstance(path, SeriesFolder) or Path(path).is_dir() else Path(path)
    problems: list[str] = []
    images = _images(folder, single, problems)
    marks = _marks_by_number(folder, images, single is None, problems)
    masks = _masks(folder, images, problems)
    instances = _instances(folder, images)
    films, damaged = [], []
    for number, image in images.items():
        try:
            shape, dtype = _plane(image)
            size, _ = pixel_size_of(image)
        except RadiographError as fault:
            damaged.append(str(fault))
            continue
        film = GDXrayFilm(image.stem, image, number, shape, dtype, pixel_size_mm=size)
        films.append(_with_truth(film, masks.get(number), instances.get(number, {}), marks, problems))
    if not films:
        raise RadiographError(damaged[0] if damaged else f"{folder.path}: holds no film of GDXray.")
    return GDXraySeries(folder.name, folder.path, tuple(films), (*damaged, *problems), folder.is_mask)


def _only_series(path: Path) -> SeriesFolder:
    series = list_series(path)
    if not series:
        what = (
            "holds no images called as in GDXray" if path.is_dir() else "is not called as an image of GDXray"
        )
        raise RadiographError(f"{path}: {what}, such as W0001_0003.png.")
    if len(series) > 1:
        names = ", ".join(each.name for each in series[:_TOLD]) + (", ..." if len(series) > _TOLD else "")
        raise RadiographError(f"{path}: holds {len(series)} series ({names}); give the folder of one.")
    return series[0]


def _images(folder: SeriesFolder, single: Path | None, problems: list[str]) -> dict[int, Path]:
    if single is not None:
        name = parse_name(single.stem)
        return {name.number: single} if name else {}
    images = {}
    for number, paths in folder.images().items():
        images[number] = paths[0]
        if len(paths) > 1:
            problems.append(
                f"{paths[1]}: is left out, for {paths[0].name} is image {number} of the series too."
            )
    return images


def _plane(path: Path) -> tuple[tuple[int, int], np.dtype[np.generic]]:
    shape, dtype = shape_of(path)
    if len(shape) != 2 or 0 in shape:
        raise RadiographError(f"{path}: has shape {shape}, but a film of GDXray is one plane of pixels.")
    return (shape[0], shape[1]), dtype


def _marks_by_number(
    folder: SeriesFolder, images: dict[int, Path], whole: bool, problems: list[str]
) -> dict[int, list[Mark]]:
    marks, wrong = read_marks(folder.path)
    problems += wrong
    by_number: dict[int, list[Mark]] = {}
    for mark in marks:
        by_number.setdefault(mark.number, []).append(mark)
    absent = [number for number in by_number if number not in images]
    if whole and absent:
        count = sum(len(by_number[number]) for number in absent)
        problems.append(
            f"{folder.path}: {count} boxes or points belong to images that are not there "
            f"({_some(map(str, absent))})."
        )
    return by_number


def _masks(folder: SeriesFolder, images: dict[int, Path], problems: list[str]) -> dict[int, Path]:
    """Files of masks by number; that some are missing, or all, is told."""
    if folder.is_mask:
        return images
    wanted = MASK_SERIES.get((folder.group, folder.series))
    if not wanted:
        return {}
    series = folder.mask_series()
    if not series:
        names = " or ".join(series_name(*each) for each in wanted)
        problems.append(f"{folder.path}: there are no masks for it ({names} is not beside it).")
        return {}
    found: dict[int, Path] = {}
    for each in series:
        for number, paths in each.images().items():
            found.setdefault(number, paths[0])
    missing = [path.stem for number, path in images.items() if number not in found]
    if missing:
        problems.append(f"{series[0].path}: there is no mask for {_some(missing)}.")
    return found


def _instances(folder: SeriesFolder, images: dict[int, Path]) -> dict[int, dict[int, Path]]:
    """Files of single flaws: by the image's number, then by the flaw's."""
    found: dict[int, dict[int, Path]] = {}
    for place in _instance_folders(folder.path):
        for path in sorted(place.iterdir()):
            stem, _, flaw = path.stem.rpartition("_")
            name = parse_name(stem)
            ours = name is not None and (name.group, name.series) == (folder.group, folder.series)
            if name and ours and re.fullmatch("[0-9]{1,6}", flaw) and path.suffix.lower() in SUFFIXES:
                found.setdefault(name.number, {})[int(flaw)] = path
    return {number: _from_one(flaws) for number, flaws in found.items() if number in images}


def _instance_folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and path.name.lower() == INSTANCES_FOLDER]
    except OSError as fault:
        raise RadiographError(f"{folder}: cannot be listed ({fault.strerror}).") from fault


def _from_one(flaws: dict[int, Path]) -> dict[int, Path]:
    """Number 0, which would be background, becomes the one after the last."""
    if 0 in flaws:
        flaws[max(flaws) + 1] = flaws.pop(0)
    return dict(sorted(flaws.items()))


def _with_truth(
    film: GDXrayFilm,
    mask: Path | None,
    instances: dict[int, Path],
    marks: dict[int, list[Mark]],
    problems: list[str],
) -> GDXrayFilm:
    """The film with what of its truth fits on it."""
    sound = {number: path for number, path in instances.items() if _fits(path, film, problems)}
    if len(sound) < len(instances):
        sound = {}  # some flaws alone would say that the others are none
    inside = [mark for mark in marks.get(film.number, []) if _on_film(mark, film.shape)]
    outside = len(marks.get(film.number, [])) - len(inside)
    if outside:
        problems.append(f"{film.path}: {outside} of its boxes or points lie outside it and are left out.")
    fitting = mask if mask is not None and _fits(mask, film, problems) else None
    return replace(film, mask_path=fitting, instance_paths=sound, marks=tuple(inside))


def _fits(mask: Path, film: GDXrayFilm, problems: list[str]) -> bool:
    try:
        shape, _ = _plane(mask)
    except RadiographError as fault:
        problems.append(str(fault))
        return False
    if shape != film.shape:
        problems.append(mask_of_other_size(mask, shape, film.name, film.shape))
        return False
    return True


def _on_film(mark: Mark, shape: tuple[int, int]) -> bool:
    top, left, bottom, right = mark.box
    return top < shape[0] - 0.5 and left < shape[1] - 0.5 and bottom >= -0.5 and right >= -0.5


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_TOLD]) + (f" and {len(listed) - _TOLD} more" if len(listed) > _TOLD else "")
