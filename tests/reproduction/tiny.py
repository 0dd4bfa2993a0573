"""An experiment of seconds in place of one of hours, as the command does it, in a process of its own: OUT."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from napari_weld_fcn.cli.commands.reproduce import run_reproduce
from napari_weld_fcn.cli.terminal import Terminal
from napari_weld_fcn.dataset.settings import CropSettings
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(run_reproduce(Terminal(json=True), Path(sys.argv[1]), None, SETTINGS, PLAN))
