"""The fitting loop: seeded, resumable, with averaged weights and the best checkpoint.

The learning rate and the patches are functions of the step alone, and the generator that dropout draws from
is part of the state, so that a fit killed at any step and resumed ends with the weights of an unbroken one.
What is validated and kept are the *averaged* weights: the last weights of a noisy fit swing from step to
step, their average does not. A loss that is not finite, or a network that tells flaws nowhere, ends the fit
with a sentence.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import OnEvent, ShouldStop, StepDone, Validated, ignore, never
from napari_weld_fcn.training.objective import objective
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import STATE_FILE, FitState

#: Gives the batches of steps `start` to `stop`.
Source = Callable[[int, int], Iterator[Batch]]
#: Scores the averaged network after a number of steps.
Validate = Callable[[torch.nn.Module, int], Validated]
#: Told of each validated network, to keep it as a model.
Keep = Callable[[torch.nn.Module, Validated], None]


@dataclass(frozen=True)
class FitResult:
    """The averaged network at its best validation, and all validations."""

    network: torch.nn.Module
    best: Validated
    history: list[Validated]


def learning_rate(step: int, settings: FitSettings) -> float:
    """Warm-up, then half a cosine down to its final share."""
    rise = min(1.0, (step + 1) / max(1, settings.warm_up))
    fall = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return settings.learning_rate * rise * (settings.final_rate + (1 - settings.final_rate) * fall)


def fit(
    network: torch.nn.Module,
    source: Source,
    validate: Validate,
    settings: FitSettings,
    folder: Path,
    *,
    keep: Keep | None = None,
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
) -> FitResult:
    """Fit a network, or go on with a fit whose state lies in `folder`.

    Parameters
    ----------
    network
        Untrained; fitted in place.
    source
        ``source(start, stop)`` gives the batches of these steps.
    validate
        Scores the averaged network.
    settings
        Length, rate, objective.
    folder
        Keeps the state; made where it is missing.
    keep
        Called with the averaged network after each validation.

    Returns
    -------
    FitResult
        The best averaged network by its validation F1.

    Raises
    ------
    ModelError
        If the loss is not finite, or the best network is no better than marking every pixel.
    Stopped
        If `should_stop` said so; the state is saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    state = _begin(network, settings)
    if (folder / STATE_FILE).exists():
        state.load(folder)
    best = _Best(folder, state)
    started, first = time.monotonic(), state.step
    for batch in source(state.step, settings.steps):
        loss = _step(state, batch, settings)
        state.step += 1
        pace = (time.monotonic() - started) / (state.step - first)
        on_event(StepDone(state.step, settings.steps, loss, pace * (settings.steps - state.step)))
        if state.step % settings.validate_every == 0 or state.step == settings.steps:
            scores = validate(state.averaged, state.step)
            state.history.append(scores)
            best.offer(scores)
            on_event(scores)
            if keep is not None:
                keep(state.averaged, scores)
            state.save(folder)
        if should_stop():
            state.save(folder)
            raise Stopped
    return best.result()


def _begin(network: torch.nn.Module, settings: FitSettings) -> FitState:
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    averaged = copy.deepcopy(network).requires_grad_(False)
    return FitState(network, averaged, optimiser, settings)


def _step(state: FitState, batch: Batch, settings: FitSettings) -> float:
    """One step of the optimiser and of the average; the loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(state.step, settings)
    state.network.train()
    pixels, truth = torch.from_numpy(batch.pixels), torch.from_numpy(batch.truth)
    # Memory stays contiguous: channels_last, bf16 and dilation give NaN gradients (torch 2.13).
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
        logits = state.network(pixels)
    loss = objective(
        logits.float(), truth, dice_weight=settings.dice_weight, smoothing=settings.dice_smoothing
    )
    state.optimiser.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), settings.gradient_limit)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise ModelError(
            f"The fit diverged at step {state.step + 1}: the loss is {loss.item():g} and the gradient "
            f"{norm.item():g}; lower the learning rate, or use float32."
        )
    state.optimiser.step()
    _average(state, settings)
    return float(loss.detach())


@torch.no_grad()
def _average(state: FitState, settings: FitSettings) -> None:
    """Move the average; over a shorter memory while the fit is young."""
    share = 1 - min(settings.averaging, (state.step + 1) / (state.step + 51))
    for mean, now in zip(
        state.averaged.state_dict().values(), state.network.state_dict().values(), strict=True
    ):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, share)
        else:
            mean.copy_(now)


class _Best:
    """The averaged weights at the best validation so far, kept beside the state."""

    def __init__(self, folder: Path, state: FitState) -> None:
        self.path = folder / "best"
        self.state = state

    def offer(self, scores: Validated) -> None:
        if scores.f1 >= max(v.f1 for v in self.state.history):
            self.path.mkdir(exist_ok=True)
            self.state.save(self.path)

    def result(self) -> FitResult:
        history = list(self.state.history)
        self.state.load(self.path)
        best = self.state.history[-1]
        blind = 2 * best.flaw_share / (1 + best.flaw_share)  # F1 of marking every pixel
        pooled = 2 * best.precision * best.recall / max(best.precision + best.recall, 1e-12)
        if pooled <= 1.02 * blind:
            raise ModelError(
                "The network tells flaws from background nowhere: too few flaws, or too high a learning rate."
            )
        return FitResult(self.state.averaged, best, history)
