"""A later network is taken unless its score is clearly lower."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_weld_fcn.training.checkpoint_selection import Checked, CheckpointSelection, best_of


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


def test_only_what_is_better_than_the_network_it_began_with_is_taken() -> None:
    selection = CheckpointSelection(margin=0.02, to_beat=0.59)
    assert selection.best([0.5, 0.60, 0.59]) == 1
    assert selection.best([0.5, 0.59]) is None


def test_it_is_enough_after_as_many_validations_without_a_better_one_as_patience_has() -> None:
    selection = CheckpointSelection(patience=2)
    assert [selection.enough(f1) for f1 in ([], [0.5], [0.5, 0.4], [0.5, 0.4, 0.4])] == [
        False,
        False,
        False,
        True,
    ]
    assert not CheckpointSelection().enough([0.5] + [0.4] * 50)


BEFORE = Checked(
    held_back=0.64, held_back_before=0.64, learned=0.9, learned_before=0.9, margin=0.02, threshold=0.5
)


@pytest.mark.parametrize("part", ["held_back", "learned"])
def test_what_is_below_the_validated_score_on_either_part_by_more_than_the_margin_does_not_hold(
    part: str,
) -> None:
    assert BEFORE.holds
    assert replace(BEFORE, **{part: 0.64 - 0.019}).holds
    assert not replace(BEFORE, **{part: 0.64 - 0.021}).holds
    assert not replace(BEFORE, **{part: 0.0}).holds


def test_of_the_part_that_was_learned_no_more_is_asked_than_there_was() -> None:
    assert replace(BEFORE, learned_before=0.5, learned=0.49).holds
    assert not replace(BEFORE, learned_before=0.5, learned=0.47).holds


def test_a_card_tells_it_whole() -> None:
    found = replace(BEFORE, held_back=0.007)
    said = json.loads(json.dumps(found.to_card()))
    assert said["taken"] is False
    assert Checked.of_card(said, 0.9) == found
    older = {name: value for name, value in said.items() if name != "threshold"}
    assert Checked.of_card(older, 0.5) == found


def test_the_sentence_has_the_scores_and_what_became_of_it() -> None:
    assert "0.640 on the part" in str(BEFORE) and str(BEFORE).startswith("All labels are learned")
    left_out = str(replace(BEFORE, held_back=0.007))
    assert "0.007" in left_out and left_out.endswith("The network before is kept.")
