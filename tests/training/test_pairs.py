"""Pairs of patches that look different and are the same weld, of which a network is to say the same."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_weld_fcn.radiograph.simulation import marks, simulate
from napari_weld_fcn.training.objective import soft_overlap
from napari_weld_fcn.training import pairs
from napari_weld_fcn.training.pairs import objective_of, otherwise, pairs_of, taught
from napari_weld_fcn.training.patches import WINDOWS, Batch
from napari_weld_fcn.training.settings import FitSettings, PatchSettings
from napari_weld_fcn.training.step import Shown

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
    batch = pairs_of(range(4), SMALL, PatchSettings())
    assert batch.pixels.shape == batch.truth.shape == (8, 1, 96, 96)
    np.testing.assert_array_equal(batch.truth[:4], batch.truth[4:])
    assert any((batch.pixels[k] != batch.pixels[4 + k]).any() for k in range(4))


def test_both_patches_are_taught_what_the_network_said_of_the_first_when_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairs, "otherwise", lambda pixels, truth, rng: (pixels + 1, truth[:, ::-1]))
    network = torch.nn.Conv2d(1, 1, 1)
    pixels = np.random.default_rng(0).normal(size=(4, 1, 8, 8)).astype(np.float32)

    def source(start: int, stop: int) -> Iterator[Batch]:
        yield Batch(pixels, np.zeros_like(pixels))

    with torch.no_grad():
        said = network(torch.from_numpy(pixels[:2])).sigmoid().numpy()
    asked = taught(source, network)
    network.weight.data.add_(1)
    (batch,) = asked(0, 1)
    np.testing.assert_allclose(batch.truth, np.concatenate([said, said[:, :, ::-1]]), rtol=1e-6)
    np.testing.assert_array_equal(batch.pixels, np.concatenate([pixels[:2], pixels[2:] + 1]))


def test_a_step_shows_the_same_whenever_the_fit_was_resumed() -> None:
    network = torch.nn.Conv2d(1, 1, 1)

    def source(start: int, stop: int) -> Iterator[Batch]:
        for step in range(start, stop):
            pixels = np.random.default_rng(step).normal(size=(4, 1, 16, 16)).astype(np.float32)
            yield Batch(pixels, np.zeros_like(pixels))

    unbroken = list(taught(source, network)(0, 4))
    (later,) = taught(source, network)(3, 4)
    np.testing.assert_array_equal(unbroken[3].pixels, later.pixels)
    np.testing.assert_array_equal(unbroken[3].truth, later.truth)


def test_what_a_patch_is_to_say_stays_on_its_flaw_however_it_is_shown() -> None:
    """A dark square and its truth lie on one another after any turn and magnification; noise moves neither."""
    pixels, truth = np.zeros((2, 1, 96, 96), np.float32)
    truth[0, 30:50, 40:70] = 1
    pixels[truth > 0] = -3
    shapes = set()
    for seed in range(60):
        seen, said = otherwise(pixels, truth, np.random.default_rng(seed))
        assert seen.shape == said.shape == pixels.shape
        assert seen.dtype == said.dtype == np.float32
        assert 0 <= said.min() and said.max() <= 1
        dark = seen < -1.5
        assert np.count_nonzero(dark != (said > 0.5)) <= 0.02 * dark.size
        shapes.add(int(said.sum()))
    assert len(shapes) > 10  # as it was, and magnified by many factors


@pytest.mark.parametrize("scale", [0.5, 0.9, 1.1, 2.0])
def test_nothing_is_smaller_than_to_say_what_was_taught(scale: float) -> None:
    logits = torch.linspace(-4, 4, 64).reshape(1, 1, 8, 8)
    shown = Shown(torch.zeros_like(logits), logits.sigmoid(), None)
    objective = objective_of(FitSettings())
    assert float(objective(logits, shown)) < float(objective(scale * logits, shown))
    assert float(soft_overlap(shown.truth, shown.truth, 50.0)) == pytest.approx(1.0)
