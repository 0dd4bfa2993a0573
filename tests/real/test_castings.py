"""A casting, which is no weld: its cavities are brighter, and edges and holes are all around."""

from pathlib import Path
from typing import Literal

import pytest

from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.reproduction.castings import FIRST, gdxray_castings


@pytest.mark.parametrize(
    ("quality", "reached"),
    [("careful", 0.02), ("fast", 0.027)],  # aimed at: 0.02
)
def test_both_boxes_of_the_casting_are_found_and_little_else_is_marked(
    real_data: Path, quality: Literal["fast", "careful"], reached: float
) -> None:
    (part,) = gdxray_castings(real_data / "GDXray")
    assert part.name == FIRST
    found = predict(part.pixels, "default", PredictionSettings(polarity="bright", quality=quality))
    hit, elsewhere = part.found(found.labels > 0)
    assert hit == len(part.boxes) == 2
    assert elsewhere <= reached


def test_dark_flaws_alone_leave_the_cavities_unmarked(real_data: Path) -> None:
    (part,) = gdxray_castings(real_data / "GDXray")
    hit, _ = part.found(predict(part.pixels).labels > 0)
    assert hit == 0
