"""The names of GDXray and what they tell.

`W0001_0003` is image 3 of series 1 of the welds. GDXray's files carry no pixel size, while its welds were
all digitised at one: 40.3 um (630 dpi). A name alone is no origin, for any file can be called so: the size
holds for a file that lies in the folder of its series, as GDXray is unpacked. Castings, baggage and the rest
come from set-ups of many magnifications and have none. Series W0002 and W0004 of the welds are no radiographs
but the masks of W0001, film by film.

References
----------
Mery et al. (2015), GDXray: The database of X-ray images for nondestructive testing, J. Nondestruct. Eval.
34(4):42.

Where the series are, found by the names of files and folders alone.

A series is a folder with images called as GDXray calls them. It may be given itself, or the folder of its
group, or the root above the groups; groups are known in any case of letters, since what unpacks archives
changes them. A folder of any other name holds series too, if its images have GDXray's names, but it is never
searched further down: a whole disk must not be walked because somebody opened it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.errors import RadiographError

#: Edge of one pixel of GDXray's weld series, in mm.
WELD_PIXEL_SIZE_MM = 0.0403

#: Group letters and the folders of the groups, in small letters.
GROUP_FOLDERS = {
    "B": ("baggage", "baggages"),
    "C": ("castings",),
    "N": ("nature",),
    "S": ("settings",),
    "W": ("welds",),
}
#: Series of masks by the series they belong to, the one to be preferred first.
MASK_SERIES = {("W", 1): (("W", 2), ("W", 4))}

_SERIES = re.compile(r"([BCNSW])(\d{4})", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"([BCNSW])(\d{4})_(\d{4})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class GDXrayName:
    """Group letter (``"W"`` welds, ``"C"`` castings, ...), series and 1-based image number."""

    group: str
    series: int
    number: int

    @property
    def is_mask(self) -> bool:
        """Whether the image is the mask of another series' image."""
        return is_mask_series(self.group, self.series)


def parse_name(name: str) -> GDXrayName | None:
    """Take a file's name without its suffix apart; None where it is not one of GDXray's.

    Parameters
    ----------
    name
        For example ``"W0001_0003"``, in capitals or small letters.
    """
    match = _NAME.fullmatch(name)
    return GDXrayName(match[1].upper(), int(match[2]), int(match[3])) if match else None


def parse_series(name: str) -> tuple[str, int] | None:
    """Take the name of a series' folder, such as ``"W0001"``, apart into group letter and number, or None."""
    match = _SERIES.fullmatch(name)
    return (match[1].upper(), int(match[2])) if match else None


def series_pixel_size_mm(path: Path) -> float | None:
    """Return the edge of one pixel in mm of a file of GDXray's weld series; None for any other file.

    Parameters
    ----------
    path
        For example ``Welds/W0001/W0001_0003.png``; the same name in a folder of another name tells nothing.
    """
    name, folder = parse_name(path.stem), parse_series(path.absolute().parent.name)
    in_series = name is not None and name.group == "W" and folder == (name.group, name.series)
    return WELD_PIXEL_SIZE_MM if in_series else None


def series_name(group: str, series: int) -> str:
    """Return the name of a series, such as ``"W0001"``."""
    return f"{group}{series:04d}"


def is_mask_series(group: str, series: int) -> bool:
    """Whether a series holds the masks of another one."""
    return any((group, series) in masks for masks in MASK_SERIES.values())


#: What GDXray's images end in.
SUFFIXES = (".png", ".tif", ".tiff")
_GROUP_FOLDERS = {folder for folders in GROUP_FOLDERS.values() for folder in folders}


@dataclass(frozen=True)
class SeriesFolder:
    """One series on disk.

    Attributes
    ----------
    path
        The folder with its images.
    group
        Group letter, such as ``"W"``.
    series
        Number of the series in its group.
    """

    path: Path
    group: str
    series: int

    @property
    def name(self) -> str:
        """For example ``"W0001"``."""
        return series_name(self.group, self.series)

    @property
    def is_mask(self) -> bool:
        """Whether it holds the masks of another series."""
        return is_mask_series(self.group, self.series)

    def images(self) -> dict[int, list[Path]]:
        """Paths of its images by their numbers, in order; more than one where a number is there twice.

        Raises
        ------
        RadiographError
            If the folder cannot be listed.
        """
        found: dict[int, list[Path]] = {}
        for path in _images_in(self.path):
            name = parse_name(path.stem)
            if name is not None and (name.group, name.series) == (self.group, self.series):
                found.setdefault(name.number, []).append(path)
        return dict(sorted(found.items()))

    def mask_series(self) -> list[SeriesFolder]:
        """The series of its masks that are beside it or in its own folder, the one to be preferred first."""
        wanted = MASK_SERIES.get((self.group, self.series), ())
        beside = _subfolders(self.path.parent)
        places = [*(path for path in beside if parse_series(path.name) in wanted), self.path]
        known = [SeriesFolder(path, *series) for series in wanted for path in places]
        return [series for series in known if series.images()]


def list_series(path: str | Path) -> list[SeriesFolder]:
    """List the series that a folder of GDXray holds; those of masks only where there is nothing else.

    Parameters
    ----------
    path
        A series' folder, a group's, or the root; or one image, which gives its series.

    Returns
    -------
    list of SeriesFolder
        By group and number; empty where the path has nothing of GDXray's.

    Raises
    ------
    RadiographError
        If there is no such path, or it cannot be listed.
    """
    path = Path(path)
    if not path.exists():
        raise RadiographError(f"{path}: no such file or folder.")
    if path.name in ("", ".."):  # the name and the parent of "." tell nothing
        path = path.resolve()
    found = _in_folder(path) if path.is_dir() else _of_file(path)
    radiographs = [series for series in found if not series.is_mask]
    return sorted(radiographs or found, key=lambda series: (series.group, series.series, str(series.path)))


def _of_file(path: Path) -> list[SeriesFolder]:
    name = parse_name(path.stem)
    if name is None or path.suffix.lower() not in SUFFIXES:
        return []
    return [SeriesFolder(path.parent, name.group, name.series)]


def _in_folder(folder: Path) -> list[SeriesFolder]:
    own = _directly_in(folder)
    if own or parse_series(folder.name):
        return own
    below = _subfolders(folder)
    if folder.name.lower() not in _GROUP_FOLDERS:
        groups = [path for path in below if path.name.lower() in _GROUP_FOLDERS]
        below += [path for group in groups for path in _subfolders(group)]
    return [series for path in below if parse_series(path.name) for series in _directly_in(path)]


def _directly_in(folder: Path) -> list[SeriesFolder]:
    """The series whose images lie in `folder`: the one that it is called after, or all of them."""
    names = {parse_name(path.stem) for path in _images_in(folder)} - {None}
    series = {(name.group, name.series) for name in names if name is not None}
    called = parse_series(folder.name)
    if called is not None:
        series &= {called}
    return [SeriesFolder(folder, *each) for each in sorted(series)]


def _images_in(folder: Path) -> list[Path]:
    return [
        path
        for path in _listed(folder)
        if path.suffix.lower() in SUFFIXES and parse_name(path.stem) and path.is_file()
    ]


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.is_dir()]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as fault:
        raise RadiographError(f"{folder}: cannot be listed ({fault.strerror}).") from fault
