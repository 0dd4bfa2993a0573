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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_weld_fcn.errors import ModelError, Stopped
from napari_weld_fcn.events import OnEvent, ShouldStop, StepDone, Validated, ignore, never
from napari_weld_fcn.training.choice import best_of
from napari_weld_fcn.training.hardware import fabric_for
from napari_weld_fcn.training.keeping import Keeping
from napari_weld_fcn.training.objective import objective
from napari_weld_fcn.training.patches import Batch, Source
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import STATE_FILE, FitState, make_folder

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: Scores the averaged network after a number of steps.
Validate = Callable[[torch.nn.Module, int], Validated]
#: Told of each validated network, to keep it as a model.
Keep = Callable[[torch.nn.Module, Validated], None]
#: Whether the validations so far are enough.
Enough = Callable[[Sequence[Validated]], bool]
#: Seconds between two looks at a pause.
_PAUSE = 0.05


class BlindError(ModelError):
    """The best network is no better than marking every pixel."""


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
    device: str = "cpu",
    freeze_statistics: bool = False,
    keeping: Keeping | None = None,
    keep: Keep | None = None,
    enough: Enough = lambda history: False,
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
    should_pause: ShouldStop = never,
) -> FitResult:
    """Fit a network, or go on with a fit whose state lies in `folder`.

    Parameters
    ----------
    network
        Untrained or not; fitted in place.
    source
        ``source(start, stop)`` gives the batches of these steps.
    validate
        Scores the averaged network.
    settings
        Length, rate, objective.
    folder
        Keeps the state; made where it is missing.
    device
        As `prediction.device.choose_device` takes it.
    freeze_statistics
        Whether the statistics of batch normalisation stay as they are.
    keeping
        Holds the network to what it said before on the patches that batches have `known`.
    keep
        Called with the averaged network after each validation, before the state is saved: after a kill in
        between it is called once more, with the same.
    enough
        Asked after each validation whether to end.
    should_pause
        While it says so, and `should_stop` does not, the next step waits.

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
    make_folder(folder)
    torch.manual_seed(settings.seed)
    fabric = fabric_for(device, settings.precision)
    state = begin(network.to(fabric.device), settings)
    if (folder / STATE_FILE).exists():
        state.load(folder)
    best = _Best(folder, state)
    pace = _Pace(state.step, settings.steps)
    for batch in () if enough(state.history) else source(state.step, settings.steps):
        loss = _step(state, batch, settings, fabric, freeze_statistics, keeping)
        state.step += 1
        state.losses.append(loss)
        on_event(StepDone(state.step, settings.steps, loss, pace.seconds_left(state.step)))
        if state.step % settings.validate_every == 0 or state.step == settings.steps:
            scores = replace(validate(state.averaged, state.step), loss=sum(state.losses) / len(state.losses))
            state.losses.clear()
            state.history.append(scores)
            best.offer(scores)
            if keep is not None:
                keep(state.averaged, scores)
            state.save(folder)
            on_event(scores)
            if enough(state.history):
                break
        pace.pause(should_pause, should_stop)
        if should_stop():
            state.save(folder)
            raise Stopped
    return best.result()


class _Pace:
    """How long the rest takes, by the steps of this session; pauses do not count."""

    def __init__(self, first: int, steps: int) -> None:
        self.started, self.first, self.steps = time.monotonic(), first, steps

    def seconds_left(self, step: int) -> float:
        return (time.monotonic() - self.started) / (step - self.first) * (self.steps - step)

    def pause(self, should_pause: ShouldStop, should_stop: ShouldStop) -> None:
        """Wait as long as one says so and the other does not."""
        began = time.monotonic()
        while should_pause() and not should_stop():
            time.sleep(_PAUSE)
        self.started += time.monotonic() - began


def begin(network: torch.nn.Module, settings: FitSettings) -> FitState:
    """Return the state before the first step."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    averaged = copy.deepcopy(network).requires_grad_(False)
    return FitState(network, averaged, optimiser, settings)


def _step(
    state: FitState,
    batch: Batch,
    settings: FitSettings,
    fabric: Fabric,
    freeze_statistics: bool,
    keeping: Keeping | None,
) -> float:
    """One step of the optimiser and of the average; the loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(state.step, settings)
    state.network.train()
    if freeze_statistics:
        _freeze_statistics(state.network)
    pixels, truth = (torch.from_numpy(part).to(fabric.device) for part in (batch.pixels, batch.truth))
    ignored = None if batch.ignored is None else torch.from_numpy(batch.ignored).to(fabric.device)
    # Memory stays contiguous: channels_last, bf16 and dilation give NaN gradients (torch 2.13).
    with fabric.autocast():
        logits = state.network(pixels)
    loss = objective(
        logits.float(),
        truth,
        dice_weight=settings.dice_weight,
        smoothing=settings.dice_smoothing,
        ignored=ignored,
    )
    if keeping is not None and batch.known is not None:
        with fabric.autocast():
            loss = loss + keeping.loss(state.network, torch.from_numpy(batch.known).to(fabric.device))
    state.optimiser.zero_grad()
    fabric.backward(loss)
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), settings.gradient_limit)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise ModelError(
            f"The fit diverged at step {state.step + 1}: the loss is {loss.item():g} and the gradient "
            f"{norm.item():g}; lower the learning rate, or use float32."
        )
    state.optimiser.step()
    _average(state, settings)
    return float(loss.detach())


def _freeze_statistics(network: torch.nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()


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
        f1 = [each.f1 for each in self.state.history]
        if best_of(f1, self.state.settings.margin) == len(f1) - 1:
            make_folder(self.path)
            self.state.save(self.path)

    def result(self) -> FitResult:
        history = list(self.state.history)
        self.state.load(self.path)
        best = self.state.history[-1]
        blind = 2 * best.flaw_share / (1 + best.flaw_share)  # F1 of marking every pixel
        pooled = 2 * best.precision * best.recall / max(best.precision + best.recall, 1e-12)
        if pooled <= 1.02 * blind:
            raise BlindError(
                "The network tells flaws from background nowhere: too few flaws, or too high a learning rate."
            )
        return FitResult(self.state.averaged, best, history)
