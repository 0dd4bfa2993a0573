"""One step of a fit: a batch in as many parts as memory asks for, one move of the weights and their average.

A step that finds no memory is begun again with its batch in twice as many parts. Until the gradients of all
parts are there, nothing is changed that could not be put back, so such a step counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import ModelError, SettingsError
from napari_weld_fcn.events import Message, OnEvent
from napari_weld_fcn.prediction.device import lacks_memory
from napari_weld_fcn.training.keeping import Keeping
from napari_weld_fcn.training.kept_memory import give_back
from napari_weld_fcn.training.objective import flaw_entropy, loss_of
from napari_weld_fcn.training.patches import Batch
from napari_weld_fcn.training.ranks import Ranks
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import FitState
from napari_weld_fcn.training.whole_blocks import WholeBlocks


@dataclass(frozen=True)
class Shown:
    """A batch, or a part of one, on the device where the network is: see `Batch`."""

    pixels: torch.Tensor
    truth: torch.Tensor
    ignored: torch.Tensor | None

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Shown:
        """Bring a batch to a device."""
        ignored = None if batch.ignored is None else torch.from_numpy(batch.ignored).to(device)
        pixels, truth = (torch.from_numpy(part).to(device) for part in (batch.pixels, batch.truth))
        return cls(pixels, truth, ignored)


#: From logits float32 and what was shown to the one number that is made small, a mean over what was shown.
Objective = Callable[[torch.Tensor, Shown], torch.Tensor]


def objective_of(settings: FitSettings) -> Objective:
    """Return the objective that the settings name."""
    loss = loss_of(settings)
    return lambda logits, shown: loss(logits, shown.truth, shown.ignored)


class Stepper:
    """What takes the steps of one fit.

    Parameters
    ----------
    state
        Moved on, but for `step` and the history.
    settings, objective
        Of the fit.
    ranks
        The processes that share each step.
    freeze_statistics
        Whether the statistics of batch normalisation stay as they are.
    on_event
        Told where a batch is halved.
    keeping
        As for `fit`.
    """

    def __init__(
        self,
        state: FitState,
        settings: FitSettings,
        objective: Objective,
        ranks: Ranks,
        freeze_statistics: bool,
        on_event: OnEvent,
        keeping: Keeping | None = None,
    ) -> None:
        self.state, self.settings, self.objective, self.ranks = state, settings, objective, ranks
        self.freeze_statistics, self.keeping, self.on_event = freeze_statistics, keeping, on_event
        self._parameters = [p for p in state.network.parameters() if p.requires_grad]
        self._statistics = [b for b in state.network.buffers() if b.dtype.is_floating_point]

    def take(self, batch: Batch, rate: float) -> float:
        """Take one step.

        Parameters
        ----------
        batch
            This rank's share; may be empty where there are several.
        rate
            The learning rate.

        Returns
        -------
        float
            The loss over the batches of all ranks.

        Raises
        ------
        ModelError
            If the loss or the gradient is not finite.
        SettingsError
            If there is no memory even for one patch.
        """
        for group in self.state.optimiser.param_groups:
            group["lr"] = rate
        self.state.network.train()
        if self.freeze_statistics:
            _freeze_statistics(self.state.network)
        balance = self.settings.balance * rate / self.settings.learning_rate
        loss = self._over_ranks(self._gradients(batch, balance), len(batch.pixels))
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.settings.gradient_limit)
        self._check_finite(loss, float(norm))
        self.state.optimiser.step()
        _average(self.state, self.settings)
        return loss

    def _gradients(self, batch: Batch, balance: float) -> torch.Tensor:
        """Sum gradients and loss over the patches of this rank; in more parts where memory lacks."""
        while True:
            before = _Before(self.state.network)
            try:
                return self._over_parts(batch, balance)
            except (RuntimeError, MemoryError) as fault:
                if not lacks_memory(fault):
                    raise
                before.put_back()
                self._halve(len(batch.pixels), fault)
            give_back()  # only now has the failed attempt let go of its arrays

    def _over_parts(self, batch: Batch, balance: float) -> torch.Tensor:
        self.state.optimiser.zero_grad(set_to_none=False)
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        total = torch.zeros((), device=self.ranks.fabric.device)
        for part in _parts(batch, self.state.parts):
            shown = Shown.of(part, self.ranks.fabric.device)
            with self.ranks.fabric.autocast(), WholeBlocks():
                logits = self.state.network(shown.pixels)
            loss = self.objective(logits.float(), shown)
            if balance:
                smoothing = self.settings.dice_smoothing
                entropy = flaw_entropy(
                    logits.float(), shown.truth, smoothing=smoothing, ignored=shown.ignored
                )
                loss = loss + balance * entropy
            if self.keeping is not None and part.known is not None:
                loss = loss + self._forgotten(self.keeping, part.known)
            loss = loss * len(part.pixels)
            self.ranks.fabric.backward(loss)
            total += loss.detach()
        return total

    def _forgotten(self, keeping: Keeping, known: NDArray[np.float32]) -> torch.Tensor:
        """How far the network is from what it said before: the same for every part of a batch."""
        with self.ranks.fabric.autocast(), WholeBlocks():
            return keeping.loss(self.state.network, torch.from_numpy(known).to(self.ranks.fabric.device))

    def _over_ranks(self, loss: torch.Tensor, patches: int) -> float:
        """Turn sums over this rank's patches into means over all; the statistics become one too."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        number = torch.tensor(float(patches), device=loss.device)
        statistics = [] if self.freeze_statistics or self.ranks.count == 1 else self._statistics
        for each in statistics:
            each *= patches
        self.ranks.sum([*gradients, loss, number, *statistics])
        share = 1 / float(number)
        for each in (*gradients, *statistics):
            each *= share
        return float(loss) * share

    def _halve(self, patches: int, fault: BaseException) -> None:
        self.state.parts *= 2
        if self.state.parts >= 2 * patches:
            raise SettingsError(
                f"{self.ranks.fabric.device} has not enough memory for one patch; take a smaller window, a "
                "narrower network, or another device."
            ) from fault
        most = -(-patches // self.state.parts)
        self.on_event(
            Message(f"Not enough memory for this batch: going on with {most} patches at a time in each step.")
        )

    def _check_finite(self, loss: float, norm: float) -> None:
        if not (abs(loss) < float("inf") and abs(norm) < float("inf")):
            raise ModelError(
                f"The fit diverged at step {self.state.step + 1}: the loss is {loss:g} and the gradient "
                f"{norm:g}; lower the learning rate, or use float32."
            )


class _Before:
    """What a forward pass changes, as it was before."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        self._buffers = [buffer.clone() for buffer in network.buffers()]
        self._drawn = torch.get_rng_state()

    @torch.no_grad()
    def put_back(self) -> None:
        for buffer, before in zip(self._network.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        torch.set_rng_state(self._drawn)
        self._network.zero_grad(set_to_none=True)


def _parts(batch: Batch, parts: int) -> Iterator[Batch]:
    """The batch in `parts` of about the same size; none that is empty."""
    patches = len(batch.pixels)
    for part in range(parts):
        cut = slice(part * patches // parts, (part + 1) * patches // parts)
        if cut.stop > cut.start:
            yield batch.part(cut)


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
