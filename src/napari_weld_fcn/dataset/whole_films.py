"""Whole films in a folder of images and masks.

People keep a film and its mask in `images/` and `masks/` as they keep crops there. What is larger than a
window is a film wherever it lies: windows are drawn from it, it is scored whole, and where it is alone it is
cut in two, none of which a crop could be. A table says itself what its pairs are.
"""

from __future__ import annotations

from collections.abc import Iterator

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.store import Dataset
from napari_weld_fcn.errors import RadiographError
from napari_weld_fcn.radiograph.files import shape_of
from napari_weld_fcn.radiograph.radiograph import Radiograph

#: Edge of what is no film yet, pixels.
WINDOW = 256
#: All films are in memory while a network learns from them; more than this are shown one by one, as crops.
MOST_PIXELS = 2**30


def holds_films(dataset: Dataset) -> bool:
    """Whether a folder holds whole films: one image at least is larger than a window, and all fit in memory.

    Files that cannot be read count for nothing; what is wrong with them is told when they are.
    """
    if dataset.has_table:
        return False
    shapes = []
    for row in dataset.rows:
        try:
            shapes.append(shape_of(dataset.folder / row.image)[0])
        except RadiographError:
            continue
    pixels = sum(shape[-2] * shape[-1] for shape in shapes)
    return any(max(shape) > WINDOW for shape in shapes) and pixels <= MOST_PIXELS


def labelled_films(dataset: Dataset) -> Iterator[LabelledFilm]:
    """Read each pair as a film with its mask.

    Raises
    ------
    DatasetError
        If a file is damaged, or image and mask disagree.
    """
    for pair in dataset:
        size = pair.pixel_size_mm
        yield LabelledFilm(
            Radiograph(
                pair.pixels,
                name=pair.name,
                film=pair.film,
                pixel_size_mm=size,
                pixel_size_source="file" if size else "none",
            ),
            pair.mask,
        )
