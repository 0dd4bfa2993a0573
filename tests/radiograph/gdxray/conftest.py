"""A small GDXray: two welds with masks and boxes, a casting with single flaws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_weld_fcn.radiograph.output import write_png, write_tiff

SHAPES = {1: (40, 60), 2: (30, 70), 3: (40, 60)}


def grey(number: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 250, shape).astype(np.uint8)


def spot(number: int, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[5 : 5 + number, 10 : 20 + number] = True
    return mask


@pytest.fixture
def gdxray(tmp_path: Path) -> Path:
    """The root."""
    root = tmp_path / "GDXray"
    for name in ("Welds/W0001", "Welds/W0002", "Welds/W0003", "Castings/C0031/masks"):
        (root / name).mkdir(parents=True)
    for number, shape in SHAPES.items():
        write_png(root / f"Welds/W0001/W0001_{number:04d}.png", grey(number, shape))
        write_png(root / f"Welds/W0002/W0002_{number:04d}.png", spot(number, shape))
        write_tiff(root / f"Welds/W0003/W0003_{number:04d}.tif", grey(number, shape))
    (root / "Welds/W0001/ground_truth.txt").write_text("1 11 21 6 6\n2 11 22 6 7\n2 30 31 8 9\n")
    (root / "Welds/W0001/W0001_readme.txt").write_text("Ten welds\n")
    casting = root / "Castings/C0031"
    write_png(casting / "C0031_0019.png", grey(19, (40, 60)))
    for flaw in (1, 2):
        write_png(casting / f"masks/C0031_0019_{flaw}.png", spot(flaw, (40, 60)))
    return root
