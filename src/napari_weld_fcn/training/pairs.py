"""Pairs of patches that look different and are the same weld, of which a network is to say the same.

The second patch of a pair carries letters, punched tape and pen strokes, is turned, noisier or magnified.
Taught such marks by truth alone, a network learned at once that dark rounds between bright strokes are none,
and that pores in a nest may be none either. Here its target is what it said itself of the first patch, so
that little else is unlearned. Both are drawn by the same random numbers, grain included.

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
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from napari_weld_fcn.radiograph.simulation import SimulationSettings, marks, simulate
from napari_weld_fcn.radiograph.simulation.fields import Array, log_uniform
from napari_weld_fcn.radiograph.simulation.site import Site
from napari_weld_fcn.training.objective import soft_overlap
from napari_weld_fcn.training.patches import FIRST_PATCH, Batch, Source, as_seen
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.step import Objective, Shown

#: Share of the second patches that are noisier, with the standard deviation of the noise, of the film's.
NOISY, NOISE = 0.4, (0.02, 0.4)
#: Share of the second patches that are magnified, with how much.
MAGNIFIED, MAGNIFICATION = 0.4, (1.2, 2.2)


def several_letters(site: Site, grey: Array) -> None:
    """Up to three groups of lead letters, so that one often lies beside a flaw."""
    for _ in range(int(site.rng.integers(1, 4))):
        marks.letters(site, grey)


#: Marks that the first patch of a pair lacks, with the share of pairs that carry them.
TAUGHT: dict[marks.Mark, float] = {several_letters: 0.6, marks.tape: 0.25, marks.pen: 0.35}


def pairs_of(numbers: range, simulation: SimulationSettings, settings: PatchSettings) -> Batch:
    """Simulate pairs `numbers` as one batch: first the patches without marks, then those with them."""
    others = {mark: share for mark, share in marks.MARKS.items() if mark not in (marks.letters, marks.pen)}
    pixels, truth = [], []
    for bare in (True, False):
        drawn = {marks.withheld(mark) if bare else mark: share for mark, share in TAUGHT.items()}
        for number in numbers:
            film = simulate(simulation, FIRST_PATCH + number, {**drawn, **others})
            pixels.append(as_seen(film.radiograph.pixels, number, settings))
            truth.append(film.mask)
    return Batch(np.stack(pixels)[:, None], np.stack(truth)[:, None].astype(np.float32))


def taught(source: Source, network: torch.nn.Module) -> Source:
    """Return a source of pairs whose truth is what `network`, as it is now, says of the first of each.

    The second is turned, noisier or magnified besides, its truth with it.
    """
    teacher = copy.deepcopy(network).eval().requires_grad_(False)

    def batches(start: int, stop: int) -> Iterator[Batch]:
        for step, batch in enumerate(source(start, stop), start):
            half = len(batch.pixels) // 2
            with torch.no_grad():
                said = teacher(torch.from_numpy(batch.pixels[:half])).sigmoid().numpy()
            pixels, truth = batch.pixels.copy(), np.concatenate([said, said])
            for index in range(half, len(pixels)):
                rng = np.random.default_rng([step, index, 0x7A12])
                pixels[index], truth[index] = otherwise(pixels[index], truth[index], rng)
            yield replace(batch, pixels=pixels, truth=truth)

    return batches


def otherwise(pixels: Array, truth: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Show a patch and its truth, ``(1, size, size)``, turned, noisier or magnified, as large as before."""
    if rng.random() < NOISY:
        pixels = pixels + log_uniform(rng, *NOISE) * rng.standard_normal(pixels.shape, np.float32)
    both = np.stack([pixels, truth])
    both = np.rot90(both, int(rng.integers(4)), axes=(2, 3))
    if rng.random() < 0.5:
        both = both[..., ::-1]
    if rng.random() < MAGNIFIED:
        size = both.shape[-1]
        part = round(size / log_uniform(rng, *MAGNIFICATION))
        row, column = rng.integers(0, size - part + 1, 2)
        inner = torch.from_numpy(both[..., row : row + part, column : column + part].copy())
        both = interpolate(inner, size=(size, size), mode="bilinear" if rng.random() < 0.5 else "bicubic")
        both = both.numpy()
    return both[0], both[1].clip(0, 1)


def objective_of(settings: FitSettings) -> Objective:
    """Return what is small where a network says what it was taught, in probabilities."""

    def objective(logits: torch.Tensor, shown: Shown) -> torch.Tensor:
        entropy = binary_cross_entropy_with_logits(logits, shown.truth)
        overlap = soft_overlap(logits.sigmoid(), shown.truth, settings.dice_smoothing)
        return entropy + settings.dice_weight * (1 - overlap)

    return objective
