"""What a network said before stays its target on simulated patches."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn.events import Validated
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.distillation import EVEN_WEIGHT, PATCH_EDGE, PATCHES, Distillation
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.trainer import fit

TINY = NetworkSettings(width=4, activation="relu")


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build(TINY).eval()


def keeping(start: torch.nn.Module, keep: float = 0.5) -> Distillation:
    return Distillation(start, keep, seed=3, dice_weight=0.5, smoothing=50.0)


def everything_is_flaw(start: int, stop: int) -> Iterator[Batch]:
    rng = np.random.default_rng(0)
    for _ in range(start, stop):
        pixels = rng.standard_normal((2, 1, 32, 32)).astype(np.float32)
        yield Batch(pixels, np.ones_like(pixels))


def test_the_loss_is_zero_for_the_same_network_and_not_for_another() -> None:
    start = network(0)
    kept = keeping(start)
    patches = torch.from_numpy(kept.patches(0))
    assert abs(kept.loss(start, patches).item()) < 1e-6
    other = network(1)
    loss = kept.loss(other, patches)
    assert loss.item() > 1e-3
    loss.backward()
    assert any(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in other.parameters())
    assert all(weights.grad is None for weights in kept.teacher.parameters())


def test_the_teacher_is_not_the_network_that_is_fitted() -> None:
    start = network(0)
    kept = keeping(start)
    with torch.no_grad():
        next(start.parameters()).add_(1.0)
    assert kept.loss(start, torch.from_numpy(kept.patches(0))).item() > 0


def test_the_more_is_kept_the_more_it_weighs_beside_the_labels() -> None:
    start, other = network(0), network(1)
    patches = torch.from_numpy(keeping(start).patches(0))
    losses = [keeping(start, keep).loss(other, patches).item() for keep in (0.1, 0.5, 0.9)]
    assert losses == sorted(losses)
    assert keeping(start, 0.5).weight == EVEN_WEIGHT


def test_the_patches_of_a_step_are_a_function_of_seed_and_step() -> None:
    kept = keeping(network(0))
    whole = list(kept.beside(everything_is_flaw)(0, 4))
    resumed = list(kept.beside(everything_is_flaw)(2, 4))
    assert len(whole) == 4
    for step, batch in enumerate(whole):
        assert batch.known is not None
        assert batch.known.shape == (PATCHES, 1, PATCH_EDGE, PATCH_EDGE)
        assert np.array_equal(batch.known, kept.patches(step))
        assert not np.array_equal(batch.known, kept.patches(step + 1))
    assert all(np.array_equal(a.known, b.known) for a, b in zip(resumed, whole[2:], strict=True))


def test_a_fit_that_keeps_stays_nearer_to_what_it_said(tmp_path: Path) -> None:
    start = network(0)
    settings = FitSettings(
        steps=12, batch=2, warm_up=1, validate_every=12, precision="float32", averaging=0.5
    )

    def moved(kept: Distillation | None, folder: Path) -> float:
        source = everything_is_flaw if kept is None else kept.beside(everything_is_flaw)
        result = fit(
            copy.deepcopy(start),
            Problem(
                source,
                lambda averaged, step: Validated(step, 1.0, 1.0, 1.0, 0.5, 0.01),
                freeze_statistics=True,
                distillation=kept,
            ),
            settings,
            folder,
        )
        judge = keeping(start)
        return judge.loss(result.network.eval(), torch.from_numpy(judge.patches(1_000))).item()

    assert moved(keeping(start, 0.8), tmp_path / "kept") < 0.5 * moved(None, tmp_path / "free")
