"""Make what `test_version_0_1` reads, with the program as it was at commit fe922fc.

    git worktree add OLD fe922fc
    PYTHONPATH=OLD/src python tests/frozen/make.py

Nothing in the folder is made anew when the program changes: what it holds is what people have on their disks.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn import (
    AugmentationSettings,
    CropSettings,
    Model,
    NetworkSettings,
    SimulationSettings,
    TrainSettings,
    crop,
    predict,
    simulate,
    train,
)
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.events import JobControl
from napari_weld_fcn.network.card import Card
from napari_weld_fcn.radiograph.output import write_png

FOLDER = Path(__file__).parent / "v0_1"
NETWORK = NetworkSettings(kind="fcn", width=4, dilations=(1, 2))


def main() -> None:
    """Write a film, models, results, a dataset and a run that was stopped."""
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    settings = SimulationSettings(rows=128, columns=224, flaw_density=50, flawless_share=0, harsh_share=0)
    film, other = (simulate(settings, seed) for seed in (3, 5))
    write_png(FOLDER / "film.png", film.radiograph.pixels, film.radiograph.pixel_size_mm)
    write_png(FOLDER / "mask.png", film.mask)
    for kind in ("fcn", "autoencoder"):
        network = NETWORK if kind == "fcn" else NetworkSettings(kind="autoencoder", width=4, depth=1)
        card = Card(name=f"old_{kind}", network=network, threshold=0.5, pixel_size_mm=0.04)
        model = Model.create(card, seed=1)
        said = predict(film.radiograph, model).probability
        threshold = round(float(np.quantile(said, 0.97)), 6)  # it has learned nothing; some of it is marked
        model = Model.create(card.model_copy(update={"threshold": threshold}), model.network)
        model.save(FOLDER / f"old_{kind}.safetensors")
        np.save(FOLDER / f"old_{kind}.npy", said[::2, ::2].astype(np.float32))
    grid = CropSettings(rois="grid", size=64)
    pairs = [pair for each in (film, other) for pair in crop(each.radiograph, each.mask, grid)]
    write_dataset(pairs, FOLDER / "dataset")
    stopped = False

    def stop_after_an_epoch() -> bool:
        return stopped

    def on_event(event: object) -> None:
        nonlocal stopped
        stopped = stopped or type(event).__name__ == "Validated"

    train(
        FOLDER / "dataset",
        FOLDER / "run",
        TrainSettings(epochs=3, batch=4, patience=0, precision="float32"),
        network=NETWORK,
        augmentation=AugmentationSettings(rotation=5.0),
        job=JobControl(on_event, stop_after_an_epoch),
    )
    command = ["predict", "film.png", "--model", "old_fcn.safetensors", "--output", "results"]
    subprocess.run([sys.executable, "-m", "napari_weld_fcn.cli", *command], cwd=FOLDER, check=True)
    (FOLDER / "results" / "film_overlay.png").unlink()
    for path in FOLDER.rglob("*.json"):  # where it was made is nobody's business
        path.write_text(path.read_text().replace(str(FOLDER), "/films").replace(sys.executable, "python"))
    environment = FOLDER / "run" / "environment.json"
    environment.write_text(environment.read_text().replace(platform.platform(), "Linux"))


if __name__ == "__main__":
    main()
