"""Which image files a list of files and folders stands for, and what is left out of it.

A folder stands for the images directly in it: a disk must not be walked because somebody named its top. What
is an image, a file's first bytes say; a suffix would lose films that are called otherwise. What this program
wrote there is no input, or a second run would predict heatmaps; that is told by a mark in the files and by
the record beside them, for a film may well be called `weld_overlay`. Whatever else lies there is named: a
film that is passed over without a word is taken for one without indications.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.formats.format import format_names, kind_of, known_formats
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.output import is_output

#: What image files are usually called; one of these names that holds no image is told when it is read.
SUFFIXES = frozenset({".dcm"}).union(*(each.suffixes for each in known_formats()))
#: The record of a call, and what the files of an input called NAME are called.
RECORD_NAME = "record.json"
OUTPUT_ENDINGS = ("_heatmap.tif", "_labels.tif", "_indications.csv", "_overlay.png")
_NAMED = 8


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is no input, and why in a few words."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """What inputs stand for.

    Attributes
    ----------
    images
        In the order given, each file once.
    left_out
        What else lies in the folders, hidden files apart.
    """

    images: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """One for each folder and reason."""
        groups: dict[tuple[Path, str], list[str]] = {}
        for each in self.left_out:
            groups.setdefault((each.path.parent, each.reason), []).append(each.path.name)
        return [
            f"{folder}: left out as {reason}: {', '.join(names[:_NAMED])}"
            + (f" and {len(names) - _NAMED} more." if len(names) > _NAMED else ".")
            for (folder, reason), names in groups.items()
        ]


def find_images(inputs: str | Path | Iterable[str | Path]) -> Found:
    """Find the image files that `inputs` stand for, and what in their folders is none.

    Parameters
    ----------
    inputs
        Files, folders (GDXray series are ones), or one of them. A folder gives the images directly in it,
        sorted by name, without what this program wrote there; a file is passed through, so that whatever is
        wrong with it is told when it is read.

    Raises
    ------
    RadiographError
        If a folder holds no image, in which case a series below it is named, or cannot be listed.
    """
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    images: dict[Path, Path] = {}
    left_out: list[LeftOut] = []
    for path in map(Path, given):
        found = _in_folder(path) if path.is_dir() else Found((path,))
        left_out += found.left_out
        for image in found.images:
            images.setdefault(image.resolve(), image)
    return Found(tuple(images.values()), tuple(left_out))


def image_paths(inputs: str | Path | Iterable[str | Path]) -> list[Path]:
    """List the images of `find_images` alone; errors as there."""
    return list(find_images(inputs).images)


def is_image(path: Path) -> bool:
    """Whether a file is an image by its first bytes, or means to be one by its name; hidden ones are none."""
    if path.name.startswith(".") or path.is_dir():
        return False
    if path.suffix.lower() in SUFFIXES:
        return path.is_file() or not path.exists()
    try:
        return path.is_file() and bool(kind_of(path))
    except OSError:
        return False


def _in_folder(folder: Path) -> Found:
    try:
        entries = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    except OSError as fault:
        raise RadiographError(f"{folder}: cannot be listed ({fault.strerror}).") from fault
    ours = _recorded(folder)
    reasons = {path: _reason(path, ours) for path in entries}
    images = tuple(path for path, reason in reasons.items() if not reason)
    if not images:
        raise RadiographError(f"{folder}: there is no {format_names()} image in this folder{_hint(folder)}.")
    return Found(images, tuple(LeftOut(path, reason) for path, reason in reasons.items() if reason))


def _reason(path: Path, ours: frozenset[str]) -> str:
    """Why something in a folder is no input; empty where it is one."""
    if path.is_dir():
        return "folders, which are searched only where they are named themselves"
    if path.name in ours or (path.is_file() and is_output(path)):
        return "written by this program"
    return "" if is_image(path) else "no images"


def _recorded(folder: Path) -> frozenset[str]:
    """The names of the files that the record of a call stands for, and its own."""
    try:
        entries = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))["inputs"]
        names = [str(entry["input"]["name"]) for entry in entries]
    except (OSError, ValueError, LookupError, TypeError):
        return frozenset()
    return frozenset({RECORD_NAME} | {f"{name}{ending}" for name in names for ending in OUTPUT_ENDINGS})


def _hint(folder: Path) -> str:
    """Which folder below may be meant, where `folder` is the root or a group of GDXray."""
    with suppress(RadiographError):
        below = list_series(folder)
        return f"; give a series below it, such as {below[0].path}" if below else ""
    return ""
