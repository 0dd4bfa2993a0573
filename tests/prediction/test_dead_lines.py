"""A detector's dead lines cost nearly nothing, and are told."""

from __future__ import annotations

import numpy as np
import pytest

from napari_weld_fcn.prediction import cautions
from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings

DARK = PredictionSettings(polarity="dark")


@pytest.mark.parametrize("grey", [0, 255, 140])
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (np.s_[70:72, :], "2 rows of the film have"),
        (np.s_[:, 97:98], "1 column of the film has"),
    ],
)
def test_far_from_a_dead_line_all_is_as_without(grey, lines, told, models, film) -> None:
    pixels = film(150, 200)
    spoilt = pixels.copy()
    spoilt[lines] = grey
    bare, found = predict(pixels, models["fcn"], DARK), predict(spoilt, models["fcn"], DARK)
    halo = models["fcn"].halo
    near = np.zeros(pixels.shape, bool)
    near[lines] = True
    away = ~np.array([near[max(r - halo, 0) : r + halo + 1].any(0) for r in range(len(near))])
    away &= ~np.array([near[:, max(c - halo, 0) : c + halo + 1].any(1) for c in range(near.shape[1])]).T
    assert away.sum() > 1000
    assert np.abs(found.probability - bare.probability)[away].max() < 0.02
    (warning,) = set(found.warnings) - set(bare.warnings)
    assert told in warning


def test_tiles_are_not_seen_at_a_dead_line(models, film) -> None:
    pixels = film(150, 200)
    pixels[63:65] = pixels[:, 128] = 0
    whole = predict(pixels, models["fcn"], DARK).probability
    tiled = predict(pixels, models["fcn"], DARK.model_copy(update={"tile": 32})).probability
    assert np.abs(tiled - whole).max() <= 1e-5


def test_area_all_takes_a_dead_line_for_film(models, film) -> None:
    pixels = film(150, 200)
    pixels[63:65] = 0
    found = predict(pixels, models["fcn"], DARK.model_copy(update={"area": "all"}))
    assert found.record["planes"][0]["dead_lines"] == [0, 0]
    assert not any("from end to end" in each for each in found.warnings)


def test_the_worst_plane_of_a_stack_is_told() -> None:
    assert cautions.dead_lines([(0, 0), (0, 0)], "stack") == []
    (warning,) = cautions.dead_lines([(1, 0), (2, 1), (0, 0)], "stack")
    assert "2 rows and 1 column of plane 1 have one grey" in warning
