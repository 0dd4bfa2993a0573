"""The words for how many indications there are promise nothing of the film."""

import pytest

from napari_weld_fcn.prediction.saved import count_in_words


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "no indication above the threshold"),
        (1, "1 indication above 0.25"),
        (12, "12 indications above 0.25"),
    ],
)
def test_indications_are_counted_in_words(count: int, text: str) -> None:
    assert count_in_words(count, 0.25) == text
