"""Fits in a process of its own that may not have the memory of a whole batch: FOLDER."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import Event, JobControl, Message, StepDone, Validated
from napari_weld_fcn.network.registry import build
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.data.sampling import Batch
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.processes.group import fabric_for
from napari_weld_fcn.training.settings import FitSettings
from napari_weld_fcn.training.trainer import fit

NETWORK = NetworkSettings(kind="fcn", width=8)
SHAPE = (16, 1, 256, 256)


def source(start: int, stop: int) -> Iterator[Batch]:
    """The same batch in each step."""
    pixels = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    for _ in range(start, stop):
        yield Batch(pixels, (pixels > 2).astype(np.float32))


def steps(folder: Path, stop_after: int) -> list[Event]:
    """Fit until so many steps are done in all, and say what was told."""
    seen: list[Event] = []
    settings = FitSettings(steps=9, batch=16, precision="float32", validate_every=1)
    job = JobControl(seen.append, lambda: any(isinstance(x, StepDone) and x.done >= stop_after for x in seen))
    problem = Problem(source, lambda network, step: Validated(step, 0.5 + step / 99, 0.5, 0.5, 0.5))
    with contextlib.suppress(Stopped):
        fit(build(NETWORK), problem, settings, folder, job=job)
    return seen


def main(folder: Path) -> None:
    """Leave room for about half of what a step of the whole batch needs."""
    torch.set_num_threads(1)
    fabric_for("cpu", "float32")
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))]).step()  # what is imported late is not of the step
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + int(380e6), resource.RLIM_INFINITY))
    first, then = steps(folder, 2), steps(folder, 3)
    for event in first:
        if isinstance(event, Message):
            sys.stdout.write(f"{event.text}\n")
    done = [sum(isinstance(event, StepDone) for event in part) for part in (first, then)]
    failures = sum(isinstance(event, Message) for event in then)
    sys.stdout.write(f"{done[0]} steps, then {done[1]} more, with{'out' * (not failures)} another failure\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
