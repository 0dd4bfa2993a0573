"""One step of a fit: a batch in as many parts as memory asks for, one move of the weights and their average.

A step that finds no memory is begun again with its batch in twice as many parts. Until the gradients of all
parts are there, nothing is changed that could not be put back, so such a step counts once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_weld_fcn.errors import ModelError, SettingsError
from napari_weld_fcn.events import ALONE, JobControl, Message
from napari_weld_fcn.prediction.engine import lacks_memory
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.distillation import Distillation
from napari_weld_fcn.training.hardware import PadChannels, give_back
from napari_weld_fcn.training.objective import Problem, Shown, flaw_entropy, objective_of
from napari_weld_fcn.training.processes.group import ProcessGroup
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import FitState


class Stepper:
    """What takes the steps of one fit.

    Parameters
    ----------
    state
        Moved on, but for `step` and the history.
    problem
        What is shown and made small.
    group
        The processes that share each step.
    job
        Told where a batch is halved.
    """

    def __init__(
        self, state: FitState, problem: Problem, group: ProcessGroup, job: JobControl = ALONE
    ) -> None:
        self.state, self.settings, self.group, self.job = state, state.settings, group, job
        self.objective = problem.objective or objective_of(self.settings)
        self.freeze_statistics, self.distillation = problem.freeze_statistics, problem.distillation
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
        flaw_weight = self.settings.flaw_weight * rate / self.settings.learning_rate
        loss = self._over_ranks(self._gradients(batch, flaw_weight), len(batch.pixels))
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.settings.gradient_limit)
        self._check_finite(loss, float(norm))
        self.state.optimiser.step()
        _average(self.state, self.settings)
        return loss

    def _gradients(self, batch: Batch, flaw_weight: float) -> torch.Tensor:
        """Sum gradients and loss over the patches of this rank; in more parts where memory lacks."""
        while True:
            before = _Before(self.state.network)
            try:
                return self._over_parts(batch, flaw_weight)
            except (RuntimeError, MemoryError) as fault:
                if not lacks_memory(fault):
                    raise
                before.put_back()
                self._halve(len(batch.pixels), fault)
            give_back()  # only now has the failed attempt let go of its arrays

    def _over_parts(self, batch: Batch, flaw_weight: float) -> torch.Tensor:
        self.state.optimiser.zero_grad(set_to_none=False)
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        total = torch.zeros((), device=self.group.fabric.device)
        for part in _parts(batch, self.state.micro_batches):
            shown = Shown.of(part, self.group.fabric.device)
            with self.group.fabric.autocast(), PadChannels():
                logits = self.state.network(shown.pixels)
            loss = self.objective(logits.float(), shown)
            if flaw_weight:
                smoothing = self.settings.dice_smoothing
                entropy = flaw_entropy(
                    logits.float(), shown.truth, smoothing=smoothing, ignored=shown.ignored
                )
                loss = loss + flaw_weight * entropy
            if self.distillation is not None and part.known is not None:
                loss = loss + self._forgotten(self.distillation, part.known)
            loss = loss * len(part.pixels)
            self.group.fabric.backward(loss)
            total += loss.detach()
        return total

    def _forgotten(self, distillation: Distillation, known: NDArray[np.float32]) -> torch.Tensor:
        """How far the network is from what it said before: the same for every part of a batch."""
        with self.group.fabric.autocast(), PadChannels():
            return distillation.loss(self.state.network, torch.from_numpy(known).to(self.group.fabric.device))

    def _over_ranks(self, loss: torch.Tensor, patches: int) -> float:
        """Turn sums over this rank's patches into means over all; the statistics become one too."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        number = torch.tensor(float(patches), device=loss.device)
        statistics = [] if self.freeze_statistics or self.group.count == 1 else self._statistics
        for each in statistics:
            each *= patches
        self.group.sum([*gradients, loss, number, *statistics])
        share = 1 / float(number)
        for each in (*gradients, *statistics):
            each *= share
        return float(loss) * share

    def _halve(self, patches: int, fault: BaseException) -> None:
        self.state.micro_batches *= 2
        if self.state.micro_batches >= 2 * patches:
            raise SettingsError(
                f"{self.group.fabric.device} has not enough memory for one patch; take a smaller window, a "
                "narrower network, or another device."
            ) from fault
        most = -(-patches // self.state.micro_batches)
        self.job.tell(
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
