"""Pairs a second of ours, OpenCV and kornia, all doing the same, and the time of writing the paper's set.

    python benchmarks/augmentation.py [--size 256 --total 11871]

One thread, in turns, the best of several rounds of each, in processor time. Every variant is rotated,
shifted, negated and noisy; its image is read between pixels and reflected, its mask is the nearest and
ignored outside. What is drawn for each variant is drawn within the time. Ours is `augment` as it stands,
with its pairs. Budget: 0.7 of OpenCV's, and above kornia's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn.dataset.augmentation import augment
from napari_weld_fcn.dataset.pair import FLAW, IGNORED, Pair
from napari_weld_fcn.dataset.settings import AugmentationSettings
from napari_weld_fcn.dataset.store import write_dataset
from napari_weld_fcn.radiograph.normalisation import measure
from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings

#: All four transforms on every variant, noise of one kind.
EVERYTHING = AugmentationSettings(
    negation_probability=1.0, noise_probability=1.0, gaussian_sigma=6.0, poisson_sigma=0.0
)
CROPS = 360
KORNIA_BATCH = 16
MB = 1e6

Make = Callable[[Pair, int], object]


def crops(size: int, count: int) -> list[Pair]:
    """Simulate crops, each of a film of its own."""
    films = [simulate(SimulationSettings(rows=size, columns=size), seed) for seed in range(count)]
    masks = [film.mask * np.uint8(FLAW) for film in films]
    return [
        Pair(
            f"{index:04d}",
            film.radiograph.pixels,
            mask,
            str(index),
            0,
            0,
            measure(film.radiograph.pixels),
            255.0,
        )
        for index, (film, mask) in enumerate(zip(films, masks, strict=True))
    ]


def ours(crop: Pair, count: int) -> object:
    """`count` variants by `augment`, the crop itself left out."""
    return list(islice(augment([crop], EVERYTHING, variants=count + 1), 1, None))


def with_opencv(crop: Pair, count: int) -> object:
    """The same by OpenCV's affine warp and its own noise."""
    import cv2

    drawn = np.random.default_rng(0)
    size = crop.pixels.shape[::-1]
    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    grain = np.empty(crop.pixels.shape, np.int16)
    made = []
    for _ in range(count):
        matrix = cv2.getRotationMatrix2D(middle, drawn.uniform(-180, 180), 1)
        matrix[:, 2] += drawn.uniform(-EVERYTHING.translation, EVERYTHING.translation, 2)
        image = cv2.warpAffine(
            crop.pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        mask = cv2.warpAffine(
            crop.mask,
            matrix,
            size,
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=IGNORED,
        )
        cv2.randn(grain, 0, drawn.uniform(0, EVERYTHING.gaussian_sigma))
        made.append((cv2.add(cv2.bitwise_not(image), grain, dtype=cv2.CV_8U), mask))
    return made


def with_kornia(crop: Pair, count: int) -> object:
    """The same by kornia's `RandomAffine`, `RandomInvert` and `RandomGaussianNoise`, in batches."""
    import kornia.augmentation as K

    rows, columns = crop.pixels.shape
    shift = (EVERYTHING.translation / columns, EVERYTHING.translation / rows)
    both = K.AugmentationSequential(
        K.RandomAffine(180.0, shift, padding_mode="reflection", p=1.0),
        K.RandomInvert(p=1.0),
        K.RandomGaussianNoise(0.0, EVERYTHING.gaussian_sigma / 255, p=1.0),
        data_keys=["image", "mask"],
        extra_args={"mask": {"resample": "nearest", "padding_mode": "zeros"}},
    )
    made = []
    for start in range(0, count, KORNIA_BATCH):
        batch = min(KORNIA_BATCH, count - start)
        pixels = torch.from_numpy(crop.pixels).float().div(255).expand(batch, 1, -1, -1)
        mask = torch.from_numpy(crop.mask).float().sub(IGNORED).expand(batch, 1, -1, -1)
        image, moved = both(pixels, mask)
        made.append((image.mul(255).round().clamp(0, 255).byte(), moved.add(IGNORED).byte()))
    return made


def pairs_per_second(ways: dict[str, Make], crop: Pair, count: int, rounds: int) -> dict[str, float]:
    """The best of `rounds` of each way, in turns; processor time, which leaves out what else is running."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds + 1):  # the first also warms up
        for name, make in ways.items():
            started = time.process_time()
            make(crop, count)
            best[name] = max(best[name], count / (time.process_time() - started))
    return best


def one_thread() -> dict[str, Make]:
    """Ours and the peers that are installed, each held to one thread; a sentence on those that are not."""
    torch.set_num_threads(1)
    ways: dict[str, Make] = {"ours": ours}
    if find_spec("cv2"):
        import cv2

        cv2.setNumThreads(1)
        ways["OpenCV"] = with_opencv
    if find_spec("kornia"):
        ways["kornia"] = with_kornia
    missing = {"OpenCV", "kornia"} - set(ways)
    if missing:
        print(f"left out, since they are not installed: {', '.join(sorted(missing))} (make benchmarks)")
    return ways


def written(size: int, total: int, folder: Path) -> tuple[float, float]:
    """Seconds and MB of a dataset of `total` pairs of the paper's number of crops."""
    sources = crops(size, min(CROPS, total))
    started = time.perf_counter()
    write_dataset(augment(sources, total=total), folder, total=total)
    seconds = time.perf_counter() - started
    return seconds, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MB


def main() -> None:
    """Print pairs a second of each, and the time and size of the set on disk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=8, help="variants in a round")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--total", type=int, default=11871, help="pairs to write; 0 writes nothing")
    asked = parser.parse_args()
    threads = torch.get_num_threads()
    found = pairs_per_second(one_thread(), crops(asked.size, 1)[0], asked.count, asked.rounds)
    print(f"pairs of {asked.size} x {asked.size} a second, one thread, load {os.getloadavg()[0]:.1f}")
    for name, speed in found.items():
        print(f"  {name:<8}{speed:8.0f}   ours is {found['ours'] / speed:.2f} of it")
    if asked.total:
        torch.set_num_threads(threads)
        with tempfile.TemporaryDirectory() as folder:
            seconds, size = written(asked.size, asked.total, Path(folder) / "set")
        print(f"{asked.total} pairs made and written in {seconds:.0f} s, {size:.0f} MB")


if __name__ == "__main__":
    main()
