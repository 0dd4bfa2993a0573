"""How much of a film a model learns from a strip of it, and how much it forgets: before, after, seed by seed.

    python benchmarks/tuning.py FOLDER [--seeds 5 --minutes 0.95 --keep 0.2 --start-from default]
    python benchmarks/tuning.py FOLDER --start-from nothing --minutes 3.9 --peer

FOLDER holds `pore_crop`, `tiles` and `riawelc` as the tests in `tests/real` have them. Of `pore_crop` the
left 125 columns are labelled, the rest is scored; `tiles` are other films, `nd_*` patches without a flaw.
With `--peer` a U-Net of segmentation_models_pytorch (resnet18, no weights) learns the same strip in the same
time, as its users would do it: random crops, flips, cross-entropy and Dice, AdamW with a cosine.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from napari_weld_fcn.dataset.films import LabelledFilm
from napari_weld_fcn.dataset.pair import BACKGROUND, FLAW, IGNORED
from napari_weld_fcn.evaluation.scores import PixelScores, pixel_scores, pooled
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.training.run import NOTHING, train
from napari_weld_fcn.training.settings import TrainSettings

#: Columns that are labelled.
STRIP = 125
FILMS = (2, 4, 6, 8, 10)


@dataclass(frozen=True)
class Found:
    """Pixel F1 beside the strip and on other films (pooled), and indications on flawless patches."""

    half: float
    others: float
    clean: int

    def __str__(self) -> str:
        return (
            f"beside the strip {self.half:.3f}, other films {self.others:.3f}, flawless patches {self.clean}"
        )


def strip(real: Path) -> LabelledFilm:
    """The film of which only the strip is labelled."""
    truth = np.asarray(read(real / "pore_crop" / "mask.png").pixels) > 0
    mask = np.where(truth, np.uint8(FLAW), np.uint8(BACKGROUND))
    mask[:, STRIP:] = IGNORED
    return LabelledFilm(read(real / "pore_crop" / "image.png"), mask)


def found(real: Path, model: Model) -> Found:
    """Score a model at its own threshold."""

    def scores(image: Path, mask: Path, first: int = 0) -> PixelScores:
        labels, truth = predict(read(image), model).labels, np.asarray(read(mask).pixels)
        return pixel_scores(labels[:, first:], truth[:, first:])

    crop, welds = real / "pore_crop", real / "tiles" / "Welds"
    others = [
        scores(welds / "W0001" / f"W0001_{film:04d}.png", welds / "W0002" / f"W0002_{film:04d}.png")
        for film in FILMS
    ]
    clean = sum(int(predict(read(path), model).labels.max()) for path in (real / "riawelc").glob("nd_*.png"))
    return Found(scores(crop / "image.png", crop / "mask.png", STRIP).f1, pooled(others).f1, clean)


def tuned(real: Path, run: Path, settings: TrainSettings, start_from: str = "default") -> Model:
    """Train on the strip."""
    return Model.load(train([strip(real)], run, settings, start_from=start_from).model)


def peer(real: Path, minutes: float, seed: int) -> float:
    """Train the U-Net on the strip; its F1 beside the strip at a threshold of one half."""
    with contextlib.suppress(RuntimeError):  # declared already where torchvision suits this PyTorch
        for name in ("nms", "qnms"):  # or its import fails; the U-Net uses neither
            torch.library.define(
                f"torchvision::{name}", "(Tensor boxes, Tensor scores, float limit) -> Tensor"
            )
    import segmentation_models_pytorch as smp

    torch.manual_seed(seed)
    film, edge = strip(real), 96
    pixels = np.asarray(film.radiograph.pixels, np.float32)
    shown = torch.from_numpy((pixels - pixels.mean()) / pixels.std())
    truth = torch.from_numpy((film.mask == FLAW).astype(np.float32))
    network = smp.Unet("resnet18", encoder_weights=None, in_channels=1, classes=1)
    entropy, dice = torch.nn.BCEWithLogitsLoss(), smp.losses.DiceLoss("binary")
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    end, start = 60 * minutes, time.perf_counter()
    while (spent := time.perf_counter() - start) < end:
        optimiser.param_groups[0]["lr"] = 1e-3 * 0.5 * (1 + np.cos(np.pi * spent / end))
        drawn = []
        for _ in range(16):
            row = int(torch.randint(0, pixels.shape[0] - edge + 1, ()))
            column = int(torch.randint(0, STRIP - edge + 1, ()))
            both = torch.stack([shown, truth])[:, row : row + edge, column : column + edge]
            turned = [axis for axis in (1, 2) if torch.rand(()) < 0.5]
            drawn.append(both.flip(turned) if turned else both)
        batch = torch.stack(drawn)
        logits = network(batch[:, :1])
        loss = entropy(logits, batch[:, 1:]) + dice(logits, batch[:, 1:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    rows, columns = shown.shape
    padded = torch.nn.functional.pad(shown[None, None], (0, -columns % 32, 0, -rows % 32), mode="reflect")
    with torch.inference_mode():
        probability = network(padded)[0, 0, :rows, :columns].sigmoid().numpy()
    reference = np.asarray(read(real / "pore_crop" / "mask.png").pixels)
    return pixel_scores(probability[:, STRIP:] > 0.5, reference[:, STRIP:]).f1


def main() -> None:
    """Print what the model finds before, after each seed, and on average."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.95)
    parser.add_argument("--keep", type=float, default=TrainSettings().keep)
    parser.add_argument("--preset", default=TrainSettings().preset, help="where nothing is known")
    parser.add_argument("--start-from", default="default", help=f"a model, or {NOTHING}")
    parser.add_argument(
        "--flaw-weight", type=float, default=TrainSettings().flaw_weight, help="where nothing is known"
    )
    parser.add_argument(
        "--peer", action="store_true", help="a U-Net of segmentation_models_pytorch beside it"
    )
    options = parser.parse_args()
    if options.start_from != NOTHING:
        print(f"before: {found(options.real, Model.load(options.start_from))}")
    after = []
    for seed in range(options.seeds):
        settings = TrainSettings(
            minutes=options.minutes,
            keep=options.keep,
            flaw_weight=options.flaw_weight,
            preset=options.preset,
            patience=0,
            seed=seed,
        )
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            model = tuned(options.real, Path(folder) / "run", settings, options.start_from)
        seconds = time.perf_counter() - start
        after.append(found(options.real, model))
        print(f"seed {seed}, {seconds:.0f} s: {after[-1]}", flush=True)
        if options.peer:
            print(
                f"  U-Net, resnet18: beside the strip {peer(options.real, options.minutes, seed):.3f}",
                flush=True,
            )
    means = [float(np.mean([getattr(each, name) for each in after])) for name in ("half", "others")]
    print(f"mean: beside the strip {means[0]:.3f}, other films {means[1]:.3f}")


if __name__ == "__main__":
    main()
