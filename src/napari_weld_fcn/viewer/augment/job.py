"""What the Augment form's jobs do, on values: a gallery of variants, and all of them.

Crops come from a stack of layers or from a dataset folder, one at a time when they are asked for. Nothing
here touches a layer, so all of it may run in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
from napari.layers import Image, Labels
from scipy.ndimage import binary_erosion

from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair, guessed_full_scale
from napari_weld_fcn.dataset.settings import AugmentationSettings, counts
from napari_weld_fcn.dataset.store import read_crops, write_dataset
from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import JobControl, TileDone
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.viewer.belonging import MARK
from napari_weld_fcn.viewer.crop.stacks import (
    Stacks,
    as_stacks,
    is_crops,
    painted_mask,
    pair_of,
    refuse_too_many,
)

#: Variants of the gallery, the crop itself the first of them.
GALLERY_ROWS, GALLERY_COLUMNS = 3, 4
#: Least edge of a variant in the gallery, in pixels, where its crop has as many.
THUMBNAIL = 96
_GAP = 4

_OUTLINE = np.array([255, 60, 60], np.uint8)
_OUTSIDE = np.array([60, 110, 160], np.uint8)

#: How the crops are got at, in the job.
Open = Callable[[], Sequence[Pair]]


class StackedCrops(Sequence[Pair]):
    """The planes of two stacks as pairs.

    Parameters
    ----------
    name
        Of the stack, for messages and for what has no name of its own.
    pixels, labels
        ``(n, rows, columns)``; without labels everything is ignored.
    rows
        What is known of each plane, as `crop.stacks` keeps it; without, each is a film of its own.
    """

    def __init__(self, name: str, pixels: Any, labels: Any | None, rows: Sequence[dict[str, Any]]) -> None:
        self._name, self._pixels, self._labels, self._rows = name, pixels, labels, rows
        if pixels.ndim != 3 or (labels is not None and labels.shape != pixels.shape):
            raise SettingsError(f"{name}: the stack of crops and the stack of masks do not fit each other.")

    def __len__(self) -> int:
        return len(self._pixels)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        """Return one pair, any label but background and ignored being a flaw."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        pixels = np.array(self._pixels[index])
        labels = np.full(pixels.shape, IGNORED)
        if self._labels is not None:
            labels = np.asarray(self._labels[index])
        if not self._rows:
            name = f"{self._name}_{index:03d}"
            film = measure(pixels)
            white = guessed_full_scale(pixels, film)
            mask, polarity = painted_mask(labels), flaws_are(pixels)
            return Pair(name, pixels, mask, name, 0, 0, film, white, polarity=polarity)
        return pair_of(self._rows[index], pixels, labels)


def from_layers(images: Image, masks: Labels | None) -> Open:
    """Return what opens the crops of two layers, which are looked at now."""
    rows = images.metadata[MARK]["pairs"] if is_crops(images) else ()
    labels = masks.data if masks is not None else None
    varied = holds_variants(images)
    name, pixels = images.name, images.data

    def opened() -> Sequence[Pair]:
        crops = StackedCrops(name, pixels, labels, rows)
        if varied:
            raise SettingsError(f"{name}: holds variants already; choose a stack of crops.")
        return crops

    return opened


def holds_variants(images: Image) -> bool:
    """Whether a stack shows variants already."""
    return is_crops(images) and any(row["variant"] for row in images.metadata[MARK]["pairs"])


def from_folder(folder: Path) -> Open:
    """Return what opens the crops of a dataset folder."""
    return lambda: read_crops(folder)


@dataclass(frozen=True)
class Preview:
    """What a form shows of its crops.

    Attributes
    ----------
    crops
        How many there are.
    picture
        ``(rows, columns, 3)`` uint8: the gallery.
    """

    crops: int
    picture: np.ndarray


def preview(open_crops: Open, index: int, settings: AugmentationSettings, seed: int) -> Preview:
    """Draw the first variants of crop `index`, or of the last crop where there are fewer.

    Raises
    ------
    WeldFcnError
        If there are no crops, or they cannot be read.
    """
    from napari_weld_fcn.dataset.augmentation import variant  # with PyTorch

    crops = open_crops()
    counts(len(crops), variants=1)
    index = min(index, len(crops) - 1)
    crop = crops[index]
    shown = GALLERY_ROWS * GALLERY_COLUMNS
    made = [thumbnail(variant(crop, index, number, settings, seed)) for number in range(shown)]
    return Preview(len(crops), tiled(made, GALLERY_COLUMNS))


def thumbnail(pair: Pair) -> np.ndarray:
    """Draw a pair small, ``(rows, columns, 3)`` uint8: flaws outlined, what is ignored tinted."""
    step = max(min(pair.pixels.shape) // THUMBNAIL, 1)
    pixels, mask = pair.pixels[::step, ::step].astype(np.float32), pair.mask[::step, ::step]
    dark, bright = np.percentile(pixels, (0.5, 99.5))
    grey = ((pixels - dark) * (255 / max(bright - dark, 1e-6))).clip(0, 255).astype(np.uint8)
    drawn = np.repeat(grey[..., None], 3, axis=2)
    outside = mask == IGNORED
    drawn[outside] = drawn[outside] // 2 + _OUTSIDE // 2
    flaw = mask == FLAW
    drawn[flaw & ~binary_erosion(flaw)] = _OUTLINE
    return drawn


def tiled(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Put pictures of one size beside and below each other, a gap between them."""
    framed = [np.pad(picture, ((0, _GAP), (0, _GAP), (0, 0))) for picture in pictures]
    lines = [np.hstack(framed[start : start + columns]) for start in range(0, len(framed), columns)]
    return np.ascontiguousarray(np.vstack(lines)[:-_GAP, :-_GAP])


@dataclass(frozen=True)
class Augmented:
    """What became of the crops.

    Attributes
    ----------
    crops, pairs
        How many there were and are.
    stacks
        The pairs, where they are to become layers.
    """

    crops: int
    pairs: int
    stacks: Stacks | None


def augment_all(
    open_crops: Open,
    settings: AugmentationSettings,
    *,
    variants: int | None,
    total: int | None,
    seed: int,
    folder: Path | None,
    keep: bool,
    job: JobControl,
) -> Augmented:
    """Make all variants, write them and keep them, as asked.

    Parameters
    ----------
    open_crops
        Gives the crops.
    settings, variants, total, seed
        As for `dataset.augmentation.augment`.
    folder
        Becomes a dataset; None writes none.
    keep
        Whether the pairs are returned as stacks.

    Raises
    ------
    WeldFcnError
        If the crops cannot be read, the folder cannot be written, or too much would have to be kept.
    Stopped
        If the job was stopped; the folder is then a dataset of the pairs so far.
    """
    from napari_weld_fcn.dataset.augmentation import augment  # with PyTorch

    crops = open_crops()
    expected = sum(counts(len(crops), variants=variants, total=total))
    if keep:
        refuse_too_many(expected, crops[0])
    kept: list[Pair] = []
    pairs: Iterable[Pair] = augment(crops, settings, variants=variants, total=total, seed=seed)
    if keep:
        pairs = _keeping(pairs, kept)
    if folder is not None:
        write_dataset(pairs, folder, total=expected, job=job)
    else:
        for done, _ in enumerate(islice(pairs, expected), start=1):
            job.tell(TileDone(done, expected))
            job.check()
    return Augmented(len(crops), expected, as_stacks(kept) if keep else None)


def _keeping(pairs: Iterable[Pair], kept: list[Pair]) -> Iterator[Pair]:
    for pair in pairs:
        kept.append(pair)
        yield pair
