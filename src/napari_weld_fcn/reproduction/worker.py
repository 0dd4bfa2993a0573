"""One training of an experiment, as a process of its own: told what it is in one line, stopped by its end."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch

from napari_weld_fcn.dataset.store import read_dataset
from napari_weld_fcn.errors import Stopped, WeldFcnError
from napari_weld_fcn.events import Event, StepDone, TileDone
from napari_weld_fcn.network.settings import NetworkSettings
from napari_weld_fcn.reproduction.parts import Parts
from napari_weld_fcn.reproduction.plan import Training
from napari_weld_fcn.reproduction.settings import ReproductionSettings
from napari_weld_fcn.reproduction.trainings import Material, do_training

#: Seconds between two words on how far it is.
_PAUSE = 0.5


def described(
    training: Training,
    network: NetworkSettings,
    settings: ReproductionSettings,
    *,
    out: Path,
    crops: Path,
    pairs: Path,
    run: Path,
    threads: int,
    at_once: int,
) -> dict[str, Any]:
    """Say what a process is to do, as `main` reads it."""
    folders = {"out": out, "crops": crops, "pairs": pairs, "run": run}
    return {
        "training": [training.network, training.protocol, training.seed],
        "network": network.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
        "folders": {name: str(folder.absolute()) for name, folder in folders.items()},
        "threads": threads,
        "at_once": at_once,
    }


def main() -> int:
    """Do what standard input describes, until it ends."""
    told = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    torch.set_num_threads(told["threads"])
    try:
        _do(told, stop)
    except Stopped:
        return 0
    except WeldFcnError as fault:
        _say({"error": type(fault).__name__, "text": str(fault)})
        return 1
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _do(told: dict[str, Any], stop: threading.Event) -> None:
    folders = {name: Path(folder) for name, folder in told["folders"].items()}
    training = Training(*told["training"])
    material = Material.of(read_dataset(folders["crops"]), read_dataset(folders["pairs"]))
    Parts(folders["out"]).do(
        training.name,
        lambda: (
            do_training(
                training,
                NetworkSettings(**told["network"]),
                material,
                folders["run"],
                ReproductionSettings(**told["settings"]),
                _Teller(),
                stop.is_set,
            )
            | {"at_once": told["at_once"]}
        ),
    )


class _Teller:
    """Says how far it is, some times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone | TileDone) and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PAUSE
            _say({"share": event.done / max(event.total, 1)})


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
