"""Time labelling and measuring of a large film, beside `skimage.measure.regionprops_table` in the same run.

    python benchmarks/indications.py [--rows 1500 --columns 4000 --regions 500 4000]

Budget, 4000 x 1500 on one core: labels with the minimum-size filter 0.25 s, the table 0.15 s.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from skimage.measure import regionprops_table

from napari_weld_fcn.prediction.indications import label, measure_indications

COLUMNS = ("label", "centroid", "area", "feret_diameter_max", "orientation", "intensity_mean")


def film(rows: int, columns: int, regions: int, seed: int = 0) -> np.ndarray:
    """Draw a probability map ``(rows, columns)`` of `regions` ellipses and as many specks of one pixel."""
    rng = np.random.default_rng(seed)
    probability = rng.random((rows, columns), dtype=np.float32) * 0.05
    cell = int(np.sqrt(rows * columns / regions))
    across = columns // cell
    for index in range(regions):
        row, column = (index // across * cell) % (rows - 40) + 20, (index % across) * cell + cell // 2
        a, b = min(cell / 2.5, 14.0) * rng.uniform(0.3, 1.0, 2)
        y, x = np.ogrid[-15:16, -15:16]
        window = probability[row - 15 : row + 16, max(column - 15, 0) : column + 16]
        inside = ((y / b) ** 2 + (x / a) ** 2 <= 1)[:, : window.shape[1]]
        window[inside[: window.shape[0]]] = rng.uniform(0.6, 1.0)
    probability.flat[rng.integers(0, probability.size, regions)] = 0.7
    return probability


def best_of(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest of several times, in seconds, and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    """Print one line for each number of regions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--columns", type=int, default=4000)
    parser.add_argument("--regions", type=int, nargs="+", default=[500, 4000])
    parser.add_argument("--min-size", type=float, default=4.0, help="pixels")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    print(f"{asked.columns} x {asked.rows} pixels, best of {asked.repeats}, load {os.getloadavg()[0]:.1f}")
    print(f"{'regions':>8} {'label+filter s':>15} {'measure s':>10} {'regionprops_table s':>20} {'ratio':>7}")
    for regions in asked.regions:
        probability = film(asked.rows, asked.columns, regions)
        seconds, labels = best_of(partial(label, probability, 0.5, asked.min_size), asked.repeats)
        table_seconds, table = best_of(partial(measure_indications, labels, probability, 0.04), asked.repeats)
        peer, _ = best_of(partial(regionprops_table, labels, probability, properties=COLUMNS), 1)
        print(
            f"{len(table['label']):>8} {seconds:>15.3f} {table_seconds:>10.3f} {peer:>20.3f}"
            f" {peer / table_seconds:>7.1f}"
        )


if __name__ == "__main__":
    main()
