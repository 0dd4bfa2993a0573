"""What kind of image a file is, told by its content, and who reads it.

Scanners, mail programs and browsers give suffixes as they like (.jfif, .btf, none at all), so a name decides
nothing: it says at most what a file was meant to be. A format is registered where it is defined: one module
in this folder with a function that `register` decorates. Nothing else names the formats that are read.

Pixels are taken in the order in which they are stored, in every format and packing. Turning them by their
orientation tag would seem kinder, but napari shows them as stored: masks painted there, and all that was
measured there, would then lie elsewhere. Other viewers do turn the picture, so a tag other than upright is
told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph import formats
from napari_weld_fcn.radiograph.formats.damage import damage_told

#: Images that are not read: where their mark is, and what they are.
_OTHERS = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIF"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (128, b"DICM", "DICOM"),
    (0, b"P5\n", "PGM"),
    (0, b"P6\n", "PPM"),
)
_LOOKED_AT = 132

#: How viewers show a picture with this orientation tag (TIFF and EXIF), of those that are not upright.
_SHOWN = {
    2: "mirrored from left to right",
    3: "turned by half a turn",
    4: "mirrored from top to bottom",
    5: "mirrored and turned by a quarter",
    6: "turned by a quarter to the right",
    7: "mirrored and turned by a quarter",
    8: "turned by a quarter to the left",
}


@dataclass(frozen=True)
class Header:
    """What is known of an image without decoding it.

    Attributes
    ----------
    shape, dtype
        Of the pixels that reading gives.
    pixel_size_mm
        Edge of one pixel as the file states it, or None.
    notes
        What a user should know of how the file is read, each a sentence without the file's name.
    as_stored
        Whether reading gives the file's own numbers, or the luminance of its red, green and blue, as
        programs do that know of nothing else.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size_mm: float | None = None
    notes: tuple[str, ...] = ()
    as_stored: bool = True


@dataclass(frozen=True, eq=False)
class Stored:
    """Numbers as they lie in a file, before anybody says what they mean.

    No grey for a table of colours, no negative for a film in which 0 is white, nothing laid over what is
    transparent.

    Attributes
    ----------
    values
        ``(rows, columns)`` or ``(planes, rows, columns)``; colours are ``(rows, columns, 3)``.
    coloured
        Whether the last axis is red, green and blue.
    visible
        ``(rows, columns)`` bool, what is not transparent; None where all is to be seen.
    palette
        ``(n, 3)``, the colours of the places in a table that `values` are; None where there is no table.
    lossy
        Whether the packing changes numbers, as JPEG does.
    perhaps_lossy
        Whether it may, as JPEG 2000 and JPEG XL do; nothing in the file says so.
    turned
        Whether a tag says that other programs show it turned.
    """

    values: NDArray[Any]
    coloured: bool = False
    visible: NDArray[np.bool_] | None = None
    palette: NDArray[Any] | None = None
    lossy: bool = False
    perhaps_lossy: bool = False
    turned: bool = False


Read = Callable[[Path], tuple[Any, Header]]


@dataclass(frozen=True)
class Format:
    """How a kind of file is known and read; see `register`."""

    name: str
    begins: Callable[[bytes], bool]
    suffixes: frozenset[str]
    read: Read
    header: Callable[[Path], Header]
    stored: Callable[[Path], Stored]
    shown: Callable[[Path], Any] | None
    software: Callable[[Path], str]


_registered: dict[str, Format] = {}


def register(
    name: str,
    begins: tuple[bytes, ...] | Callable[[bytes], bool],
    suffixes: str = "",
    *,
    header: Callable[[Path], Header] | None = None,
    stored: Callable[[Path], Stored] | None = None,
    shown: Callable[[Path], Any] | None = None,
    software: Callable[[Path], str] | None = None,
) -> Callable[[Read], Read]:
    r"""Register a format by the function that reads it, which gives pixels as seen, and their `Header`.

    Parameters
    ----------
    name
        As people call it, such as ``"PNG"``.
    begins
        What its files begin with, or whether 132 bytes at the beginning of a file are its.
    suffixes
        What its files are usually called, such as ``".tif .tiff"``.
    header
        Reads what is known without decoding; None reads all of the file.
    stored
        Reads the numbers of a mask as they are stored; None takes those of a film.
    shown
        Reads what programs show that know nothing of the numbers' meaning; None where that is the film.
    software
        Reads which program wrote a file; None where no file says so.

    Examples
    --------
    >>> @register("NumPy", (b"\x93NUMPY",), ".npy")
    ... def read_npy(path):
    ...     pixels = np.load(path)
    ...     return pixels, Header(pixels.shape, pixels.dtype)
    """
    is_one = begins if callable(begins) else lambda start: start.startswith(begins)

    def registered(read: Read) -> Read:
        _registered[name] = Format(
            name,
            is_one,
            frozenset(suffixes.split()),
            read,
            header or (lambda path: read(path)[1]),
            stored or (lambda path: Stored(read(path)[0])),
            shown,
            software or (lambda path: ""),
        )
        return read

    return registered


def known_formats() -> list[Format]:
    """Return the formats that are read, by name."""
    _load()
    return [_registered[name] for name in sorted(_registered)]


def format_names(last: str = "or") -> str:
    """Return the names of the formats that are read, such as ``PNG or TIFF``."""
    *names, end = (each.name for each in known_formats())
    return f"{', '.join(names)} {last} {end}"


def kind_of(path: Path) -> str:
    """Return the kind of image that a file is, such as ``"PNG"``; empty where it is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT)
    known = next((each.name for each in known_formats() if each.begins(start)), "")
    return known or next((kind for at, magic, kind in _OTHERS if start[at:].startswith(magic)), "")


def format_of(path: Path) -> Format:
    """Return the format of a file.

    Raises
    ------
    RadiographError
        If there is no such file, or it is empty or of no known format.
    """
    if path.is_dir():
        raise RadiographError(f"{path}: is a folder, not an image file.")
    if not path.exists():
        raise RadiographError(f"{path}: no such file.")
    if not path.is_file():
        raise RadiographError(f"{path}: is no ordinary file.")
    try:
        kind = kind_of(path)
    except OSError as fault:
        raise RadiographError(f"{path}: cannot be read ({fault.strerror}).") from fault
    if not path.stat().st_size:
        raise RadiographError(f"{path}: is empty.")
    if kind not in _registered:
        what = f"a {kind} image" if kind else "no image"
        raise RadiographError(f"{path}: is {what}; {format_names('and')} are read.")
    return _registered[kind]


def read_stored(path: Path) -> Stored:
    """Read what a file stores.

    Raises
    ------
    RadiographError
        If there is no such file, or it is damaged or no image.
    LabelError
        If it has colours, or an order of its numbers, that no mask has.
    """
    kind = format_of(path)
    with damage_told(path, kind.name):
        return kind.stored(path)


def orientation_notes(tag: Any) -> tuple[str, ...]:
    """Tell of an orientation tag that makes other viewers turn the picture; nothing where it is upright."""
    if tag not in _SHOWN:
        return ()
    return (
        f"its orientation tag makes some viewers show it {_SHOWN[tag]}; pixels and positions are those that "
        "are stored, as napari shows them, so a mask painted in such a viewer does not fit.",
    )


@cache
def _load() -> None:
    for module in iter_modules(formats.__path__, f"{formats.__name__}."):
        import_module(module.name)
