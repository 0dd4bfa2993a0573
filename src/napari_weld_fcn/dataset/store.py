"""Datasets on disk: pairs that people, pandas and training read alike.

`images/` and `masks/` hold one file a pair, `dataset.csv` says where each comes from. Images keep their
film's dtype and grey levels: 8 and 16 bits as PNG, all else as TIFF. A folder with only `images/` and
`masks/` is a dataset too, so that masks from any other program can be learnt from as they are.

Pairs stream through: encoding runs in a few threads behind the loop that makes the pairs, and no more than a
few of them are ever in memory. Long runs can be stopped and killed; what that leaves stands in `writing`.

Whole films in a folder of images and masks.

People keep a film and its mask in `images/` and `masks/` as they keep crops there. What is larger than a
window is a film wherever it lies: windows are drawn from it, it is scored whole, and where it is alone it is
cut in two, none of which a crop could be. A table says itself what its pairs are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.listing import no_layout, rows_of
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED, Pair, guessed_full_scale
from napari_weld_fcn.dataset.places import Place
from napari_weld_fcn.dataset.table import IMAGES, TABLE, Row
from napari_weld_fcn.dataset.writing import Writer, flaw_pixels_of, other_values, settle
from napari_weld_fcn.errors import DatasetError, RadiographError, SettingsError, Stopped
from napari_weld_fcn.events import ALONE, JobControl, TileDone
from napari_weld_fcn.radiograph.files import read, shape_of
from napari_weld_fcn.radiograph.gdxray.folders import list_series
from napari_weld_fcn.radiograph.gdxray.series import GDXraySeries, open_series
from napari_weld_fcn.radiograph.labels import LabelImage, read_exact, read_labels
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.radiograph.radiograph import Radiograph


def write_dataset(
    pairs: Iterable[Pair],
    folder: str | Path,
    *,
    total: int = 0,
    job: JobControl = ALONE,
) -> int:
    """Write pairs as a dataset folder, whole or not at all.

    Parameters
    ----------
    pairs
        Taken one by one. Names are unique and can be file names.
    folder
        May exist, and may be the dataset that `pairs` are read from. What an earlier dataset wrote there is
        replaced, other files stay.
    total
        How many pairs are expected, for progress.

    Returns
    -------
    int
        Pairs written.

    Raises
    ------
    DatasetError
        If there is no pair, two have one name, a file that is not the dataset's own is in the way, or the
        folder cannot be written; the folder is then as it was.
    Stopped
        If the job was stopped, or `pairs` says so; the pairs written so far are the dataset, and where there
        are none the folder is as it was.
    ValueError
        If a pair's mask is not uint8 of its image's shape with the values of a mask.
    """
    writer = Writer(Path(folder))
    interruption: BaseException | None = None
    try:
        try:
            for pair in pairs:
                writer.add(pair)
                job.tell(TileDone(len(writer.rows), max(total, len(writer.rows))))
                job.check()
        except (Stopped, KeyboardInterrupt) as request:
            interruption = request
        if writer.rows or interruption is None:
            writer.finish()
    finally:
        writer.close()
    if interruption is not None:
        raise interruption
    return len(writer.rows)


def is_dataset(folder: str | Path) -> bool:
    """Whether a folder looks like a dataset; `read_dataset` says what is wrong with one."""
    return (Path(folder) / TABLE).exists() or (Path(folder) / IMAGES).is_dir()


def read_dataset(folder: str | Path) -> Dataset:
    """Open a dataset folder; its files are read when a pair is asked for.

    Parameters
    ----------
    folder
        With `dataset.csv`, or with only `images/` and `masks/`: there an image and its mask have equal names
        (suffixes may differ, and the mask's may end in ``_mask`` or the like), each image is a film of its
        own, and any value but 0 in a mask is a flaw. That holds for 128 too, since nothing says there that
        it means *ignored*.

    Raises
    ------
    DatasetError
        If the folder is no dataset, its table is damaged, or a file is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is no dataset folder.")
    settle(folder)
    return Dataset(folder, rows_of(folder))


def read_crops(folder: str | Path) -> Dataset:
    """Read a dataset folder of crops.

    Raises
    ------
    DatasetError
        If the folder is no dataset.
    SettingsError
        If it holds variants already.
    """
    dataset = read_dataset(folder)
    varied = sum(row.variant != 0 for row in dataset.rows)
    if varied:
        raise SettingsError(
            f"{folder}: {varied} of its {len(dataset)} pairs are variants already; give a dataset of crops."
        )
    return dataset


def open_truth(path: str | Path) -> Dataset | GDXraySeries:
    """Open films or crops with their truth: a dataset folder or a GDXray series.

    Raises
    ------
    DatasetError
        If a folder is neither, with what would be one.
    RadiographError
        If there is no such path, or the series cannot be opened.
    """
    if is_dataset(path):
        return read_dataset(path)
    if Path(path).is_dir() and not list_series(path):
        raise no_layout(Path(path))
    return open_series(path)


@dataclass(frozen=True)
class Dataset(Sequence[Pair]):
    """The pairs of a folder, in the order of its table; `dataset[i]` reads pair i, `dataset[a:b]` reads none.

    Attributes
    ----------
    folder
        The dataset folder.
    rows
        What is known of each pair without reading it.
    """

    folder: Path
    rows: tuple[Row, ...]

    @property
    def films(self) -> tuple[str, ...]:
        """The films, sorted."""
        return tuple(sorted({row.film for row in self.rows}))

    def places(self) -> list[Place]:
        """Where each pair lies in its film and how much flaw it has, for `splits`.

        Masks are read only where the table does not say how much flaw they have.

        Raises
        ------
        DatasetError
            If a file that is needed is damaged.
        """
        return [self._place(row) for row in self.rows]

    @property
    def has_table(self) -> bool:
        """Whether a table says what its pairs are; else each is a film of its own."""
        return any(row.normalisation is not None for row in self.rows)

    def labels(self, index: int) -> NDArray[Any]:
        """Read the numbers of a mask as they are stored: flaws, or their classes, where there is no table.

        Raises
        ------
        DatasetError
            If the mask is missing or damaged, or holds no labels.
        """
        return self._labels(self.rows[index])

    def cautions(self) -> list[str]:
        """What is hard to believe of the masks, which are read for it where there is no table."""
        found: list[str] = []
        for row in () if self.has_table else self.rows:
            with suppress(DatasetError):  # told when the pair is read
                found += self._label_image(row).cautions
        return found

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> Pair | Dataset:
        """Read a pair, or choose some without reading them.

        Raises
        ------
        DatasetError
            If one of its files is missing or damaged, or mask, image and row disagree in size or values.
        """
        if isinstance(index, slice):
            return Dataset(self.folder, self.rows[index])
        return self._read(self.rows[index])

    def _read(self, row: Row) -> Pair:
        image = _plane(self.folder / row.image)
        pixels = np.asarray(image.pixels)
        mask = self._labels(row) if row.normalisation is None else _mask(self.folder / row.mask)
        _fits(self.folder / row.mask, mask, pixels.shape)
        if row.normalisation is None:
            mask = np.where(mask != 0, np.uint8(FLAW), np.uint8(BACKGROUND))
        if row.rows is not None and pixels.shape != (row.rows, row.columns):
            raise DatasetError(
                f"{self.folder / row.image}: is {_size(pixels.shape)} pixels, but {TABLE} says "
                f"{_size((row.rows, row.columns or 0))}."
            )
        normalisation = row.normalisation or measure(pixels)
        return Pair(
            name=row.name,
            pixels=pixels,
            mask=mask,
            film=row.film,
            row=row.row,
            column=row.column,
            normalisation=normalisation,
            full_scale=row.full_scale or guessed_full_scale(pixels, normalisation),
            polarity=row.polarity or flaws_are(pixels),
            pixel_size_mm=image.pixel_size_mm if row.normalisation is None else row.pixel_size_mm,
            variant=row.variant,
            parameters=row.parameters,
        )

    def _labels(self, row: Row) -> NDArray[Any]:
        return self._label_image(row).values

    def _label_image(self, row: Row) -> LabelImage:
        try:
            return read_labels(self.folder / row.mask)
        except RadiographError as fault:
            raise DatasetError(str(fault)) from fault

    def _place(self, row: Row) -> Place:
        if row.rows is None or row.columns is None or row.flaw_pixels is None:
            mask = self._read(row).mask
            row = replace(row, rows=mask.shape[0], columns=mask.shape[1], flaw_pixels=flaw_pixels_of(mask))
        return Place(row.film, row.row, row.column, row.rows or 0, row.columns or 0, row.flaw_pixels or 0)


def _plane(path: Path) -> Radiograph:
    try:
        image = read(path)
    except RadiographError as fault:
        raise DatasetError(str(fault)) from fault
    if image.pixels.ndim != 2:
        raise DatasetError(f"{path}: is a stack of {image.planes} planes, not one crop.")
    return image


def _fits(path: Path, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise DatasetError(f"{path}: is {_size(values.shape)} pixels, but its image is {_size(shape)}.")


def _mask(path: Path) -> NDArray[Any]:
    """A mask that a table names, which has the values of a mask and no others."""
    try:
        values = read_exact(path)
    except RadiographError as fault:
        raise DatasetError(str(fault)) from fault
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(FLAW), np.uint8(BACKGROUND))
    if other_values(values):
        raise DatasetError(f"{path}: has values other than {BACKGROUND}, {IGNORED} and {FLAW}.")
    return values.astype(np.uint8)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"


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
