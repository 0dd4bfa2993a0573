"""Patches with marks and the same ones without, on which a network is to say the same.

Taught letters by truth alone, a network learned at once that dark rounds between bright strokes are none, and
that pores in a nest may be none either. Here its target is what it said itself of the same patch without the
marks, so that little else is unlearned. Both patches of a pair are drawn by the same random numbers, grain
included, and differ by the marks alone. Tape with punched holes is left out: with it even so pores in a nest
were unlearned.

References
----------
Hinton et al. 2015, Distilling the knowledge in a neural network.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_weld_fcn.radiograph.area.film_area import FilmArea
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation import marks
from napari_weld_fcn.radiograph.simulation.conditions import Array
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import Site
from napari_weld_fcn.training.data.sampling import Batch, Source
from napari_weld_fcn.training.objective import Objective, Shown, soft_overlap
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.simulated.patches import FIRST_PATCH, as_seen


def several_letters(site: Site, grey: Array) -> None:
    """Up to three groups of lead letters, so that one often lies beside a flaw."""
    for _ in range(int(site.rng.integers(1, 4))):
        marks.letters(site, grey)


#: Marks that the first patch of a pair lacks, with the share of pairs that carry them.
TAUGHT: dict[marks.Mark, float] = {several_letters: 0.7, marks.pen: 0.35}


def marked_pairs(numbers: range, simulation: SimulationSettings, settings: PatchSettings) -> Batch:
    """Simulate pairs `numbers` as one batch: first the patches without marks, then those with them."""
    others = {mark: share for mark, share in marks.MARKS.items() if mark not in (marks.letters, marks.pen)}
    bare = {marks.withheld(mark): share for mark, share in TAUGHT.items()}
    seen, truth = [], []
    for number in numbers:
        plain, marked = (
            simulate(simulation, FIRST_PATCH + number, {**drawn, **others}) for drawn in (bare, TAUGHT)
        )
        seen.append(_seen(plain.radiograph.pixels, marked.radiograph.pixels, number, settings))
        truth.append(plain.mask)
    mask = np.stack([*truth, *truth])[:, None].astype(np.float32)
    return Batch(np.stack([pair[side] for side in (0, 1) for pair in seen])[:, None], mask)


def _seen(bare: Array, marked: Array, number: int, settings: PatchSettings) -> tuple[Array, Array]:
    """Both patches by the mean and spread of the first: of a film marks are too little to move them."""
    plain, bright = (measure(pixels, FilmArea.whole(pixels.shape)) for pixels in (bare, marked))
    plain = replace(plain, low=bright.low, high=bright.high)
    return as_seen(bare, number, settings, plain), as_seen(marked, number, settings, plain)


def taught(source: Source, network: torch.nn.Module) -> Source:
    """Return a source of pairs whose truth is what `network`, as it is now, says of the first of each."""
    teacher = copy.deepcopy(network).eval().requires_grad_(False)

    def batches(start: int, stop: int) -> Iterator[Batch]:
        for batch in source(start, stop):
            plain = torch.from_numpy(batch.pixels[: len(batch.pixels) // 2])
            with torch.no_grad():
                said = teacher(plain).sigmoid().numpy()
            yield replace(batch, truth=np.concatenate([said, said]))

    return batches


def taught_objective(settings: FitSettings) -> Objective:
    """Return what is small where a network says what it was taught, in probabilities."""

    def objective(logits: torch.Tensor, shown: Shown) -> torch.Tensor:
        entropy = binary_cross_entropy_with_logits(logits, shown.truth)
        overlap = soft_overlap(logits.sigmoid(), shown.truth, settings.dice_smoothing)
        return entropy + settings.dice_weight * (1 - overlap)

    return objective
