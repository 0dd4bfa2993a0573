import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.training.objective import objective as full_objective
from napari_weld_fcn.training.settings import FitSettings


def objective(
    logits: torch.Tensor,
    truth: torch.Tensor,
    dice_weight: float = FitSettings().dice_weight,
    smoothing: float = FitSettings().dice_smoothing,
    ignored: torch.Tensor | None = None,
) -> torch.Tensor:
    return full_objective(logits, truth, dice_weight=dice_weight, smoothing=smoothing, ignored=ignored)


def patches(share: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    truth = (torch.rand(2, 1, 32, 32, generator=generator) < share).float()
    return torch.randn(2, 1, 32, 32, generator=generator), truth


def test_a_certain_and_right_prediction_costs_nothing() -> None:
    _, truth = patches(0.1)
    assert float(objective((truth * 2 - 1) * 50, truth)) == pytest.approx(0, abs=1e-5)


@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_ignored_pixels_take_no_part(share: float, seed: int) -> None:
    logits, truth = patches(0.2, seed)
    ignored = torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) < share
    spoilt = torch.where(ignored, -100 * (2 * truth - 1), logits)
    if not ignored.all():
        assert objective(logits, truth, ignored=ignored) == objective(spoilt, truth, ignored=ignored)


def test_dice_is_that_of_the_batch_not_of_each_patch() -> None:
    logits, truth = patches(0.1)
    truth[1] = 0
    whole = objective(logits, truth, dice_weight=1, smoothing=1) - objective(logits, truth, dice_weight=0)
    overlap = (2 * (logits.sigmoid() * truth).sum() + 1) / (logits.sigmoid().sum() + truth.sum() + 1)
    assert float(whole) == pytest.approx(float(1 - overlap), rel=1e-4)


def test_overlap_pulls_a_faint_flaw_up_where_entropy_alone_is_content() -> None:
    truth = torch.zeros(1, 1, 100, 100)
    truth[..., :10, :10] = 1
    logits = torch.full_like(truth, -4.6).requires_grad_()
    pull = []
    for weight in (0.0, 0.5):
        loss = objective(logits, truth, dice_weight=weight)
        (gradient,) = torch.autograd.grad(loss, logits)
        pull.append(-float(gradient[truth > 0].mean()))
    assert pull[1] > pull[0]
