"""Batches of windows drawn straight from labelled films, each a function of its step.

Crops that are cut beforehand show a flaw in the same few places for ever, and a grid wastes most of them on
clean bead. Here window j of step k is drawn anew from (seed, k, j): every second one around a flaw, each flaw
having the same chance whatever its size, the others around any labelled pixel. It is varied as crop j in its
variant k + 1 by `augment`. More than the window is cut and the middle kept, so that a rotated window shows
film in its corners; what lies outside the film is reflected, and ignored in the mask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_weld_fcn.dataset.augmentation import variant
from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.radiograph.normalisation import measure, white_of
from napari_weld_fcn.radiograph.polarity import flaws_are
from napari_weld_fcn.training.data.sampling import WHOLE, Batch, Patch, Share, jitter, origin_around
from napari_weld_fcn.training.settings import PatchSettings

#: Of so many windows one is drawn around a flaw.
ONE_FLAWED_OF = 2
#: Steps of an epoch, however little is labelled.
LEAST_STEPS = 8
#: Film around the labelled part that windows may show, pixels.
MARGIN = 128
#: Without it a window is as large as the labelled part is broad, but no smaller than this.
LEAST_WINDOW = 112
_CONNECTED = np.ones((3, 3), bool)


class FilmSampler:
    """The training films as batches.

    Parameters
    ----------
    films
        Those that train, each with some labels; what is `IGNORED` teaches nothing.
    augmentation
        Ranges of the transforms.
    batch
        Windows in a step.
    window
        Edge of a window, pixels; less where no film's labelled part has so much.
    seed
        Of places and variants.
    around
        Whether windows are as large where they show more of the film than is labelled; that holds a model
        that is tuned to what it knows, and shows one that knows nothing the less of its labels.
    seen_as
        As whose normalisation windows are shown, mirrored in half of the cases each way, for a model that
        learned from patches seen so; None shows each as its film does.
    """

    def __init__(
        self,
        films: Sequence[LabelledFilm],
        augmentation: AugmentationSettings,
        *,
        batch: int,
        window: int,
        seed: int,
        around: bool = True,
        seen_as: PatchSettings | None = None,
    ) -> None:
        self.seen_as = seen_as
        self.augmentation, self.batch, self.seed = augmentation, batch, seed
        self._films = [_Drawn(film) for film in films if (film.mask != IGNORED).any()]
        if not around:
            window = min(window, max(LEAST_WINDOW, *(film.breadth for film in self._films)))
        rows, columns = (min(window, max(film.extent[axis] for film in self._films)) for axis in (0, 1))
        self.size = (rows, columns)
        self._cut_size = tuple(edge + 2 * reach for edge, reach in zip(self.size, self._reach(), strict=True))
        self._flaws = np.cumsum([film.flaws for film in self._films])
        self._labelled = np.cumsum([film.labelled for film in self._films])

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which as many pixels are shown as are labelled, and no fewer than `LEAST_STEPS`."""
        rows, columns = self.size
        return max(LEAST_STEPS, math.ceil(int(self._labelled[-1]) / (self.batch * rows * columns)))

    @property
    def flaw_share(self) -> float:
        """Share of the labelled pixels that are flaw."""
        return sum(film.flaw_pixels for film in self._films) / int(self._labelled[-1])

    def batches(self, start: int, stop: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield the batches of steps `start` to `stop`; of each one process's share.

        A share is a run of windows: every second one is drawn around a flaw, so two processes that took turns
        would see all flaws and none.
        """
        own = share.stretch(self.batch)
        for step in range(start, stop):
            yield Batch.of([Patch.of(*self.shown(step, number)) for number in own], self.size)

    def shown(self, step: int, number: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Normalised pixels and mask of window `number` of a step, both ``(rows, columns)`` of `size`."""
        pair = variant(self.drawn(step, number), number, step + 1, self.augmentation, self.seed)
        middle = tuple(
            slice((whole - part) // 2, (whole - part) // 2 + part)
            for whole, part in zip(pair.mask.shape, self.size, strict=True)
        )
        rows, columns = middle
        pixels, mask = pair.seen((rows, columns)), pair.mask[middle]
        return (
            (pixels, mask) if self.seen_as is None else self._seen(step, number, pixels, mask, self.seen_as)
        )

    def _seen(
        self,
        step: int,
        number: int,
        pixels: NDArray[np.float32],
        mask: NDArray[np.uint8],
        seen_as: PatchSettings,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.seed, step, number, 0x5EE])
        factor, shift = jitter(rng, seen_as)
        turned = tuple(slice(None, None, int(rng.choice((1, -1)))) for _ in mask.shape)
        return np.ascontiguousarray(pixels[turned] * factor + shift), np.ascontiguousarray(mask[turned])

    def drawn(self, step: int, number: int) -> Pair:
        """The piece of film, larger than the window, that is varied."""
        rng = np.random.default_rng([self.seed, step, number, 0xF11A])
        if number % ONE_FLAWED_OF == 0:
            index, flaw = _place_in(self._flaws, rng)
            centre = self._films[index].flaw_pixel(flaw, rng)
        else:
            index, pixel = _place_in(self._labelled, rng)
            centre = self._films[index].labelled_pixel(pixel)
        return self._films[index].cut(centre, self.size, self._cut_size)

    def _reach(self) -> tuple[int, int]:
        """Pixels beyond each edge that a variant can bring into the window."""
        moved = math.ceil(self.augmentation.translation)
        if not self.augmentation.rotation:
            return moved, moved
        diagonal = math.ceil(math.hypot(*self.size))
        rows, columns = (math.ceil((diagonal - edge) / 2) + moved for edge in self.size)
        return rows, columns


def _place_in(sums: NDArray[np.intp], rng: np.random.Generator) -> tuple[int, int]:
    """One of ``sums[-1]`` things, each with the same chance: which film has it, and its number there."""
    drawn = int(rng.integers(0, sums[-1]))
    film = int(np.searchsorted(sums, drawn, side="right"))
    return film, drawn - (int(sums[film - 1]) if film else 0)


class _Drawn:
    """A film made ready for windows to be drawn from it."""

    def __init__(self, film: LabelledFilm) -> None:
        self.mask, self.radiograph = film.mask, film.radiograph
        self.pixels = np.asarray(film.radiograph.pixels)
        self.normalisation, self.polarity = measure(self.pixels), flaws_are(self.pixels)
        self.full_scale = white_of(self.pixels, self.normalisation)
        labelled = self.mask != IGNORED
        self._in_rows = np.cumsum(np.count_nonzero(labelled, axis=1))
        self.labelled = int(self._in_rows[-1])
        self._spans = [
            _span(labelled.any(axis=axis), edge)
            for axis, edge in ((1, labelled.shape[0]), (0, labelled.shape[1]))
        ]
        self.extent = tuple(last - first for first, last in self._spans)
        self.breadth = min(int(np.ptp(np.flatnonzero(labelled.any(axis=axis)))) + 1 for axis in (0, 1))
        self._order_flaws()

    def _order_flaws(self) -> None:
        """Sort the flaw pixels by flaw, so that those of one lie side by side."""
        numbers, self.flaws = ndimage.label(self.mask == FLAW, _CONNECTED)
        places = np.flatnonzero(numbers)
        self.flaw_pixels = len(places)
        owners = numbers.reshape(-1)[places]
        order = np.argsort(owners, kind="stable")
        self._flaw_pixels = places[order]
        self._first = np.searchsorted(owners[order], np.arange(1, self.flaws + 2))

    def flaw_pixel(self, flaw: int, rng: np.random.Generator) -> tuple[int, int]:
        """Row and column of a pixel of one flaw, counted from 0."""
        at = int(self._flaw_pixels[rng.integers(self._first[flaw], self._first[flaw + 1])])
        columns: int = self.mask.shape[1]
        return at // columns, at % columns

    def labelled_pixel(self, number: int) -> tuple[int, int]:
        """Row and column of a labelled pixel, counted row by row from 0."""
        row = int(np.searchsorted(self._in_rows, number, side="right"))
        before = int(self._in_rows[row - 1]) if row else 0
        return row, int(np.flatnonzero(self.mask[row] != IGNORED)[number - before])

    def cut(self, centre: tuple[int, int], size: tuple[int, int], whole: tuple[int, ...]) -> Pair:
        """Cut `whole` pixels around a window of `size` that lies about `centre`, as far inside as it can."""
        starts = []
        for at, part, more, (first, last) in zip(centre, size, whole, self._spans, strict=True):
            start = origin_around(at, part, first, last)
            starts.append(start - (more - part) // 2)
        pixels, mask = self._read(starts, whole)
        return Pair(
            name=self.radiograph.name,
            pixels=pixels,
            mask=mask,
            film=self.radiograph.film,
            row=starts[0],
            column=starts[1],
            normalisation=self.normalisation,
            full_scale=self.full_scale,
            pixel_size_mm=self.radiograph.pixel_size_mm,
            polarity=self.polarity,
        )

    def _read(self, starts: list[int], size: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Pixels and mask from a place on; reflected, and ignored in the mask, outside of the film."""
        shape = self.mask.shape
        if all(
            start >= 0 and start + more <= edge for start, more, edge in zip(starts, size, shape, strict=True)
        ):
            inside = tuple(slice(start, start + more) for start, more in zip(starts, size, strict=True))
            return self.pixels[inside].copy(), self.mask[inside].copy()
        rows, columns = (np.arange(start, start + more) for start, more in zip(starts, size, strict=True))
        mirrored = np.ix_(_reflected(rows, shape[0]), _reflected(columns, shape[1]))
        mask = self.mask[mirrored]
        mask[(rows < 0) | (rows >= shape[0])] = IGNORED
        mask[:, (columns < 0) | (columns >= shape[1])] = IGNORED
        return self.pixels[mirrored], mask


def _span(labelled: NDArray[np.bool_], edge: int) -> tuple[int, int]:
    """First and last (excluded) row or column that windows may show."""
    there = np.flatnonzero(labelled)
    return max(0, int(there[0]) - MARGIN), min(edge, int(there[-1]) + 1 + MARGIN)


def _reflected(places: NDArray[np.intp], edge: int) -> NDArray[np.intp]:
    """Places beyond the first or last pixel, mirrored at it."""
    if edge == 1:
        return np.zeros_like(places)
    folded = np.abs(places) % (2 * (edge - 1))
    return np.asarray(np.minimum(folded, 2 * (edge - 1) - folded))
