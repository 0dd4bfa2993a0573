"""A later network is taken unless its score is clearly lower."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.training.choice import best_of


@pytest.mark.parametrize(
    ("f1", "margin", "best"),
    [
        ([0.5], 0.0, 0),
        ([0.5, 0.6, 0.6, 0.55], 0.0, 2),
        ([0.5, 0.60, 0.59], 0.02, 2),
        ([0.5, 0.60, 0.57], 0.02, 1),
        ([0.60, 0.59, 0.58, 0.57], 0.02, 2),
    ],
)
def test_the_last_within_the_margin_is_taken(f1: list[float], margin: float, best: int) -> None:
    assert best_of(f1, margin) == best


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 0.2))
def test_it_is_never_worse_than_the_largest_by_more_than_the_margin(f1: list[float], margin: float) -> None:
    best = best_of(f1, margin)
    assert f1[best] >= max(f1) - margin
    assert all(score < max(f1) - margin for score in f1[best + 1 :])
