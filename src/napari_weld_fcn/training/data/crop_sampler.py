"""Batches of a user's crops, each a function of its step.

What a step sees follows from seed and step alone: the order of an epoch is drawn from (seed, epoch), and the
variant of a crop is the one that `augment` would write under that number. So a run that was killed sees, when
resumed, what it would have seen. A third of the draws of an epoch show a flaw at least; where fewer crops do,
these are drawn again, as other variants. Crops are seen as their film's own normalisation shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from napari_weld_fcn.dataset.augmentation import variant
from napari_weld_fcn.dataset.pair import FLAW, Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.dataset.splits import Place
from napari_weld_fcn.training.data.sampling import WHOLE, Batch, Patch, Share, origin_around

#: Share of the draws of an epoch that show a flaw, at least.
FLAWED_SHARE = 1 / 3
#: Pixels of crops that are kept in memory.
_KEPT_PIXELS = 1 << 28


@dataclass(frozen=True)
class Draw:
    """Variant `number` of the pair at `position`."""

    position: int
    number: int


class CropSampler:
    """The training crops as batches.

    Parameters
    ----------
    pairs
        The whole dataset; a crop's place in it decides what its variants are.
    positions
        Which of them train.
    places
        One for each pair.
    augmentation
        Ranges of the transforms; None shows the pairs as they are, for a dataset that holds its variants.
    batch
        Draws in a step; the last step of an epoch may have fewer.
    window
        Largest edge that is shown, pixels.
    seed
        Of the order, the variants and the windows.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        positions: Sequence[int],
        places: Sequence[Place],
        augmentation: AugmentationSettings | None,
        *,
        batch: int,
        window: int,
        seed: int,
    ) -> None:
        self.augmentation, self.batch, self.seed = augmentation, batch, seed
        self.flawed = [i for i in positions if places[i].flaw_pixels]
        self.clean = [i for i in positions if not places[i].flaw_pixels]
        self.draws = len(positions)
        rows, columns = (
            min(window, *(getattr(places[i], side) for i in positions)) for side in ("rows", "columns")
        )
        self.size = (rows, columns)
        pixels = sum(places[i].rows * places[i].columns for i in positions)
        self._flaw_share = sum(places[i].flaw_pixels for i in positions) / pixels
        largest = max(places[i].rows * places[i].columns for i in positions)
        self.kept_pixels = min(pixels, _KEPT_PIXELS)
        self._read = lru_cache(maxsize=max(1, _KEPT_PIXELS // largest))(pairs.__getitem__)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every draw of an epoch is shown once."""
        return -(-self.draws // self.batch)

    @property
    def flaw_share(self) -> float:
        """Share of the pixels that are flaw; ignored ones count as none."""
        return self._flaw_share

    def epoch(self, number: int) -> list[Draw]:
        """Return the draws of an epoch, counted from 0, in their order."""
        rng = np.random.default_rng([self.seed, number, 0xE90C])
        flawed_draws = max(len(self.flawed), int(np.ceil(self.draws * FLAWED_SHARE)))
        times = -(-flawed_draws // len(self.flawed))
        flawed = np.concatenate([rng.permutation(self.flawed) for _ in range(times)])[:flawed_draws]
        clean = rng.permutation(np.array(self.clean, np.intp))[: self.draws - flawed_draws]
        seen: Counter[int] = Counter()
        draws = []
        for position in rng.permutation(np.concatenate([flawed, clean])).tolist():
            draws.append(Draw(position, 1 + number * times + seen[position]))
            seen[position] += 1
        return draws

    def batches(self, start: int, stop: int, share: Share = WHOLE) -> Iterator[Batch]:
        """Yield the batches of steps `start` to `stop`; of each the draws of one process.

        Raises
        ------
        DatasetError
            If a file of the dataset is missing or damaged.
        """
        draws: list[Draw] = []
        for step in range(start, stop):
            epoch, part = divmod(step, self.steps_per_epoch)
            if not draws or part == 0:
                draws = self.epoch(epoch)
            own = draws[part * self.batch : (part + 1) * self.batch][share.turns]
            yield Batch.of([Patch.of(*self.shown(draw)) for draw in own], self.size)

    def shown(self, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        """Normalised pixels float32 and mask uint8 of a draw, both ``(rows, columns)`` of `size`."""
        pair = self._read(draw.position)
        if self.augmentation is not None:
            pair = variant(pair, draw.position, draw.number, self.augmentation, self.seed)
        part = self._window(pair.mask, draw)
        return pair.seen(part), pair.mask[part]

    def _window(self, mask: np.ndarray, draw: Draw) -> tuple[slice, slice]:
        """Where to cut; around a flaw pixel in a third of the draws, where there is one."""
        if mask.shape == self.size:
            return slice(None), slice(None)
        rng = np.random.default_rng([self.seed, draw.position, draw.number, 0xC0DE])
        flaw = np.flatnonzero(mask == FLAW)
        origin = [
            int(rng.integers(0, whole - part + 1)) for whole, part in zip(mask.shape, self.size, strict=True)
        ]
        if flaw.size and rng.random() < FLAWED_SHARE:
            centre = np.unravel_index(int(rng.choice(flaw)), mask.shape)
            origin = [
                origin_around(int(at), part, 0, whole)
                for at, part, whole in zip(centre, self.size, mask.shape, strict=True)
            ]
        row, column = (slice(first, first + part) for first, part in zip(origin, self.size, strict=True))
        return row, column
