"""A network that learned all labels is taken where it is lower on neither part, but for a margin."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from napari_weld_fcn.training.checked import Checked

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
