import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.training.objective import Shown, flaw_entropy, focal_tversky, objective_of
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


def tversky(logits: torch.Tensor, truth: torch.Tensor, **more: object) -> torch.Tensor:
    given = {"alpha": 0.7, "beta": 0.3, "gamma": 4 / 3, "smoothing": 1.0, **more}
    return focal_tversky(logits, truth, **given)  # type: ignore[arg-type]


def test_focal_tversky_is_that_of_the_paper() -> None:
    logits, truth = patches(0.1)
    p = logits.sigmoid()
    hit, missed, called = (p * truth).sum(), ((1 - p) * truth).sum(), (p * (1 - truth)).sum()
    index = (hit + 0.5) / (hit + 0.5 + 0.7 * missed + 0.3 * called)
    assert float(tversky(logits, truth)) == pytest.approx(float((1 - index) ** 0.75), rel=1e-4)


def test_focal_tversky_with_equal_weights_and_no_focus_is_dice() -> None:
    logits, truth = patches(0.1)
    dice = objective(logits, truth, dice_weight=1, smoothing=1) - objective(logits, truth, dice_weight=0)
    assert float(tversky(logits, truth, alpha=0.5, beta=0.5, gamma=1)) == pytest.approx(float(dice), rel=1e-4)


def test_what_is_missed_costs_more_than_what_is_called_wrongly() -> None:
    truth = torch.zeros(1, 1, 20, 20)
    truth[..., :10] = 1
    missing, calling = truth.clone(), truth.clone()
    missing[..., 8:10], calling[..., 10:12] = 0, 1
    costs = [float(tversky(50 * (2 * marked - 1), truth)) for marked in (missing, calling)]
    assert costs[0] > costs[1]


@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_ignored_pixels_take_no_part_in_focal_tversky(share: float, seed: int) -> None:
    logits, truth = patches(0.2, seed)
    ignored = torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) < share
    spoilt = torch.where(ignored, -100 * (2 * truth - 1), logits)
    assert tversky(logits, truth, ignored=ignored) == tversky(spoilt, truth, ignored=ignored)


def test_a_perfect_prediction_has_a_finite_slope() -> None:
    _, truth = patches(0.1)
    logits = ((truth * 2 - 1) * 50).requires_grad_()
    loss = tversky(logits, truth)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-5) and torch.isfinite(gradient).all()


def test_the_settings_choose_the_objective() -> None:
    logits, truth = patches(0.1)
    for name, wanted in (
        ("dice", objective(logits, truth)),
        ("focal-tversky", tversky(logits, truth, smoothing=50.0)),
    ):
        assert objective_of(FitSettings(loss=name))(logits, Shown(logits, truth, None)) == wanted


def test_the_entropy_of_flaws_is_their_mean_whatever_the_background_says() -> None:
    logits, truth = patches(0.1)
    flaws = logits[truth > 0]
    expected = torch.nn.functional.softplus(-flaws).sum() / (len(flaws) + 50)
    assert float(flaw_entropy(logits, truth, smoothing=50)) == pytest.approx(float(expected), rel=1e-5)
    elsewhere = torch.where(truth > 0, logits, torch.tensor(9.0))
    assert flaw_entropy(elsewhere, truth, smoothing=50) == flaw_entropy(logits, truth, smoothing=50)
    ignored = truth > 0
    assert float(flaw_entropy(logits, truth, smoothing=50, ignored=ignored)) == 0


def test_where_nothing_is_called_only_the_entropy_of_flaws_leads_back() -> None:
    truth = torch.zeros(8, 1, 256, 256)
    truth[:, :, :7, :7] = 1
    pull = {}
    for name in ("objective", "flaws"):
        logits = torch.full_like(truth, -12.0).requires_grad_()
        loss = objective(logits, truth) if name == "objective" else flaw_entropy(logits, truth, smoothing=50)
        (gradient,) = torch.autograd.grad(loss, logits)
        pull[name] = -float(gradient[truth > 0].sum())
    assert pull["flaws"] > 0.8
    assert pull["objective"] < 0.001
