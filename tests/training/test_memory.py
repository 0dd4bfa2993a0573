"""The estimate of memory is near what a process needs, and what is kept is given back."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
import torch

from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.hardware import PROGRAM_BYTES, estimate, malloc_tuning, memory_of_computer
from napari_weld_fcn.training.settings import PRESETS

SCRIPT = """
import sys, tempfile
from pathlib import Path
import numpy as np, torch
from napari_weld_fcn.events import Validated
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.training.trainer import fit
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.settings import PRESETS, FitSettings
torch.set_num_threads(1)
preset, patches, edge = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
shape = (patches, 1, edge, edge)
batch = Batch(np.random.default_rng(0).normal(size=shape).astype(np.float32), np.zeros(shape, np.float32))
settings = FitSettings(steps=3, batch=patches, precision="float32", validate_every=100)
with tempfile.TemporaryDirectory() as folder:
    problem = Problem(lambda start, stop: iter([batch] * (stop - start)),
                      lambda network, step: Validated(step, 0.5, 0.5, 0.5, 0.5))
    fit(build(PRESETS[preset].network), problem, settings, Path(folder))
# Of this program alone: what `getrusage` tells counts the one that started it too.
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024)
"""


def needed(preset: str, patches: int, edge: int) -> int:
    command = [sys.executable, "-c", SCRIPT, preset, str(patches), str(edge)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process needed at most")
@pytest.mark.parametrize("preset", ["paper", "recommended"])
def test_the_estimate_is_near_what_a_process_needs(preset: str) -> None:
    told = estimate(build(PRESETS[preset].network), 6, (160, 160), "cpu")
    assert needed(preset, 6, 160) == pytest.approx(told, rel=0.35)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process needed at most")
def test_the_papers_network_with_batches_of_sixteen_fits_in_eight_gigabytes() -> None:
    told = estimate(build(PRESETS["paper"].network), 16, (256, 256), "cpu")
    measured = needed("paper", 16, 256)
    assert measured == pytest.approx(told, rel=0.35)
    assert max(told, measured) < 8e9


def test_the_estimate_grows_with_pixels_patches_and_width_and_leaves_the_network_alone() -> None:
    network, wider = (build(NetworkSettings(kind="fcn", width=width)).eval() for width in (8, 16))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    drawn = torch.get_rng_state()
    base = estimate(network, 4, (64, 64), "cpu") - PROGRAM_BYTES
    assert estimate(network, 8, (64, 64), "cpu") - PROGRAM_BYTES == pytest.approx(2 * base, rel=0.02)
    assert estimate(network, 4, (64, 128), "cpu") - PROGRAM_BYTES == pytest.approx(2 * base, rel=0.02)
    assert estimate(wider, 4, (64, 64), "cpu") - PROGRAM_BYTES > 1.8 * base
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(drawn, torch.get_rng_state())


def test_this_computer_has_memory() -> None:
    there = memory_of_computer()
    assert there is None or there > 1e8


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told to keep memory")
def test_memory_is_kept_between_arrays_and_given_back_afterwards() -> None:
    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(4):
            torch.ones(16_000_000)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    usual = faults()
    with malloc_tuning():
        faults()
        kept = faults()
    assert kept < usual / 10 or usual < 100  # huge pages fault little as it is
    assert faults() >= kept
