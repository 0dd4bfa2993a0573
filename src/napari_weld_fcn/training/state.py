"""Everything a fit needs to go on as if it had never stopped, in one file.

Weights, averaged weights and the optimiser's moments are tensors, the step and the history are JSON: both
fit a safetensors file, so that a state that somebody sends can be looked at without running anything.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.events import Validated
from napari_weld_fcn.radiograph.output import written_whole
from napari_weld_fcn.training.settings import FitSettings

STATE_FILE = "last.safetensors"
PARTS = ("network", "averaged", "optimiser", "generator")


@dataclass
class FitState:
    """A network under way.

    Attributes
    ----------
    network, averaged
        The weights being fitted, and their moving average.
    optimiser
        Its moments belong to the state, as does torch's generator.
    settings
        Those of the fit; a state is resumed under no others.
    step
        Steps done.
    history
        One entry for each validation.
    losses
        Of the steps since the last validation.
    seconds
        That were spent so far, pauses left out.
    micro_batches
        In which a batch is shown, one after the other, for lack of memory.
    """

    network: torch.nn.Module
    averaged: torch.nn.Module
    optimiser: torch.optim.Optimizer
    settings: FitSettings
    step: int = 0
    history: list[Validated] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    micro_batches: int = 1

    def save(self, folder: Path) -> None:
        """Write the state whole or not at all."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in moments.items()}
        tensors["generator.cpu"] = torch.get_rng_state()
        about = {
            "step": str(self.step),
            "history": json.dumps([asdict(v) for v in self.history]),
            "losses": json.dumps(self.losses),
            "seconds": str(self.seconds),
            "micro_batches": str(self.micro_batches),
            "settings": self.settings.model_dump_json(),
        }
        with written_whole(folder / STATE_FILE) as path:
            path.write_bytes(save({k: v.contiguous() for k, v in tensors.items()}, about))

    def load(self, folder: Path) -> None:
        """Take over the state saved in `folder`.

        Raises
        ------
        ModelError
            If the file is damaged, or belongs to another network or to other settings.
        """
        path = folder / STATE_FILE
        parts: dict[str, dict[str, torch.Tensor]] = {part: {} for part in PARTS}
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata()
                for key in file.keys():  # noqa: SIM118  (a safetensors handle is no mapping)
                    part, name = key.split(".", 1)
                    parts[part][name] = file.get_tensor(key)
            self._check_settings(path, json.loads(about["settings"]))
            torch.set_rng_state(parts["generator"]["cpu"])
            self.network.load_state_dict(parts["network"])
            self.averaged.load_state_dict(parts["averaged"])
            self._load_moments(parts["optimiser"])
            self.step = int(about["step"])
            self.history = [Validated(**entry) for entry in json.loads(about["history"])]
            self.losses = json.loads(about.get("losses", "[]"))
            self.seconds = float(about["seconds"])
            self.micro_batches = int(about.get("micro_batches") or about["parts"])  # its name up to 0.1
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"{path} is no state that this fit can resume from: {error}") from error

    def _check_settings(self, path: Path, saved: dict[str, Any]) -> None:
        asked = self.settings.model_dump(mode="json")
        before = FitSettings().model_dump(mode="json") | FitSettings.renamed(
            saved
        )  # a state may be older than a setting
        other = [name for name in asked if asked[name] != before[name]]
        if other:
            changes = ", ".join(f"{name} was {before[name]} and is {asked[name]}" for name in other)
            raise ModelError(f"{path} was fitted under other settings ({changes}); take another folder.")

    def _load_moments(self, moments: dict[str, torch.Tensor]) -> None:
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in moments.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})


@dataclass(frozen=True)
class Reached:
    """How far a fit was when it was saved; all as in `FitState`."""

    step: int
    history: list[Validated]
    seconds: float

    def over(self, settings: FitSettings) -> bool:
        """Whether it was at its end, and validated there."""
        if not self.history or self.history[-1].step != self.step:
            return False
        return self.seconds >= settings.seconds if settings.seconds else self.step >= settings.steps


def read_reached(folder: Path) -> Reached | None:
    """Read how far the fit in `folder` is, without its tensors; None where there is no sound state."""
    try:
        with safe_open(folder / STATE_FILE, "pt") as file:
            about = file.metadata()
        history = [Validated(**entry) for entry in json.loads(about["history"])]
        return Reached(int(about["step"]), history, float(about["seconds"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
