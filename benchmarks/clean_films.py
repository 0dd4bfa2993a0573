"""What a model learns from clean films without labels: `python benchmarks/clean_films.py [--real FOLDER]`.

Simulated films get a texture that no film of the simulator has, so that the shipped model calls it in places.
It is tuned on clean films of that texture, and judged on other ones with flaws and without, at its own
threshold, and on plain films. Processor time is printed, because other work may share the machine.

With `--real` the patches `nd_*.png` of a folder (RIAWELC, no defect) take their place: some teach, the others
judge, one turn each; `po_*.png` beside them must stay marked.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from napari_weld_fcn.evaluation.matches import match_flaws
from napari_weld_fcn.evaluation.scores import pixel_scores, pooled
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.files import read
from napari_weld_fcn.radiograph.radiograph import Radiograph
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.run import train
from napari_weld_fcn.training.settings import TrainSettings
from napari_weld_fcn.training.simulated.clean_films import CleanFilms

FILMS = SimulationSettings(
    rows=512, columns=1536, flaw_density=6.0, harsh_share=0.0, jpeg_share=0.0, flawless_share=0.0
)
FLAWLESS = FILMS.model_copy(update={"flawless_share": 1.0})
#: Seeds of films that judge, with flaws and without, and that teach.
FLAWED, CLEAN, TAUGHT = 8_000_000, 8_100_000, 8_200_000
MIN_IOU = 0.1

Texture = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def roller_lines(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Dark lines across the film some ten pixels apart, of changing depth, from a worn roller."""
    columns = np.arange(shape[1])
    phase = (
        2 * np.pi * columns / rng.uniform(9, 15)
        + np.cumsum(rng.normal(size=shape[1])) * 2.4 / shape[1] ** 0.5
    )
    depth = np.clip(1 + 60 * gaussian_filter(rng.standard_normal(shape), (40, 4)), 0, 2)
    return -5 * np.clip(np.sin(phase), 0.3, 1) * depth


def weave(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Weave of a fluorescent screen, in patches."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    pitch, turn = rng.uniform(10, 14), rng.uniform(-0.1, 0.1)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    strength = np.clip(1 + 50 * gaussian_filter(rng.standard_normal(shape), 20), 0, 2.5)
    return -5 * np.abs(np.sin(2 * np.pi * u / pitch) * np.sin(2 * np.pi * v / pitch)) * strength


def bands(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Broken dark streaks along the film, as of a scanner whose lamp flickers."""
    noise = gaussian_filter(rng.standard_normal(shape), (1.2, 25))
    noise -= gaussian_filter(noise, (6, 0))
    return 4 * noise / noise.std()


TEXTURES: dict[str, Texture] = {"roller lines": roller_lines, "weave": weave, "broken streaks": bands}


@dataclass(frozen=True)
class Judged:
    """False calls a film, flaws found, and pixel F1."""

    false_calls: float
    found: int
    flaws: int
    f1: float

    def __str__(self) -> str:
        flaws = f"  found {self.found:3d} of {self.flaws:3d}  F1 {self.f1:.3f}" if self.flaws else ""
        return f"{self.false_calls:6.1f} false calls a film{flaws}"


def films(
    settings: SimulationSettings, first: int, count: int, texture: Texture | None
) -> list[SimulatedFilm]:
    """Simulate films and lay a texture over them."""
    made = []
    for seed in range(first, first + count):
        film = simulate(settings, seed)
        if texture is not None:
            pixels = film.radiograph.pixels + texture(np.random.default_rng([seed, 1]), film.mask.shape)
            grey = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
            radiograph = Radiograph(grey, name=film.radiograph.name)
            film = SimulatedFilm(radiograph, film.instances, film.flaws, film.conditions)
        made.append(film)
    return made


def judge(model: Model, made: Sequence[SimulatedFilm]) -> Judged:
    """Count what a model calls and finds."""
    labels = [predict(film.radiograph, model).labels for film in made]
    matched = [
        match_flaws(each, film.instances, MIN_IOU, model.card.min_size_px)
        for each, film in zip(labels, made, strict=True)
    ]
    scores = pooled([pixel_scores(each, film.mask) for each, film in zip(labels, made, strict=True)])
    return Judged(
        sum(each.false_calls for each in matched) / len(made),
        sum(each.found for each in matched),
        sum(int(each.flaws.size) for each in matched),
        scores.f1,
    )


def tuned(clean: Sequence[Radiograph], model: Model, epochs: int) -> tuple[Model, str]:
    """Tune a model on clean films; the model, and what the run says of itself."""
    settings = TrainSettings(epochs=epochs, device="cpu", patience=0)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = train(CleanFilms.of(clean), Path(folder) / "run", settings, start_from=model)
        after = Model.load(result.model)
    seconds = time.process_time() - started
    return after, f"best after step {result.best.step}, {seconds:.0f} s of processor time"


def show(rows: dict[str, Sequence[SimulatedFilm]], before: Model, after: Model) -> None:
    """Print each kind of film before and after."""
    for name, made in rows.items():
        print(f"  {name:20s} before: {judge(before, made)}")
        print(f"  {'':20s} after:  {judge(after, made)}", flush=True)


def on_textures(model: Model, names: Sequence[str], count: int, epochs: int) -> None:
    """Tune on each texture by itself."""
    for name in names:
        texture = TEXTURES[name]
        taught = [film.radiograph for film in films(FLAWLESS, TAUGHT, 3, texture)]
        after, said = tuned(taught, model, epochs)
        print(f"{name}: tuned on {len(taught)} clean films; {said}")
        show(
            {
                "with flaws": films(FILMS, FLAWED, count, texture),
                "without flaws": films(FLAWLESS, CLEAN, count, texture),
                "plain, with flaws": films(FILMS, FLAWED, count, None),
                "plain, without": films(FLAWLESS, CLEAN, count, None),
            },
            model,
            after,
        )


def on_real(model: Model, folder: Path, epochs: int) -> None:
    """Tune on some clean patches and judge on the others, in two turns."""
    clean = [read(path) for path in sorted(folder.glob("nd_*.png"))]
    pores = [read(path) for path in sorted(folder.glob("po_*.png"))]
    for turn in (0, 1):
        taught, others = clean[turn::2], clean[1 - turn :: 2]
        after, said = tuned(taught, model, epochs)
        print(f"turn {turn}: tuned on {', '.join(film.name for film in taught)}; {said}")
        for name, which in (("before", model), ("after", after)):
            calls = [int(predict(film, which).labels.max()) for film in others]
            marked = [float((predict(film, which).labels > 0).mean()) for film in pores]
            print(
                f"  {name:7s} indications on the others {calls}; marked of po_* "
                f"{', '.join(f'{100 * share:.1f} %' for share in marked)}",
                flush=True,
            )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--textures", nargs="+", choices=list(TEXTURES), default=list(TEXTURES))
    parser.add_argument("--films", type=int, default=4, help="films of each kind that judge")
    parser.add_argument("--epochs", type=int, default=8, help="of eight steps each")
    parser.add_argument("--real", type=Path, help="folder with nd_*.png and po_*.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = Model.load(options.model)
    if options.real:
        on_real(model, options.real, options.epochs)
    else:
        on_textures(model, options.textures, options.films, options.epochs)


if __name__ == "__main__":
    main()
