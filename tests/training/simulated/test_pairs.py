"""Pairs of patches that differ by marks alone, on which a network is to say the same."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_weld_fcn.radiograph.simulation import marks
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.objective import Shown, soft_overlap
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.simulated.pairs import marked_pairs, taught, taught_objective
from napari_weld_fcn.training.simulated.patches import WINDOWS

SMALL = WINDOWS.model_copy(update={"rows": 96, "columns": 96, "jpeg_share": 0.0})


def test_the_films_of_a_pair_differ_where_a_mark_was_drawn_and_nowhere_else() -> None:
    differing = 0
    for seed in range(6):
        bare, lettered = (
            simulate(SMALL, seed, {mark: 1.0}) for mark in (marks.withheld(marks.letters), marks.letters)
        )
        np.testing.assert_array_equal(bare.instances, lettered.instances)
        changed = bare.radiograph.pixels != lettered.radiograph.pixels
        brighter = lettered.radiograph.pixels > bare.radiograph.pixels
        assert not (changed & ~brighter).any()
        differing += changed.any() and not changed.all()
    assert differing >= 3


def test_a_batch_has_the_patches_without_marks_and_then_the_same_with_them() -> None:
    batch = marked_pairs(range(4), SMALL, PatchSettings())
    assert batch.pixels.shape == batch.truth.shape == (8, 1, 96, 96)
    np.testing.assert_array_equal(batch.truth[:4], batch.truth[4:])
    differ = batch.pixels[:4] != batch.pixels[4:]
    shares = differ.mean(axis=(1, 2, 3))
    assert shares.max() > 0  # and where no mark lies both are the same, for they are normalised alike
    assert np.median(shares) < 0.5


def test_both_patches_are_taught_what_the_network_said_of_the_first_when_it_began() -> None:
    network = torch.nn.Conv2d(1, 1, 1)
    pixels = np.random.default_rng(0).normal(size=(4, 1, 8, 8)).astype(np.float32)

    def source(start: int, stop: int) -> Iterator[Batch]:
        yield Batch(pixels, np.zeros_like(pixels))

    with torch.no_grad():
        said = network(torch.from_numpy(pixels[:2])).sigmoid().numpy()
    asked = taught(source, network)
    network.weight.data.add_(1)
    (batch,) = asked(0, 1)
    np.testing.assert_allclose(batch.truth, np.concatenate([said, said]), rtol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 0.9, 1.1, 2.0])
def test_nothing_is_smaller_than_to_say_what_was_taught(scale: float) -> None:
    logits = torch.linspace(-4, 4, 64).reshape(1, 1, 8, 8)
    shown = Shown(torch.zeros_like(logits), logits.sigmoid(), None)
    objective = taught_objective(FitSettings())
    assert float(objective(logits, shown)) < float(objective(scale * logits, shown))
    assert float(soft_overlap(shown.truth, shown.truth, 50.0)) == pytest.approx(1.0)
