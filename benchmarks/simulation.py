"""How fast films and patches are simulated, on one core: `python benchmarks/simulation.py`."""

from __future__ import annotations

import argparse
import time

from napari_weld_fcn.radiograph.simulation.film import simulate
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.training.simulated.patches import WINDOWS


def megapixels_per_second(settings: SimulationSettings, count: int) -> float:
    """Processor time, not wall time: what else the machine does is left out."""
    simulate(settings, 0)
    started = time.process_time()
    for seed in range(1, count + 1):
        simulate(settings, seed)
    return count * settings.rows * settings.columns / (time.process_time() - started) / 1e6


def main() -> None:
    """Print megapixels a second for whole films and for training patches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one film, few patches")
    quick = parser.parse_args().quick
    films = megapixels_per_second(SimulationSettings(rows=1500, columns=4000), 1 if quick else 6)
    patches = megapixels_per_second(WINDOWS, 20 if quick else 300)
    print(
        f"films of 4000 x 1500: {films:.2f} Mpixel/s; patches of 192 x 192: {patches:.2f} Mpixel/s (budget 1)"
    )


if __name__ == "__main__":
    main()
