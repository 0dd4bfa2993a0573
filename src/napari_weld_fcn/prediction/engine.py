"""A model made ready to be applied: folded, laid out for speed, on its device.

Layers keep their own precision. Rounding a trained network to bfloat16 throughout moves probabilities most
through the pixels and the first weights: what eight bits of an early value lose is multiplied by everything
that follows. Weights, inputs and results of the layers after them add about as much each, and what the last
layers round is no longer averaged by others. So the first convolution and the last three stay in float32, and
only the bulk between them is bfloat16. Autocast cannot be told so; it rounds the pixels first.

Stop is asked before every layer, so a tile may be as large as the memory allows.

Which processor computes, and whether it has run out of memory, is told here too.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import ALONE, JobControl
from napari_weld_fcn.network.fuse import folded
from napari_weld_fcn.network.model import Model

# Layers' results are large, short-lived arrays. On Linux each costs a page fault for every 4 kB unless
# PyTorch asks for huge pages: up to a third of the time. It looks at this once, when it first allocates.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

Convolution = nn.Conv2d | nn.ConvTranspose2d


@dataclass(frozen=True)
class Arithmetic:
    """How many convolutions from either end stay in float32; `leading` None means all of them.

    Attributes
    ----------
    leading, trailing
        Counted in the order in which they are computed.
    """

    leading: int | None = None
    trailing: int = 0

    @property
    def name(self) -> str:
        """``float32`` or ``bfloat16``."""
        return "float32" if self.leading is None else "bfloat16"


FLOAT32 = Arithmetic()
#: The cheapest that was tried and keeps the shipped fcn within 5e-3 of float32 on small simulated films.
BFLOAT16 = Arithmetic(1, 4)


@dataclass(frozen=True)
class Cost:
    """What the network costs for each pixel, for the choice of a tile.

    Attributes
    ----------
    values
        Of the largest result of a layer.
    operations
        Multiplications and additions.
    """

    values: float
    operations: float


@dataclass(frozen=True, eq=False)
class Plan:
    """What all engines of a model have in common, found once.

    Attributes
    ----------
    network
        Folded, float32, on the processor.
    order
        Names of its convolutions as they are computed.
    cost
        Of each pixel.
    """

    network: nn.Module
    order: tuple[str, ...]
    cost: Cost


class Engine:
    """A model's network for one device and one arithmetic; made by `engine_for`."""

    def __init__(self, plan: Plan, device: torch.device, arithmetic: Arithmetic) -> None:
        self.device = device
        self.arithmetic = arithmetic
        self.cost = plan.cost
        self._network = copy.deepcopy(plan.network)
        self._asking = threading.local()
        self._network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._set_precision([cast(Convolution, self._network.get_submodule(name)) for name in plan.order])
        for layer in self._network.modules():
            if not list(layer.children()):
                layer.register_forward_pre_hook(self._stop_if_asked)

    def probability(self, window: torch.Tensor, job: JobControl = ALONE) -> torch.Tensor:
        """Apply the network to one window.

        Parameters
        ----------
        window
            ``(rows, columns)`` float32, normalised.
        job
            Can be stopped before each layer.

        Returns
        -------
        torch.Tensor
            ``(rows, columns)`` float32 in [0, 1], on the engine's device.

        Raises
        ------
        Stopped
            If the job was stopped.
        """
        with torch.inference_mode(), exact_float32(self.device), self._asked(job):
            logits: torch.Tensor = self._network(window.to(self.device)[None, None])
            return logits[0, 0].float().sigmoid_()

    def _set_precision(self, order: list[Convolution]) -> None:
        if self.arithmetic.leading is None:
            return
        last = len(order) - self.arithmetic.trailing
        for place, layer in enumerate(order):
            if self.arithmetic.leading <= place < last:
                layer.to(torch.bfloat16)
            layer.register_forward_pre_hook(_in_own_precision)

    def _stop_if_asked(self, layer: nn.Module, inputs: object) -> None:
        self._asking.job.check()

    @contextmanager
    def _asked(self, job: JobControl) -> Iterator[None]:
        self._asking.job = job
        try:
            yield
        finally:
            self._asking.job = ALONE


_plans: WeakKeyDictionary[Model, Plan] = WeakKeyDictionary()
_engines: WeakKeyDictionary[Model, dict[tuple[torch.device, Arithmetic], Engine]] = WeakKeyDictionary()


def engine_for(model: Model, device: torch.device, arithmetic: Arithmetic) -> Engine:
    """Return the model's engine, kept as long as the model is."""
    kept = _engines.setdefault(model, {})
    key = (device, arithmetic)
    if key not in kept:
        if model not in _plans:
            _plans[model] = _plan(folded(model.network).float(), model.stride)
        kept[key] = Engine(_plans[model], device, arithmetic)
    return kept[key]


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Keep CUDA from rounding float32 to TF32, which it does to convolutions unless told otherwise."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        yield


def _in_own_precision(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(tensor.to(layer.weight.dtype) for tensor in inputs)  # type: ignore[arg-type]


def _plan(network: nn.Module, stride: int) -> Plan:
    """Run a small window through the network to learn the order and the cost of its convolutions."""
    names = {layer: name for name, layer in network.named_modules()}
    order: list[str] = []
    values, operations = [1.0], [0.0]

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...], result: torch.Tensor) -> None:
        assert isinstance(layer, Convolution)
        order.append(names[layer])
        values.append(result.numel())
        places = result if isinstance(layer, nn.Conv2d) else inputs[0]
        operations.append(2.0 * layer.weight.numel() * places[0, 0].numel())

    hooks = [
        layer.register_forward_hook(note) for layer in network.modules() if isinstance(layer, Convolution)
    ]
    window = torch.zeros(1, 1, 4 * stride, 4 * stride)
    with torch.inference_mode():
        network(window)
    for hook in hooks:
        hook.remove()
    return Plan(network, tuple(order), Cost(max(values) / window.numel(), sum(operations) / window.numel()))


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; `auto` takes CUDA, then MPS, then the processor.

    Raises
    ------
    SettingsError
        If the machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if not there.get(name, False):
        raise SettingsError(
            f"Device {name} is not there, or this PyTorch ({torch.__version__}) cannot use it; "
            "take auto or cpu."
        )
    return torch.device(name)


def lacks_memory(fault: BaseException) -> bool:
    """Tell lack of memory from other failures; PyTorch has a class for it on GPUs only.

    What its library for processors, oneDNN, says in that case are the last three sentences.
    """
    known: tuple[type[BaseException], ...] = (MemoryError, torch.OutOfMemoryError)
    sentences = (
        "out of memory",
        "can't allocate memory",
        "not enough memory",
        "could not create a primitive",
        "could not execute a primitive",
        "could not create a memory",
    )
    return isinstance(fault, known) or any(sentence in str(fault).lower() for sentence in sentences)
