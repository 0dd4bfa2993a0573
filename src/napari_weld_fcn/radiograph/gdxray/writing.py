"""Films and their truth on disk, laid out as GDXray lays out its welds.

`OUT/Welds/W0001` holds the radiographs, `OUT/Welds/W0002` the masks of the same numbers as 1-bit PNGs. Beside
the radiographs stands `ground_truth.txt` with a box for each flaw. Each file is written whole or not at all;
the boxes of what was written so far are there whatever ends the writing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.errors import RadiographError, WeldFcnError
from napari_weld_fcn.radiograph.gdxray.boxes import TEXT_NAME, box_line
from napari_weld_fcn.radiograph.gdxray.folders import MASK_SERIES, series_name
from napari_weld_fcn.radiograph.output import write_png, write_text, write_tiff

#: An image number of GDXray has four digits.
MOST_FILMS = 9999

_GROUP, _SERIES = "W", 1
_IN_PNG = (np.bool_, np.uint8, np.uint16)


class SeriesWriter:
    """Writes a series film by film; a context manager that writes the side files when it is left.

    Files of the same names are replaced, others are left. Films of earlier series whose numbers are beyond
    those written stay too: give an empty folder where that matters.

    Parameters
    ----------
    folder
        Receives ``Welds/W0001`` and ``Welds/W0002``.
    readme
        First line of the readme; ``{films}`` becomes the number of films.

    Attributes
    ----------
    images
        The folder of the radiographs.
    written
        The radiographs' files so far.

    Raises
    ------
    WeldFcnError
        If a folder or a file cannot be written.
    """

    def __init__(self, folder: str | Path, readme: str = "{films} radiographs.") -> None:
        welds = Path(folder) / "Welds"
        self._name = series_name(_GROUP, _SERIES)
        self._mask_name = series_name(*MASK_SERIES[_GROUP, _SERIES][0])
        self._readme = readme
        self.images, self._masks = welds / self._name, welds / self._mask_name
        self.written: list[Path] = []
        self._lines: list[str] = []
        self._names: list[str] = []
        try:
            self.images.mkdir(parents=True, exist_ok=True)
            self._masks.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise WeldFcnError(f"{folder}: cannot hold a series ({fault.strerror}).") from fault

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        write_text(self.images / TEXT_NAME, "".join(self._lines))
        readme = (
            f"{self._readme.format(films=len(self.written))}\n{self._mask_name} holds the masks, {TEXT_NAME} "
            "boxes (image x1 x2 y1 y2, from 1).\n"
        )
        write_text(self.images / f"{self._name}_readme.txt", readme + "".join(self._names))

    def add(
        self,
        pixels: NDArray[Any],
        labels: NDArray[Any] | None = None,
        pixel_size_mm: float | None = None,
        lines: Iterable[str] | None = None,
        name: str = "",
    ) -> Path:
        """Write the next film.

        Parameters
        ----------
        pixels
            ``(rows, columns)``, any real dtype: a PNG where that holds it unchanged, else a TIFF.
        labels
            ``(rows, columns)``: integers, 0 background and n the flaw of that number, or a bool mask, whose
            connected parts are the flaws. None: not labelled; no mask is written.
        pixel_size_mm
            Edge of one pixel.
        lines
            Lines for `ground_truth.txt` in place of the boxes of `labels`.
        name
            What the film was called before, for the readme.

        Returns
        -------
        Path
            The film's file.

        Raises
        ------
        RadiographError
            If the labels have another size than the film, or the series is full.
        """
        number = len(self.written) + 1
        if number > MOST_FILMS:
            raise RadiographError(f"{self.images}: a series holds {MOST_FILMS} films and no more.")
        if labels is not None and labels.shape != pixels.shape:
            raise RadiographError(
                f"Film {number}: its labels have shape {labels.shape}, but the film {pixels.shape}."
            )
        path = self._write_film(f"{self._name}_{number:04d}", pixels, pixel_size_mm)
        if labels is not None:
            write_png(self._masks / f"{self._mask_name}_{number:04d}.png", labels != 0)
        self.written.append(path)
        if name:
            self._names.append(f"{path.stem} was {name}.\n")
        self._lines += box_lines(labels, number) if lines is None and labels is not None else lines or ()
        return path

    def _write_film(self, name: str, pixels: NDArray[Any], pixel_size_mm: float | None) -> Path:
        as_png = pixels.dtype in _IN_PNG
        path = self.images / f"{name}{'.png' if as_png else '.tif'}"
        (write_png if as_png else write_tiff)(path, pixels, pixel_size_mm)
        return path


def box_lines(labels: NDArray[Any], number: int) -> list[str]:
    """Lines of `ground_truth.txt` for the flaws of image `number`.

    Parameters
    ----------
    labels
        As `SeriesWriter.add` takes them.
    number
        Of the image, from 1.
    """
    if labels.dtype == np.bool_:
        labels, _ = ndimage.label(labels, np.ones((3, 3)))
    elif labels.max() > labels.size:  # `find_objects` makes a list as long as the highest number
        values, places = np.unique(labels, return_inverse=True)
        labels = places.reshape(labels.shape) - np.searchsorted(values, 0)
    boxes = ndimage.find_objects(labels.astype(np.int32, copy=False))
    return [
        box_line(number, (down.start, along.start, down.stop - 1, along.stop - 1))
        for down, along in filter(None, boxes)  # a number without pixels has none
    ]
