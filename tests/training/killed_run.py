"""Trains a tiny network in a process of its own, there to be killed: RUN DATASET|films THREADS [STEP]."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import FLAW
from napari_weld_fcn.events import Event, JobControl, StepDone
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.training.run import resume, train
from napari_weld_fcn.training.settings import TrainSettings

NETWORK = NetworkSettings(width=4, depth=1, activation="relu")
SETTINGS = TrainSettings(epochs=4, batch=3, learning_rate=5e-3, device="cpu", window=32)


def films() -> list[LabelledFilm]:
    """Two films with a flaw each quarter, in memory."""
    made = []
    for number in range(2):
        pixels = np.random.default_rng(number).normal(130, 6, (48, 160)).astype(np.uint8)
        mask = np.zeros(pixels.shape, np.uint8)
        for column in range(10, 160, 40):
            mask[20:28, column : column + 9] = FLAW
        pixels[mask == FLAW] -= 50
        made.append(LabelledFilm(Radiograph(pixels, name=f"film_{number}"), mask))
    return made


def main(run: Path, dataset: str, threads: int, last_step: int | None) -> None:
    """Train or go on; end by SIGKILL after a step."""

    def on_event(event: Event) -> None:
        if isinstance(event, StepDone):
            sys.stdout.write(f"{event.done}\n")
            sys.stdout.flush()
            if event.done == last_step:
                os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(threads)
    if (run / "settings.json").exists():
        resume(run, job=JobControl(on_event))
    else:
        train(
            films() if dataset == "films" else dataset,
            run,
            SETTINGS,
            network=NETWORK,
            job=JobControl(on_event),
        )


if __name__ == "__main__":
    path, folder, count, *step = sys.argv[1:]
    main(Path(path), folder, int(count), int(step[0]) if step else None)
