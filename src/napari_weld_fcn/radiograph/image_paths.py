"""Which image files a list of files and folders stands for.

A folder stands for the images directly in it: a disk must not be walked because somebody named its top. What
`predict` wrote there is no input, or a second run would predict heatmaps.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.gdxray.folders import list_series

#: What counts as an image in a folder.
SUFFIXES = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})
#: What `predict` writes itself; a folder that is read again does not give these as inputs.
OUTPUT_ENDINGS = ("_heatmap.tif", "_labels.tif", "_overlay.png")


def image_paths(inputs: str | Path | Iterable[str | Path]) -> list[Path]:
    """List the image files that `inputs` stand for.

    Parameters
    ----------
    inputs
        Files, folders (GDXray series are ones), or one of them. A folder gives the images directly in it,
        sorted by name, without hidden files and without what `predict` wrote there; a file is passed
        through, so that whatever is wrong with it is told when it is read.

    Returns
    -------
    list of Path
        In the order given, each file once.

    Raises
    ------
    RadiographError
        If a folder holds no image, in which case a series below it is named, or cannot be listed.
    """
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    found: dict[Path, Path] = {}
    for path in map(Path, given):
        for image in _images_in(path) if path.is_dir() else [path]:
            found.setdefault(image.resolve(), image)
    return list(found.values())


def _images_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as fault:
        raise RadiographError(f"{folder}: cannot be listed ({fault.strerror}).") from fault
    images = [
        path
        for path in entries
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and not path.name.endswith(OUTPUT_ENDINGS)
        and path.is_file()
    ]
    if not images:
        raise RadiographError(
            f"{folder}: there is no PNG, TIFF, JPEG or BMP image in this folder{_hint(folder)}."
        )
    return images


def _hint(folder: Path) -> str:
    """Which folder below may be meant, where `folder` is the root or a group of GDXray."""
    try:
        below = list_series(folder)
    except RadiographError:
        return ""
    return f"; give a series below it, such as {below[0].path}" if below else ""
