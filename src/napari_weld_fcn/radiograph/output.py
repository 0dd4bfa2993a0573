"""Files that are written whole or not at all.

Whoever kills a command, pulls a plug or fills a disk finds the old file or the new one, never half of one.
Everything is therefore written under a temporary name in the same folder (a rename across file systems is
a copy and can be cut in the middle), flushed to the disk and only then given its name. Writing in place
and deleting on failure is simpler and loses the old file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from napari_weld_fcn.errors import WeldFcnError
from napari_weld_fcn.radiograph.formats.format import format_of

#: In the files that are no film: whatever they are called and wherever they lie, they are none.
OUTPUT_MARK = "napari-weld-fcn output"
_TEXT_KEY = "Software"


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    The temporary name keeps the suffix, because writers choose the format by it. Whatever ends the block
    early, Ctrl-C included, leaves `path` as it was and removes the temporary file.

    Parameters
    ----------
    path
        The file to write or to replace; its folder must exist.

    Raises
    ------
    WeldFcnError
        If the file cannot be written: no such folder, no permission, disk full.
    """
    final = Path(path)
    temporary = final.with_name(f".weld-fcn-{secrets.token_hex(8)}{final.suffix}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(final)
    except OSError as fault:
        raise WeldFcnError(f"{final}: cannot be written ({fault.strerror or fault}).") from fault
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_png(
    path: str | Path, array: np.ndarray, pixel_size_mm: float | None = None, *, output: bool = False
) -> None:
    """Write a PNG of the array's own depth.

    Parameters
    ----------
    path
        The file, whatever its suffix.
    array
        ``(rows, columns)`` bool (1-bit), uint8 or uint16, or ``(rows, columns, 3 or 4)`` uint8.
    pixel_size_mm
        Edge of one pixel, written as the pHYs chunk (pixels per metre); None writes none.
    output
        Whether it is marked as no film (see `is_output`).

    Raises
    ------
    WeldFcnError
        If the file cannot be written.
    ValueError
        If PNG cannot hold the array unchanged.
    """
    if not fits_png(array):
        raise ValueError(f"a PNG cannot hold {array.dtype} pixels of shape {array.shape}")
    with written_whole(path) as temporary:
        save_png(temporary, array, pixel_size_mm, output=output)


def write_tiff(
    path: str | Path, array: np.ndarray, pixel_size_mm: float | None = None, *, output: bool = False
) -> None:
    """Write a TIFF of the array's own dtype: one plane, or one page for each plane.

    Integers are deflated (labels shrink a hundredfold); floats are stored plainly, because a heatmap hardly
    shrinks and can then be read by memory mapping. bool becomes uint8 with values 0 and 255.

    Parameters
    ----------
    path
        The file, whatever its suffix.
    array
        ``(rows, columns)`` or ``(planes, rows, columns)``, integer, float or bool.
    pixel_size_mm
        Edge of one pixel, written as the resolution tag (pixels per cm); None writes no tag.
    output
        Whether it is marked as no film (see `is_output`).

    Raises
    ------
    WeldFcnError
        If the file cannot be written.
    ValueError
        If the array is no plane and no stack.
    """
    if array.ndim not in (2, 3):
        raise ValueError(f"a TIFF of planes cannot hold shape {array.shape}")
    with written_whole(path) as temporary:
        save_tiff(temporary, array, pixel_size_mm, output=output)


def is_output(path: Path) -> bool:
    """Whether a file is a PNG or TIFF that was written as no film: a heatmap, labels, a picture."""
    with suppress(Exception):  # a damaged file is told when it is read
        return format_of(path).software(path) == OUTPUT_MARK
    return False


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with the line ends that it has.

    Raises
    ------
    WeldFcnError
        If the file cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_bytes(text.encode())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing.

    Raises
    ------
    WeldFcnError
        If a file has its name or it may not be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise WeldFcnError(f"{folder}: cannot be made a folder ({fault.strerror or fault}).") from fault


def fits_png(array: np.ndarray) -> bool:
    """Whether a PNG holds the array unchanged."""
    colour = array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8
    return colour or (array.ndim == 2 and array.dtype in (np.bool_, np.uint8, np.uint16))


def save_png(
    path: Path, array: np.ndarray, pixel_size_mm: float | None, *, output: bool = False, **packing: int
) -> None:
    """Save as `write_png` does, but in place: for whoever sees to it that a half-written file is never found.

    Parameters
    ----------
    output
        As there.
    **packing
        Pillow's `compress_level` and `compress_type`.
    """
    more: dict[str, Any] = {"dpi": (25.4 / pixel_size_mm,) * 2} if pixel_size_mm else {}
    if output:
        more["pnginfo"] = PngImagePlugin.PngInfo()
        more["pnginfo"].add_text(_TEXT_KEY, OUTPUT_MARK)
    Image.fromarray(np.ascontiguousarray(array)).save(path, format="PNG", **more, **packing)


def save_tiff(
    path: Path,
    array: np.ndarray,
    pixel_size_mm: float | None,
    *,
    pack_floats: bool = False,
    output: bool = False,
) -> None:
    """Save as `write_tiff` does, but in place (see `save_png`).

    Parameters
    ----------
    pack_floats
        Whether floats are deflated too: that saves little, but tells a damaged file by its check sum.
    output
        As there.
    """
    pixels = array.astype(np.uint8) * 255 if array.dtype == np.bool_ else array
    more: dict[str, Any] = {"software": OUTPUT_MARK} if output else {}
    if pixel_size_mm:
        more |= {"resolution": (10 / pixel_size_mm,) * 2, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pixels),
        photometric="minisblack",
        compression="zlib" if pack_floats or pixels.dtype.kind in "ui" else None,
        **more,
    )


def _flush_to_disk(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
