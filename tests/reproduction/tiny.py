"""An experiment of a minute in place of one of hours: OUT [KILLED_AFTER_STEP], in a process that may be killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.events import Event, Message, TileDone
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.reproduction.experiment import reproduce
from napari_weld_fcn.reproduction.plan import Plan
from napari_weld_fcn.reproduction.settings import ReproductionSettings

PLAN = Plan(
    networks={
        "fcn selu": NetworkSettings(kind="fcn", width=4, dilations=(1, 2)),
        "fcn relu": NetworkSettings(kind="fcn", width=4, dilations=(1, 2), activation="relu"),
        "autoencoder": NetworkSettings(kind="autoencoder", width=4, depth=1, activation="relu"),
    },
    seeds=(0, 1),
    crops=CropSettings(rois="bead", size=48, crops_per_film=8),
    films=6,
    simulation=SimulationSettings(rows=256, columns=512, flawless_share=0.0, flaw_density=30.0),
)
SETTINGS = ReproductionSettings(scale=0.1)


def main(out: Path, deadly: str) -> None:
    """Do the experiment; end by SIGKILL as soon as a message or the thousandths that are done say so."""

    def on_event(event: Event) -> None:
        told = str(event.done) if isinstance(event, TileDone) else getattr(event, "text", "")
        if isinstance(event, Message):
            sys.stdout.write(told + "\n")
            sys.stdout.flush()
        if deadly and told.startswith(deadly):
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    reproduce(out, SETTINGS, plan=PLAN, on_event=on_event)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
