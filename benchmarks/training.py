"""Crops a second of a training step, and beside it those of a plain PyTorch loop in the same run.

    python benchmarks/training.py [--quick] [--steps N] [--rounds N] [--once] [--processor-time]

Both train the same network from the same weights on the same dataset folder, in batches of 16 crops, each
rotated, shifted, negated and made noisy as its preset says: the paper's network with the paper's preset, the
autoencoder with the recommended one. Ours is the program's own trainer on the crops of a run, without its
validations. The plain one is what a user of PyTorch would write: the crops in memory, kornia's
transforms on whole batches in two workers of a `DataLoader`, the forward pass in eager float32 and the usual
memory layout, cross-entropy and soft Dice, AdamW. They take turns, some steps each, so that whatever else
the machine does hits both alike; the first step of each turn starts the workers and is not counted. Told are
the medians of all steps, the median of the turns' ratios, and the losses at first and in the end. On a
machine that is busy otherwise, --processor-time takes one thread and the time that this process computes,
which leaves out the plain loop's two workers. Budget: 2 x.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from napari_weld_fcn.dataset.crops import crop
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings, CropSettings, SplitSettings
from napari_weld_fcn.dataset.store import read_dataset, write_dataset
from napari_weld_fcn.errors import Stopped
from napari_weld_fcn.events import Event, JobControl, StepDone, Validated
from napari_weld_fcn.network.model import Card, Model
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.data.opening import open_data
from napari_weld_fcn.training.hardware import resolve_precision
from napari_weld_fcn.training.objective import Problem
from napari_weld_fcn.training.settings import PRESETS, FitSettings, RunSettings, TrainSettings
from napari_weld_fcn.training.trainer import fit

WORKERS = 2
BATCH = 16
FILMS = 3
CROPS_OF_A_FILM = 36


#: Seconds from some moment on.
Clock = Callable[[], float]


@dataclass
class Loop:
    """One way of training: the seconds of its steps, turn by turn, and the loss of each."""

    clock: Clock
    turns: list[list[float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def crops_per_second(self) -> float:
        """By the median step."""
        return BATCH / statistics.median(seconds for turn in self.turns for seconds in turn)


class Ours(Loop):
    """The program's own loop; a turn ends as a user's Stop does, and the next one resumes."""

    def __init__(
        self, clock: Clock, network: torch.nn.Module, about: RunSettings, data: Path, run: Path, steps: int
    ) -> None:
        super().__init__(clock)
        self.network, self.run = network, run
        material = open_data(data)
        self.batches = material.task(about, material.split(about.split), None).sampler.batches
        shared = about.train.model_dump(include=set(FitSettings.model_fields) - {"warm_up", "precision"})
        precision = resolve_precision(about.train.precision, "cpu")
        warm_up = round(about.train.warm_up * steps)
        self.settings = FitSettings(
            **shared, steps=steps, warm_up=warm_up, validate_every=steps, precision=precision
        )

    def turn(self, steps: int) -> None:
        """Take some steps, and time all but the first."""
        beats: list[float] = []

        def note(event: Event) -> None:
            if isinstance(event, StepDone):
                beats.append(self.clock())
                self.losses.append(event.loss)

        with contextlib.suppress(Stopped):
            fit(
                copy.deepcopy(self.network),
                Problem(self.batches, lambda averaged, step: Validated(step, 1.0, 1.0, 1.0, 0.5)),
                self.settings,
                self.run,
                job=JobControl(note, lambda: len(beats) == steps),
            )
        self.turns.append(np.diff(beats).tolist())


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The crops of a dataset folder, in memory: grey levels from 0 to 1 and masks."""

    def __init__(self, folder: Path) -> None:
        self.pairs: list[Pair] = list(read_dataset(folder))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Image and mask float32, ``(1, rows, columns)``; the mask 0 where it is ignored, else 1 or 2."""
        pair = self.pairs[index]
        mask = np.select([pair.mask == FLAW, pair.mask == IGNORED], [2, 0], 1)
        image = torch.tensor(pair.pixels)[None].float().div(255)
        return image, torch.from_numpy(mask)[None].float()


class Transformed:
    """Joins crops to a batch and transforms it with kornia, in the worker."""

    def __init__(self, settings: AugmentationSettings, crops: Crops) -> None:
        import kornia.augmentation as K

        rows, columns = crops.pairs[0].pixels.shape
        shift = (settings.translation / columns, settings.translation / rows)
        grey = np.stack([pair.pixels for pair in crops.pairs]) / 255
        self.transforms = K.AugmentationSequential(
            K.RandomAffine(settings.rotation, shift, padding_mode="reflection", p=1.0),
            K.RandomInvert(p=settings.negation_probability),
            K.RandomGaussianNoise(0.0, settings.gaussian_sigma / 255, p=settings.noise_probability),
            data_keys=["image", "mask"],
            extra_args={"mask": {"resample": "nearest", "padding_mode": "zeros"}},
        )
        self.mean, self.spread = float(grey.mean()), float(grey.std())

    def __call__(self, crops: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, ...]:
        """Return normalised images, truth of 0 or 1, and weights that are 0 where a pixel is ignored."""
        images, masks = (torch.stack(part) for part in zip(*crops, strict=True))
        images, masks = self.transforms(images, masks)
        return (images - self.mean) / self.spread, (masks > 1.5).float(), (masks > 0.5).float()


class Plain(Loop):
    """The loop that a user of PyTorch would write."""

    def __init__(self, clock: Clock, network: torch.nn.Module, about: RunSettings, data: Path) -> None:
        super().__init__(clock)
        self.network = copy.deepcopy(network).train()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=1e-3)
        crops = Crops(data)
        self.loader = DataLoader(
            crops,
            BATCH,
            shuffle=True,
            drop_last=True,
            num_workers=WORKERS,
            collate_fn=Transformed(about.augmentation, crops),
        )

    def turn(self, steps: int) -> None:
        """Take some steps, and time all but the first."""
        beats = []
        batches = self._batches()
        for _ in range(steps):
            images, truth, weights = next(batches)
            self.optimiser.zero_grad()
            logits = self.network(images)
            entropy = F.binary_cross_entropy_with_logits(logits, truth, weights)
            said = logits.sigmoid() * weights
            dice = (2 * (said * truth).sum() + 1) / (said.sum() + truth.sum() + 1)
            loss = entropy + 0.5 * (1 - dice)
            loss.backward()
            self.optimiser.step()
            self.losses.append(loss.item())
            beats.append(self.clock())
        batches.close()
        self.turns.append(np.diff(beats).tolist())

    def _batches(self) -> Iterator[Any]:
        while True:
            yield from self.loader


def dataset(folder: Path, size: int) -> Path:
    """Write the crops of simulated films as a dataset folder."""
    films = [simulate(SimulationSettings(rows=3 * size, columns=9 * size), seed) for seed in range(FILMS)]
    settings = CropSettings(rois="bead", size=size, crops_per_film=CROPS_OF_A_FILM)
    pairs = (pair for film in films for pair in crop(film.radiograph, film.mask, settings))
    write_dataset(pairs, folder)
    return folder


def compare(
    train: TrainSettings, data: Path, run: Path, steps: int, rounds: int, clock: Clock
) -> dict[str, Any]:
    """Train the preset's network in both ways, in turns of `steps` steps."""
    preset = train.preset
    material = open_data(data)
    about = RunSettings(
        train=train,
        network=PRESETS[preset].network,
        augmentation=PRESETS[preset].augmentation,
        split=SplitSettings(),
        pairs=len(material),
        pairs_sha256=material.sha256,
    )
    network = Model.create(Card(name=preset, network=about.network), seed=train.seed).network
    ours = Ours(clock, network, about, data, run, (rounds + 1) * steps)
    plain = Plain(clock, network, about, data)
    for _ in range(rounds):
        for loop in (plain, ours):
            loop.turn(steps)
    ratios = [sum(slow) / sum(fast) for slow, fast in zip(plain.turns, ours.turns, strict=True)]
    return {
        "network": about.network.kind,
        "preset": preset,
        "precision": ours.settings.precision,
        "ours": ours.crops_per_second,
        "plain": plain.crops_per_second,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "losses": {name: _ends(loop.losses) for name, loop in (("ours", ours), ("plain", plain))},
    }


def _ends(losses: list[float]) -> tuple[float, float]:
    """Means over the first and over the last quarter."""
    quarter = max(1, len(losses) // 4)
    return statistics.mean(losses[:quarter]), statistics.mean(losses[-quarter:])


def main() -> None:
    """Run both presets and print them, as JSON at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="crops of 64 x 64, few steps")
    parser.add_argument("--steps", type=int, help="steps in a turn")
    parser.add_argument("--rounds", type=int, help="turns of each")
    parser.add_argument("--once", action="store_true", help="one turn of each")
    parser.add_argument("--preset", choices=list(PRESETS), action="append", help="instead of both")
    parser.add_argument(
        "--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="of ours"
    )
    parser.add_argument("--processor-time", action="store_true", help="on a machine that is busy otherwise")
    asked = parser.parse_args()
    if asked.processor_time:
        torch.set_num_threads(1)
    clock = time.process_time if asked.processor_time else time.perf_counter
    size = 64 if asked.quick else 256
    steps = asked.steps or (4 if asked.quick else 7)
    rounds = 1 if asked.once else asked.rounds or (2 if asked.quick else 5)
    found: dict[str, Any] = {"size": size, "batch": BATCH, "threads": torch.get_num_threads(), "presets": []}
    with tempfile.TemporaryDirectory() as folder:
        data = dataset(Path(folder) / "data", size)
        for preset in asked.preset or ["paper", "recommended"]:
            train = TrainSettings(preset=preset, precision=asked.precision, batch=BATCH, device="cpu")
            result = compare(
                train.chosen(from_model=False), data, Path(folder) / preset, steps, rounds, clock
            )
            found["presets"].append(result)
            _print(result)
    found |= {"clock": clock.__name__, "load": os.getloadavg()[0]}
    print(json.dumps(found))


def _print(found: dict[str, Any]) -> None:
    print(f"{found['network']} ({found['preset']}), crops a second")
    for name in ("plain", "ours"):
        first, last = found["losses"][name]
        print(f"  {name:<6}{found[name]:7.1f}   loss {first:.3f} -> {last:.3f}")
    print(f"  ours is {found['ratio']:.2f} x as fast, in {found['precision']}")


if __name__ == "__main__":
    main()
