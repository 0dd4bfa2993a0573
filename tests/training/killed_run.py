"""Trains a tiny network in a process of its own, which is there to be killed: RUN DATASET THREADS [STEP]."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from napari_weld_fcn.events import Event, StepDone
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.settings import TrainSettings

NETWORK = NetworkSettings(width=4, depth=1, activation="relu")
SETTINGS = TrainSettings(epochs=4, batch=3, learning_rate=5e-3, device="cpu", window=32)


def main(run: Path, dataset: Path, threads: int, last_step: int | None) -> None:
    """Train or go on; end by SIGKILL after a step."""

    def on_event(event: Event) -> None:
        if isinstance(event, StepDone):
            sys.stdout.write(f"{event.done}\n")
            sys.stdout.flush()
            if event.done == last_step:
                os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(threads)
    if (run / "settings.json").exists():
        resume(run, on_event=on_event)
    else:
        train(dataset, run, SETTINGS, network=NETWORK, on_event=on_event)


if __name__ == "__main__":
    path, folder, count, *step = sys.argv[1:]
    main(Path(path), Path(folder), int(count), int(step[0]) if step else None)
