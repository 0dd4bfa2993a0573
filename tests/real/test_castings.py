"""A casting, which is no weld: its cavities are brighter, and edges and holes are all around."""

from pathlib import Path

from napari_weld_fcn.prediction.predict import predict
from napari_weld_fcn.prediction.settings import PredictionSettings
from napari_weld_fcn.reproduction.pictures import FIRST_CASTING, gdxray_castings


def test_both_boxes_of_the_casting_are_found_and_little_else_is_marked(real_data: Path) -> None:
    (part,) = gdxray_castings(real_data / "GDXray")
    assert part.name == FIRST_CASTING
    found = predict(part.pixels, "default", PredictionSettings(polarity="bright"))
    hit, elsewhere = part.found(found.labels > 0)
    assert hit == len(part.boxes) == 2
    assert elsewhere <= 0.005


def test_dark_flaws_alone_leave_the_cavities_unmarked(real_data: Path) -> None:
    (part,) = gdxray_castings(real_data / "GDXray")
    hit, _ = part.found(predict(part.pixels).labels > 0)
    assert hit == 0
