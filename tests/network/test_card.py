from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_weld_fcn.errors import ModelError
from napari_weld_fcn.network.card import Card, Quality, parse
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
        qualities={"careful": Quality(scales=(1.0, 1.5), merge="max", seconds=2.5)},
    )
    again = parse(card.to_json(), "here")
    assert again == card
    assert again.to_json() == card.to_json()


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
        ({"qualities": {"fast": {"scales": []}}}, "qualities.fast.scales"),
        ({"qualities": {"fast": {"scales": [0.0]}}}, "qualities.fast.scales.0"),
        ({"qualities": {"fast": {"scales": [1e-9]}}}, "qualities.fast.scales.0"),
        ({"qualities": {"careful": {"scales": [1.0, 100.0]}}}, "qualities.careful.scales.1"),
        ({"qualities": {"fast": {"scales": [1.0] * 9}}}, "qualities.fast.scales"),
        ({"qualities": {"fast": {"scales": [0.07]}}}, "qualities: Value error, fast: a scale"),
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
