from __future__ import annotations

import numpy as np
import pytest

from napari_weld_fcn.radiograph.simulation.conditions import draw_conditions
from napari_weld_fcn.radiograph.simulation.marks import MARKS, frame
from napari_weld_fcn.radiograph.simulation.settings import SimulationSettings
from napari_weld_fcn.radiograph.simulation.site import Site, make_weld


def site(seed: int, zoom: float = 1.0) -> Site:
    settings = SimulationSettings(
        rows=160, columns=200, framing="window", magnification_min=zoom, magnification_max=zoom
    )
    rng = np.random.default_rng(seed)
    conditions = draw_conditions(rng, settings)
    return Site(rng, make_weld(rng, settings, conditions), conditions)


@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_a_frame_stays_at_the_edges(zoom: float) -> None:
    rings = falls = 0
    for seed in range(40):
        here = site(seed, zoom)
        grey = np.zeros(here.shape, np.float32)
        frame(here, grey)
        reach = int(np.ceil(max(5, 4 * max(zoom, 1.5)))) + 1
        assert not grey[reach:-reach, reach:-reach].any()
        middle = grey[:, 100][: here.shape[0] // 2]
        rings += bool((middle > 1).any() and (middle < -1).any())
        falls += bool((middle < -1).any() and not (middle > 0).any())
    assert rings and falls


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.__name__)
def test_a_mark_is_the_same_for_the_same_seed_and_shows(mark) -> None:
    changed = 0
    for seed in range(8):
        twice = []
        for _ in range(2):
            here = site(seed)
            grey = here.weld.grey.copy()
            mark(here, grey)
            assert np.isfinite(grey).all()
            twice.append(grey - here.weld.grey)
        np.testing.assert_array_equal(*twice)
        changed += bool(np.abs(twice[0]).max() > 1)
    assert changed >= 3
