from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.card import Card, parse
from napari_weld_fcn.network.settings import NetworkSettings

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    name=st.text(min_size=1),
    threshold=st.floats(0.001, 0.999),
    scores=st.dictionaries(st.text(), JSON, max_size=4),
    width=st.integers(4, 256),
    sizes=st.none() | st.tuples(NUMBERS, NUMBERS),
)
@settings(max_examples=50)
def test_a_card_read_is_the_card_written(
    name: str, threshold: float, scores: dict[str, Any], width: int, sizes: tuple[float, float] | None
) -> None:
    card = Card(
        name=name,
        threshold=threshold,
        scores=scores,
        network=NetworkSettings(width=width),
        flaw_size_px=sizes,
    )
    again = parse(card.to_json(), "here")
    assert again == card
    assert again.to_json() == card.to_json()


def old_card() -> str:
    """What version 0.1 wrote, to the byte."""
    one_pass = {"merge": "mean", "scales": [1.0], "scores": {"films": 40}, "seconds": 1.21}
    two = one_pass | {"scales": [1.0, 1.5], "scores": {"films": 41}, "seconds": 4.0}
    values = json.loads(Card(name="x", scores={"validation": {"f1": 0.5}}).to_json())
    return json.dumps(values | {"qualities": {"careful": two, "fast": one_pass}}, sort_keys=True)


def test_a_card_of_two_qualities_is_written_as_it_came() -> None:
    assert parse(old_card(), "here").to_json() == old_card()


def test_scores_of_an_old_card_are_those_of_the_one_pass_that_is_left() -> None:
    card = parse(old_card(), "here")
    assert card.reached == {"validation": {"f1": 0.5}, "test": {"seconds": 1.21, "films": 40}}
    shown = card.as_shown()
    assert shown["scores"] == card.reached and "qualities" not in shown


def test_a_card_of_today_names_no_quality() -> None:
    assert "qualities" not in json.loads(Card(name="x").to_json())
    new = Card(name="x", scores={"test": {"seconds": 0.9, "films": 40}})
    assert new.reached == new.scores


@pytest.mark.parametrize("version", [0, 2, "1", None, True])
def test_a_card_of_another_version_is_refused(version: object) -> None:
    values = json.loads(Card(name="x").to_json()) | {"format_version": version}
    with pytest.raises(
        ModelError, match=r"^film\.safetensors: its card has format version .* reads 1 only\.$"
    ):
        parse(json.dumps(values), "film.safetensors")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"network": {"kind": "transformer"}}, "network.kind"),
        ({"network": {"width": 100000}}, "network.width"),
        ({"network": {"dilations": [1] * 1000}}, "network.dilations"),
        ({"run": "import os"}, "run"),
        ({"name": None}, "name"),
        ({"qualities": ["fast"]}, "qualities"),
        ({"qualities": {"fast": 1}}, "qualities.fast"),
    ],
)
def test_a_card_that_is_not_valid_is_refused_with_the_place(change: dict[str, Any], reason: str) -> None:
    values = json.loads(Card(name="x").to_json()) | change
    with pytest.raises(ModelError, match=rf"^here: its card is not valid \({reason}.*\)\.$"):
        parse(json.dumps(values), "here")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"format_version": NaN}', "[" * 100_000, '"\ud800"'])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"^here: its card is not"):
        parse(text, "here")


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^here: its card is not valid"):
        parse('{"format_version": 1, "name": "\\ud800"}', "here")


def test_a_score_that_is_not_a_number_cannot_be_written() -> None:
    with pytest.raises(ModelError, match="cannot be written as JSON"):
        Card(name="x", scores={"f1": float("nan")}).to_json()


def test_sizes_must_be_finite() -> None:
    with pytest.raises(ValidationError):
        Card(name="x", pixel_size_mm=float("inf"))
