"""One film of GDXray with its truth, read when it is asked for.

A film may have a mask of all its flaws, masks of single ones, boxes, points, or none of them; what it has not
is None and never an empty mask, which would say that there is no flaw. A mask has the film's size and nothing
but two values, in one bit or more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.errors import LabelError, RadiographError
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.gdxray.boxes import Mark
from napari_weld_fcn.radiograph.labels import read_labels
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: What a mask of one bit may look like in more bits.
_MASK_VALUES = ({0, 1}, {0, 255}, {0, 65535})


@dataclass(frozen=True)
class GDXrayFilm:
    """One film of a series; nothing is read before it is asked for.

    Attributes
    ----------
    name
        As its file, without the suffix, such as ``"W0001_0003"``.
    path
        Its file.
    number
        Its number in the series, from 1.
    shape
        ``(rows, columns)``.
    dtype
        Of its pixels.
    mask_path
        The file of its mask, or None.
    instance_paths
        Files of the masks of its single flaws, by their numbers.
    marks
        Its boxes and points.
    pixel_size_mm
        Edge of one pixel as `read` finds it, or None.
    """

    name: str
    path: Path
    number: int
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    mask_path: Path | None = None
    instance_paths: dict[int, Path] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    pixel_size_mm: float | None = None

    @property
    def boxes(self) -> NDArray[np.float64]:
        """``(n, 4)``: first row and column, last row and column, pixel centres from 0; upright boxes."""
        return np.array([mark.box for mark in self.marks if len(mark.corners) > 1], float).reshape(-1, 4)

    @property
    def points(self) -> NDArray[np.float64]:
        """``(n, 2)``: row and column, pixel centres from 0."""
        points = [mark.corners[0] for mark in self.marks if len(mark.corners) == 1]
        return np.array(points, float).reshape(-1, 2)

    @property
    def has_mask(self) -> bool:
        """Whether `mask` gives one."""
        return self.mask_path is not None or bool(self.instance_paths)

    def radiograph(self) -> Radiograph:
        """Read the film.

        Raises
        ------
        RadiographError
            If the file is damaged or was changed since the series was opened.
        """
        radiograph = read(self.path)
        if radiograph.pixels.shape != self.shape:
            raise RadiographError(f"{self.path}: has become another image since its series was opened.")
        return radiograph

    def mask(self) -> NDArray[np.bool_] | None:
        """Read the mask.

        Returns
        -------
        ndarray or None
            ``(rows, columns)`` bool, True is flaw; the union of the single flaws where there is no other
            mask. None where the film has none, which does not mean that it has no flaw.

        Raises
        ------
        RadiographError
            If a mask is damaged, has another size than the film, or is no mask.
        """
        if self.mask_path is not None:
            return _read_mask(self.mask_path, self.shape, self.name)
        instances = self.instances()
        return None if instances is None else instances > 0

    def instances(self) -> NDArray[np.int32] | None:
        """Read the masks of single flaws as one label image.

        Returns
        -------
        ndarray or None
            ``(rows, columns)`` int32: 0 background, i the pixels of `NAME_i.png`; where two flaws overlap,
            the higher number. None where the film has no such masks.

        Raises
        ------
        RadiographError
            As `mask`.
        """
        if not self.instance_paths:
            return None
        labels = np.zeros(self.shape, np.int32)
        for number, path in self.instance_paths.items():
            labels[_read_mask(path, self.shape, self.name)] = number
        return labels

    def labels(self) -> NDArray[np.int32] | None:
        """Read the mask with its single flaws told apart where these are known.

        Returns
        -------
        ndarray or None
            ``(rows, columns)`` int32: not 0 where `mask` is True: there the number of the flaw, and the
            number after the last for what no single flaw holds. None where the film has no mask.

        Raises
        ------
        RadiographError
            As `mask`.
        """
        mask, labels = self.mask(), self.instances()
        if mask is None:
            return None
        if labels is None:
            return mask.astype(np.int32)
        rest = max(self.instance_paths) + 1
        return np.where(mask, np.where(labels > 0, labels, rest), 0).astype(np.int32)


def mask_of_other_size(path: Path, shape: tuple[int, ...], film: str, wanted: tuple[int, int]) -> str:
    """Say that a mask of `shape` is not one of `film`, whose shape is `wanted`."""
    sizes = [" x ".join(str(edge) for edge in reversed(each)) for each in (shape, wanted)]
    return f"{path}: is {sizes[0]} pixels, but {film} is {sizes[1]}; it is left out as its mask."


def _read_mask(path: Path, shape: tuple[int, int], film: str) -> NDArray[np.bool_]:
    labels = read_labels(path)
    if labels.values.shape != shape:
        raise RadiographError(mask_of_other_size(path, labels.values.shape, film, shape))
    values = set(np.unique(labels.values).tolist())
    if not labels.exact or not any(values <= allowed for allowed in _MASK_VALUES):
        levels = f"{len(values)} values" if labels.exact else "grey levels"
        raise LabelError(f"{path}: is no mask (it has {levels}, not 0 and 1 or 255).")
    return np.asarray(labels.values != 0)
