"""Draw the pictures of the README and the guide, from simulated films alone.

Pictures of real films may not be published (GDXray's licence), and a picture that nobody can draw again
soon shows another program than this one. So each is drawn here, from a seed, by the shipped model.

    python scripts/pictures.py [--seed 30] [--model default] [--output docs/images]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from napari.utils.colormaps import ensure_colormap
from PIL import Image
from skimage.morphology import dilation
from skimage.segmentation import find_boundaries

from napari_weld_fcn import SimulationSettings, predict, simulate

GAP = 12
#: Pixels, as wide as a page shows it.
WIDTH = 1000
OUTLINE = (255, 64, 32)


def grey(pixels: np.ndarray) -> np.ndarray:
    """Show ``(rows, columns)`` pixels as RGB, from nearly the darkest to nearly the brightest."""
    darkest, brightest = np.percentile(pixels, (0.1, 99.9))
    shown = np.clip((pixels - darkest) / (brightest - darkest), 0, 1) * 255
    return np.repeat(shown.astype(np.uint8)[..., None], 3, axis=-1)


def heatmap(probability: np.ndarray) -> np.ndarray:
    """Show ``(rows, columns)`` probabilities from blue to red, as the viewer does."""
    colours = ensure_colormap("turbo").map(probability.ravel())[:, :3]
    return (colours.reshape(*probability.shape, 3) * 255).astype(np.uint8)


def outlined(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Show the film with a line around each indication."""
    picture = grey(pixels)
    picture[dilation(find_boundaries(labels, mode="outer"))] = OUTLINE
    return picture


def stacked(pictures: list[np.ndarray]) -> Image.Image:
    """Put pictures of one width under each other with a white gap."""
    gap = np.full((GAP, pictures[0].shape[1], 3), 255, np.uint8)
    rows = [part for picture in pictures for part in (picture, gap)][:-1]
    return Image.fromarray(np.concatenate(rows))


def palette() -> Image.Image:
    """Return the colours of a picture: greys, those of the heatmap, the outline's."""
    greys = np.repeat(np.linspace(0, 255, 112)[:, None], 3, axis=1)
    heat = ensure_colormap("turbo").map(np.linspace(0, 1, 128))[:, :3] * 255
    line = np.linspace(0.25, 1, 16)[:, None] * OUTLINE
    colours = Image.new("P", (1, 1))
    colours.putpalette(np.concatenate([greys, heat, line]).astype(np.uint8).ravel().tolist())
    return colours


def main() -> None:
    """Draw `prediction.png` and say what is on it."""
    parser = argparse.ArgumentParser(description="Draw the pictures of the README.")
    parser.add_argument("--seed", type=int, default=30)
    parser.add_argument("--model", default="default")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    options = parser.parse_args()

    settings = SimulationSettings(rows=420, columns=1400, flawless_share=0, harsh_share=0, flaw_density=12)
    film = simulate(settings, options.seed)
    found = predict(film.radiograph, options.model)
    pixels = np.asarray(film.radiograph.pixels)
    picture = stacked([grey(pixels), heatmap(found.probability), outlined(pixels, found.labels)])
    options.output.mkdir(parents=True, exist_ok=True)
    picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)))
    picture.quantize(palette=palette(), dither=Image.Dither.NONE).save(
        options.output / "prediction.png", optimize=True
    )
    visible = sum(flaw.visible for flaw in film.flaws)
    print(f"seed {options.seed}: {visible} visible flaws, {found.labels.max()} indications")


if __name__ == "__main__":
    main()
