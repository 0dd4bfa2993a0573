"""How much of a film a model learns from a strip of it, and how much it forgets: before, after, seed by seed.

    python benchmarks/tuning.py FOLDER [--seeds 5 --minutes 0.95 --keep 0.2 --start-from default]

FOLDER holds `pore_crop`, `tiles` and `riawelc` as the tests in `tests/real` have them. Of `pore_crop` the
left 125 columns are labelled, the rest is scored; `tiles` are other films, `nd_*` patches without a flaw.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


def main() -> None:
    """Print what the model finds before, after each seed, and on average."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.95)
    parser.add_argument("--keep", type=float, default=TrainSettings().keep)
    parser.add_argument("--start-from", default="default", help=f"a model, or {NOTHING}")
    options = parser.parse_args()
    if options.start_from != NOTHING:
        print(f"before: {found(options.real, Model.load(options.start_from))}")
    after = []
    for seed in range(options.seeds):
        settings = TrainSettings(minutes=options.minutes, keep=options.keep, patience=0, seed=seed)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            model = tuned(options.real, Path(folder) / "run", settings, options.start_from)
        seconds = time.perf_counter() - start
        after.append(found(options.real, model))
        print(f"seed {seed}, {seconds:.0f} s: {after[-1]}", flush=True)
    means = [float(np.mean([getattr(each, name) for each in after])) for name in ("half", "others")]
    print(f"mean: beside the strip {means[0]:.3f}, other films {means[1]:.3f}")


if __name__ == "__main__":
    main()
