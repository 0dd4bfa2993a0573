"""One step: in parts as at once where nothing is taken over the batch, and what a lack of memory does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_weld_fcn.errors import SettingsError
from napari_weld_fcn.events import Event, JobControl, Message, Validated
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.objective import Problem, flaw_entropy
from napari_weld_fcn.training.processes.group import ProcessGroup, fabric_for
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.state import FitState
from napari_weld_fcn.training.step import Stepper
from napari_weld_fcn.training.trainer import begin

SCRIPT = Path(__file__).with_name("short_of_memory.py")
#: Nothing over the batch: no batch normalisation, no overlap.
EACH = NetworkSettings(width=4, depth=1, normalisation="none")
SETTINGS = FitSettings(precision="float32", dice_weight=0.0, batch=5)
PROBLEM = Problem(lambda start, stop: iter(()), lambda network, step: Validated(step, 1.0, 1.0, 1.0, 0.5))


def batch(patches: int = 5) -> Batch:
    rng = np.random.default_rng(0)
    shape = (patches, 1, 32, 32)
    return Batch(rng.normal(size=shape).astype(np.float32), (rng.random(shape) > 0.9).astype(np.float32))


def stepper(
    network: NetworkSettings = EACH, settings: FitSettings = SETTINGS
) -> tuple[Stepper, FitState, list[Event]]:
    torch.manual_seed(0)
    seen: list[Event] = []
    state = begin(build(network), settings)
    group = ProcessGroup(fabric_for("cpu", "float32"))
    return Stepper(state, PROBLEM, group, JobControl(seen.append)), state, seen


def weights(state: FitState) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in state.network.state_dict().values()])


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_a_batch_in_parts_moves_the_weights_as_the_whole_does(parts: int) -> None:
    whole, in_parts = stepper(), stepper()
    in_parts[1].micro_batches = parts
    losses = [each[0].take(batch(), 1e-3) for each in (whole, in_parts)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(weights(whole[1]), weights(in_parts[1]), rtol=0, atol=2e-5)


def test_the_weight_of_flaws_falls_with_the_rate() -> None:
    balanced = SETTINGS.model_copy(update={"flaw_weight": 0.1})
    highest = SETTINGS.learning_rate
    shown = batch()
    plain = stepper()[0].take(shown, highest)
    with torch.no_grad():
        logits = stepper()[1].network.train()(torch.from_numpy(shown.pixels))
    entropy = float(flaw_entropy(logits, torch.from_numpy(shown.truth), smoothing=SETTINGS.dice_smoothing))
    for share in (1.0, 0.5, 0.0):
        more = stepper(settings=balanced)[0].take(shown, share * highest) - plain
        assert more == pytest.approx(0.1 * share * entropy, rel=1e-4, abs=1e-6)


def short_of_memory(state: FitState, most: int, fault: Exception) -> list[int]:
    """Let the network fail, once half of it is computed, for more than `most` patches at a time."""
    seen: list[int] = []

    def fail(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(len(inputs[0]))
        if len(inputs[0]) > most:
            raise fault

    state.network.head.register_forward_pre_hook(fail)
    return seen


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
)
def test_lack_of_memory_halves_the_batch_says_so_and_leaves_no_trace_of_what_failed(fault: Exception) -> None:
    network = NetworkSettings(width=4, depth=1)
    failing, state, seen = stepper(network)
    tried = short_of_memory(state, 2, fault)
    failing.take(batch(), 1e-3)
    assert tried == [5, 2, 3, 1, 1, 1, 2]
    assert seen == [
        Message("Not enough memory for this batch: going on with 3 patches at a time in each step."),
        Message("Not enough memory for this batch: going on with 2 patches at a time in each step."),
    ]
    other, unbroken, _ = stepper(network)
    unbroken.micro_batches = 4
    other.take(batch(), 1e-3)
    assert torch.equal(weights(state), weights(unbroken))


def test_no_memory_for_one_patch_is_a_sentence() -> None:
    failing, state, _ = stepper()
    short_of_memory(state, 0, MemoryError())
    with pytest.raises(SettingsError, match="cpu has not enough memory for one patch"):
        failing.take(batch(), 1e-3)


@pytest.mark.parametrize("verb", ["create", "execute"])
def test_what_onednn_says_where_memory_lacks_is_known(verb: str) -> None:
    failing, state, _ = stepper()
    tried = short_of_memory(state, 3, RuntimeError(f"could not {verb} a primitive"))
    failing.take(batch(), 1e-3)
    assert len(tried) > 1


def test_another_failure_is_not_taken_for_lack_of_memory() -> None:
    failing, state, seen = stepper()
    short_of_memory(state, 0, RuntimeError("sizes do not match"))
    with pytest.raises(RuntimeError, match="sizes do not match"):
        failing.take(batch(), 1e-3)
    assert not seen


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to an amount of memory")
def test_a_process_that_is_given_little_memory_trains_all_the_same(tmp_path: Path) -> None:
    # What is limited is address space, of which glibc sets some aside for each thread that allocates.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert "Not enough memory for this batch" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 steps, then 1 more, without another failure"
