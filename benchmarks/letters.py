"""Whether letters cost flaws: films with letters beside the same films without, flaws near a letter alone.

    python benchmarks/letters.py [--models default] [--films 60]

Both films of a pair are drawn by the same random numbers, grain included, so they differ by letters alone.
A flaw counts where a letter is near it and none covers it. Called by a model that takes whatever lies beside
a letter for a part of it, recall falls; it is to stay within 0.02.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_weld_fcn.evaluation.matches import MIN_IOU, match_flaws
from napari_weld_fcn.network.model import Model
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.radiograph.simulation import marks
from napari_weld_fcn.radiograph.simulation.film import SimulatedFilm, simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import Site

FILMS = SimulationSettings(rows=768, columns=1536, flaw_density=24.0, flawless_share=0.0)
FIRST_SEED = 8_000_000
#: Groups of letters on a film.
GROUPS = 3
#: Grey levels that a letter changes at least, of 255.
STEP = 6
#: A letter is near where it lies within these, and covers a flaw within the first; pixels.
CLEAR, NEAR = 3, 80


def several(site: Site, grey: np.ndarray) -> None:
    """Groups of letters."""
    for _ in range(GROUPS):
        marks.letters(site, grey)


def pair(seed: int) -> tuple[SimulatedFilm, SimulatedFilm]:
    """One film without letters and with them."""
    others = {mark: share for mark, share in marks.MARKS.items() if mark is not marks.letters}
    plain, lettered = (
        simulate(FILMS, seed, {mark: 1.0, **others}) for mark in (marks.withheld(several), several)
    )
    return plain, lettered


def beside_letters(plain: SimulatedFilm, lettered: SimulatedFilm) -> np.ndarray:
    """Numbers of the flaws that are near a letter and not covered by one."""
    before, after = (film.radiograph.pixels.astype(np.int16) for film in (plain, lettered))
    letter = np.abs(after - before) >= STEP
    if not letter.any():
        return np.zeros(0, np.int64)
    distance = distance_transform_edt(~letter)
    flaws = np.arange(1, int(plain.instances.max()) + 1)
    nearest = np.full(flaws.size + 1, np.inf)
    np.minimum.at(nearest, plain.instances.ravel(), distance.ravel())
    return flaws[(nearest[1:] > CLEAR) & (nearest[1:] <= NEAR)]


def found(film: SimulatedFilm, model: Model, flaws: np.ndarray) -> tuple[int, int, int]:
    """How many of `flaws` have an indication of their own, of how many that count, and all false calls."""
    matches = match_flaws(
        predict(film.radiograph, model).labels, film.instances, MIN_IOU, model.card.min_size_px
    )
    among = np.isin(matches.flaws, flaws)
    return int(np.count_nonzero(matches.labels[among])), int(among.sum()), matches.false_calls


def main() -> None:
    """Print recall without letters and with them, and false calls a film."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["default"], metavar="NAME|FILE")
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="two films")
    asked = parser.parse_args()
    count = 2 if asked.quick else asked.films
    models = [Model.load(name) for name in asked.models]
    sums = np.zeros((len(models), 2, 3), np.int64)
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        films = pair(seed)
        flaws = beside_letters(*films)
        for model, row in zip(models, sums, strict=True):
            row += [found(film, model, flaws) for film in films]
    for model, (plain, lettered) in zip(models, sums, strict=True):
        recall = [row[0] / max(row[1], 1) for row in (plain, lettered)]
        print(
            f"{model.card.name}: {plain[1]} flaws near letters; recall {recall[0]:.3f} without letters, "
            f"{recall[1]:.3f} with them ({recall[1] - recall[0]:+.3f}); false calls a film "
            f"{plain[2] / count:.1f} and {lettered[2] / count:.1f}"
        )


if __name__ == "__main__":
    main()
